"""Data sets as NPY files, which are read by memory map. All is done a block of rows at a time."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from mlp.data import csv_files, idx_files, npy_files, npz_files
from mlp.data.dataset import kind_of
from mlp.data.parts import checked_parts
from mlp.errors import DataError
from mlp.rows import place_of_not_finite, row_blocks, rows_per_block

Told = Callable[[int], Any]
"""Is told how many more bytes are written."""

COPIED = 1 << 16
"""Bytes of a member of an archive that are copied at a time."""


def convert(
    path: str | os.PathLike,
    folder: str | os.PathLike,
    *,
    label_column: int | str = -1,
    dtype: str | None = None,
    told: Told = lambda count: None,
) -> dict[str, np.ndarray]:
    """Write x.npy, y.npy and, if there is a test part, x_test.npy and y_test.npy into `folder`.

    The data set at `path` is a CSV file, an NPZ file or a folder of IDX files, as in
    `mlp.data.load`. Samples keep the dtype that `load` gives them (float64 of a CSV file), so that
    training gives the same bits, unless `dtype` says another one. Labels become int64 or float64,
    or text as wide as the longest. Names in the header of a CSV file go to names.json.

    Returns read-only maps of the arrays. `folder` must exist; if an error ends the work, what is in
    it is of no use. Raises DataError as `load` does, and where a number does not fit into `dtype`.
    """
    path, folder = Path(path), Path(folder)
    kind = kind_of(path)
    if kind == "csv":
        _convert_csv(path, folder, label_column, dtype, told)
    elif kind == "npz":
        _extract_npz(path, folder, told)
    elif kind == "folder":
        _convert_idx(path, folder, told)
    else:
        raise DataError(
            f"{path}: is a data set of NPY files already"
            if "npy" in kind
            else f"{path}: a single IDX file is no data set; give the folder that holds the four"
        )
    arrays = npy_files.mapped_folder(folder, came_from=path)
    checked_parts(path, arrays, "in this data set")
    for key, array in arrays.items():
        wanted = np.dtype(dtype or array.dtype) if key.startswith("x") else array.dtype
        wanted = np.dtype(np.uint8) if wanted.kind == "b" else wanted.newbyteorder("=")
        if array.dtype != wanted or not array.flags.c_contiguous:
            _rewrite(path, folder / f"{key}.npy", key, array, wanted, told)
    return npy_files.mapped_folder(folder)


def _convert_csv(
    path: Path, folder: Path, label_column: int | str, dtype: str | None, told: Told
) -> None:
    names = csv_files.read_names(path, label_column)
    if names is not None:
        text = json.dumps({"features": names[0], "label": names[1]})
        (folder / npy_files.NAMES).write_text(text + "\n", encoding="utf-8")
    with (
        csv_files.opened(path, label_column) as table,
        _Written(folder / "x.npy", dtype or "f8", (table.features,), told) as samples,
        _naming(folder / "labels.jsonl"),
        open(folder / "labels.jsonl", "w+", encoding="utf-8") as labels,
    ):
        for x, y in table.blocks():
            first = samples.rows
            samples.append(_as_dtype(path, "x", x, samples.dtype, first))
            # their kind and their width are known only at the end
            labels.writelines(f"{json.dumps(label)}\n" for label in np.asarray(y).tolist())
        labels.seek(0)
        kind = f"<U{table.labels.longest}" if table.labels.longest else "f8"
        kind = table.labels.final(np.empty(0, kind)).dtype.str
        with _Written(folder / "y.npy", kind, (), told) as targets:
            for start in range(0, samples.rows, rows_per_block(1)):
                count = min(rows_per_block(1), samples.rows - start)
                texts = [json.loads(labels.readline()) for _ in range(count)]
                targets.append(np.array(texts).astype(kind))
    (folder / "labels.jsonl").unlink()


def _extract_npz(path: Path, folder: Path, told: Told) -> None:
    """An NPZ file is an archive of NPY files."""

    def copied(key: str, stream: IO[bytes], size: int) -> None:
        with _naming(folder / f"{key}.npy"), open(folder / f"{key}.npy", "wb") as file:
            while content := stream.read(COPIED):
                file.write(content)
                told(len(content))
            file.flush()
            os.fsync(file.fileno())

    npz_files.kept_members(path, copied)


def _convert_idx(path: Path, folder: Path, told: Told) -> None:
    for key, file in zip(("x", "y", "x_test", "y_test"), idx_files.find_files(path), strict=True):
        with idx_files.opened(file) as (dtype, shape, blocks):
            if key.startswith("y"):
                idx_files.require_labels(file, dtype, shape)
                dtype = np.dtype(np.int64)
            else:
                idx_files.require_images(file, shape)
            native = dtype.newbyteorder("=")
            with _Written(folder / f"{key}.npy", native, shape[1:], told) as written:
                for block in blocks:
                    written.append(block)


def _rewrite(
    path: Path, file: Path, key: str, array: np.ndarray, dtype: np.dtype, told: Told
) -> None:
    other = file.with_suffix(".other")
    with _Written(other, dtype, array.shape[1:], told) as written:
        for rows in row_blocks(array):
            written.append(_as_dtype(path, key, array[rows], dtype, rows.start))
    os.replace(other, file)


def _as_dtype(path: Path, key: str, x: np.ndarray, dtype: np.dtype, first: int) -> np.ndarray:
    """x with that dtype; DataError if a number does not fit into it. `first` counts its rows."""
    if x.dtype == dtype:
        return x
    with np.errstate(over="ignore", invalid="ignore"):
        y = x.astype(dtype)
    place = place_of_not_finite(y)
    if dtype.kind in "iu" and not np.array_equal(x, y):
        place = tuple(np.argwhere(x != y)[0].tolist())
    if place is not None:
        raise DataError(
            f"{path}: {key}[{', '.join(map(str, (first + place[0], *place[1:])))}] is "
            f"{x[place]}, which is no {dtype}; choose another --dtype"
        )
    return y


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors of writing say to which file: the operating system's own do not."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise type(error)(error.errno, error.strerror, str(path)) from None


class _Written:
    """An NPY file of rows that come in blocks; how many there are is known at the end."""

    def __init__(self, path: Path, dtype: Any, shape: tuple[int, ...], told: Told) -> None:
        self.path, self.dtype, self.shape, self.told = path, np.dtype(dtype), shape, told
        self.rows = 0

    def __enter__(self) -> Self:
        self.file: IO[bytes] = open(self.path, "wb")
        self._write_header()
        self.start = self.file.tell()
        return self

    def append(self, block: np.ndarray) -> None:
        with _naming(self.path):
            self.told(self.file.write(np.ascontiguousarray(block, self.dtype).data.cast("B")))
        self.rows += len(block)

    def __exit__(self, *error: object) -> None:
        with _naming(self.path), self.file:
            if error[0] is None:
                self.file.seek(0)
                self._write_header()  # NumPy leaves room for the number of rows
                if self.file.tell() != self.start:
                    raise RuntimeError(f"{self.path}: the header of {self.rows} rows is longer")
                self.file.flush()
                os.fsync(self.file.fileno())

    def _write_header(self) -> None:
        shape = (self.rows, *self.shape)
        header = {"descr": self.dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self.file, header)
