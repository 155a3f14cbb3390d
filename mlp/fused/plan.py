from collections.abc import Iterable
from functools import partial

import numpy as np

from mlp.fused.batches import Gathered, Whole
from mlp.fused.heads import LossHead, SoftmaxHead
from mlp.fused.kernels import AffineKernel, Call, Place, Scene, kernel_for
from mlp.losses import Loss, SoftmaxCrossEntropy
from mlp.optim import Settings
from mlp.pairing import KLOfSoftmax


class Plan:
    """The calls of a step for one batch size, in their order, with the arrays they fill.

    They are put together as the first batch goes through. Backward ends at the first layer that
    has parameters: nobody asks for more.
    """

    def __init__(
        self, places: Iterable[Place], loss: Loss, batches: Gathered | Whole, scene: Scene
    ) -> None:
        self.places, self.loss, self.batches, self.scene = places, loss, batches, scene
        self.forward_calls: list[Call] = []
        self.backward_calls: list[Call] = []
        self.settings: Settings | None = None

    def forward(self, batch: np.ndarray | slice) -> float:
        self.batches.gather(batch)
        if not self.forward_calls:
            self.forward_calls = self._first_forward()
        else:
            for call in self.forward_calls:
                call()
        return self.head.value()

    def backward(self) -> None:
        if not self.backward_calls:
            self.backward_calls = self._first_backward()
        else:
            for call in self.backward_calls:
                call()

    def update(self, settings: Settings) -> None:
        if settings != self.settings:
            self.settings = settings
            self.moves = [call for kernel in self.kernels for call in kernel.moves(settings)]
        for call in self.moves:
            call()

    def _first_forward(self) -> list[Call]:
        h, self.kernels, calls = self.batches.x, [], []
        for place in self.places:
            kernel = kernel_for(place, h, self.scene)
            calls += _made(kernel.forward)
            self.kernels.append(kernel)
            h = kernel.y
        self.head = self._head_for(h)
        return calls + _made(self.head.forward)

    def _first_backward(self) -> list[Call]:
        head, top, U = self.head, self.kernels[-1], self.head.U
        calls = _made(head.backward)
        if isinstance(top, AffineKernel):
            top.scale = head.scale
        else:
            calls += _made([partial(np.multiply, U, head.scale, U)])
        lowest = next(k for k, kernel in enumerate(self.kernels) if kernel.layer.parameters())
        for kernel in reversed(self.kernels[lowest + 1 :]):
            kernel.go_back(U)
            calls += _made(kernel.backward)
            U = kernel.dx
        self.kernels[lowest].end(U)
        return calls + _made(self.kernels[lowest].backward)

    def _head_for(self, z: np.ndarray) -> LossHead | SoftmaxHead:
        target = self.batches.y
        fits = z.ndim == 2 and len(z) == len(target) and z.shape[1] > 1
        if fits and takes_labels(self.loss, target):
            return SoftmaxHead(self.loss, z, target, self.scene.blas)
        return LossHead(self.loss, z, target)


def takes_labels(loss: Loss, y: np.ndarray) -> bool:
    """Whether SoftmaxHead knows the loss and the kind of targets."""
    return type(loss) in (SoftmaxCrossEntropy, KLOfSoftmax) and y.ndim == 1


def _made(calls: list[Call]) -> list[Call]:
    for call in calls:
        call()
    return calls
