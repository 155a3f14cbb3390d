"""Bytes from files that may be damaged, hostile, or no files at all."""

import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from mlp.errors import DataError

CHUNK = 1 << 18
STORED_CHUNK = 1 << 14  # small, so that the ratio below is known early
# Real data compress 2 to 50 times, deflate can reach 1030: a small file must not fill the memory.
LARGEST_RATIO = 200
ALWAYS_ALLOWED = 16 << 20


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a regular file, decompressed if its name ends in .gz.

    Raises DataError for whatever the file system refuses, here and inside the `with` block.
    """
    try:
        _require_regular(path)
        with open(path, "rb") as file:
            is_gzip = path.name.lower().endswith(".gz")
            yield io.BufferedReader(_GzipMember(path, file), CHUNK) if is_gzip else file
    except OSError as error:
        if error.filename not in (None, path, str(path)):
            raise  # of another file, that is written meanwhile
        raise DataError(f"{path}: {error.strerror or error}") from error


def read_at_most(stream: IO[bytes], count: int) -> bytearray:
    """Up to `count` bytes. The memory grows with what arrives, never with `count` alone."""
    content = bytearray()
    while len(content) < count:
        chunk = stream.read(min(CHUNK, count - len(content)))
        if not chunk:
            break
        content += chunk
    return content


def expands_too_far(size: int, stored: int) -> bool:
    """Whether `stored` compressed bytes that give `size` bytes look like a decompression bomb."""
    return size > ALWAYS_ALLOWED and size > LARGEST_RATIO * stored


def _require_regular(path: Path) -> None:
    try:
        mode = os.stat(path).st_mode
    except ValueError as error:  # a NUL character in the path
        raise DataError(f"{path}: {error}") from error
    if stat.S_ISDIR(mode):
        raise DataError(f"{path}: is a folder, expected a file")
    if not stat.S_ISREG(mode):  # opening a pipe would wait for its writer for ever
        raise DataError(f"{path}: is a pipe, socket or device, expected a regular file")


class _GzipMember(io.RawIOBase):
    """The one member of a gzip file. The standard gzip module takes an empty file for empty data
    and joins the members of a file that holds several; for data both are damage."""

    def __init__(self, path: Path, file: BinaryIO):
        self._path = path
        self._file = file
        self._inflater = zlib.decompressobj(wbits=31)
        self._produced = 0
        self._refuse_other_files()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._inflater.eof:
            data = self._inflate(len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
        self._refuse_what_follows()
        return 0

    def _refuse_other_files(self) -> None:
        start = self._file.read(2)
        self._file.seek(0)
        if not start:
            raise DataError(f"{self._path}: empty file, expected gzip data")
        if start != b"\x1f\x8b":
            raise DataError(
                f"{self._path}: not a gzip file (starts with {start.hex(' ')}, expected 1f 8b); "
                "without compression its name must not end in .gz"
            )

    def _inflate(self, limit: int) -> bytes:
        stored = self._inflater.unconsumed_tail or self._file.read(STORED_CHUNK)
        if not stored:
            raise DataError(f"{self._path}: gzip data are cut short")
        try:
            data = self._inflater.decompress(stored, limit)
        except zlib.error as error:
            raise DataError(f"{self._path}: damaged gzip data ({error})") from error
        self._produced += len(data)
        if expands_too_far(self._produced, self._file.tell()):
            raise DataError(
                f"{self._path}: gzip data expand more than {LARGEST_RATIO} times; "
                "decompress the file first if this is meant"
            )
        return data

    def _refuse_what_follows(self) -> None:
        rest = self._inflater.unused_data or self._file.read(2)
        if rest.startswith(b"\x1f\x8b"):
            raise DataError(f"{self._path}: a second gzip member follows the first")
        if rest:
            raise DataError(f"{self._path}: other bytes follow the gzip data")
