"""The work that every contender does: the same data, first weights and learning rate.

A network of Affine layers with ReLU between them, softmax and cross-entropy (mean over the
batch), plain gradient descent, float32. One step is: the batch, which lies ready in memory,
forward, backward, update, and the loss read back as a Python float.
"""

from typing import NamedTuple

import numpy as np

LEARNING_RATE = 0.001


class Cell(NamedTuple):
    """One size of network and batch."""

    sizes: tuple[int, ...]
    batch: int

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.sizes))} @ {self.batch}"


GRID = [
    Cell((64, 32, 10), 1),
    Cell((64, 32, 10), 32),
    Cell((784, 30, 10), 10),
    Cell((784, 128, 10), 64),
    Cell((784, 256, 128, 10), 64),
    Cell((784, 512, 512, 10), 128),
    Cell((784, 800, 800, 10), 128),
    Cell((784, 1024, 1024, 1024, 10), 512),
    Cell((1024, 2048, 2048, 10), 256),
]


def samples(cell: Cell, n: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """x (n, D) float32 in [0, 1) and labels (n,) int64; n is the batch unless given."""
    rng = np.random.default_rng(1)
    n = cell.batch if n is None else n
    x = rng.random((n, cell.sizes[0]), dtype=np.float32)
    return x, rng.integers(0, cell.sizes[-1], n)


def first_weights(cell: Cell) -> list[np.ndarray]:
    """W (D, M) of each layer, float32, He's variance; biases start at 0."""
    rng = np.random.default_rng(0)
    shapes = zip(cell.sizes, cell.sizes[1:], strict=False)
    return [rng.normal(0, (2 / d) ** 0.5, (d, m)).astype(np.float32) for d, m in shapes]
