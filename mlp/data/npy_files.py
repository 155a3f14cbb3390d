"""NPY: one array, as np.save writes it, mapped into memory: of a large file, only what is looked at
is read. np.load is not enough for files of unknown origin: what it makes of a damaged header, or of
a file that is too short, is its own secret, and Python objects must never be unpickled."""

import io
import json
import math
import os
import warnings
from pathlib import Path

import numpy as np

from mlp.data.parts import KEYS, checked_parts
from mlp.data.streams import open_bytes
from mlp.errors import DataError
from mlp.rows import row_blocks

LONGEST_HEADER = 1 << 14
HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
NAMES = "names.json"
"""Beside the arrays of a folder: the names of the features and of the label, if there are any."""


def is_folder(folder: Path) -> bool:
    """Whether the folder is a data set of NPY files."""
    return any(os.path.exists(folder / f"{key}.npy") for key in ("x", "y"))


def read_folder(
    folder: Path,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
    """x (N, ...), y (N,) or (N, M), and x_test, y_test or None, None, by memory map."""
    return checked_parts(folder, mapped_folder(folder), "as a file .npy in this folder")


def mapped_folder(folder: Path, came_from: Path | None = None) -> dict[str, np.ndarray]:
    """Read-only maps of the arrays that are there, by their names; errors name `came_from`."""
    paths = {key: folder / f"{key}.npy" for key in KEYS}
    found = {key: path for key, path in paths.items() if path.exists()}
    return {
        key: mapped(path) if came_from is None else mapped(path, came_from, key)
        for key, path in found.items()
    }


def mapped(path: Path, called: Path | None = None, key: str = "it") -> np.ndarray:
    """The array of a file as a read-only map; text is in native byte order.

    Errors call it `key` of the file `called`, by default path itself.
    """
    called = called or path
    with open_bytes(path) as file:
        shape, fortran_order, dtype, start = parse_header(called, key, file.read(LONGEST_HEADER))
        held = os.fstat(file.fileno()).st_size - start
        require_size(called, key, shape, dtype, held)
        array: np.ndarray = np.memmap(path, dtype, "r", start, shape, "F" if fortran_order else "C")
    if dtype.kind == "b":
        array = array.view(np.uint8)
        if any(array[rows].max() > 1 for rows in row_blocks(array)):
            raise DataError(f"{called}: {key} holds bytes that are no Booleans")
    return array.astype(dtype.newbyteorder("="), copy=False) if dtype.kind == "U" else array


def read_names(folder: Path) -> tuple[list[str], str] | None:
    """The names of the features and of the label; None: there are none."""
    path = folder / NAMES
    if not path.exists():
        return None
    with open_bytes(path) as file:
        try:
            told = json.loads(file.read())
            features, label = told["features"], told["label"]
            if not all(isinstance(name, str) for name in [*features, label]):
                raise ValueError("not all of them are texts")
        except (ValueError, LookupError, TypeError) as error:
            raise DataError(f"{path}: no names of features and label: {error}") from None
    return list(features), label


def parse_header(
    path: Path, key: str, content: bytes | bytearray
) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, whether the order is Fortran's, dtype, and where the numbers begin."""
    stream = io.BytesIO(content[:LONGEST_HEADER])
    try:
        with warnings.catch_warnings(action="ignore"):  # odd escapes, numbers of Python 2
            reader = HEADER_READERS[np.lib.format.read_magic(stream)]
            shape, fortran_order, dtype = reader(stream)
    except Exception as error:  # the header is Python source, and can fail in every way
        raise DataError(f"{path}: {key} is not an array that NumPy wrote") from error
    if dtype.hasobject:
        raise DataError(f"{path}: {key} holds Python objects; save numbers or text (astype(str))")
    if dtype.kind not in "buifU" or (dtype.kind != "U" and dtype.itemsize > 8):
        raise DataError(f"{path}: {key} has dtype {dtype}, expected real numbers or text")
    if len(shape) > 8 or any(length < 0 for length in shape):
        raise DataError(f"{path}: {key} has the impossible shape {shape}")
    return shape, fortran_order, dtype, stream.tell()


def require_size(path: Path, key: str, shape: tuple[int, ...], dtype: np.dtype, held: int) -> None:
    """Raise unless the file holds just the numbers that the header says, and not none."""
    size = math.prod(shape) * dtype.itemsize
    if size != held:
        raise DataError(
            f"{path}: {key} of shape {shape} and dtype {dtype} needs {size} bytes, "
            f"file holds {held}"
        )
    if size == 0:
        raise DataError(f"{path}: {key} is empty (shape {shape}, dtype {dtype})")
