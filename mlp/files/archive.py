"""Arrays in one file, refused when a single bit is wrong.

An archive is an uncompressed .npz that `np.load(path, allow_pickle=False)` reads, with one member
more: "manifest" (JSON: the format's version, and dtype and shape of every other member in order).
The zip comment at its end is the SHA-256 of all that stands before it.

A file is believed step by step: first the digest of the whole, then that the zip's directory says
nothing impossible, then that each member is as long as its header says, then the manifest. Arrays
are made only from bytes that are there.
"""

import hashlib
import io
import json
import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlp.errors import CheckpointError
from mlp.files.whole import write_whole

FORMAT = 2
DIGEST = 64
MALFORMED = (
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    MemoryError,
    RecursionError,
    RuntimeError,
    EOFError,
    OSError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What Python, zipfile and NumPy raise for a file that is sealed rightly, but makes no sense."""

Arrays = dict[str, np.ndarray]


def write_archive(path: str | os.PathLike, members: Mapping[str, Any], who: str) -> None:
    """Write arrays, numbers and texts; the file appears under its name only when it is whole.

    Raises ValueError, naming `who` asks for it, for members that are nothing of the kind, and
    OSError as the file system does.
    """
    arrays = {name: np.asarray(value) for name, value in members.items()}
    if objects := [name for name, a in arrays.items() if a.dtype.hasobject]:
        raise ValueError(f"{who}: expected arrays, numbers or texts for {objects}")
    write_whole(path, packed(arrays))


def read_archive(path: str | os.PathLike) -> Arrays:
    """The arrays in the file by name.

    Raises CheckpointError if it is damaged or no archive, OSError if it cannot be read.
    """
    data = Path(path).read_bytes()
    if hashlib.sha256(data[:-DIGEST]).hexdigest().encode() != data[-DIGEST:]:
        raise CheckpointError(
            f"{path}: the digest at its end does not match its {len(data)} bytes; "
            "it is damaged, cut short, or no checkpoint of mlp"
        )
    try:
        return unpacked(data)
    except MALFORMED as error:
        raise CheckpointError(f"{path}: nothing in it that this version reads: {error}") from error


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of an archive."""
    arrays = {"manifest": np.array(json.dumps(_manifest(arrays)))} | dict(arrays)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:  # no time of day
                np.lib.format.write_array(member, array, allow_pickle=False)
        archive.comment = bytes(DIGEST)
    body = buffer.getvalue()[:-DIGEST]
    return body + hashlib.sha256(body).hexdigest().encode()


def _manifest(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    members = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    return {"format": FORMAT, "members": members}


def unpacked(data: bytes) -> Arrays:
    """The arrays in the bytes of an archive, whose digest was checked; or one of MALFORMED."""
    arrays: Arrays = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            encrypted, stored = info.flag_bits & 1, info.compress_type == zipfile.ZIP_STORED
            if encrypted or not stored or info.file_size > len(data) or name in arrays:
                raise ValueError(f"{info.filename} is encrypted, compressed, too long or doubled")
            arrays[name] = _array(name, archive.read(info))
    if "manifest" in arrays:  # mlp 0.1 wrote none
        manifest = json.loads(arrays.pop("manifest").item())
        if manifest["format"] > FORMAT:
            raise ValueError(f"it has format {manifest['format']}, this version reads {FORMAT}")
        if manifest != _manifest(arrays):
            raise ValueError("its members are not those of its manifest")
    return arrays


def _array(name: str, member: bytes) -> np.ndarray:
    """The array in a .npy member, whose size is checked before it is made."""
    file = io.BytesIO(member)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"{name} has .npy version {version}")
    shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
    rest = member[file.tell() :]
    if dtype.hasobject or not dtype.itemsize or min(shape, default=0) < 0:
        raise ValueError(f"{name} holds objects or nothing: {dtype} {shape}")
    if math.prod(shape) * dtype.itemsize != len(rest):
        raise ValueError(f"{name} is said to be {dtype} {shape}, and holds {len(rest)} bytes")
    flat = np.frombuffer(bytearray(rest), dtype)
    return flat.reshape(shape, order="F" if by_column else "C")
