"""Promises that a layer has to keep besides the right numbers.

Each probe compares the layer with itself: a fresh instance that did only what was asked of it.
A probe yields (id, sentence) for a broken promise, and (None, sentence) for a note.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mlp.checking.diagnosis.evidence import same
from mlp.checking.students.adapters import Subject
from mlp.checking.students.examination import Finding
from mlp.checking.students.situations import Situation
from mlp.checking.students.trials import (
    Arrays,
    Broken,
    NothingToCheck,
    WrongOutput,
    as_gradient,
    backward,
    close,
    forward,
    guarded,
    run,
)

Gradients = dict[str, Any]


class Bench:
    """A situation with two sets of numbers, and what fresh instances make of them."""

    def __init__(self, situation: Situation, seed: int) -> None:
        self.situation = situation
        self.rng = np.random.default_rng(seed)
        self.loss = "target" in situation.make().inputs
        self.first = situation.arrays(self.rng, 7)
        self.second = situation.arrays(self.rng, 4)
        trial = run(situation.make(), self.first, None, self.rng)
        self.y, self.upstream, self.gradients = trial.y, trial.upstream, trial.gradients

    def fresh(self, arrays: Arrays, upstream: np.ndarray | None = None) -> Any:
        """A trial on a fresh instance."""
        return run(self.situation.make(), arrays, upstream, self.rng)

    def back(self, subject: Subject, upstream: np.ndarray) -> Gradients:
        """backward, with or without an upstream."""
        return backward(subject, None if self.loss else upstream)


def all_probes() -> list[Callable[[Bench], Iterator[Finding]]]:
    """The probes in the order in which they are run."""
    return [unchanged_arguments, repeated, stale, parameters_kept, replaced, layouts, early, whole]


def findings(situation: Situation, seed: int) -> list[Finding]:
    """What all probes find in a layer that is deterministic."""
    bench = Bench(situation, seed)
    found: list[Finding] = []
    for probe in all_probes():
        if probe in (stale, replaced) and "accumulates" in [f.identity for f in found]:
            continue
        try:
            found += list(probe(bench))
        except (Broken, WrongOutput) as error:
            found.append(Finding("unknown", f"{TASKS[probe.__name__]}: {error}."))
        except NothingToCheck:
            continue
    return found


EARLY = (
    "backward before any forward does not complain: a forgotten forward pass would go unnoticed; "
    "keep nothing in the class, or raise where nothing is kept yet"
)
WHOLE = (
    "integer input gives other results than the same numbers as floats: what is written into an "
    "array made like an integer array loses its fractions; begin with x = 1.0 * x"
)
TASKS = {
    "unchanged_arguments": "Called with arrays of its own",
    "repeated": "Called twice",
    "stale": "After another forward pass",
    "parameters_kept": "After backward",
    "replaced": "After the parameters were replaced",
    "layouts": "For arrays that are not contiguous",
    "early": "Before any forward pass",
    "whole": "For integer input",
}


def equal(a: Gradients, b: Gradients, tolerance: float = 1e-9) -> bool:
    """Whether two sets of gradients are the same numbers."""
    return all(_equal(a.get(name), b.get(name), tolerance) for name in {*a, *b})


def _equal(a: Any, b: Any, tolerance: float) -> bool:
    if a is None or b is None:
        return a is b
    return close(a, b, tolerance) or (a.shape == b.shape and np.array_equal(a, b, equal_nan=True))


def deterministic(bench: Bench) -> Iterator[Finding]:
    """One instance, twice; and fresh instances that were given the same parameters."""
    subject = bench.situation.make()
    once = forward(subject, bench.first), bench.back(subject, bench.upstream)
    twice = forward(subject, bench.first), bench.back(subject, bench.upstream)
    other = bench.situation.make()
    again = forward(other, bench.first)
    np.random.seed(1)  # noqa: NPY002  numbers drawn in backward are others than in the first round
    fresh = _same_pass(once, (again, bench.back(other, bench.upstream))) and _same_pass(
        once, (bench.y, bench.gradients)
    )
    if not _equal(once[0], twice[0], 1e-12):
        yield Finding("not-deterministic", "Two forward passes on the same numbers differ.")
    elif not fresh and _same_pass(once, twice) and subject.parameters:
        yield Finding(
            "stale-cache", "It uses the parameters that it was made with, not those it has now."
        )
    elif not fresh:
        yield Finding("not-deterministic", "Two backward passes on the same numbers differ.")


def _same_pass(one: tuple[np.ndarray, Gradients], two: tuple[np.ndarray, Gradients]) -> bool:
    return _equal(one[0], two[0], 1e-12) and equal(one[1], two[1])


def unchanged_arguments(bench: Bench) -> Iterator[Finding]:
    """Input and upstream must be what they were, byte for byte."""
    subject = bench.situation.make()
    given = {name: bench.first[name].copy() for name in subject.inputs}
    for name in subject.parameters:
        subject.set(name, bench.first[name])
    with guarded("forward"):
        subject.forward(*given.values())
    for name in _changed(given, bench.first):
        yield Finding("input-mutated", f"forward changed its argument {name}.")
    given_upstream = bench.upstream.copy()
    kept = {name: value.copy() for name, value in given.items()}
    with guarded("backward"):
        subject.backward(*(() if bench.loss else (given_upstream,)))
    if given_upstream.tobytes() != bench.upstream.tobytes():
        yield Finding("upstream-mutated", "backward changed its argument, the upstream.")
    for name in _changed(given, kept):
        yield Finding("input-mutated", f"backward changed {name}, which forward was given.")


def _changed(now: Arrays, before: Arrays) -> list[str]:
    return [name for name in now if now[name].tobytes() != before[name].tobytes()]


def repeated(bench: Bench) -> Iterator[Finding]:
    """A second backward, and a second round, give what the first gave."""
    subject = bench.situation.make()
    forward(subject, bench.first)
    once = bench.back(subject, bench.upstream)
    try:
        twice = bench.back(subject, bench.upstream)
    except Broken as error:
        yield Finding(None, f"a second backward without a forward is refused ({error.cause!r:.80})")
        twice = once
    if not equal(once, twice):
        yield Finding(_why_not_repeated(once, twice), "A second backward pass gives other numbers.")
        return
    forward(subject, bench.first)
    if not equal(once, third := bench.back(subject, bench.upstream)):
        yield Finding(
            _why_not_repeated(once, third), "A second forward and backward give other numbers."
        )


def _why_not_repeated(once: Gradients, twice: Gradients) -> str:
    different = [n for n in once if not _equal(once[n], twice.get(n), 1e-9)]
    grown = all(
        twice.get(n) is not None and once[n] is not None and same(twice[n], 2 * once[n])
        for n in different
    )
    return "accumulates" if grown else "unknown"


def stale(bench: Bench) -> Iterator[Finding]:
    """backward belongs to the last forward of its own instance."""
    for last in (bench.second, bench.situation.arrays(bench.rng, 7)):  # a mask may still fit
        upstream = bench.fresh(last).upstream
        right = bench.fresh(last, upstream).gradients
        subject = bench.situation.make()
        forward(subject, bench.first)
        forward(subject, last)
        try:
            found = bench.back(subject, upstream)
        except Broken as error:
            yield Finding("stale-cache", f"After a second forward on another batch, {error}.")
            return
        if not equal(found, right):
            text = "After forward(x1) and forward(x2), backward does not belong to x2."
            yield Finding("stale-cache", text)
            return
    yield from _shared(bench)


def _shared(bench: Bench) -> Iterator[Finding]:
    """What one instance keeps is no business of another."""
    trial = bench.fresh(bench.second)
    upstream, right = trial.upstream, trial.gradients
    one, two = bench.situation.make(), bench.situation.make()
    forward(one, bench.second)
    forward(two, bench.first)
    try:
        found = bench.back(one, upstream)
    except Broken as error:
        yield Finding("stale-cache", f"While another instance is in use, {error}.")
        return
    if not equal(found, right):
        yield Finding("stale-cache", "Two instances share what they keep: each needs its own.")


def remembers(situation: Situation, seed: int) -> bool:
    """Whether backward gives the same after forward passes on different numbers."""
    rng = np.random.default_rng(seed)
    subject = situation.make()
    try:
        y = forward(subject, situation.arrays(rng, 7))
        upstream = rng.standard_normal(y.shape)
        once = backward(subject, upstream)
        forward(subject, situation.arrays(rng, 7))
        return equal(once, backward(subject, upstream))
    except (Broken, WrongOutput):
        return False


def parameters_kept(bench: Bench) -> Iterator[Finding]:
    """backward must leave the parameters alone."""
    subject = bench.situation.make()
    forward(subject, bench.first)
    before = {name: subject.get(name).copy() for name in subject.parameters}
    bench.back(subject, bench.upstream)
    changed = [n for n, value in before.items() if not np.array_equal(subject.get(n), value)]
    if changed:
        yield Finding("updated-weights", f"backward changed {' and '.join(changed)}.")


def replaced(bench: Bench) -> Iterator[Finding]:
    """The same instance after its parameters got other values."""
    subject = bench.situation.make()
    if not subject.parameters:
        return
    forward(subject, bench.first)
    bench.back(subject, bench.upstream)
    other = bench.first | {n: bench.situation.arrays(bench.rng, 7)[n] for n in subject.parameters}
    right = bench.fresh(other, bench.upstream)
    y = forward(subject, other)
    if not close(y, right.y):
        yield Finding(
            "stale-cache", "After the parameters were replaced, forward uses the old ones."
        )
    elif not equal(bench.back(subject, bench.upstream), right.gradients):
        yield Finding(
            "stale-cache", "After the parameters were replaced, backward uses the old ones."
        )


def layouts(bench: Bench) -> Iterator[Finding]:
    """Arrays in another order of memory hold the same numbers."""
    for text, rearranged in (("in Fortran order", np.asfortranarray), ("with strides", _strided)):
        subject = bench.situation.make()
        for name in subject.parameters:
            subject.set(name, bench.first[name])
        with guarded("forward"):
            raw = subject.forward(*(rearranged(bench.first[name]) for name in subject.inputs))
            y = np.array(raw)
        if not close(y, bench.y):
            yield Finding("forward-wrong", f"The output is wrong for inputs {text}.")
            return
        with guarded("backward"):
            upstream = () if bench.loss else (rearranged(bench.upstream),)
            raw_gradients = subject.backward(*upstream)
            found = {name: as_gradient(value) for name, value in raw_gradients.items()}
        if not equal(found, bench.gradients):
            yield Finding("unknown", f"The gradients are wrong for arrays {text}.")
            return


def _strided(array: np.ndarray) -> np.ndarray:
    """The same numbers, every second column of a wider array, rows in reverse order."""
    if array.ndim == 0:
        return array
    wide = np.repeat(array, 2, axis=-1)[::-1].copy()
    return wide[::-1, ..., ::2] if array.ndim > 1 else np.repeat(array, 2)[::2]


def early(bench: Bench) -> Iterator[Finding]:
    """backward before forward may raise anything; it is only noted where it does not."""
    subject = bench.situation.make()
    if not hasattr(subject, "instance"):
        return
    try:
        found = bench.back(subject, bench.upstream)
    except (Broken, NothingToCheck):
        return
    if any(value is not None for value in found.values()):
        yield Finding(None, EARLY)


def whole(bench: Bench) -> Iterator[Finding]:
    """Integer input is noted, whatever happens."""
    arrays = dict(bench.first)
    if arrays["x"].dtype.kind != "f":
        return
    rounded = np.round(3 * arrays["x"])
    try:
        right = bench.fresh(arrays | {"x": rounded}, bench.upstream)
        found = bench.fresh(arrays | {"x": rounded.astype(int)}, bench.upstream)
    except (Broken, WrongOutput) as error:
        yield Finding(None, f"integer input is refused: {error}")
        return
    if not (close(found.y, right.y) and equal(found.gradients, right.gradients)):
        yield Finding(None, WHOLE)
