"""Choosing the reader: a folder is IDX, a file is what its name says."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlp.data import csv_files, idx_files, npy_files, npz_files
from mlp.data.parts import check_samples
from mlp.data.streams import open_bytes
from mlp.errors import DataError
from mlp.rows import row_blocks

DIGITS = Path(__file__).with_name("digits.csv.gz")
"""The embedded digits, which data/README.md describes."""
CSV_SUFFIXES = (".csv", ".txt", ".data")


class Dataset(NamedTuple):
    """Samples and their labels; the last two are None where there is no test part.

    x (N, ...) rows are samples; y (N,) int64 or str labels, or float targets (N,) or (N, M).
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray | None = None
    y_test: np.ndarray | None = None


def load(path: str | os.PathLike, *, label_column: int | str = -1) -> Dataset:
    """Read a data set: a folder of NPY or IDX files, a CSV file or an NPZ file.

    NPY   `x.npy`, `y.npy` and perhaps `x_test.npy`, `y_test.npy` in a folder, as `np.save` writes
          them or `mlp convert` does. x is a read-only memory map, so it may be larger than the
          memory; so is y, except for integers that are no int64 already: they become that. The
          dtype of y decides: integers and text are labels, floats are targets.

    IDX   `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the two `t10k-` files, each with
          or without `.gz`, give all four parts; x stays (N, H, W) uint8, y is (N,) int64. Without
          `.gz` x is a read-only memory map.
    CSV   `.csv`, `.txt` or `.data`, with or without `.gz`; commas, with or without a header row.
          x is (N, D) float64. The label stands in `label_column`: an index, or a name from the
          header. A column of whole numbers gives int64 labels, of other numbers float64 targets,
          of text str labels.
    NPZ   `x`, `y` and perhaps `x_test`, `y_test`, as `np.savez` writes them. Here the dtype of y
          decides: integers and text are labels, floats are targets.

    A file that is mapped must not change as long as its arrays are used.

    Raises DataError if the file is missing, damaged, or holds anything but finite numbers.
    """
    path = Path(path)
    kind = kind_of(path)
    if kind == "npy folder":
        return Dataset(*npy_files.read_folder(path))
    if kind == "npy":
        raise DataError(f"{path}: is one array; give the folder that holds x.npy and y.npy")
    if kind == "folder":
        return Dataset(*idx_files.read_folder(path))
    if kind == "idx":
        raise DataError(
            f"{path}: a single IDX file is no data set; give the folder that holds the four"
        )
    if kind == "npz":
        return Dataset(*npz_files.read(path))
    return Dataset(*csv_files.read(path, label_column))


class FeatureBlocks(NamedTuple):
    """Samples of a file, a block at a time: pairs of x and y as `load_features` gives them."""

    blocks: Iterator[tuple[np.ndarray, np.ndarray | None]]
    rows: int | None
    """How many there will be in all; None: it is not known before the end."""


def feature_blocks(
    path: str | os.PathLike,
    width: int,
    *,
    label_column: int | str = -1,
    names: Sequence[str] = (),
) -> FeatureBlocks:
    """As `load_features`, but a CSV file is read as its blocks are asked for."""
    path = Path(path)
    if kind_of(path) == "csv":

        def rows_of_table() -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
            with csv_files.opened(path, label_column, width, names) as table:
                for x, y in table.blocks():
                    yield x, None if y is None else table.labels.final(y)

        return FeatureBlocks(rows_of_table(), None)
    x, y = load_features(path, width)
    parts = ((x[rows], None if y is None else y[rows]) for rows in row_blocks(x))
    return FeatureBlocks(parts, len(x))


def load_features(
    path: str | os.PathLike,
    width: int,
    *,
    label_column: int | str = -1,
    names: Sequence[str] = (),
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read samples of `width` features from a CSV, NPY, NPZ or IDX image file, labelled or not.

    Returns x (N, width), and y (N,) or None: None says that the file was taken to hold no labels.
    A CSV file with `width` columns has none, with `width + 1` its labels are in `label_column`.
    If it has a header, and `names` are given, the features are the columns of these names, in any
    order; the only other column may be the label's.

    Raises DataError as `load` does, and if a row does not hold `width` features.
    """
    path = Path(path)
    kind = kind_of(path)
    if "folder" in kind:
        raise DataError(f"{path}: is a folder; expected one CSV, NPY, NPZ or IDX image file")
    if kind == "csv":
        return csv_files.read_features(path, width, label_column, names)
    y = None
    if kind == "idx":
        x = idx_files.read_images(path)
    elif kind == "npy":
        x = check_samples(path, "it", npy_files.mapped(path))
    else:
        x, y = npz_files.read_features(path)
    features = x[0].size
    if features != width:
        raise DataError(f"{path}: {features} features in each sample, expected {width}")
    return x.reshape(len(x), width), y


def column_names(
    path: str | os.PathLike, *, label_column: int | str = -1
) -> tuple[list[str], str] | None:
    """The names of the features and of the label, from the header of a CSV file or from the
    `names.json` that `mlp convert` writes beside `x.npy`; None: there are none."""
    path = Path(path)
    kind = kind_of(path)
    if kind == "npy folder":
        return npy_files.read_names(path)
    return csv_files.read_names(path, label_column) if kind == "csv" else None


def kind_of(path: Path) -> str:
    """What reads it: "npy folder", "folder" (of IDX files), "csv", "npz", "npy" or "idx"."""
    if os.path.isdir(path):
        return "npy folder" if npy_files.is_folder(path) else "folder"
    name = path.name.lower()
    stem = name.removesuffix(".gz")
    if name.endswith((".npz", ".npy")):
        return name[-3:]
    if stem.endswith(CSV_SUFFIXES):
        return "csv"
    if "idx" in name or "ubyte" in name:
        return "idx"
    with open_bytes(path):  # says so if there is no such file
        raise DataError(
            f"{path}: unknown type of file; expected a folder of NPY or IDX files, .csv, "
            ".csv.gz or .npz"
        )
