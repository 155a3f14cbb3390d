"""CSV: numbers in rows, separated by commas, with one column of labels among them."""

import csv
import itertools
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from mlp.data.csv_cells import MISSING, Labels, is_number, no_number, short
from mlp.data.streams import open_bytes
from mlp.errors import DataError
from mlp.rows import place_of_not_finite, rows_per_block

LONGEST_LINE = 1 << 24
LABEL_NAMES = {"label", "labels", "class", "target"}
Row = tuple[int, list[str]]  # the number of the line, and its cells


@dataclass(frozen=True)
class _Layout:
    """What the first line tells of all others."""

    path: Path
    columns: int
    label: int | None
    names: list[str] | None
    order: list[int] | None = None
    """Columns of the features, where they are wanted in another order than the file's."""

    @property
    def features(self) -> int:
        return self.columns - (self.label is not None)

    def place_of_feature(self, line: int, feature: int) -> str:
        if self.order is not None:
            return self._place(line, self.order[feature])
        after_label = self.label is not None and feature >= self.label
        return self._place(line, feature + after_label)

    def place_of_label(self, line: int) -> str:
        return self._place(line, cast(int, self.label)) + ", the label"  # None: nobody asks

    def _place(self, line: int, column: int) -> str:
        name = f" ({short(self.names[column])})" if self.names else ""
        return f"{self.path} line {line}, column {column + 1}{name}"


def read(path: Path, label_column: int | str) -> tuple[np.ndarray, np.ndarray]:
    """x (N, D) float64 and y (N,): int64, float64 or str."""
    with opened(path, label_column) as table:
        x, y = table.whole()
    return x, cast(np.ndarray, y)  # of unknown width, every file has a label column


def read_features(
    path: Path, width: int, label_column: int | str, names: Sequence[str] = ()
) -> tuple[np.ndarray, np.ndarray | None]:
    """x (N, width) float64 and y (N,), or None if the file has no column besides the features.

    If the file has a header and `names` are given, the features are the columns of these names.
    """
    with opened(path, label_column, width, names) as table:
        return table.whole()


@contextmanager
def opened(
    path: Path, label_column: int | str, width: int | None = None, names: Sequence[str] = ()
) -> Iterator["Table"]:
    """The file, to be read a block of rows at a time; for width and names see read_features."""
    with open_bytes(path) as stream:
        rows = _rows(path, stream)
        first = _first_row(path, rows)
        if _has_names(first, names):
            layout = _layout_by_name(path, first, label_column, names)
        else:
            layout = _find_layout(path, first, label_column, width)
        if layout.names is None:
            rows = itertools.chain([first], rows)
        yield Table(layout, rows)


class Table:
    """The rows of an open file."""

    def __init__(self, layout: _Layout, rows: Iterator[Row]) -> None:
        self.layout, self.rows = layout, rows
        self.features = layout.features
        self.labels = Labels(layout.place_of_label)

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """x (n, D) float64 and y (n,), float64 or str, or None without labels.

        What y is for all of the file, `labels.final(y)` says at the end.
        """
        has_labels = self.layout.label is not None
        most, first = rows_per_block(self.layout.columns), True
        while block := _collect(self.layout, itertools.islice(self.rows, most)):
            first = False
            lines, x, labels = block
            _require_finite(self.layout, x, lines)
            yield x, self.labels.read(lines, labels) if has_labels else None
        if first:
            raise DataError(f"{self.layout.path}: no rows below the header")

    def whole(self) -> tuple[np.ndarray, np.ndarray | None]:
        """All of x and y."""
        values, parts = array("d"), []
        for x, y in self.blocks():
            values.frombytes(x.data.cast("B"))  # in place, where a list of blocks takes twice that
            if y is not None:
                parts.append(y)
        whole_x = np.frombuffer(values).reshape(-1, self.features)
        if not parts:
            return whole_x, None
        return whole_x, self.labels.final(np.concatenate(parts))


