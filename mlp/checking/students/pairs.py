"""Build pairs of functions: which arguments are arrays, and which are settings."""

import inspect
import re
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from mlp.checking.students.adapters import Subject, training_flags
from mlp.checking.students.layouts import Gathered, Layout, layouts
from mlp.checking.students.loading import Entry
from mlp.checking.students.names import meaning, plain
from mlp.checking.students.pair_subject import PairSubject
from mlp.checking.students.slots import keys_of, required
from mlp.checking.students.values import Size, asked, by_meaning

SECOND_INPUTS = {"y", "z", "b", "x2", "xb", "other", "right", "second", "v", "u", "q"}
"""Names of a second input of a function; any other is a parameter with one number per column."""

_ARRAY_KEY = re.compile(r"^([WUb][A-Za-z_]{0,3}|gamma|beta)$")
"""Keys of dicts that hold arrays; with a digit they are those of a whole network."""


class Activation(str):
    """What to do after a product, for who wants its name, or an object with the two functions."""

    def __call__(self, z: np.ndarray) -> np.ndarray:
        return np.maximum(z, 0)

    def forward(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The output, and what backward wants."""
        return np.maximum(z, 0), z

    def backward(self, upstream: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The gradient."""
        return upstream * (z > 0)


_CHOICES = """relu sigmoid tanh linear identity leaky_relu lrelu softplus elu
    max average avg mean train training"""


def choices(entry: Entry) -> list[str]:
    """The texts by which forward is told what to do, as its own code compares them."""
    function = entry.code[0]
    if not any(_takes_text(p) for p in inspect.signature(function).parameters.values()):
        return []
    constants = getattr(getattr(function, "__code__", None), "co_consts", ())
    flat = [t for c in constants for t in (c if isinstance(c, tuple | frozenset) else (c,))]
    known = {plain(t): t for t in flat if isinstance(t, str)}
    return [known[plain(c)] for c in _CHOICES.split() if plain(c) in known]


def _takes_text(parameter: inspect.Parameter) -> bool:
    may = parameter.default is parameter.empty or isinstance(parameter.default, str)
    return may and meaning(parameter.name) in ("text", "flag")


def build_pair(
    entry: Entry, size: Size, columns: bool = False, layout: int = 0, choice: str | None = None
) -> Subject:
    """The subject of a pair; `layout`: which of the shapes that its arrays may have."""
    function, names, extras = _arguments(entry, size)
    if choice is not None:
        told = [p for p in inspect.signature(entry.code[0]).parameters.values() if _takes_text(p)]
        names = [n for n in names if n != told[0].name]
        extras[told[0].name] = choice
    chosen = layouts(entry.name, names, size, columns)
    if not chosen:
        inputs, parameters = _split_arrays(entry, names[1:], size, columns)
        return PairSubject((function, entry.code[1]), inputs, parameters, extras, names)
    these = chosen[layout]
    parameters = {n: size.array(shape, i) for i, (n, shape) in enumerate(these.parameters.items())}
    roles = {names[0]: "x"} | _weights(these)
    ordered = [*these.inputs, *these.parameters]
    subject = PairSubject(
        (function, entry.code[1]),
        tuple(roles.get(n, n) for n in these.inputs),
        {roles.get(n, n): value for n, value in parameters.items()},
        extras,
        ordered,
    )
    subject.below = these.below
    subject.order = [roles.get(n, n) for n in (names[1:] if these.below else names)]
    subject.shapes = {roles.get(n, n): shape for n, shape in these.inputs.items()}
    subject.feature_axis = 0 if columns else -1
    return subject


def _weights(these: Layout) -> dict[str, str]:
    """The only matrix or filter is W, the only bias b."""
    found: dict[str, str] = {}
    for role in ("W", "b"):
        named = [n for n in these.parameters if meaning(n) == role]
        if len(named) == 1:
            found[named[0]] = role
    return found


def layout_count(entry: Entry) -> int:
    """How many shapes the arrays of a pair may have."""
    _, names, _ = _arguments(entry, Size())
    return max(1, len(layouts(entry.name, names, Size(), False)))


def _arguments(entry: Entry, size: Size) -> tuple[Callable, list[str], dict[str, Any]]:
    """Forward, the names of the arrays that it takes, and its settings.

    A dict of arrays counts as the arrays in it.
    """
    function: Callable = entry.code[0]
    names = required(function)
    extras: dict[str, Any] = dict(training_flags(function))
    arrays: list[str] = names[:1]
    for name in [n for n in names[1:] if n not in extras]:
        keys = keys_of(function, name)
        if keys and all(_ARRAY_KEY.match(k) for k in keys) and isinstance(function, FunctionType):
            function = Gathered(function, name, keys)
            arrays += keys
        elif _is_option(name, entry.kind):
            extras[name] = _option(name, size, len(extras) if entry.kind == "MaxPool" else None)
        else:
            arrays.append(name)
    for name in _optional_windows(entry, size):
        extras.setdefault(name, _option(name, size))
    return function, arrays, extras


def _split_arrays(
    entry: Entry, names: list[str], size: Size, columns: bool
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
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
        return Activation("relu")
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
