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
    """Softmax and cross-entropy for labels: with log p = s - log sum exp(s), s = z - max z,

    L = -1/N sum_n log p_n,label      dL/dz = (p - one-hot) / N

    where 1/N is absent for a sum. Labels must be whole numbers from 0 to `classes` - 1. What is
    subtracted from a row is subtracted as an outer product with ones, by BLAS.
    """

    def __init__(self, loss: Loss, n: int, classes: int, dtype: np.dtype, blas: Blas) -> None:
        self.blas = blas
        self.share = dtype.type(1.0 / n if loss.reduction == "mean" else 1.0)
        self.shares = np.eye(classes, dtype=dtype) * self.share
        self.row_starts = np.arange(n) * classes
        self.winners, self.places = np.empty(n, np.intp), np.empty(n, np.intp)
        self.p, self.wanted = np.empty((n, classes), dtype), np.empty((n, classes), dtype)
        self.pT, self.flat_wanted = self.p.T, self.wanted.reshape(-1)
        self.ones = np.ones(classes, dtype)
        self.row = np.empty(n, dtype)

    def forward(self, z: np.ndarray, labels: np.ndarray) -> float:
        blas, row, flat, zT = self.blas, self.row, z.reshape(-1), z.T
        self.labels = labels
        np.add(z.argmax(1, self.winners), self.row_starts, self.places)
        flat.take(self.places, None, row, "clip")
        blas.ger(-1.0, self.ones, row, 1, 1, zT, 1, 1, 1)  # z - max z
        np.exp(z, self.p)
        blas.gemv(1.0, self.pT, self.ones, 0.0, row, 0, 1, 0, 1, 1, 1)
        np.log(row, row)
        blas.ger(-1.0, self.ones, row, 1, 1, zT, 1, 1, 1)  # log p
        self.log_p = z
        self.shares.take(labels, 0, self.wanted, "clip")
        return -blas.dot(flat, self.flat_wanted)

    def backward(self) -> np.ndarray:
        p = np.exp(self.log_p, self.p)
        np.multiply(p, self.share, p)
        return np.subtract(p, self.wanted, p)

    def hits(self) -> int:
        return np.count_nonzero(self.winners == self.labels)
