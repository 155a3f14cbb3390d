"""What arrays must be to be the samples and labels of a data set, and its test part."""

from pathlib import Path

import numpy as np

from mlp.errors import DataError
from mlp.rows import place_of_not_finite, row_blocks

KEYS = ("x", "y", "x_test", "y_test")


def checked_parts(
    path: Path, arrays: dict[str, np.ndarray], where: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
    """x (N, ...), y (N,) or (N, M), and x_test, y_test or None, None.

    `where` the arrays are is said if one is missing.
    """
    _require_keys(path, arrays, ("x", "y"), where)
    x, y = _check_part(path, arrays, "x", "y")
    if not arrays.keys() & {"x_test", "y_test"}:
        return x, y, None, None
    _require_keys(path, arrays, ("x_test", "y_test"), where)
    x_test, y_test = _check_part(path, arrays, "x_test", "y_test")
    _require_same(path, "samples of shape", x_test.shape[1:], x.shape[1:])
    _require_same(path, "labels of kind", y_test.dtype.kind, y.dtype.kind)
    _require_same(path, "targets of shape", y_test.shape[1:], y.shape[1:])
    return x, y, x_test, y_test


def checked_features(
    path: Path, arrays: dict[str, np.ndarray], where: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """x (N, ...) and y, or None if there is no y."""
    _require_keys(path, arrays, ("x",), where)
    if "y" not in arrays:
        return check_samples(path, "x", arrays["x"]), None
    return _check_part(path, arrays, "x", "y")


def check_samples(path: Path, key: str, x: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "U":
        raise DataError(f"{path}: {key} holds text, expected numbers")
    if x.ndim < 2:
        raise DataError(f"{path}: {key} has shape {x.shape}, expected (N, features) or images")
    _require_finite(path, key, x)
    return x


def _require_keys(
    path: Path, arrays: dict[str, np.ndarray], keys: tuple[str, ...], where: str
) -> None:
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise DataError(
            f"{path}: no array {' and '.join(missing)} {where}, it holds "
            f"{', '.join(sorted(arrays))}"
        )


def _check_part(
    path: Path, arrays: dict[str, np.ndarray], x_key: str, y_key: str
) -> tuple[np.ndarray, np.ndarray]:
    x = check_samples(path, x_key, arrays[x_key])
    y = _check_labels(path, y_key, arrays[y_key])
    if len(x) != len(y):
        raise DataError(f"{path}: {len(x)} samples in {x_key}, but {len(y)} labels in {y_key}")
    return x, y


def _check_labels(path: Path, key: str, y: np.ndarray) -> np.ndarray:
    """Integers become int64, text and floats stay."""
    if not (y.ndim == 1 or (y.ndim == 2 and y.dtype.kind == "f")):
        raise DataError(
            f"{path}: {key} has shape {y.shape} and dtype {y.dtype}, expected labels (N,) "
            "or float targets (N, M); one-hot rows: save argmax(axis=1)"
        )
    _require_finite(path, key, y)
    if y.dtype.kind == "U":
        return _check_text(path, key, y)
    if y.dtype == np.uint64 and y.max() > np.iinfo(np.int64).max:
        raise DataError(f"{path}: {key} holds {y.max()}, beyond the range of int64")
    return y.astype(np.int64, copy=False) if y.dtype.kind in "iu" else y


def _check_text(path: Path, key: str, y: np.ndarray) -> np.ndarray:
    for rows in row_blocks(y):
        texts = np.ascontiguousarray(y[rows])
        codes = texts.view(np.uint32)
        if ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any():
            raise DataError(f"{path}: {key} holds characters that are not Unicode")
        if (empty := texts == "").any():
            row = rows.start + int(np.argmax(empty))
            raise DataError(f"{path}: {key} row {row}: missing value, an empty label")
    return y


def _require_finite(path: Path, key: str, array: np.ndarray) -> None:
    if place := place_of_not_finite(array):
        raise DataError(
            f"{path}: {key}[{', '.join(map(str, place))}] is {array[place]}, "
            "expected finite numbers"
        )


def _require_same(path: Path, what: str, found: object, expected: object) -> None:
    if found != expected:
        raise DataError(f"{path}: the test part has {what} {found}, the training part {expected}")
