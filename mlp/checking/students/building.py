"""Build a student's layer, whatever its constructor wants.

A recipe is a way to build it for a given size. Recipes are tried in order, and the first whose
forward pass accepts the input is kept.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlp.checking.students.adapters import (
    LossFunction,
    LossObject,
    ObjectSubject,
    PairSubject,
    Slot,
    Subject,
    call_forward,
    required,
    slots,
    training_flags,
)
from mlp.checking.students.loading import Entry, forward_of
from mlp.checking.students.names import BIASES, WEIGHTS, is_loss, meaning, plain

SECOND_INPUTS = {"y", "z", "b", "x2", "xb", "other", "right", "second", "v", "u", "q"}
"""Names of a second input of a function; any other is a parameter with one number per column."""


@dataclass(frozen=True)
class Size:
    """What a layer is built for; only what its constructor asks for is used."""

    D: int = 5
    M: int = 3
    window: Any = 2
    stride: Any = None
    pairs: Any = None

    def array(self, shape: tuple[int, ...], salt: int = 0) -> np.ndarray:
        """Random numbers for an array that a constructor wants."""
        return np.random.default_rng(salt).normal(size=shape)


@dataclass
class Recipe:
    """Constructor arguments by meaning, as functions of the size."""

    fill: Callable[[str, int, Size], Any]
    names: list[str]
    keywords: set[str] = field(default_factory=set)

    def gives(self, *wanted: str) -> bool:
        """Whether one of its arguments has one of these meanings."""
        return any(meaning(name) in wanted for name in self.names)

    def arguments(self, size: Size) -> tuple[list[Any], dict[str, Any]]:
        names = [n for n in self.names if n not in self.keywords or _asked(n, size)]
        values = {name: self.fill(name, i, size) for i, name in enumerate(names)}
        positional = [v for n, v in values.items() if n not in self.keywords]
        return positional, {n: v for n, v in values.items() if n in self.keywords}


def build(entry: Entry, size: Size, recipe: Recipe | None) -> Subject:
    """A fresh subject of the entry."""
    if entry.is_class:
        return _object(entry, size, recipe)
    if not entry.is_pair:
        return LossFunction(entry.code)
    if takes_target(entry):
        return PairSubject(entry.code, ("x", "target"), {}, {})
    return _pair(entry, size)


def recipes(entry: Entry) -> list[Recipe | None]:
    """The ways to build it, likeliest first."""
    if not entry.is_class or entry.make is not None:
        return [None]
    names, keywords = _constructor(entry.code)
    needed = [n for n, compulsory in names.items() if compulsory]
    helpful = [n for n in names if n in needed or _helpful(n, entry.kind)]
    found: list[Recipe | None] = [
        Recipe(fill, helpful, keywords) for fill in _fills(entry.kind, len(needed))
    ]
    if helpful != needed:
        found += [Recipe(fill, needed, keywords) for fill in _fills(entry.kind, len(needed))]
    return found


def accepts(entry: Entry, wanted: str) -> bool:
    """Whether its constructor (or function) has an argument of that meaning."""
    if entry.make is not None:
        return False
    if entry.is_class:
        return any(meaning(name) == wanted for name in _constructor(entry.code)[0])
    return any(
        meaning(n) == wanted or plain(n).endswith("param")
        for n in inspect.signature(entry.code[0]).parameters
    )


def wants_the_unknown(entry: Entry) -> bool:
    """Whether its constructor needs something that no name explains, such as other layers."""
    return any(meaning(n) is None for n, needed in _constructor(entry.code)[0].items() if needed)


def _asked(name: str, size: Size) -> bool:
    """Optional strides and pairs are given only where the size names them."""
    wanted = meaning(name)
    if wanted == "stride":
        return size.stride is not None
    return wanted != "pairs" or size.pairs is not None


def _constructor(cls: type) -> tuple[dict[str, bool], set[str]]:
    """Arguments (name: compulsory), and those to be passed by name."""
    try:
        signature = inspect.signature(cls)
    except (TypeError, ValueError):
        return {}, set()
    usual = [
        p for p in signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    keywords = {p.name for p in usual if p.kind == p.KEYWORD_ONLY or p.default is not p.empty}
    return {p.name: p.default is p.empty for p in usual}, keywords


def _helpful(name: str, kind: str | None) -> bool:
    """Optional arguments worth giving: they let the check choose the size."""
    wanted = {
        "Affine": ("in", "out", "W", "b"),
        "MaxPool": ("window", "stride"),
        "Multiply": ("pairs",),
    }
    return meaning(name) in wanted.get(kind or "", ())


def _fills(kind: str | None, count: int) -> Iterator[Callable[[str, int, Size], Any]]:
    yield _by_meaning if kind != "Multiply" else _pairs_first
    if kind == "MaxPool":
        yield lambda name, i, size: [_window(size), size.stride or _window(size), 0][min(i, 2)]
        return
    lazy = kind == "Affine" and count == 1
    sizes = (lambda s: (s.M, s.D)) if lazy else (lambda s: (s.D, s.M))
    yield lambda name, i, size: sizes(size)[min(i, 1)]
    yield lambda name, i, size: sizes(size)[1 - min(i, 1)]
    for shape, bias in _array_shapes():
        yield _arrays(shape, bias)
    if kind is None and count == 1:
        yield lambda name, i, size: size.array((size.D,))
        yield lambda name, i, size: 0.3


def _arrays(shape: Callable, bias: Callable) -> Callable[[str, int, Size], Any]:
    """The weights and the bias themselves, as the first and the second argument."""
    return lambda name, i, size: size.array((bias if i else shape)(size), min(i, 1))


def _array_shapes() -> list[tuple[Callable, Callable]]:
    biases = [lambda s: (s.M,), lambda s: (1, s.M)]
    weights = [lambda s: (s.D, s.M), lambda s: (s.M, s.D)]
    return [(w, b) for w in weights for b in biases]


def _window(size: Size) -> Any:
    return size.window


def _by_meaning(name: str, index: int, size: Size) -> Any:
    wanted = meaning(name)
    one = plain(name)[-1:] in ("h", "w", "t") and isinstance(size.window, tuple)
    window = size.window[0] if one and wanted == "window" else size.window
    values: dict[str | None, Any] = {
        "in": size.D,
        "out": size.M,
        "W": size.array((size.D, size.M)),
        "b": size.array((size.M,), 1),
        "window": window,
        "stride": size.stride or size.window,
        "pairs": size.pairs if size.pairs is not None else [(0, 1), (2, 3)],
        "rng": np.random.default_rng(0),
        "seed": 0,
        "slope": 0.1,
        "rate": 0.5,
        "flag": True,
        "text": "layer",
        None: (size.D, size.M)[min(index, 1)],
    }
    return values[wanted]


def _pairs_first(name: str, index: int, size: Size) -> Any:
    wanted = meaning(name)
    if wanted in ("in", "out", None):
        return np.array(_by_meaning("pairs", index, size)) if wanted is None else size.D
    value = _by_meaning(name, index, size)
    return np.array(value) if wanted == "pairs" else value


def _object(entry: Entry, size: Size, recipe: Recipe | None) -> Subject:
    if entry.make is not None:
        instance = entry.make()
    else:
        positional, named = recipe.arguments(size) if recipe else ([], {})
        instance = entry.code(*positional, **named)
    if takes_target(entry):
        return LossObject(instance, ("x", "target"), {})
    wanted = [n for n in required(call_forward(instance)) if meaning(n) != "flag"]
    inputs = ("x", "y") if len(wanted) == 2 else ("x",)
    found = find_parameters(instance, entry.kind)
    if not found and entry.kind == "Affine":  # made by the first forward pass
        call_forward(instance)(np.zeros((2, size.D)))
        found = find_parameters(instance, entry.kind)
    return ObjectSubject(instance, inputs, found)


def takes_target(entry: Entry) -> bool:
    """Whether the entry is a loss: by its kind, or by a backward pass without upstream.

    Such a pass takes nothing, or what forward took: `backward(prediction, target)`.
    """
    if entry.is_class:
        wanted = [n for n in required(entry.code.backward) if n != "self"]
        inputs = [n for n in required(forward_of(entry.code)) if n != "self"]
        return is_loss(entry.kind) or (wanted in ([], inputs) and len(inputs) == 2)
    if entry.is_pair:
        return is_loss(entry.kind) or len(required(entry.code[1])) == 1
    return True


def find_parameters(instance: Any, kind: str | None) -> dict[str, Slot]:
    """W and b by their usual names; for Affine under any name, by their shapes."""
    arrays = [p for p in slots(instance) if not _is_gradient(p, instance)]
    found: dict[str, Slot] = {}
    for role, names in (("W", WEIGHTS), ("b", BIASES)):
        named = [p for p in arrays if plain(p.name) in names or _wrapped(p, names)]
        if named:
            found[role] = named[0]
    if kind == "Affine":
        _complete_affine(found, arrays)
    elif kind is None:
        known = {id(p.read()) for p in found.values()}
        for slot in arrays:
            taken = slot.name in ("x", "y", "target")
            if id(slot.read()) not in known and slot.read().size and not taken:
                found.setdefault(slot.name, slot)
                known.add(id(slot.read()))
    else:
        found = {}
    return found


def _wrapped(slot: Slot, names: set[str]) -> bool:
    """A Parameter object called W: the attribute of the layer has the name, not the array."""
    return plain(slot.path) in names


def _complete_affine(found: dict[str, Slot], arrays: list[Slot]) -> None:
    if "W" not in found:
        matrices = [p for p in arrays if p.read().ndim == 2 and min(p.read().shape) > 1]
        if matrices:
            found["W"] = matrices[0]
    if "b" not in found and "W" in found:
        rest = [p for p in arrays if p.read() is not found["W"].read()]
        vectors = [p for p in rest if p.read().size in found["W"].read().shape]
        if vectors:
            found["b"] = vectors[0]


def _is_gradient(slot: Slot, instance: Any) -> bool:
    """dW, grad_b, ...: named after another array of the object, or inside a dict of gradients."""
    if slot.holder is not instance and not isinstance(slot.holder, dict | list):
        return slot.name in ("grad", "g", "gradient")
    path = plain(slot.path)
    if path.startswith(("grad", "dparam", "momentum", "velocity", "cache")):
        return True
    name = plain(slot.name)
    for prefix in ("dld", "grad", "d", "v", "m"):
        rest = name.removeprefix(prefix)
        if rest != name and (rest in WEIGHTS | BIASES or _has(instance, rest)):
            return True
    return name.endswith("grad")


def _has(instance: Any, name: str) -> bool:
    return any(plain(p.name) == name for p in slots(instance))


def _pair(entry: Entry, size: Size) -> Subject:
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
    inputs, parameters = _split_arrays(entry.kind, arrays, size)
    return PairSubject(entry.code, inputs, parameters, extras)


def _split_arrays(
    kind: str | None, names: list[str], size: Size
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    if kind == "Affine" or (names and meaning(names[0]) == "W"):
        shapes = {"W": (size.D, size.M), "b": (size.M,)}
        roles = dict(zip(("W", "b"), names, strict=False))
        return ("x",), {r: size.array(shapes[r], i) for i, r in enumerate(roles)}
    if len(names) == 1 and (kind == "Multiply" or plain(names[0]) in SECOND_INPUTS):
        return ("x", "y"), {}
    return ("x",), {name: size.array((size.D,), i) for i, name in enumerate(names)}


def _is_option(name: str, kind: str | None) -> bool:
    wanted = meaning(name)
    if plain(name).endswith(("param", "params", "config")):
        return True
    if kind == "MaxPool":
        return True
    if kind == "Multiply":
        return wanted == "pairs"
    return kind is None and wanted in ("window", "stride", "slope", "rate", "flag", "seed")


def _option(name: str, size: Size, position: int | None = None) -> Any:
    """A value for an option; those of a pool are window and stride, whatever their names."""
    if plain(name).endswith(("param", "params", "config")):
        side = size.window if isinstance(size.window, int) else size.window[0]
        stride = size.stride or side
        return {
            "pool_height": side,
            "pool_width": side,
            "window": side,
            "stride": stride,
            "mode": "train",
        }
    wanted = meaning(name)
    if position is not None and wanted not in ("window", "stride", "flag"):
        wanted = ("window", "stride")[min(position, 1)]
        return _by_meaning(wanted, 0, size)
    value = _by_meaning(name, 0, size)
    return np.array(value) if wanted == "pairs" else value


def _optional_windows(entry: Entry, size: Size) -> list[str]:
    wanted = {"MaxPool": ("window", "stride"), "Multiply": ("pairs",)}.get(entry.kind or "", ())
    names = inspect.signature(entry.code[0]).parameters
    return [n for n in names if meaning(n) in wanted and _asked(n, size)]
