"""The end of the network: the loss, its gradient and the hits, in arrays of the step."""

import math

import numpy as np

from mlp.losses import Loss
from mlp.steps.blas import Blas


class LossHead:
    """Any loss, by its own forward and backward; what it gets is copied."""

    def __init__(self, loss: Loss, dtype: np.dtype) -> None:
        self.loss = loss
        self.dtype = dtype

    def forward(self, y: np.ndarray, target: np.ndarray) -> float:
        self.y, self.target = y.copy(), target.copy()
        return self.loss.forward(self.y, self.target)

    def backward(self) -> np.ndarray:
        return np.array(self.loss.backward(), self.dtype, order="C")

    def hits(self) -> float:
        accuracy = self.loss.accuracy(self.y, self.target)
        return math.nan if accuracy is None else accuracy * len(self.y)


class SoftmaxHead:
    """Softmax and cross-entropy for labels: with s = z - max z, p = exp(s) / sum exp(s),

    L = 1/N sum_n (log sum_j exp(s_nj) - s_n,label)      dL/dz = (p - one-hot) / N

    where 1/N is absent for a sum. Labels must be whole numbers from 0 to `classes` - 1.
    """

    def __init__(self, loss: Loss, n: int, classes: int, dtype: np.dtype, blas: Blas) -> None:
        self.blas = blas
        self.share = 1.0 / n if loss.reduction == "mean" else 1.0
        self.row_starts = np.arange(n) * classes
        self.winners, self.wanted = np.empty(n, np.intp), np.empty(n, np.intp)
        self.p = np.empty((n, classes), dtype)
        self.flat, self.pT = self.p.reshape(-1), self.p.T
        self.ones_n, self.ones_c = np.ones(n, dtype), np.ones(classes, dtype)
        self.at_label, self.logs, self.total = (np.empty(n, dtype) for _ in range(3))
        self.column = self.total[:, None]

    def forward(self, z: np.ndarray, labels: np.ndarray) -> float:
        blas, p, total = self.blas, self.p, self.total
        np.add(z.argmax(1, self.winners), self.row_starts, self.winners)
        np.add(labels, self.row_starts, self.wanted)
        z.reshape(-1).take(self.winners, None, total, "clip")
        np.subtract(z, self.column, p)
        self.flat.take(self.wanted, None, self.at_label, "clip")
        np.exp(p, p)
        blas.gemv(1.0, self.pT, self.ones_c, 0.0, total, 0, 1, 0, 1, 1, 1)
        np.log(total, self.logs)
        return self.share * (
            blas.dot(self.logs, self.ones_n) - blas.dot(self.at_label, self.ones_n)
        )

    def backward(self) -> np.ndarray:
        np.divide(self.share, self.total, self.total)
        np.multiply(self.p, self.column, self.p)
        self.flat[self.wanted] -= self.share
        return self.p

    def hits(self) -> int:
        return np.count_nonzero(self.winners == self.wanted)
