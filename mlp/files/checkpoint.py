"""Networks in files: written whole or not at all, and refused when a single bit is wrong.

A checkpoint is an uncompressed .npz that `np.load(path, allow_pickle=False)` reads: one member
per parameter ("0.W"), "architecture" (JSON: the layers with their arguments), and whatever else
the caller adds. The zip comment at its end is the SHA-256 of all that stands before it.
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlp import layers
from mlp.errors import CheckpointError
from mlp.files.whole import write_whole
from mlp.layers import Layer
from mlp.layers.container import Container
from mlp.sequential import Sequential

DIGEST = 64
_KINDS = {name: getattr(layers, name) for name in layers.__all__}
_KINDS["Sequential"] = Sequential


def save_checkpoint(path: str | os.PathLike, net: Layer, **extra: Any) -> None:
    """Write net, and `extra` arrays, numbers or texts, to path.

    The file appears under its name only when it is complete and on the disk; a file of that name
    stays as it was until then. Raises ValueError for a network that cannot be described (it holds
    functions, or layers of other packages), OSError as the file system does.
    """
    members = {"architecture": json.dumps(_described(net))} | net.parameters()
    if taken := members.keys() & extra.keys():
        raise ValueError(f"save_checkpoint: the names {sorted(taken)} belong to the network")
    members |= extra
    arrays = {name: np.asarray(value) for name, value in members.items()}
    if objects := [name for name, a in arrays.items() if a.dtype.hasobject]:
        raise ValueError(f"save_checkpoint: expected arrays, numbers or texts for {objects}")
    write_whole(path, _packed(arrays))


def load_checkpoint(path: str | os.PathLike) -> tuple[Layer, dict[str, np.ndarray]]:
    """The network in the file, and the extra arrays by name.

    Raises CheckpointError if the file is damaged or no checkpoint, OSError if it cannot be read.
    """
    path = Path(path)
    data = path.read_bytes()
    if hashlib.sha256(data[:-DIGEST]).hexdigest().encode() != data[-DIGEST:]:
        raise CheckpointError(
            f"{path}: the digest at its end does not match its {len(data)} bytes; "
            "it is damaged, cut short, or no checkpoint of mlp"
        )
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            members = dict(archive)
        net = _built(json.loads(members.pop("architecture").item()))
        _fill(net, members)
    except (LookupError, AttributeError, TypeError, ValueError, MemoryError, RecursionError) as e:
        raise CheckpointError(f"{path}: no network in it that this version reads: {e}") from e
    return net, {name: value for name, value in members.items() if name not in net.parameters()}


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:  # no time of day
                np.lib.format.write_array(member, array, allow_pickle=False)
        archive.comment = bytes(DIGEST)
    body = buffer.getvalue()[:-DIGEST]
    return body + hashlib.sha256(body).hexdigest().encode()


def _described(layer: Layer) -> list:
    """[kind, positional arguments, keyword arguments], layers within layers likewise."""
    kind = type(layer).__name__
    if _KINDS.get(kind) is not type(layer):
        raise ValueError(f"save_checkpoint: expected layers of mlp, got {kind}")
    args, kwargs = layer.constructor_arguments()
    return [kind, [_plain(a, kind) for a in args], {k: _plain(v, kind) for k, v in kwargs.items()}]


def _plain(value: Any, kind: str) -> Any:
    if isinstance(value, Layer):
        return _described(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    if callable(value):
        raise ValueError(f"save_checkpoint: {kind} holds a function, which no file can keep")
    return value


def _built(description: list) -> Layer:
    kind, args, kwargs = description
    if issubclass(_KINDS[kind], Container):
        args = [_built(part) for part in args]
    if kind == "Affine":
        kwargs = kwargs | {"init": "zeros"}
    return _KINDS[kind](*args, **kwargs)


def _fill(net: Layer, members: Mapping[str, np.ndarray]) -> None:
    for name, parameter in net.parameters().items():
        if members[name].shape != parameter.shape or members[name].dtype != parameter.dtype:
            raise ValueError(
                f"{name} is {members[name].dtype} {members[name].shape}, "
                f"the architecture says {parameter.dtype} {parameter.shape}"
            )
        if not np.isfinite(members[name]).all():
            raise ValueError(f"{name} holds NaN or infinity")
        parameter[...] = members[name]
