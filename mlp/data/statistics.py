"""What is to be known of all rows of a large array, found a block at a time."""

import numpy as np

from mlp.rows import Rows, row_blocks


def extremes(x: np.ndarray | Rows) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest value of each column of x (N, ...), of the dtype of x."""
    least = most = x[0]
    for rows in row_blocks(x):
        block = x[rows]
        least, most = np.minimum(least, block.min(axis=0)), np.maximum(most, block.max(axis=0))
    return least, most


def mean_and_deviation(x: np.ndarray | Rows) -> tuple[np.ndarray, np.ndarray]:
    """Of each column of x (N, D); the deviation is that of all N, not of a sample.

    Of a single block they are NumPy's. Of more, the rows are added up one after the other in
    float64, across the blocks too: so does NumPy with the columns of float64 tables, and the bits
    of what a network learned from such a table do not depend on where it is.
    """
    if len([*row_blocks(x)]) == 1:
        return x[:].mean(axis=0), x[:].std(axis=0)
    mean = _sum_of_rows(x, None) / len(x)
    return mean, np.sqrt(_sum_of_rows(x, mean) / len(x))


def _sum_of_rows(x: np.ndarray | Rows, center: np.ndarray | None) -> np.ndarray:
    """Of the rows, or of the squares of their distance from a center."""
    total = np.zeros(x.shape[1:])
    for rows in row_blocks(x):
        block = x[rows] if center is None else (x[rows] - center) ** 2
        total = np.vstack([total, block]).sum(axis=0)
    return total


def all_whole(x: np.ndarray | Rows) -> bool:
    """Whether all values are whole numbers."""
    return all((x[rows] % 1 == 0).all() for rows in row_blocks(x))


def distinct(y: np.ndarray) -> np.ndarray:
    """The different values of y (N,), in order."""
    if not len(y):
        return y
    return np.unique(np.concatenate([np.unique(y[rows]) for rows in row_blocks(y)]))


def numbered(y: np.ndarray, values: np.ndarray, dtype: type = np.int64) -> np.ndarray:
    """For each of y (N,) its place among `values`, which are in order and hold all of y."""
    numbers: np.ndarray = np.empty(len(y), dtype)
    for rows in row_blocks(y):
        numbers[rows] = np.searchsorted(values, y[rows])
    return numbers
