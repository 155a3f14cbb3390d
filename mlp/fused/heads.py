"""The end of the network: the loss, its gradient and the hits, in arrays of the step.

As with kernels, `forward` and `backward` are calls; `scale` U is the gradient that the latter
find. The factor is left to an Affine below, where it costs nothing.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Protocol, cast

import numpy as np

from mlp.fused.blas import Blas
from mlp.fused.kernels import Call
from mlp.losses import Loss


class Head(Protocol):
    """What a plan asks of the end of the network."""

    forward: list[Call]
    backward: list[Call]
    U: np.ndarray
    scale: float

    def value(self) -> float: ...

    def hits(self) -> float: ...


class LossHead:
    """Any loss, by its own forward and backward; what it gets is copied."""

    def __init__(
        self, loss: Loss, y: np.ndarray, target: np.ndarray, weights: np.ndarray | None
    ) -> None:
        self.loss, self.y = loss, y
        self.arrays = (y, target) if weights is None else (y, target, weights)
        self.forward: list[Call] = [self._forward]
        self.backward: list[Call] = [self._backward]
        self.U, self.scale = np.empty_like(y), 1.0

    def value(self) -> float:
        return self._value

    def hits(self) -> float:
        accuracy = self.loss.accuracy(*self._seen)
        if accuracy is None:
            return math.nan
        return accuracy * (len(self.y) if len(self._seen) == 2 else self._seen[2].sum())

    def _forward(self) -> None:
        self._seen = [array.copy() for array in self.arrays]
        self._value = cast(float, self.loss.forward(*self._seen))

    def _backward(self) -> None:
        np.copyto(self.U, self.loss.backward())


class SoftmaxHead:
    """Softmax and cross-entropy for labels: with log p = s - log sum exp(s), s = z - max z,

    L = -1/N sum_n log p_n,label      dL/dz = (p - one-hot) / N

    where 1/N is absent for a sum. With weights w it is w_n / sum_k w_k, or w_n, and belongs to each
    row: it is taken into the one-hot rows, and into p. Labels must be whole numbers from 0 to
    C - 1. What is taken from a row is taken as an outer product with ones, by BLAS.
    """

    def __init__(
        self,
        loss: Loss,
        z: np.ndarray,
        labels: np.ndarray,
        weights: np.ndarray | None,
        blas: Blas,
    ) -> None:
        (n, classes), dtype = z.shape, z.dtype
        self.scale = 1.0 / n if loss.reduction == "mean" and weights is None else 1.0
        self.weights = weights
        self.labels, self.winners = labels, np.empty(n, np.intp)
        self.U = p = np.empty_like(z)
        one_hot, row, ones = np.empty_like(z), np.empty(n, dtype), np.ones(classes, dtype)
        row_starts, places = np.arange(n) * classes, np.empty(n, np.intp)
        take_row: Call = partial(blas.ger, -1.0, ones, row, 1, 1, z.T, 1, 1, 1)
        self.forward: list[Call] = [
            # the largest logit of each row, max z
            partial(z.argmax, 1, self.winners),
            partial(np.add, self.winners, row_starts, places),
            partial(z.reshape(-1).take, places, None, row, "clip"),
            # s = z - max z, in place of z
            take_row,
            # log sum_j exp(s_j) of each row
            partial(np.exp, z, p),
            partial(blas.gemv, 1.0, p.T, ones, 0.0, row, 0, 1, 0, 1, 1, 1),
            partial(np.log, row, row),
            # log p = s - log sum_j exp(s_j), in place of s
            take_row,
            partial(np.eye(classes, dtype=dtype).take, labels, 0, one_hot, "clip"),
        ]
        # N dL/dz = p - one-hot; 1/N is in `scale`
        self.backward: list[Call] = [partial(np.exp, z, p), partial(np.subtract, p, one_hot, p)]
        if weights is not None:
            share = np.empty((n, 1), dtype)
            self.forward += self._shares(weights, loss.reduction, share[:, 0])
            self.forward.append(partial(np.multiply, one_hot, share, one_hot))
            self.backward.insert(1, partial(np.multiply, p, share, p))
        self.sum_at_labels: Callable[[], float] = partial(
            blas.dot, z.reshape(-1), one_hot.reshape(-1)
        )

    def value(self) -> float:
        return -self.scale * self.sum_at_labels()

    def hits(self) -> float:
        hit = self.winners == self.labels
        return float(np.count_nonzero(hit) if self.weights is None else self.weights[hit].sum())

    @staticmethod
    def _shares(weights: np.ndarray, reduction: str, share: np.ndarray) -> list[Call]:
        """Calls that fill `share`, of the dtype of the step, from the float64 weights."""
        if reduction == "sum":
            return [partial(np.copyto, share, weights, "same_kind")]
        total, exact = np.empty(()), np.empty(len(weights))
        return [
            partial(np.add.reduce, weights, 0, None, total),
            partial(np.divide, weights, total, exact),
            partial(np.copyto, share, exact, "same_kind"),
        ]
