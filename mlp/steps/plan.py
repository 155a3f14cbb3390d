from collections.abc import Iterable

import numpy as np

from mlp.losses import KLOfSoftmax, Loss, SoftmaxCrossEntropy
from mlp.optim import SGD
from mlp.steps.blas import Blas
from mlp.steps.heads import LossHead, SoftmaxHead
from mlp.steps.kernels import AffineKernel, FlattenKernel, LayerKernel, Place, kernel_for


class Plan:
    """The kernels of a network for one batch size, with their arrays, in the order of calls.

    `names` gives the name of a parameter in the whole network by the id of its array. Backward
    ends at the first layer that has parameters: nobody asks for more.
    """

    def __init__(
        self,
        places: Iterable[Place],
        names: dict[int, str],
        loss: Loss,
        x: np.ndarray,
        y: np.ndarray,
        n: int,
        dtype: np.dtype,
        blas: Blas,
    ) -> None:
        self.loss, self.n, self.dtype, self.blas = loss, n, dtype, blas
        kernels = [kernel_for(place, names, n, dtype, blas) for place in places]
        self.inputs, self.targets = _Inputs(x, n, dtype, kernels), _Targets(y, n)
        self.forwards = [kernel.forward for kernel in kernels]
        self.learning = [kernel for kernel in kernels if kernel.layer.parameters()]
        lowest = self.learning[0]
        above = kernels[kernels.index(lowest) + 1 :]
        self.backwards = [kernel.backward for kernel in reversed(above)]
        self.backwards.append(lowest.backward_first)
        self.head: LossHead | SoftmaxHead | None = None

    def forward(self, batch: np.ndarray | slice) -> float:
        h = self.inputs.take(batch)
        for forward in self.forwards:
            h = forward(h)
        if self.head is None:
            self.head = self._head_for(h)
        return self.head.forward(h, self.targets.take(batch))

    def backward(self) -> None:
        U = self.head.backward()
        for backward in self.backwards:
            U = backward(U)

    def update(self, optimizer: SGD, velocity: dict[str, np.ndarray], rate: float) -> None:
        for kernel in self.learning:
            kernel.update(optimizer, velocity, rate)

    def _head_for(self, z: np.ndarray) -> LossHead | SoftmaxHead:
        fits = z.ndim == 2 and len(z) == self.n and z.shape[1] > 1
        if fits and takes_labels(self.loss, self.targets.y):
            return SoftmaxHead(self.loss, self.n, z.shape[1], self.dtype, self.blas)
        return LossHead(self.loss, self.dtype)


def takes_labels(loss: Loss, y: np.ndarray) -> bool:
    """Whether SoftmaxHead knows the loss and the kind of targets."""
    return type(loss) in (SoftmaxCrossEntropy, KLOfSoftmax) and y.ndim == 1


class _Inputs:
    """Gathers the samples of a batch as floats: without a copy, with one, or by way of pixels."""

    def __init__(self, x: np.ndarray, n: int, dtype: np.dtype, kernels: list) -> None:
        self.x = x
        self.floats = np.empty((n, *x.shape[1:]), dtype)
        self.raw = self.floats if x.dtype == dtype else np.empty((n, *x.shape[1:]), x.dtype)
        self.gathers = x.flags.c_contiguous and x.flags.aligned
        first = next(k for k in kernels if not isinstance(k, FlattenKernel))
        only_read = isinstance(first, AffineKernel | LayerKernel)
        self.as_is = only_read and self.gathers and x.dtype == dtype

    def take(self, batch: np.ndarray | slice) -> np.ndarray:
        if isinstance(batch, slice) and self.as_is:
            part = self.x[batch]
            if part.flags.c_contiguous:
                return part
        if isinstance(batch, slice) or not self.gathers:
            np.copyto(self.floats, self.x[batch])
            return self.floats
        self.x.take(batch, 0, self.raw, "clip")
        if self.raw is not self.floats:
            np.copyto(self.floats, self.raw)
        return self.floats


class _Targets:
    def __init__(self, y: np.ndarray, n: int) -> None:
        self.y = y
        self.labels = np.empty(n, y.dtype) if y.ndim == 1 and y.flags.c_contiguous else None

    def take(self, batch: np.ndarray | slice) -> np.ndarray:
        if isinstance(batch, slice) or self.labels is None:
            return self.y[batch]
        return self.y.take(batch, None, self.labels, "clip")
