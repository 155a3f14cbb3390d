"""Build a student's layer, whatever its constructor wants.

A recipe is a way to build it for a given size. Recipes are tried in order, and the first whose
forward pass accepts the input is kept.
"""

import contextlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mlp.checking.students import weighted
from mlp.checking.students.adapters import (
    ObjectSubject,
    Recorder,
    Subject,
    backward_of,
    call_forward,
    forward_of,
)
from mlp.checking.students.columns import Columns
from mlp.checking.students.listed import Listed
from mlp.checking.students.loading import Entry
from mlp.checking.students.loss_subjects import (
    LossBeforeSigmoid,
    LossFunction,
    LossObject,
    takes_delta,
)
from mlp.checking.students.names import (
    is_loss,
    meaning,
    plain,
    target_comes_first,
)
from mlp.checking.students.neighbours import Neighbour
from mlp.checking.students.pair_subject import PairSubject
from mlp.checking.students.pairs import build_pair, choices, layout_count
from mlp.checking.students.parameters import find_parameters, waits
from mlp.checking.students.singles import SHAPES, OneByOne
from mlp.checking.students.slots import required
from mlp.checking.students.values import ACTIVATION, Size, asked, by_meaning


@dataclass
class Recipe:
    """Constructor arguments by meaning, as functions of the size."""

    fill: Callable[[str, int, Size], Any]
    names: list[str]
    keywords: set[str] = field(default_factory=set)
    columns: bool = False
    """Whether samples are columns."""
    swapped: bool = False
    """Whether a loss takes its target first."""
    listed: bool = False
    """Whether it takes its inputs as one list."""
    single: str | None = None
    """How it takes one sample at a time, if it does."""
    layout: int = 0
    """Which of the shapes that the arrays of a function may have."""
    choice: str | None = None
    """What a function is told to do, where it takes that as a text: "relu", "max", ..."""

    def gives(self, *wanted: str) -> bool:
        """Whether one of its arguments has one of these meanings."""
        return any(meaning(name) in wanted for name in self.names)

    def arguments(self, size: Size) -> tuple[list[Any], dict[str, Any]]:
        names = [n for n in self.names if n not in self.keywords or asked(n, size)]
        values = {name: self.fill(name, i, size) for i, name in enumerate(names)}
        positional = [v for n, v in values.items() if n not in self.keywords]
        return positional, {n: v for n, v in values.items() if n in self.keywords}


def build(entry: Entry, size: Size, recipe: Recipe) -> Subject:
    """A fresh subject of the entry."""
    subject = _built(entry, size, recipe)
    if recipe.swapped and isinstance(subject, LossObject | LossFunction):
        subject.swapped = True
    if recipe.listed and isinstance(subject, ObjectSubject):
        return Listed(subject)
    if recipe.single:
        return OneByOne(subject, recipe.single)
    return Columns(subject) if recipe.columns else subject


def _built(entry: Entry, size: Size, recipe: Recipe) -> Subject:
    if entry.is_class:
        return _object(entry, size, recipe)
    if takes_target(entry):
        if not entry.is_pair and weighted.roles(entry.code):
            return weighted.WeightedLoss(entry.code, weighted.forms(entry.code)[recipe.layout])
        if not entry.is_pair:
            return LossFunction(entry.code)
        if len(required(entry.code[1])) == len(required(entry.code[0])) or recipe.swapped:
            return LossFunction(*entry.code)
        return PairSubject(entry.code, ("x", "target"), {}, {})
    return build_pair(entry, size, recipe.columns, recipe.layout, recipe.choice)


def recipes(entry: Entry) -> list[Recipe]:
    """The ways to build it, likeliest first."""
    found = _row_recipes(entry)
    if entry.is_class and _JOINING.search(entry.name):
        found = [*(replace(r, listed=True) for r in found), *found]
    if takes_target(entry):
        first = _target_first(entry)
        swaps = (True, False) if first else (False, True)
        found = [replace(r, swapped=swap) for swap in swaps for r in found]
    if entry.make is not None or entry.kind in ("Multiply", "MaxPool") or entry.columns is False:
        return found
    turned = [replace(r, columns=True) for r in found]
    return turned if entry.columns else [*found, *turned]


_JOINING = re.compile("^(add|sum|multiply|mul|merge|concat)", re.IGNORECASE)
"""Names of layers that may take several inputs."""


