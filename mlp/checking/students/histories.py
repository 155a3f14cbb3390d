"""Counterexamples for mistakes that one forward and one backward pass do not show.

What backward gives after another pass is compared with the right gradient for the numbers that it
belongs to. Whoever redoes it begins with a fresh interpreter; so a result that is wrong already
without the other pass counts only where the numbers of that other pass explain it.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mlp.checking.report import Counterexample
from mlp.checking.students.adapters import Subject
from mlp.checking.students.counterexample import (
    REFUSED,
    VISIBLE,
    Budget,
    Case,
    first,
    simplified,
    smooth,
)
from mlp.checking.students.loading import Entry
from mlp.checking.students.situations import Situation
from mlp.checking.students.trials import Arrays, Trial, backward, close, fitted, forward

Gradients = dict[str, Any]


class History(NamedTuple):
    """Something that is done before the backward pass that is looked at."""

    passes: Callable[[Situation, Arrays, np.ndarray], Gradients]
    """What backward gives in the end, for x (and W, b) after another x1 (W1, b1)."""
    steps: str
    """The same in words; `x`, `W` and `b` are called x2, W2 and b2 there."""
    twice: str = ""
    """What is drawn twice: "x" or "parameters"."""


def smallest_history(entry: Entry, s: Situation, identity: str) -> Counterexample | None:
    """The smallest that is found for a mistake of that name; None if nothing shows it."""
    for history in HISTORIES[identity]:
        show = _updated if history is None else _shown_by(history)
        twice = _twice(s, history.twice) if history is not None else ()
        budget = Budget()
        case = first(entry, s, show, budget, twice)
        if case is not None:
            case = simplified(case, show, budget)
            return case._replace(arrays=_numbered(case.arrays, twice)).told()
    return None


def _twice(s: Situation, what: str) -> tuple[str, ...]:
    return s.make().parameters if what == "parameters" else tuple(what.split())


def _numbered(arrays: Arrays, twice: tuple[str, ...]) -> Arrays:
    """In the order of their use: x1 before x2."""
    pairs = {f"{n}{k}": arrays[f"{n}{k}" if k == 1 else n] for k in (1, 2) for n in twice}
    done = {*twice, *pairs}
    return pairs | {name: value for name, value in arrays.items() if name not in done}


def _updated(s: Situation, arrays: Arrays, upstream: np.ndarray) -> Case | None:
    """A backward pass that moves the parameters."""
    try:
        subject = s.make()
        forward(subject, arrays)
        backward(subject, upstream)
        after = {name: subject.get(name).copy() for name in subject.parameters}
    except REFUSED:
        return None
    for name, now in after.items():
        if now.shape == arrays[name].shape and not close(now, arrays[name], VISIBLE):
            what = f"{name} after backward"
            return Case(s, arrays, upstream, what, now, arrays[name], FIRST)
    return None


def _shown_by(history: History) -> Callable[[Situation, Arrays, np.ndarray], Case | None]:
    def show(s: Situation, arrays: Arrays, upstream: np.ndarray) -> Case | None:
        try:
            return _wrong_after(history, s, arrays, upstream)
        except REFUSED:
            return None

    return show


def _wrong_after(
    history: History, s: Situation, arrays: Arrays, upstream: np.ndarray
) -> Case | None:
    found = history.passes(s, arrays, upstream)
    right = s.reference.gradients(arrays, upstream)
    before = s.reference.gradients(_before(arrays), upstream)
    once = _once(s, arrays, upstream)
    for name, truth in right.items():
        value = found.get(name)
        if value is None or _is(value, truth):
            continue
        explained = _is(value, before[name]) or _is(once.get(name), truth)
        if explained and smooth(s, Trial(arrays, upstream, truth), name, truth):
            steps = _of_loss(history.steps) if "target" in arrays else history.steps
            return Case(s, arrays, upstream, f"d{name}", value, truth, steps)
    return None


def _of_loss(steps: str) -> str:
    """The same for a loss, which takes a target and no upstream."""
    steps = re.sub(r"forward\((x\d?)\)", r"forward(\1, target)", steps)
    return steps.replace("backward(upstream)", "backward()")


def _is(found: Any, truth: np.ndarray) -> bool:
    """In the digits that are printed."""
    return found is not None and close(fitted(found, truth), truth, VISIBLE)


def _before(arrays: Arrays) -> Arrays:
    """The numbers of the other pass."""
    return arrays | {n: arrays[f"{n}1"] for n in arrays if f"{n}1" in arrays}


def _back(subject: Subject, upstream: np.ndarray) -> Gradients:
    return backward(subject, None if "target" in subject.inputs else upstream)


def _once(s: Situation, arrays: Arrays, upstream: np.ndarray) -> Gradients:
    subject = s.make()
    forward(subject, arrays)
    return _back(subject, upstream)


def _again(s: Situation, arrays: Arrays, upstream: np.ndarray) -> Gradients:
    """A second round with the same numbers."""
    subject = s.make()
    for _ in range(2):
        forward(subject, arrays)
        found = _back(subject, upstream)
    return found


def _older(s: Situation, arrays: Arrays, upstream: np.ndarray) -> Gradients:
    """A forward pass on something else before."""
    subject = s.make()
    forward(subject, _before(arrays))
    forward(subject, arrays)
    return _back(subject, upstream)


def _shared(s: Situation, arrays: Arrays, upstream: np.ndarray) -> Gradients:
    """Another instance in use."""
    one, other = s.make(), s.make()
    forward(one, arrays)
    forward(other, _before(arrays))
    return _back(one, upstream)


def _replaced(s: Situation, arrays: Arrays, upstream: np.ndarray) -> Gradients:
    """A whole round with other parameters before."""
    subject = s.make()
    for numbers in (_before(arrays), arrays):
        forward(subject, numbers)
        found = _back(subject, upstream)
    return found


FIRST = "forward(x), backward(upstream)"
AGAIN = History(_again, f"{FIRST}, and both again")
OLDER = [
    History(_older, "forward(x1), forward(x2), backward(upstream)", "x"),
    History(
        _shared,
        "with two instances a and b: a.forward(x2), b.forward(x1), a.backward(upstream)",
        "x",
    ),
    History(
        _replaced,
        "forward(x) and backward(upstream) with the first parameters, then with the second",
        "parameters",
    ),
]
HISTORIES: dict[str, list[History | None]] = {
    "updated-weights": [None],
    "accumulates": [AGAIN],
    "stale-cache": [*OLDER],
    "unknown": [AGAIN, *OLDER],
}
"""By diagnosis; None stands for the parameters after a single backward pass."""
