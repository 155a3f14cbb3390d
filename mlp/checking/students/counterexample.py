"""The fewest and smallest numbers that still show a wrong result, to be redone with pen and paper.

The layer is built again for few rows and columns, fed with small whole numbers, and each of these
is then replaced by a simpler one as long as the result stays wrong. Wrong means what it means to
the judge; besides, the slopes on both sides of each number shown must agree with the value called
right, so that no kink is held against anybody.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from mlp.checking.oracles import one_sided
from mlp.checking.report import Counterexample
from mlp.checking.students.adapters import Subject
from mlp.checking.students.building import build
from mlp.checking.students.examination import Wrong
from mlp.checking.students.gradients import wrong_arrays
from mlp.checking.students.loading import Entry
from mlp.checking.students.names import meaning
from mlp.checking.students.references import OwnForward, PoolReference
from mlp.checking.students.situations import Draw, Situation
from mlp.checking.students.trials import (
    Arrays,
    Broken,
    NothingToCheck,
    Trial,
    WrongOutput,
    backward,
    close,
    forward,
    guarded,
    run,
)
from mlp.layers import Multiply

WHOLE = (0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0)
"""What a number may become, the simplest first."""
HALVES = (1.5, -1.5, 2.5, -2.5)
"""The same, where whole numbers do not show it."""
PARTS = (0.5, 0.25, 0.75)
"""The same for numbers between 0 and 1."""
ROWS = (1, 2, 3)
MANY = 50
"""Samples that show whether all numbers lie between 0 and 1."""
TRIES = 6
VISIBLE = 1e-3
"""A relative difference that shows in the digits that are printed."""
MOST = 24
"""Numbers that a person can still be asked to go through."""
LARGEST = 40
"""Entries of a wrong array that are compared with the slopes of the forward pass."""
REFUSED = (
    Broken,
    WrongOutput,
    NothingToCheck,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
)


@dataclass
class Budget:
    """What a search may use up: seconds of the processor, which others do not slow down."""

    seconds: float = 0.5
    tries: int = 600

    def __post_init__(self) -> None:
        self.end = time.process_time() + self.seconds
        self.last = time.monotonic() + 4 * self.seconds  # a student's code may sleep

    def spent(self) -> bool:
        """Whether it is used up; asking takes one try."""
        self.tries -= 1
        late = time.process_time() > self.end or time.monotonic() > self.last
        return late or self.tries < 0


class Case(NamedTuple):
    """Numbers that show it."""

    situation: Situation
    arrays: Arrays
    upstream: np.ndarray
    what: str
    yours: np.ndarray
    right: np.ndarray
    steps: str = ""

    def told(self) -> Counterexample:
        """With all that is needed to redo it."""
        given = _settings(self.situation) | self.arrays
        if self.what != "forward" and "target" not in given:
            given["upstream"] = self.upstream
        given = {name: np.asarray(value, np.float64) for name, value in given.items()}
        yours, right = self.yours.astype(float), self.right.astype(float)
        return Counterexample(given, self.what, yours, right, self.steps)


Show = Callable[[Situation, Arrays, np.ndarray], Case | None]
"""What is wrong with these numbers, if anything is."""


def smallest(entry: Entry, wrong: Wrong) -> Counterexample | None:
    """The smallest that is found; else the judge's own, if it is small enough for a hand."""

    def show(s: Situation, arrays: Arrays, upstream: np.ndarray) -> Case | None:
        return shown(s, arrays, upstream, wrong.names)

    for numbers in (WHOLE[1:], HALVES):  # what is cut to whole numbers shows in halves only
        budget = Budget()
        case = first(entry, wrong.situation, show, budget, numbers=numbers)
        if case is not None:
            return simplified(case, show, budget).told()
    case = show(wrong.situation, wrong.trial.arrays, wrong.trial.upstream)
    few = case is not None and sum(v.size for v in case.arrays.values()) <= MOST
    return case.told() if case is not None and few else None


