"""Rows of large arrays, a block at a time: an array may be a map of a file larger than the memory.

Whoever goes through all rows does it by `row_blocks`; whoever wants some of them, in an order of
their own, keeps their numbers, in `Rows`, instead of a copy.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

ROWS = 1 << 14
VALUES = 1 << 24


def row_blocks(array: "np.ndarray | Rows") -> Iterator[slice]:
    """Slices that are all rows of the array, in their order.

    They depend on its shape alone, so that sums by blocks do not depend on where the array is, or
    on its dtype.
    """
    rows = rows_per_block(math.prod(array.shape[1:]))
    for start in range(0, len(array), rows):
        yield slice(start, min(start + rows, len(array)))


def rows_per_block(values: int) -> int:
    """16,384, or fewer where so many rows of that many values hold more than 2**24."""
    return min(ROWS, max(1, VALUES // max(1, values)))


def place_of_not_finite(array: "np.ndarray | Rows") -> tuple[int, ...] | None:
    """The index of the first value that is infinite or NaN; None: there is none."""
    if array.dtype.kind not in "fc":
        return None
    for rows in row_blocks(array):
        finite = np.isfinite(array[rows])
        if not finite.all():
            row, *column = np.argwhere(~finite)[0].tolist()
            return rows.start + row, *column
    return None


class Rows:
    """The rows `index` of an array: `rows[part]` is `array[index[part]]`, gathered when asked for.

    It takes 8 bytes for each row, where `array[index]` takes memory for all of them. `fit`,
    `evaluate` and `predict` take it for x, as in `fit(..., x=Rows(x, training), ...)`.

    Raises TypeError if the index is no array of whole numbers, IndexError for one that is not a
    row of the array.
    """

    def __init__(self, array: "np.ndarray | Rows", index: np.ndarray) -> None:
        index = np.asarray(index)
        if index.ndim != 1 or index.dtype.kind not in "iu":
            raise TypeError(
                f"Rows: expected row numbers (N,), got an array {index.shape} of {index.dtype}; "
                "np.flatnonzero(chosen) gives those of Booleans"
            )
        if len(index) and not (index.min() >= 0 and index.max() < len(array)):
            outside = index.min() if index.min() < 0 else index.max()
            raise IndexError(f"Rows: expected numbers of {len(array)} rows, got {outside}")
        self.array: np.ndarray = array.array if isinstance(array, Rows) else np.asarray(array)
        self.index: np.ndarray = array.index[index] if isinstance(array, Rows) else index

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.index), *self.array.shape[1:]

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, part: Any) -> np.ndarray:
        return self.array[self.index[part]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.array[self.index].astype(dtype or self.dtype, copy=False)

    def __repr__(self) -> str:
        return f"Rows({len(self)} of {len(self.array)} rows, each {self.shape[1:]} {self.dtype})"


def part_of(array: np.ndarray | Rows, part: slice) -> np.ndarray | Rows:
    """`array[part]` without a copy."""
    if isinstance(array, Rows):
        return Rows(array.array, array.index[part])
    return array[part]
