"""IDX, the format of MNIST: two zero bytes, a type, the number of dimensions, their sizes
(32 bits, big-endian), then the values, big-endian, last dimension fastest."""

import math
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mlp.data.streams import open_bytes, read_at_most
from mlp.errors import DataError
from mlp.rows import place_of_not_finite, rows_per_block

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
FOLDER = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def read_folder(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x (N, H, W), y (N,), x_test, y_test from the four standard files of a folder."""
    images, labels, test_images, test_labels = find_files(folder)
    x, y = _read_pair(images, labels)
    x_test, y_test = _read_pair(test_images, test_labels)
    if x_test.shape[1:] != x.shape[1:]:
        raise DataError(
            f"{test_images}: test samples of shape {x_test.shape[1:]}, "
            f"the training samples have {x.shape[1:]}"
        )
    return x, y, x_test, y_test


def read_images(path: Path) -> np.ndarray:
    """x (N, ...), one sample per entry of the first dimension."""
    x = read_array(path)
    require_images(path, x.shape)
    if place := place_of_not_finite(x):
        raise DataError(f"{path}: sample {place[0]} holds {x[place]}, expected finite numbers")
    return x


def require_images(path: Path, shape: tuple[int, ...]) -> None:
    if len(shape) == 1:
        raise DataError(f"{path}: looks like a label file (1 dimension), expected images")


def read_labels(path: Path) -> np.ndarray:
    """y (N,) int64."""
    y = read_array(path)
    require_labels(path, y.dtype, y.shape)
    return y.astype(np.int64, copy=False)


def require_labels(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    if len(shape) != 1:
        raise DataError(
            f"{path}: looks like an image file ({len(shape)} dimensions), expected labels "
            "(1 dimension)"
        )
    if dtype.kind == "f":
        raise DataError(f"{path}: labels of type {dtype}, expected integers")


@contextmanager
def opened(path: Path) -> Iterator[tuple[np.dtype, tuple[int, ...], Iterator[np.ndarray]]]:
    """The dtype and the shape of the array of a file, and its rows in blocks, as they are read."""
    with open_bytes(path) as stream:
        dtype, shape = _read_header(stream, path)
        yield dtype, shape, _blocks(path, stream, dtype, shape)


def _blocks(
    path: Path, stream: BinaryIO, dtype: np.dtype, shape: tuple[int, ...]
) -> Iterator[np.ndarray]:
    values = math.prod(shape[1:])
    found, most = 0, rows_per_block(values) * values * dtype.itemsize
    missing = math.prod(shape) * dtype.itemsize
    while missing:
        body = read_at_most(stream, min(most, missing))
        found += len(body)
        if len(body) < min(most, missing):
            _compare_sizes(path, dtype, shape, found)
        missing -= len(body)
        yield np.frombuffer(body, dtype).reshape(-1, *shape[1:])
    _compare_sizes(path, dtype, shape, found + len(stream.read(1)), more=" or more")


def read_array(path: Path) -> np.ndarray:
    """The array of an IDX file: a read-only map of it, in its byte order, which is big-endian;
    of a .gz file an array in memory, in native byte order."""
    with open_bytes(path) as stream:
        dtype, shape = _read_header(stream, path)
        expected = math.prod(shape) * dtype.itemsize
        if not path.name.lower().endswith(".gz"):
            start = stream.tell()
            _compare_sizes(path, dtype, shape, os.fstat(stream.fileno()).st_size - start)
            return np.memmap(path, dtype, "r", start, shape)
        body = read_at_most(stream, expected + 1)
    _compare_sizes(path, dtype, shape, len(body), more=" or more")
    return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def find_files(folder: Path) -> list[Path]:
    """The four files of a data set: images and labels, and those of the test part."""
    try:
        present = set(os.listdir(folder))
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror or error}") from error
    found = {name: _spelling_of(name, present) for name in FOLDER}
    missing = [name for name, spelling in found.items() if spelling is None]
    if missing:
        raise DataError(
            f"{folder}: no file {', '.join(missing)} (.gz or not) in this folder; expected an "
            "IDX data set of four files, or x.npy and y.npy"
        )
    return [folder / spelling for spelling in found.values() if spelling is not None]


def _spelling_of(name: str, present: set[str]) -> str | None:
    dotted = name.replace("-idx", ".idx")
    spellings = (name, dotted, name + ".gz", dotted + ".gz")
    return next((spelling for spelling in spellings if spelling in present), None)


def _read_pair(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    x, y = read_images(images), read_labels(labels)
    if len(x) != len(y):
        raise DataError(f"{images}: {len(x)} images, but {labels.name} holds {len(y)} labels")
    return x, y


def _read_header(stream: BinaryIO, path: Path) -> tuple[np.dtype, tuple[int, ...]]:
    magic = read_at_most(stream, 4)
    if not magic:
        raise DataError(f"{path}: empty file, expected IDX data")
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise DataError(
            f"{path}: not an IDX file (starts with {magic.hex(' ')}, expected 00 00, type, "
            "number of dimensions)"
        )
    kind, ndim = magic[2:]
    if kind not in TYPES:
        raise DataError(f"{path}: byte 2 is 0x{kind:02X}, known types 08 09 0B 0C 0D 0E")
    if not 1 <= ndim <= 4:
        raise DataError(f"{path}: {ndim} dimensions (byte 3), expected 1 to 4")
    sizes = read_at_most(stream, 4 * ndim)
    if len(sizes) < 4 * ndim:
        raise DataError(
            f"{path}: header cut short, {4 + len(sizes)} bytes, expected {4 + 4 * ndim}"
        )
    shape = struct.unpack(f">{ndim}I", sizes)
    if 0 in shape:
        raise DataError(f"{path}: holds no values (header says {_times(shape)})")
    return np.dtype(TYPES[kind]), shape


def _compare_sizes(
    path: Path, dtype: np.dtype, shape: tuple[int, ...], found: int, more: str = ""
) -> None:
    """`more` is said of a surplus whose size is not known, since reading stopped."""
    expected = math.prod(shape) * dtype.itemsize
    if found != expected:
        unit = f" of {dtype.itemsize} bytes" if dtype.itemsize > 1 else ""
        raise DataError(
            f"{path}: header says {_times(shape)}{unit} = {expected} bytes, "
            f"file holds {found}{more if found > expected else ''}"
        )


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
