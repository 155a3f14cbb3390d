"""Networks in files.

A checkpoint is an archive of arrays (`mlp.files.archive`) with one member per parameter ("0.W"),
"architecture" (JSON: the layers with their arguments), and whatever else the caller adds. Nothing
in a file is ever executed or imported by name.
"""

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mlp import layers as layers_of_mlp
from mlp.errors import CheckpointError
from mlp.files.archive import MALFORMED, Arrays, read_archive, write_archive
from mlp.layers import Affine, Layer
from mlp.sequential import Sequential

Kinds = dict[str, type[Layer]]


def save_checkpoint(path: str | os.PathLike, net: Layer, **extra: Any) -> None:
    """Write net, and `extra` arrays, numbers or texts, to path.

    The file appears under its name only when it is complete and on the disk; a file of that name
    stays as it was until then. Raises ValueError for a network that no file can describe (it holds
    functions, or a layer whose `constructor_arguments` do not make it again), TypeError for what is
    no network, OSError as the file system does.
    """
    if not isinstance(net, Layer):
        raise TypeError(f"save_checkpoint: expected a layer or network, got {net!r}")
    members = {"architecture": json.dumps(_described(net, "save_checkpoint"))} | net.parameters()
    if taken := (members.keys() | {"manifest"}) & extra.keys():
        raise ValueError(f"save_checkpoint: the names {sorted(taken)} belong to the network")
    write_archive(path, members | extra, who="save_checkpoint")


def load_checkpoint(
    path: str | os.PathLike, layers: Iterable[type[Layer]] = ()
) -> tuple[Layer, Arrays]:
    """The network in the file, and the extra arrays by name.

    `layers` are classes of your own that occur in it, as in load_checkpoint(path, layers=[Gain]).
    Raises CheckpointError if the file is damaged, no checkpoint, or has a layer that is unknown;
    OSError if it cannot be read.
    """
    path = Path(path)
    kinds = _kinds(layers)
    members = read_archive(path)
    try:
        numbers = sum(member.size for member in members.values())
        net = _built(json.loads(members.pop("architecture").item()), kinds, numbers)
        _fill(net, members)
    except MALFORMED as e:
        raise CheckpointError(f"{path}: no network in it that this version reads: {e}") from e
    return net, {name: value for name, value in members.items() if name not in net.parameters()}


def _kinds(own: Iterable[type[Layer]]) -> Kinds:
    """The classes that a file may name."""
    kinds = {name: getattr(layers_of_mlp, name) for name in layers_of_mlp.__all__}
    kinds["Sequential"] = Sequential
    if isinstance(own, type):
        raise TypeError(
            f"load_checkpoint: expected classes of layers, as in layers=[{own.__name__}]"
        )
    for layer in own:
        if not (isinstance(layer, type) and issubclass(layer, Layer)):
            raise TypeError(f"load_checkpoint: expected classes of layers, got {layer!r}")
        if kinds.setdefault(layer.__name__, layer) is not layer:
            raise ValueError(f"load_checkpoint: there is a layer {layer.__name__} in mlp already")
    return kinds


def _described(layer: Layer, who: str) -> list:
    """[kind, positional arguments, keyword arguments], layers within layers likewise."""
    kind = type(layer).__name__
    if _kinds([]).get(kind, type(layer)) is not type(layer):
        raise ValueError(f"{who}: expected another name for a layer than {kind}, which mlp has")
    args, kwargs = layer.constructor_arguments()
    if kind not in _kinds([]):
        _check_remade(layer, args, kwargs, who)
    plain_args = [_plain(a, who, kind) for a in args]
    return [kind, plain_args, {k: _plain(v, who, kind) for k, v in kwargs.items()}]


def _plain(value: Any, who: str, kind: str) -> Any:
    if isinstance(value, Layer):
        return {"layer": _described(value, who)}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if callable(value):
        raise ValueError(f"{who}: {kind} holds a function, which no file can keep")
    return value


def _check_remade(layer: Layer, args: tuple, kwargs: dict[str, Any], who: str) -> None:
    """Raise ValueError unless the arguments make a layer with parameters of the same shapes."""
    kind = type(layer).__name__
    try:
        twin = type(layer)(*args, **kwargs)
        same = {n: p.shape for n, p in twin.parameters().items()} == {
            n: p.shape for n, p in layer.parameters().items()
        }
    except (TypeError, ValueError):
        same = False
    if not same:
        raise ValueError(
            f"{who}: {kind}(*args, **options) with the args and options of its "
            f"constructor_arguments() does not make this {kind} again; write that method"
        )


def _built(description: list, kinds: Kinds, numbers: int) -> Layer:
    """The layer of a description, in a file that holds so many numbers at most."""
    kind, args, kwargs = description
    if kind not in kinds:
        raise ValueError(
            f"it has a layer {kind}, which is not one of mlp's; if it is yours, "
            f"load_checkpoint(path, layers=[{kind}])"
        )

    def value(argument: Any) -> Any:
        if isinstance(argument, dict) and argument.keys() == {"layer"}:
            return _built(argument["layer"], kinds, numbers)
        return argument

    if kind in ("Sequential", "Concat"):  # mlp 0.1 wrote the layers in them without a mark
        args = [a if isinstance(a, dict) else {"layer": a} for a in args]
    if kinds[kind] is Affine:
        if math.prod(args) > numbers:
            raise ValueError(f"Affine{tuple(args)} has more weights than the file has numbers")
        kwargs = kwargs | {"init": "zeros"}
    options = {name: value(option) for name, option in kwargs.items()}
    return kinds[kind](*map(value, args), **options)


def _fill(net: Layer, members: Arrays) -> None:
    for name, parameter in net.parameters().items():
        if members[name].shape != parameter.shape or members[name].dtype != parameter.dtype:
            raise ValueError(
                f"{name} is {members[name].dtype} {members[name].shape}, "
                f"the architecture says {parameter.dtype} {parameter.shape}"
            )
        if not np.isfinite(members[name]).all():
            raise ValueError(f"{name} holds NaN or infinity")
        parameter[...] = members[name]
