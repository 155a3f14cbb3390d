"""What the cells of a CSV file may hold: a number, or a label, which may be text."""

from array import array
from collections.abc import Callable

import numpy as np

from mlp.data.streams import expands_too_far
from mlp.errors import DataError

LARGEST_WHOLE = 2.0**53  # above, not every whole number has a float of its own
MISSING = {"", "?", "na", "n/a", "nan", "null"}


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell and cell.isascii()


def no_number(place: str, cell: str) -> DataError:
    if cell.strip().lower() in MISSING:
        return DataError(f"{place}: missing value; fill it in or remove the row")
    if is_number(cell):
        return DataError(f"{place}: {short(cell)} is not a finite number")
    return DataError(f"{place}: {short(cell)} is text, expected a number")


def short(text: str, limit: int = 40) -> str:
    return repr(text if len(text) <= limit else text[:limit] + "...")


class Labels:
    """The labels of a file, which come in blocks: all numbers or all text, a mixture is damage.

    `place_of(line)` is how an error names the label of a line.
    """

    def __init__(self, place_of: Callable[[int], str]) -> None:
        self.place_of = place_of
        self.first_number: int | None = None
        self.first_text: tuple[int, str] | None = None
        self.whole = True
        """Whether all numbers so far are whole."""
        self.longest, self.line_of_longest = 0, 0
        self.count = self.characters = 0

    def read(self, lines: array, labels: list[str]) -> np.ndarray:
        """A block of them as float64 or str."""
        for line, label in zip(lines, labels, strict=True):
            if label.lower() in MISSING:
                raise no_number(self.place_of(line), label)
            if is_number(label):
                self.first_number = line
            elif self.first_text is None:
                self.first_text = line, label
            if self.first_text is not None and self.first_number is not None:
                text_line, text = self.first_text
                raise no_number(self.place_of(text_line), text)
        self.count += len(labels)
        return self._texts(lines, labels) if self.first_text else self._numbers(lines, labels)

    def final(self, y: np.ndarray) -> np.ndarray:
        """Numbers as int64, if all of the file are whole; DataError for texts of odd lengths."""
        self._check_lengths(self.longest, self.count, self.characters)
        return y.astype(np.int64) if y.dtype == np.float64 and self.whole else y

    def _numbers(self, lines: array, labels: list[str]) -> np.ndarray:
        y = np.array(labels, dtype=np.float64)
        finite = np.isfinite(y)
        if not finite.all():
            row = int(np.argmin(finite))
            raise no_number(self.place_of(lines[row]), labels[row])
        self.whole = self.whole and bool(((y == np.floor(y)) & (abs(y) <= LARGEST_WHOLE)).all())
        return y

    def _texts(self, lines: array, labels: list[str]) -> np.ndarray:
        longest, characters = max(map(len, labels)), sum(map(len, labels))
        self.characters += characters
        if longest > self.longest:
            self.longest = longest
            self.line_of_longest = next(
                line for line, label in zip(lines, labels, strict=True) if len(label) == longest
            )
        self._check_lengths(longest, len(labels), characters)
        return np.array(labels)

    def _check_lengths(self, longest: int, count: int, characters: int) -> None:
        if expands_too_far(4 * longest * count, characters):
            raise DataError(
                f"{self.place_of(self.line_of_longest)}: {longest} characters, far more than the "
                "others"
            )