def at_kink(entry: Entry, s: Situation) -> Counterexample | None:
    """Equal inputs for which the gradient is no subgradient: 0 for a ReLU, 1 for a pool.

    What is called right is our layer's choice; for a pool, any other that adds up to the same.
    """
    budget, pool = Budget(), s.kind == "MaxPool"
    for small, n in _sizes(entry, s):
        if budget.spent():
            return None
        try:
            x = np.full(small.draw(np.random.default_rng(0), n)["x"].shape, float(pool))
            upstream = np.ones(forward(small.make(), {"x": x}).shape)
            trial = run(small.make(), {"x": x}, upstream, np.random.default_rng(0))
            right = small.reference.gradients({"x": x}, upstream)["x"]
        except REFUSED:
            continue
        yours = trial.gradients.get("x")
        if yours is None or yours.shape != x.shape:
            continue
        accepted = close(yours.sum(), right.sum()) if pool else (abs(yours - 0.5) <= 0.5).all()
        if not accepted:
            given = _settings(small) | {"x": x, "upstream": upstream}
            return Counterexample(given, "dx", yours.astype(float), right)
    return None


def _settings(s: Situation) -> dict[str, np.ndarray]:
    """What the layer was built with, beside its sizes and parameters."""
    if isinstance(s.reference, PoolReference):
        window, stride = np.array(s.reference.window), np.array(s.reference.stride)
        if len(window) == 1:
            window, stride = window[0], stride[0]
        return {"window": window.astype(float), "stride": stride.astype(float)}
    if isinstance(s.reference.layer, Multiply) and s.reference.layer.pairs is not None:
        return {"pairs": np.array(s.reference.layer.pairs, float)}
    values = {name: s.recipe.fill(name, i, s.size) for i, name in enumerate(s.recipe.names)}
    kept = {n: v for n, v in values.items() if meaning(n) in ("slope", "rate")}
    return {n: np.array(float(v)) for n, v in kept.items() if isinstance(v, int | float)}


def shown(s: Situation, arrays: Arrays, upstream: np.ndarray, names: list[str]) -> Case | None:
    """The wrong result for these numbers, or None if it is right or cannot be had."""
    try:
        with np.errstate(all="ignore"):
            return _shown(s, arrays, upstream, names)
    except REFUSED:
        return None


def _shown(s: Situation, arrays: Arrays, upstream: np.ndarray, names: list[str]) -> Case | None:
    subject = s.make()
    y = forward(subject, arrays)
    truth = s.reference.forward(arrays)
    if not names:
        visible = y.shape != truth.shape or not close(y, truth, VISIBLE)
        return Case(s, arrays, upstream, "forward", y, truth) if visible else None
    own = isinstance(s.reference, OwnForward)
    if (
        upstream.shape != y.shape
        or not np.isfinite(y).all()
        or not (own or close(y, truth, VISIBLE))
    ):
        return None
    found = backward(subject, None if "target" in subject.inputs else upstream)
    trial = Trial(arrays, upstream, y, found)
    truths = s.reference.gradients(arrays, upstream)
    for name in [n for n in wrong_arrays(s, trial, truths) if n in names]:
        yours, right = found.get(name), truths[name]
        if yours is None or not _differ(yours, right):
            continue
        if smooth(s, trial, name, right):
            return Case(s, arrays, upstream, f"d{name}", yours, right)
    return None


def _differ(yours: np.ndarray, right: np.ndarray) -> bool:
    """In digits that are printed; zeros in another shape would show nothing but that."""
    if yours.shape == right.shape:
        return not close(yours, right, VISIBLE)
    return bool(yours.any() or right.any())


