"""The one message that ranks send each other: arrays to be added up, and numbers of each rank.

It is one flat array, for one Allreduce. The arrays come first; behind them every rank has a row of
its own, in which it writes its numbers and all others write 0. So these come through as they were
sent, whatever they are (a NaN of one rank does not hide those of another), and can be added up in
the order of the ranks and in float64 everywhere.

The array has the dtype of the gradients. Where that is float32, a number goes as the sum of two:
48 bits of it arrive, and counts up to 2^48 are exact.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

NUMBERS = 3
"""How many numbers a rank has in a message; the first says whether it has to stop."""


class Message:
    """The arrays of a message, made once: `given` is what this rank adds, `sums` what came out."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], dtype: np.dtype, ranks: int) -> None:
        exact = np.finfo(dtype).nmant >= np.finfo(np.float64).nmant
        self.rows = (ranks, NUMBERS, 1 if exact else 2)
        length = sum(math.prod(shape) for shape in shapes.values())
        self.sent = np.zeros(length + math.prod(self.rows), dtype)
        self.received = np.empty_like(self.sent)
        self.given, self.sums = _views(self.sent, shapes), _views(self.received, shapes)
        self._sent_rows = self.sent[length:].reshape(self.rows)
        self._received_rows = self.received[length:].reshape(self.rows)

    def write(self, rank: int, numbers: Sequence[float]) -> None:
        """Put the numbers into the row of that rank."""
        with np.errstate(over="ignore", invalid="ignore"):  # infinity and NaN are sent as such
            exact = np.zeros(NUMBERS)
            exact[: len(numbers)] = numbers
            row = self._sent_rows[rank]
            row[:, 0] = exact
            if self.rows[2] == 2:
                row[:, 1] = np.where(np.isfinite(row[:, 0]), exact - row[:, 0], 0)

    def numbers(self) -> np.ndarray:
        """Those of all ranks that came, a row each, in float64."""
        return self._received_rows.astype(np.float64).sum(axis=2)


def _views(flat: np.ndarray, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Arrays of these shapes, one behind the other in `flat`."""
    views, start = {}, 0
    for name, shape in shapes.items():
        end = start + math.prod(shape)
        views[name] = flat[start:end].reshape(shape)
        start = end
    return views