def single_recipes(entry: Entry) -> list[Recipe]:
    """The ways to build a layer for one sample at a time."""
    if not entry.is_class:
        return []
    if takes_target(entry):
        return [replace(r, single=shape) for shape in SHAPES for r in recipes(entry)]
    return [replace(r, single=shape) for shape in SHAPES for r in _row_recipes(entry)]


def _target_first(entry: Entry) -> bool | None:
    function = forward_of(entry.code) if entry.is_class else entry.code
    function = function[0] if entry.is_pair else function
    names = [n for n in required(function) if n != "self"]
    return target_comes_first(*names[:2]) if len(names) >= 2 else None


def _row_recipes(entry: Entry) -> list[Recipe]:
    if not entry.is_class or entry.make is not None:
        several = entry.is_pair and entry.make is None and not takes_target(entry)
        count = layout_count(entry) if several else 1
        choice = next(iter(choices(entry)), None) if several else None
        return [Recipe(by_meaning, [], layout=i, choice=choice) for i in range(count)]
    names, keywords = _constructor(entry.code)
    needed = [n for n, compulsory in names.items() if compulsory]
    helpful = [n for n in names if n in needed or _helpful(n, entry.kind)]
    found = [Recipe(fill, helpful, keywords) for fill in _fills(entry.kind, len(needed))]
    if helpful != needed:
        found += [Recipe(fill, needed, keywords) for fill in _fills(entry.kind, len(needed))]
    padded = [n for n in names if plain(n) in ("padding", "pad") and n not in helpful]
    for way in ("valid", "same") if padded else ():
        first = found[0]
        found.append(replace(first, names=[*first.names, *padded], fill=_padded(first.fill, way)))
    if any(ACTIVATION.fullmatch(plain(name)) for name in needed):
        found += [replace(r, fill=_activated(r.fill, a)) for a in _ACTIVATIONS for r in found]
    return found


_ACTIVATIONS = ("tanh", "relu", "sigmoid", "linear", "identity", None)
"""What names an activation, where no function will do."""


def _padded(fill: Callable, way: str) -> Callable[[str, int, Size], Any]:
    return lambda name, i, size: way if plain(name) in ("padding", "pad") else fill(name, i, size)


def _activated(fill: Callable, activation: str | None) -> Callable[[str, int, Size], Any]:
    return lambda name, i, size: (
        activation if ACTIVATION.fullmatch(plain(name)) else fill(name, i, size)
    )


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


def constructor_arguments(entry: Entry) -> list[str]:
    """The names of all arguments of its constructor."""
    return list(_constructor(entry.code)[0])


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
    yield by_meaning if kind != "Multiply" else _pairs_first
    if kind == "MaxPool":
        yield lambda name, i, size: [_window(size), size.stride or _window(size), 0][min(i, 2)]
        return
    yield _shapes
    if count == 1:
        yield lambda name, i, size: (size.D, size.M)
    yield _whole_shapes
    lazy = kind == "Affine" and count == 1
    sizes = (lambda s: (s.M, s.D)) if lazy else (lambda s: (s.D, s.M))
    yield lambda name, i, size: sizes(size)[min(i, 1)]
    yield lambda name, i, size: sizes(size)[1 - min(i, 1)]
    for shape, bias in _array_shapes():
        yield _arrays(shape, bias)
    if count == 1:
        yield lambda name, i, size: (2, 2, size.D, size.M)  # a kernel with its channels
    if kind is None and count == 1:
        yield lambda name, i, size: size.array((size.D,))
        yield lambda name, i, size: 0.3


def _shapes(name: str, index: int, size: Size) -> Any:
    """Sizes as tuples: (D, M) where one argument takes both."""
    wanted = by_meaning(name, index, size)
    if plain(name) in ("dim", "dims", "shape", "weightshape", "wshape", "sizes", "trainingshape"):
        return (size.D, size.M)
    return (wanted,) if isinstance(wanted, int) and meaning(name) in ("in", "out", None) else wanted


def _whole_shapes(name: str, index: int, size: Size) -> Any:
    """The shape of a sample for each argument called a dimension or a shape of the input."""
    asks = meaning(name) in ("in", None) and plain(name).endswith(("dim", "dims", "shape", "size"))
    return size.shape if asks else by_meaning(name, index, size)


