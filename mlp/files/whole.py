"""Files that are written whole or not at all."""

import contextlib
import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

PARTIAL = ".part"
"""Ending of a file that is being written; a killed process may leave one."""


def write_whole(path: str | os.PathLike, data: bytes) -> None:
    """Write a file so that, whatever happens, path holds all of data or what it held before.

    A link is followed; a device or pipe is written to as it is. Raises OSError that names path.
    """
    with whole_file(path) as file:
        file.write(data)


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """A file to write to, which is at path when the block has ended well; as in write_whole."""
    path = Path(path).resolve()
    if path.exists() and not path.is_file():
        with open(path, "wb") as file:
            yield file
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        named = error.filename
        if named is not None and Path(named) not in (temporary, path.parent):
            raise  # of another file, that was open at the same time
        raise type(error)(error.errno, error.strerror, str(path)) from None
    finally:
        temporary.unlink(missing_ok=True)


def remove_partial(path: Path) -> None:
    """Remove what a process left that was killed while it wrote path."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{PARTIAL}"):
        left.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
