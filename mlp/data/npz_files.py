"""NPZ: arrays named x, y and perhaps x_test, y_test, as np.savez and np.savez_compressed write.

np.load is not enough for files of unknown origin. It takes memory as the header claims, leaks a
dozen types of exception, and a flipped bit in the directory makes an array vanish. Here every
member is read whole, its checksum verified, and its header compared with what was read.
"""

import io
import math
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np

from mlp.data.streams import expands_too_far, open_bytes, read_at_most
from mlp.errors import DataError

KEYS = ("x", "y", "x_test", "y_test")
HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read(
    path: Path,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
    """x (N, ...), y (N,) or (N, M), and x_test, y_test or None, None."""
    arrays = _read_arrays(path)
    _require_keys(path, arrays, ("x", "y"))
    x, y = _check_part(path, arrays, "x", "y")
    if not arrays.keys() & {"x_test", "y_test"}:
        return x, y, None, None
    _require_keys(path, arrays, ("x_test", "y_test"))
    x_test, y_test = _check_part(path, arrays, "x_test", "y_test")
    _require_same(path, "samples of shape", x_test.shape[1:], x.shape[1:])
    _require_same(path, "labels of kind", y_test.dtype.kind, y.dtype.kind)
    _require_same(path, "targets of shape", y_test.shape[1:], y.shape[1:])
    return x, y, x_test, y_test


def read_features(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """x (N, ...) and y, or None if the file has no y."""
    arrays = _read_arrays(path)
    _require_keys(path, arrays, ("x",))
    if "y" not in arrays:
        return _check_samples(path, "x", arrays["x"]), None
    return _check_part(path, arrays, "x", "y")


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    with open_bytes(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                contents = _read_members(path, archive)
        except (DataError, OSError):
            raise
        except Exception as error:  # zipfile and zlib raise a dozen types for damaged data
            raise DataError(
                f"{path}: damaged NPZ file ({str(error) or type(error).__name__})"
            ) from error
    return {key: _parse(path, key, content) for key, content in contents.items()}


def _read_members(path: Path, archive: zipfile.ZipFile) -> dict[str, bytearray]:
    members = archive.infolist()
    names = [member.filename for member in members]
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        raise DataError(f"{path}: holds {name!r} {times} times")
    contents = {}
    for member in members:
        with archive.open(member):  # compares the name in the directory with that of the member
            pass
        if member.comment:  # NumPy writes none: a damaged length has swallowed the next entry
            raise DataError(f"{path}: damaged NPZ file (comment on {member.filename!r})")
        key = member.filename.removesuffix(".npy")
        if key in KEYS and key != member.filename:
            contents[key] = _read_member(path, archive, member)
    if not contents:
        found = ", ".join(map(repr, sorted(names)[:10])) or "nothing"
        raise DataError(f"{path}: no array x in this NPZ file, it holds {found}")
    return contents


def _read_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytearray:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"{path}: {member.filename} has compression method {member.compress_type}, "
            "expected 0 (np.savez) or 8 (np.savez_compressed)"
        )
    if expands_too_far(member.file_size, member.compress_size):
        raise DataError(
            f"{path}: {member.filename} expands from {member.compress_size} to "
            f"{member.file_size} bytes; save it with np.savez, uncompressed, if this is meant"
        )
    with archive.open(member) as stream:
        return read_at_most(stream, member.file_size)  # to the end: verifies the checksum


def _parse(path: Path, key: str, content: bytearray) -> np.ndarray:
    shape, fortran_order, dtype, start = _parse_header(path, key, content)
    size = math.prod(shape)
    if size * dtype.itemsize != len(content) - start:
        raise DataError(
            f"{path}: {key} of shape {shape} and dtype {dtype} needs {size * dtype.itemsize} "
            f"bytes, file holds {len(content) - start}"
        )
    if size * dtype.itemsize == 0:
        raise DataError(f"{path}: {key} is empty (shape {shape}, dtype {dtype})")
    array = np.frombuffer(content, dtype, offset=start)
    if dtype.kind == "b":
        array = (array.view(np.uint8) != 0).view(np.uint8)
    array = array.reshape(shape, order="F" if fortran_order else "C")
    return np.require(array, array.dtype.newbyteorder("="), ["C", "A", "W"])


def _parse_header(
    path: Path, key: str, content: bytearray
) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    stream = io.BytesIO(content[: 1 << 14])
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


def _require_keys(path: Path, arrays: dict[str, np.ndarray], keys: tuple[str, ...]) -> None:
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise DataError(
            f"{path}: no array {' and '.join(missing)} in this NPZ file, it holds "
            f"{', '.join(sorted(arrays))}"
        )


def _check_part(
    path: Path, arrays: dict[str, np.ndarray], x_key: str, y_key: str
) -> tuple[np.ndarray, np.ndarray]:
    x = _check_samples(path, x_key, arrays[x_key])
    y = _check_labels(path, y_key, arrays[y_key])
    if len(x) != len(y):
        raise DataError(f"{path}: {len(x)} samples in {x_key}, but {len(y)} labels in {y_key}")
    return x, y


def _check_samples(path: Path, key: str, x: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "U":
        raise DataError(f"{path}: {key} holds text, expected numbers")
    if x.ndim < 2:
        raise DataError(f"{path}: {key} has shape {x.shape}, expected (N, features) or images")
    _require_finite(path, key, x)
    return x


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
    return y.astype(np.int64) if y.dtype.kind in "iu" else y


def _check_text(path: Path, key: str, y: np.ndarray) -> np.ndarray:
    codes = y.view(np.uint32)
    if ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any():
        raise DataError(f"{path}: {key} holds characters that are not Unicode")
    if (y == "").any():
        raise DataError(f"{path}: {key} row {np.argmax(y == '')}: missing value, an empty label")
    return y


def _require_finite(path: Path, key: str, array: np.ndarray) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = tuple(int(index) for index in np.argwhere(~np.isfinite(array))[0])
        raise DataError(
            f"{path}: {key}[{', '.join(map(str, place))}] is {array[place]}, "
            "expected finite numbers"
        )


def _require_same(path: Path, what: str, found: object, expected: object) -> None:
    if found != expected:
        raise DataError(f"{path}: the test part has {what} {found}, the training part {expected}")
