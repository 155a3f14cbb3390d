from collections.abc import Iterable
from functools import partial

import numpy as np

from mlp.fused.batches import Batches
from mlp.fused.heads import Head, LossHead, SoftmaxHead
from mlp.fused.kernels import (
    AffineKernel,
    Call,
    FlattenKernel,
    Kernel,
    PlacedLayer,
    ReLUKernel,
    ScaleKernel,
    Shared,
    kernel_for,
)
from mlp.losses import Loss, SoftmaxCrossEntropy
from mlp.optim import Settings
from mlp.pairing import KLOfSoftmax


class Plan:
    """The calls of a step for one batch size, in their order, with the arrays they fill.

    They are put together as the first batch goes through. Backward ends at the first layer that
    has parameters: nobody asks for more.
    """

    def __init__(
        self, layers: Iterable[PlacedLayer], loss: Loss, batches: Batches, shared: Shared
    ) -> None:
        self.layers, self.loss, self.batches, self.shared = layers, loss, batches, shared
        self.forward_calls: list[Call] = []
        self.backward_calls: list[Call] = []
        self.update_calls: list[Call] = []
        self.settings: Settings | None = None
        self.shows_all = False
        self.share = np.ones((), batches.x.dtype)

    def forward(self, batch: np.ndarray | slice) -> float:
        self.batches.gather(batch)
        if not self.forward_calls:
            self.forward_calls = self._first_forward()
        else:
            for call in self.forward_calls:
                call()
        return self.head.value()

    def backward(self, share: float) -> None:
        if self.shared.gradients is not None:
            self.share[()] = share
        if not self.backward_calls:
            self.backward_calls = self._first_backward()
        else:
            for call in self.backward_calls:
                call()

    def update(self, settings: Settings) -> None:
        if settings != self.settings:
            self.settings = settings
            self.update_calls = [call for k in self.kernels for call in k.updates(settings)]
        for call in self.update_calls:
            call()

    def _first_forward(self) -> list[Call]:
        h = self.batches.x
        self.kernels: list[Kernel] = []
        calls: list[Call] = []
        for placed in self.layers:
            kernel = kernel_for(placed, h, self.shared)
            calls += _made(kernel.forward)
            self.kernels.append(kernel)
            h = kernel.y
        self.head = self._head_for(h)
        # products with an infinity are infinite or NaN, and so is a sum that holds one
        self.shows_all = type(self.head) is SoftmaxHead and all(
            type(kernel) in (AffineKernel, ReLUKernel, ScaleKernel, FlattenKernel)
            for kernel in self.kernels
        )
        return calls + _made(self.head.forward)

    def _first_backward(self) -> list[Call]:
        head, top, U = self.head, self.kernels[-1], self.head.U
        divided = self.shared.gradients
        calls = _made(head.backward)
        if divided is not None:
            calls += _made([partial(np.multiply, U, self.share, U)])
        if isinstance(top, AffineKernel):
            top.scale = head.scale
        else:
            calls += _made([partial(np.multiply, U, head.scale, U)])
        lowest = next(k for k, kernel in enumerate(self.kernels) if kernel.layer.parameters())
        for kernel in reversed(self.kernels[lowest + 1 :]):
            kernel.prepare_backward(U)
            calls += _made(kernel.backward)
            U = kernel.dx
        self.kernels[lowest].prepare_backward(U, needs_dx=False)
        calls += _made(self.kernels[lowest].backward)
        if divided is not None:
            calls += _made([call for k in self.kernels for call in k.gathering(divided)])
        return calls

    def _head_for(self, z: np.ndarray) -> Head:
        target, weights = self.batches.y, self.batches.weights
        fits = z.ndim == 2 and len(z) == len(target) and z.shape[1] > 1
        if fits and takes_labels(self.loss, target):
            return SoftmaxHead(self.loss, z, target, weights, self.shared.blas)
        return LossHead(self.loss, z, target, weights)


def takes_labels(loss: Loss, y: np.ndarray) -> bool:
    """Whether SoftmaxHead knows the loss and the kind of targets."""
    return type(loss) in (SoftmaxCrossEntropy, KLOfSoftmax) and y.ndim == 1


def _made(calls: list[Call]) -> list[Call]:
    for call in calls:
        call()
    return calls
