"""NPZ: arrays named x, y and perhaps x_test, y_test, as np.savez and np.savez_compressed write.

np.load is not enough for files of unknown origin. It takes memory as the header claims, leaks a
dozen types of exception, and a flipped bit in the directory makes an array vanish. Here every
member is read whole, its checksum verified, and its header compared with what was read.
"""

import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

import numpy as np

from mlp.data.npy_files import parse_header, require_size
from mlp.data.parts import KEYS, checked_features, checked_parts
from mlp.data.streams import expands_too_far, open_bytes, read_at_most
from mlp.errors import DataError

Kept = TypeVar("Kept")
WHERE = "in this NPZ file"


def read(
    path: Path,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
    """x (N, ...), y (N,) or (N, M), and x_test, y_test or None, None."""
    return checked_parts(path, _read_arrays(path), WHERE)


def read_features(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """x (N, ...) and y, or None if the file has no y."""
    return checked_features(path, _read_arrays(path), WHERE)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    contents = kept_members(path, lambda key, stream, size: read_at_most(stream, size))
    return {key: _parse(path, key, content) for key, content in contents.items()}


def kept_members(path: Path, keep: Callable[[str, IO[bytes], int], Kept]) -> dict[str, Kept]:
    """What `keep(key, stream, size)` makes of each array's NPY file; it must read all of it."""
    with open_bytes(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = _members(path, archive)
                kept = {}
                for key, member in members.items():
                    with archive.open(member) as stream:  # to the end: verifies the checksum
                        kept[key] = keep(key, stream, member.file_size)
                return kept
        except (DataError, OSError):
            raise
        except Exception as error:  # zipfile and zlib raise a dozen types for damaged data
            raise DataError(
                f"{path}: damaged NPZ file ({str(error) or type(error).__name__})"
            ) from error


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    members = archive.infolist()
    names = [member.filename for member in members]
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        raise DataError(f"{path}: holds {name!r} {times} times")
    found = {}
    for member in members:
        with archive.open(member):  # compares the name in the directory with that of the member
            pass
        if member.comment:  # NumPy writes none: a damaged length has swallowed the next entry
            raise DataError(f"{path}: damaged NPZ file (comment on {member.filename!r})")
        key = member.filename.removesuffix(".npy")
        if key in KEYS and key != member.filename:
            _check_member(path, member)
            found[key] = member
    if not found:
        held = ", ".join(map(repr, sorted(names)[:10])) or "nothing"
        raise DataError(f"{path}: no array x in this NPZ file, it holds {held}")
    return found


def _check_member(path: Path, member: zipfile.ZipInfo) -> None:
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


def _parse(path: Path, key: str, content: bytearray) -> np.ndarray:
    shape, fortran_order, dtype, start = parse_header(path, key, content)
    require_size(path, key, shape, dtype, len(content) - start)
    array = np.frombuffer(content, dtype, offset=start)
    if dtype.kind == "b":
        array = (array.view(np.uint8) != 0).view(np.uint8)
    array = array.reshape(shape, order="F" if fortran_order else "C")
    return np.require(array, array.dtype.newbyteorder("="), ["C", "A", "W"])
