"""Build pairs of functions: which arguments are arrays, and which are settings."""

import inspect
from typing import Any

import numpy as np

from mlp.checking.students.adapters import PairSubject, Subject, training_flags
from mlp.checking.students.loading import Entry
from mlp.checking.students.names import meaning, plain
from mlp.checking.students.slots import required
from mlp.checking.students.values import Size, asked, by_meaning

SECOND_INPUTS = {"y", "z", "b", "x2", "xb", "other", "right", "second", "v", "u", "q"}
"""Names of a second input of a function; any other is a parameter with one number per column."""


def build_pair(entry: Entry, size: Size, columns: bool = False) -> Subject:
    names = required(entry.code[0])
    extras: dict[str, Any] = dict(training_flags(entry.code[0]))
    arrays: list[str] = []
    for name in [n for n in names[1:] if n not in extras]:
        if _is_option(name, entry.kind):
            extras[name] = _option(name, size, len(extras) if entry.kind == "MaxPool" else None)
        else:
            arrays.append(name)
    for name in _optional_windows(entry, size):
        extras.setdefault(name, _option(name, size))
    inputs, parameters = _split_arrays(entry, arrays, size, columns)
    return PairSubject(entry.code, inputs, parameters, extras, [names[0], *arrays])


def _split_arrays(
    entry: Entry, names: list[str], size: Size, columns: bool
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    if "conv" in plain(entry.name) and names:
        return ("x",), _filters(entry, names, size)
    if entry.kind == "Affine" or (names and meaning(names[0]) == "W"):
        W, b = ((size.M, size.D), (size.M, 1)) if columns else ((size.D, size.M), (size.M,))
        roles = dict(zip(("W", "b", "gamma", "beta"), names, strict=False))
        shapes = {"W": W, "b": b, "gamma": (size.M,), "beta": (size.M,)}
        return ("x",), {r: size.array(shapes[r], i) for i, r in enumerate(roles)}
    if len(names) == 1 and (entry.kind == "Multiply" or plain(names[0]) in SECOND_INPUTS):
        return ("x", "y"), {}
    shape: tuple[int, ...] = (1, size.D, 1, 1) if "group" in plain(entry.name) else (size.D,)
    shape = (size.D, 1) if columns else shape
    return ("x",), {name: size.array(shape, i) for i, name in enumerate(names)}


def _filters(entry: Entry, names: list[str], size: Size) -> dict[str, np.ndarray]:
    """Weights and bias of a convolution: two filters 3 by 3 over D channels."""
    found = {}
    for i, name in enumerate(names):
        role = meaning(name) if meaning(name) in ("W", "b") else ("W", "b")[min(i, 1)]
        if role == "W":
            one = "depthwise" in plain(entry.name)
            found["W"] = size.array((size.D, 1, 3, 3) if one else (2, size.D, 3, 3))
        else:
            found.setdefault("b", size.array((2,), 1))
    return dict(zip(("W", "b"), found.values(), strict=False)) | {
        n: size.array((2,), 2 + i) for i, n in enumerate(names[2:])
    }


def _is_option(name: str, kind: str | None) -> bool:
    wanted = meaning(name)
    if plain(name).endswith(("param", "params", "config")) or plain(name) == "g":
        return True
    if wanted == "text" or plain(name) in ("stride", "pad", "padding", "hparameters"):
        return True
    if kind == "MaxPool":
        return True
    if kind == "Multiply":
        return wanted == "pairs"
    return kind is None and wanted in ("window", "stride", "slope", "rate", "flag", "seed")


def _option(name: str, size: Size, position: int | None = None) -> Any:
    """A value for an option; those of a pool are window and stride, whatever their names."""
    if plain(name).endswith(("param", "params", "config", "hparameters")):
        return _configuration(name, size)
    if plain(name) in ("pad", "padding"):
        return 1
    if plain(name) == "g":
        return 2
    if meaning(name) == "text":
        return "relu"
    wanted = meaning(name)
    if position is not None and wanted not in ("window", "stride", "flag"):
        wanted = ("window", "stride")[min(position, 1)]
        return by_meaning(wanted, 0, size)
    value = by_meaning(name, 0, size)
    return np.array(value) if wanted == "pairs" else value


def _configuration(name: str, size: Size) -> dict[str, Any]:
    """What dictionaries of settings hold in courses."""
    side = size.window if isinstance(size.window, int) else size.window[0]
    stride = size.stride or (1 if "conv" in plain(name) else side)
    return {
        "pool_height": side, "pool_width": side, "window": side, "f": side, "stride": stride,
        "pad": 1, "mode": "train", "p": 0.5, "dropout_param": 0.5, "seed": 5, "eps": 1e-5,
        "momentum": 0.9,
    }  # fmt: skip


def _optional_windows(entry: Entry, size: Size) -> list[str]:
    wanted = {"MaxPool": ("window", "stride"), "Multiply": ("pairs",)}.get(entry.kind or "", ())
    names = inspect.signature(entry.code[0]).parameters
    return [n for n in names if meaning(n) in wanted and asked(n, size)]
