"""How a batch comes into the arrays of a step."""

from typing import Any, Protocol

import numpy as np

from mlp.rows import Rows


class Batches(Protocol):
    """x, y and weights of the batch that was gathered last, always in the same arrays.

    A batch is an array of sample numbers or, where all are taken, slice(None).
    """

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None

    def gather(self, batch: Any) -> None: ...


class Gathered:
    """Batches of n samples in any order, gathered into the same arrays: x as floats of `dtype`,
    y as numbers of `target_dtype`."""

    def __init__(
        self,
        x: np.ndarray | Rows,
        y: np.ndarray,
        weights: np.ndarray | None,
        n: int,
        dtype: np.dtype,
        target_dtype: np.dtype,
    ) -> None:
        self.all_x = x.array if isinstance(x, Rows) else x
        self.index = x.index if isinstance(x, Rows) else None
        self.all_y, self.all_weights = y, weights
        self.x = np.empty((n, *x.shape[1:]), dtype)
        self.y = np.empty((n, *y.shape[1:]), target_dtype)
        self.weights = None if weights is None else np.empty(n)
        self.raw = self.x if x.dtype == dtype else np.empty(self.x.shape, x.dtype)
        self.raw_y = self.y if y.dtype == target_dtype else np.empty(self.y.shape, y.dtype)
        flags = self.all_x.flags
        self.taken = flags.c_contiguous and flags.aligned  # of others `take` would first copy all

    def gather(self, batch: Any) -> None:
        self.all_y.take(batch, 0, self.raw_y, "clip")
        if self.raw_y is not self.y:
            np.copyto(self.y, self.raw_y, "unsafe")
        if self.all_weights is not None:
            self.all_weights.take(batch, 0, self.weights, "clip")
        if self.index is not None:
            batch = self.index.take(batch, mode="clip")
        if not self.taken:
            np.copyto(self.x, self.all_x[batch])
            return
        self.all_x.take(batch, 0, self.raw, "clip")
        if self.raw is not self.x:
            np.copyto(self.x, self.raw)


class Whole:
    """All samples as one batch; x is copied only if it is no floats of `dtype`, or is changed."""

    def __init__(
        self,
        x: np.ndarray | Rows,
        y: np.ndarray,
        weights: np.ndarray | None,
        dtype: np.dtype,
        read_only: bool,
    ) -> None:
        x = np.asarray(x)
        self.all_x, self.y, self.weights = x, y, weights
        flags = x.flags
        fits = read_only and x.dtype == dtype and flags.c_contiguous and flags.aligned
        self.x = x if fits else np.empty(x.shape, dtype)

    def gather(self, batch: Any) -> None:
        if self.x is not self.all_x:
            np.copyto(self.x, self.all_x)