def read_names(path: Path, label_column: int | str) -> tuple[list[str], str] | None:
    """The names of the features and of the label; None: no header gives each a name of its own."""
    with open_bytes(path) as stream:
        layout = _find_layout(path, _first_row(path, _rows(path, stream)), label_column, None)
    names = layout.names
    if names is None or len(set(names)) < len(names):
        return None
    label = names[cast(int, layout.label)]
    return [name for name in names if name != label], label


def _first_row(path: Path, rows: Iterator[Row]) -> Row:
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path}: empty file, expected rows of numbers")
    return first


def _has_names(first: Row, names: Sequence[str]) -> bool:
    """Whether the first row is a header, for those who know the names of some columns."""
    cells = {cell.strip() for cell in first[1]}
    known = cells.intersection(name for name in names if not is_number(name))
    return bool(names) and (bool(known) or cells.issuperset(names) or _is_header(first[1], None))


def _layout_by_name(
    path: Path, first: Row, label_column: int | str, names: Sequence[str]
) -> _Layout:
    line, cells = first
    cells = [cell.strip() for cell in cells]
    _refuse_other_separators(path, line, cells)
    label = None
    if label_column in cells or not isinstance(label_column, str):
        label = _column_index(path, line, cells, label_column)
    missing = [name for name in names if name not in cells]
    others = [name for name in cells if name not in names]
    unknown = [name for name in others if label is None or name != cells[label]]
    doubled = [name for name in names if cells.count(name) > 1]
    for wrong, what in (
        (missing, "no column"),
        (unknown, "an unknown column"),
        (doubled, "more than once"),
    ):
        if wrong:
            raise DataError(
                f"{path} line {line}: {what} {short(', '.join(wrong), 200)}; expected the columns "
                f"{short(', '.join(names), 200)}, in any order, and perhaps the label"
            )
    return _Layout(path, len(cells), label, cells, [cells.index(name) for name in names])


def _rows(path: Path, stream: BinaryIO) -> Iterator[Row]:
    reader = csv.reader(_lines(path, stream), strict=True, skipinitialspace=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{path} line {line}: not valid CSV ({error})") from error
        if cells and cells != [""]:
            yield line, cells


def _lines(path: Path, stream: BinaryIO) -> Iterator[str]:
    for number in itertools.count(1):
        content = stream.readline(LONGEST_LINE + 1)
        if not content:
            return
        if len(content) > LONGEST_LINE:
            raise DataError(f"{path} line {number}: longer than {LONGEST_LINE} bytes")
        try:
            line = content.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{path} line {number}: not UTF-8 text (byte 0x{error.object[error.start]:02X}); "
                "save the file as UTF-8"
            ) from error
        if "\0" in line:
            raise DataError(f"{path} line {number}: holds a NUL character, expected text")
        yield line


def _find_layout(path: Path, first: Row, label_column: int | str, width: int | None) -> _Layout:
    line, cells = first
    cells = [cell.strip() for cell in cells]
    _refuse_other_separators(path, line, cells)
    label = _find_label(path, line, cells, label_column, width)
    by_name = isinstance(label_column, str) and label is not None
    names = cells if by_name or _is_header(cells, label) else None
    layout = _Layout(path, len(cells), label, names)
    if layout.features == 0:
        raise DataError(f"{path} line {line}: 1 column, expected features and a label")
    _refuse_misread_columns(layout, line, label_column)
    return layout


def _refuse_misread_columns(layout: _Layout, line: int, label_column: int | str) -> None:
    """Two files that would train without complaint, on the wrong thing."""
    if layout.names is None:
        return
    *others, last = layout.names
    if not layout.names[0]:
        raise DataError(
            f"{layout.path} line {line}: column 1 has no name, like an index of rows; "
            "remove it (pandas: to_csv(..., index=False))"
        )
    elsewhere = [name for name in others if name.lower() in LABEL_NAMES]
    by_default = layout.label is not None and label_column == -1
    if by_default and elsewhere and last.lower() not in LABEL_NAMES:
        raise DataError(
            f"{layout.path} line {line}: the last column is {short(last)}, but another is named "
            f"{short(elsewhere[0])}; choose the label column by its name, "
            f"or {len(others)} for the last"
        )