def _arrays(shape: Callable, bias: Callable) -> Callable[[str, int, Size], Any]:
    """The weights and the bias themselves, as the first and the second argument."""
    return lambda name, i, size: size.array((bias if i else shape)(size), min(i, 1))


def _array_shapes() -> list[tuple[Callable, Callable]]:
    biases = [lambda s: (s.M,), lambda s: (1, s.M)]
    weights = [lambda s: (s.D, s.M), lambda s: (s.M, s.D)]
    return [(w, b) for w in weights for b in biases]


def _window(size: Size) -> Any:
    return size.window


def _pairs_first(name: str, index: int, size: Size) -> Any:
    wanted = meaning(name)
    if wanted in ("in", "out", None):
        return np.array(by_meaning("pairs", index, size)) if wanted is None else size.D
    value = by_meaning(name, index, size)
    return np.array(value) if wanted == "pairs" else value


def _object(entry: Entry, size: Size, recipe: Recipe) -> Subject:
    if entry.make is not None:
        instance = entry.make()
    else:
        positional, named = recipe.arguments(size)
        instance = entry.code(*positional, **named)
        _finish(instance, size)
    if takes_target(entry):
        if takes_delta(entry.code):
            return LossBeforeSigmoid(instance, ("x", "target"), {})
        sized = any(recipe.gives(wanted) for wanted in ("in", "out"))
        found = find_parameters(instance, None) if sized else {}
        own = {n: slot for n, slot in found.items() if n in ("W", "b")}
        return LossObject(instance, ("x", "target"), own)
    wanted = [n for n in required(call_forward(instance)) if meaning(n) != "flag"]
    inputs = ("x", "y") if len(wanted) == 2 else ("x",)
    found = find_parameters(instance, entry.kind)
    lazy = entry.kind == "Affine" and "W" not in found
    if inputs == ("x",) and (lazy or waits(instance)):  # made by the first forward pass
        first = np.zeros((2, *size.shape))
        call_forward(instance)(first.T if recipe.columns else first)
        found = find_parameters(instance, entry.kind)
    return ObjectSubject(instance, inputs, found)


_FINISHING = ("set_input_shape", "build", "initialize", "initialise", "init_weights", "init_params",
              "initialize_weights", "initialize_parameters", "setup", "compile")  # fmt: skip


def _finish(instance: Any, size: Size) -> None:
    """Call what the layer wants called before it is used: `build(input_shape)` and the like."""
    if getattr(instance, "input_shape", ()) is None:
        with contextlib.suppress(AttributeError):
            instance.input_shape = size.shape
    for name in _FINISHING:
        method = getattr(instance, name, None)
        if not inspect.ismethod(method):
            continue
        wanted = required(method)
        values = [_finishing_value(plain(n), size) for n in wanted]
        if all(v is not None for v in values) and (values or name not in ("setup", "compile")):
            method(*values)


def _finishing_value(name: str, size: Size) -> Any:
    if "optim" in name:
        return Recorder()
    if "shape" in name:
        return size.shape
    if name.startswith("prev"):
        return Neighbour(size.D)
    return {"in": size.D, "out": size.M, "seed": 0, "rng": np.random.default_rng(0)}.get(
        meaning(name) or ""
    )


def takes_target(entry: Entry) -> bool:
    """Whether the entry is a loss: by its kind, or by a backward pass without upstream.

    Such a pass takes nothing, or what forward took: `backward(prediction, target)`.
    """
    if entry.is_class:
        wanted = [n for n in required(backward_of(entry.code)) if n != "self"]
        inputs = [n for n in required(forward_of(entry.code)) if n != "self"]
        if is_loss(entry.kind):
            return True
        told = len(inputs) == 2 and target_comes_first(*inputs) is not None
        same = len(wanted) == 2 and told and "x" not in inputs
        return len(inputs) == 2 and (wanted in ([], inputs) or same)
    if entry.is_pair:
        wanted, inputs = required(entry.code[1]), required(entry.code[0])
        told = len(inputs) == 2 and target_comes_first(*inputs) is not None
        return (
            is_loss(entry.kind)
            or (len(wanted) == 1 and len(inputs) == 2)
            or (told and wanted == inputs)
        )
    return True