def smooth(s: Situation, trial: Trial, name: str, right: np.ndarray) -> bool:
    """Whether the slopes of the forward pass on both sides are what is called right."""
    if isinstance(s.reference, OwnForward):
        f = s.reference.along(name, trial.arrays)
    else:

        def f(value: np.ndarray) -> np.ndarray:
            return np.asarray(s.reference.forward(trial.arrays | {name: value}), np.float64)

    point = trial.arrays[name]
    for i in range(min(point.size, LARGEST)):
        low, high, kink = one_sided(f, point, trial.upstream, i)
        slack = 1e-6 * max(1.0, abs(low), abs(high))
        if kink or not low - slack <= right.flat[i] <= high + slack:
            return False
    return True


def first(
    entry: Entry,
    situation: Situation,
    show: Show,
    budget: Budget,
    twice: tuple[str, ...] = (),
    numbers: tuple[float, ...] = WHOLE[1:],
) -> Case | None:
    """The first of ever more numbers that show it; with other ones, x1, for what comes `twice`."""
    rng = np.random.default_rng(0)
    drawn = situation.draw(rng, MANY)
    inside = {name for name, value in drawn.items() if value.min() >= 0 and value.max() <= 1}
    for s, n in _sizes(entry, situation):
        for _ in range(TRIES):
            if budget.spent():
                return None
            try:
                arrays = _small(s, n, inside, numbers, rng)
                y = forward(s.make(), arrays)
                arrays |= {f"{k}1": _small(s, n, inside, numbers, rng)[k] for k in twice}
            except REFUSED:
                break
            case = show(s, arrays, _upstream(arrays, y, numbers, rng))
            if case is not None:
                return case
    return None


def _sizes(entry: Entry, s: Situation) -> Iterator[tuple[Situation, int]]:
    """The situation built for few columns and used on few rows, by the count of numbers."""
    sized = [(n * size, n, small) for size, small in _reduced(entry, s) for n in ROWS]
    for _, n, small in sorted(sized, key=lambda item: item[:2]):
        yield small, n


def _reduced(entry: Entry, s: Situation) -> Iterator[tuple[int, Situation]]:
    """The situation with fewer columns (or pixels) in x, and the count of numbers for a row."""
    rng = np.random.default_rng(0)
    few, more = s.draw(rng, 4)["x"].shape, s.draw(rng, 5)["x"].shape
    rows = next((i for i, (a, b) in enumerate(zip(few, more, strict=True)) if a != b), 0)
    lengths = [range(1, 2 if i == rows else k + 1) for i, k in enumerate(few)]
    shapes = sorted(itertools.product(*lengths), key=math.prod)[:48]
    matrix = any(s.make().get(name).ndim == 2 for name in s.make().parameters)
    for shape in shapes:
        cut = tuple(slice(None) if i == rows else slice(k) for i, k in enumerate(shape))
        draw = _cut(s.draw, few, rows, cut)
        width = shape[1 - rows] if len(shape) == 2 else None
        if width is None or not s.make().parameters:
            yield math.prod(shape), replace(s, draw=draw)
        elif entry.make is None and few[1 - rows] == s.size.D:
            for m in (1, 2, 3) if matrix else (s.size.M,):
                yield width * (1 + m), _rebuilt(entry, s, draw, width, m)
    yield math.prod(few) * 2, s


def _rebuilt(entry: Entry, s: Situation, draw: Draw, d: int, m: int) -> Situation:
    """The same layer, made for d inputs and m outputs."""
    size, wanted = replace(s.size, D=d, M=m), s.make().parameters

    def make() -> Subject:
        with guarded("constructor"):
            subject = build(entry, size, s.recipe)
        subject.parameters = tuple(name for name in subject.parameters if name in wanted)
        return subject

    own = isinstance(s.reference, OwnForward)
    return replace(s, make=make, draw=draw, reference=OwnForward(make) if own else s.reference)