def _refuse_other_separators(path: Path, line: int, cells: list[str]) -> None:
    for separator, name in ((";", "';'"), ("\t", "a tab")):
        found = sum(cell.count(separator) for cell in cells)
        if found and found >= len(cells) - 1:
            raise DataError(f"{path} line {line}: found {name} between the values, expected commas")


def _find_label(
    path: Path, line: int, cells: list[str], label_column: int | str, width: int | None
) -> int | None:
    if isinstance(label_column, str):
        present = label_column in cells
    else:
        present = width is None or len(cells) == width + 1
    if width is not None and len(cells) - present != width:
        raise DataError(
            f"{path} line {line}: {len(cells)} values, "
            f"expected {width} features, or {width + 1} values with the label"
        )
    if not present and width is not None:
        return None
    return _column_index(path, line, cells, label_column)


def _column_index(path: Path, line: int, cells: list[str], label_column: int | str) -> int:
    if isinstance(label_column, str):
        if cells.count(label_column) != 1:
            raise DataError(
                f"{path} line {line}: {cells.count(label_column)} columns named "
                f"{short(label_column)}, expected one among {short(', '.join(cells), 200)}"
            )
        return cells.index(label_column)
    if not -len(cells) <= label_column < len(cells):
        raise DataError(
            f"{path} line {line}: no label column {label_column} in {len(cells)} values"
        )
    return label_column % len(cells)


def _is_header(cells: list[str], label: int | None) -> bool:
    """Whether the first row names the columns.

    One text cell makes no header: a damaged first sample must be reported, not skipped. Columns
    numbered 0, 1, 2, ... are the names that pandas gives.
    """
    numbered = [cell == str(column) for column, cell in enumerate(cells)]
    text = [not is_number(cell) and cell.lower() not in MISSING for cell in cells]
    label_named = label is None or text[label] or numbered[label]
    features = [column for column in range(len(cells)) if column != label]
    all_numbered = len(features) > 3 and all(numbered[column] for column in features)
    most_text = 2 * sum(text[column] for column in features) > len(features)
    return label_named and (all_numbered or most_text)


def _collect(layout: _Layout, rows: Iterable[Row]) -> tuple[array, np.ndarray, list[str]] | None:
    """The numbers of the lines, x (n, D), and the labels, if there are any; None: no rows."""
    values, lines, labels = array("d"), array("q"), []
    for line, cells in rows:
        if len(cells) != layout.columns:
            raise DataError(
                f"{layout.path} line {line}: {len(cells)} values, expected {layout.columns}"
            )
        if layout.label is not None:
            labels.append(cells[layout.label].strip())
        if layout.order is not None:
            cells = [cells[column] for column in layout.order]
        elif layout.label is not None:
            del cells[layout.label]
        values.fromlist(_numbers(layout, line, cells))
        lines.append(line)
    if not lines:
        return None
    return lines, np.frombuffer(values).reshape(len(lines), layout.features), labels


def _numbers(layout: _Layout, line: int, cells: list[str]) -> list[float]:
    text = "".join(cells)
    if "_" not in text and text.isascii():  # float() takes 1_000 and the digits of all scripts
        try:
            return list(map(float, cells))
        except ValueError:
            pass
    feature = next(j for j, cell in enumerate(cells) if not is_number(cell))
    raise no_number(layout.place_of_feature(line, feature), cells[feature])


def _require_finite(layout: _Layout, x: np.ndarray, lines: array) -> None:
    if place := place_of_not_finite(x):
        row, feature = place
        raise no_number(layout.place_of_feature(lines[row], feature), str(x[row, feature]))