def _cut(draw: Draw, shape: tuple[int, ...], rows: int, cut: tuple[slice, ...]) -> Draw:
    """Fewer columns of the same; classes that are cut off become one of those that stay."""

    def smaller(rng: np.random.Generator, n: int) -> Arrays:
        whole = draw(rng, n)
        alike = whole["x"].shape
        arrays = {k: v[cut] if v.shape == alike else v for k, v in whole.items()}
        target = whole.get("target")
        classes = arrays["x"].shape[1 - rows] if len(shape) == 2 else 0
        if target is None or not classes:
            return arrays
        if target.dtype.kind in "iu" and target.shape != alike:
            arrays["target"] = target % classes
        elif target.shape == alike and _one_hot(target, 1 - rows):
            labels = target.argmax(axis=1 - rows) % classes
            one_hot = np.eye(classes)[labels].astype(target.dtype)
            arrays["target"] = one_hot if rows == 0 else one_hot.T
        if _one_hot(whole["x"], 1 - rows, parts=True):
            arrays["x"] = arrays["x"] / arrays["x"].sum(axis=1 - rows, keepdims=True)
        return arrays

    return smaller


def _one_hot(array: np.ndarray, axis: int, parts: bool = False) -> bool:
    """Whether all rows are zeros with a single 1, or parts of 1 that add up to it."""
    inside = (array >= 0) & (array <= 1) if parts else (array == 0) | (array == 1)
    return bool(inside.all() and close(array.sum(axis=axis), np.ones(array.sum(axis=axis).shape)))


def _small(
    s: Situation, n: int, inside: set[str], numbers: tuple[float, ...], rng: np.random.Generator
) -> Arrays:
    """Some of the numbers for n samples; parts of 1 for those that lie between 0 and 1."""
    arrays = s.arrays(rng, n)
    for name, value in arrays.items():
        if value.dtype.kind == "f" and not (name == "target" and name in inside):
            few = name in inside
            arrays[name] = _parts(value, rng) if few else rng.choice(numbers, value.shape)
    return arrays


def _parts(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if array.ndim > 1 and close(array.sum(axis=-1), np.ones(array.shape[:-1])):
        eighths = np.ones(array.shape) + rng.integers(0, 3, array.shape)
        return eighths / eighths.sum(axis=-1, keepdims=True)
    return rng.choice(PARTS, array.shape)


def _upstream(
    arrays: Arrays, y: np.ndarray, numbers: tuple[float, ...], rng: np.random.Generator
) -> np.ndarray:
    return np.ones(y.shape) if "target" in arrays else rng.choice(numbers, y.shape)


def simplified(case: Case, show: Show, budget: Budget) -> Case:
    """Each number in turn becomes the simplest with which the result is still wrong."""
    changed = True
    while changed:
        changed = False
        for name, i in _places(case):
            for value in _simpler(case, name, i):
                if budget.spent():
                    return case
                better = show(case.situation, *_with(case, name, i, value))
                if better is not None and better.what == case.what:
                    case, changed = better, True
                    break
    return case


def _places(case: Case) -> list[tuple[str, int]]:
    """Every number that may be changed alone: not one of several that add up to 1."""
    arrays = dict(case.arrays)
    if "target" not in arrays:
        arrays["upstream"] = case.upstream
    tied = [n for n, v in arrays.items() if v.ndim > 1 and _one_hot(v, -1, parts=True)]
    return [(n, i) for n, v in arrays.items() if n not in tied for i in range(v.size)]


def _simpler(case: Case, name: str, i: int) -> list[Any]:
    """What the number could be instead, the simplest first."""
    array = case.upstream if name == "upstream" else case.arrays[name]
    now = array.flat[i]
    if array.dtype.kind in "iu":
        return list(range(int(now)))
    if now in HALVES:
        return [*WHOLE[:3], *HALVES[: HALVES.index(now)]]
    order = WHOLE if now in WHOLE else PARTS
    return list(order[: order.index(now)]) if now in order else []


def _with(case: Case, name: str, i: int, value: Any) -> tuple[Arrays, np.ndarray]:
    arrays = {k: v.copy() for k, v in case.arrays.items()}
    upstream = case.upstream.copy()
    (upstream if name == "upstream" else arrays[name]).flat[i] = value
    return arrays, upstream
