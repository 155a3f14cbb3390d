"""How a backward pass is called and its results understood, found out by trying.

Names and positions differ between authors: `backward(x, upstream)`, `backward()` that returns the
local derivative, `return dW, db, dX`. All readings that the names allow are tried on one batch,
and the first that gives the right gradients is kept; where none does, the likeliest stays.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlp.checking.students.adapters import (
    ObjectSubject,
    Recorder,
    Subject,
    default_for,
    is_setting,
)
from mlp.checking.students.names import CACHES, UPSTREAM, meaning, plain
from mlp.checking.students.results import named_results
from mlp.checking.students.situations import Situation
from mlp.checking.students.slots import required
from mlp.checking.students.trials import Broken, WrongOutput, backward, close, fitted, forward

LOCAL = "backward returns the local derivative: it was multiplied by the upstream"


@dataclass(frozen=True)
class Reading:
    """One way to call a backward pass and to understand its results."""

    sources: tuple[str, ...]
    """What its arguments take: "upstream", "x", "y", "cache" or a parameter."""
    local: bool = False
    """Whether it returns the local derivative, without the upstream."""
    order: tuple[int, ...] | None = None
    """Positions of the results, in the order of the names; None for the usual order."""

    def call(
        self, function: Callable, values: dict[str, Any], recorder: Recorder | None = None
    ) -> Any:
        """What the backward pass returns, times the upstream if it is the local derivative."""
        settings = {n: default_for(n, recorder) for n in required(function) if is_setting(n)}
        result = function(*(values[s] for s in self.sources), **settings)
        if not self.local or result is None:
            return result
        derivative = np.asarray(result)
        upstream = values["upstream"]
        if derivative.dtype.kind in "biu":
            derivative = derivative.astype(upstream.dtype)
        if derivative.ndim == upstream.ndim + 1:  # a Jacobian for each sample
            return np.einsum("ni,nij->nj", upstream, derivative)
        return upstream * derivative

    def named(self, result: Any, names: tuple[str, ...], inputs: tuple[str, ...]) -> dict[str, Any]:
        """The gradients by name."""
        if self.order is None or not isinstance(result, tuple | list):
            return named_results(result, names, inputs)
        return {name: result[i] for name, i in zip(names, self.order, strict=True)}


def settle(situation: Situation) -> Situation:
    """The situation with the reading of backward that fits best; the usual one if none is better.

    Only what the usual reading gets wrong is read in another way.
    """
    rng = np.random.default_rng(6)
    subject = situation.make()
    if "target" in subject.inputs or not hasattr(subject, "gradient_function"):
        return situation
    arrays = situation.arrays(rng, situation.batches[0])
    try:
        upstream = rng.standard_normal(forward(subject, arrays).shape)
        truth = situation.reference.gradients(arrays, upstream)
    except (Broken, WrongOutput, ValueError):
        return situation
    usual = _score(situation, None, arrays, upstream, truth)
    if usual < 0 and callable(getattr(subject, "instance", None)):
        called = replace(situation, make=_called(situation.make))
        if _score(called, None, arrays, upstream, truth) >= 0:
            situation.make = called.make
            return settle(situation)
    best: tuple[int, Reading | None] = (usual, None)
    if usual < len(arrays):
        for reading in _readings(subject):
            score = _score(situation, reading, arrays, upstream, truth)
            if score > best[0]:
                best = score, reading
            if score == len(arrays):
                break
    if best[1] is not None:
        _keep(situation, best[1])
    return situation


def _called(plain_make: Callable[[], Subject]) -> Callable[[], Subject]:
    def make() -> Subject:
        subject = plain_make()
        if isinstance(subject, ObjectSubject):
            subject.called = True
        return subject

    return make


def _keep(situation: Situation, reading: Reading) -> None:
    plain_make = situation.make

    def make() -> Subject:
        subject = plain_make()
        subject.reading = reading
        return subject

    situation.make = make
    if reading.local:
        situation.notes.append(LOCAL)


def _score(
    situation: Situation,
    reading: Reading | None,
    arrays: dict[str, np.ndarray],
    upstream: np.ndarray,
    truth: dict[str, np.ndarray],
) -> int:
    """How many gradients are right; -1 if it cannot be called like that."""
    subject = situation.make()
    subject.reading = reading
    try:
        forward(subject, arrays)
        found = backward(subject, upstream)
    except (Broken, WrongOutput):
        return -1
    tolerance = max(1e-4, situation.reference.tolerance)
    return sum(
        found.get(n) is not None and close(fitted(found[n], truth[n]), truth[n], tolerance)
        for n in truth
    )


def _readings(subject: Subject) -> Iterator[Reading]:
    function = subject.gradient_function  # type: ignore[attr-defined]
    names = [n for n in required(function) if not is_setting(n)]
    if len(names) > 4:
        return
    gradients = (*subject.inputs, *subject.parameters)
    orders: list[tuple[int, ...] | None] = [None]
    if len(subject.inputs) == 1 and 2 <= len(gradients) <= 4:
        orders += list(itertools.permutations(range(len(gradients))))[1:]
    for sources, order in itertools.product(_sources(names, subject), orders):
        yield Reading(sources, order=order)
    if len(subject.inputs) == 1 and not subject.parameters and not _wants_upstream(names):
        if not names:
            yield Reading((), local=True)
        for source in itertools.permutations(("x", "y", "cache"), len(names)):
            if all(w == "cache" for n, w in zip(names, source, strict=True) if plain(n) in CACHES):
                yield Reading(source, local=True)


def _wants_upstream(names: list[str]) -> bool:
    return any(UPSTREAM.search(n) for n in names)


def _sources(names: list[str], subject: Subject) -> list[tuple[str, ...]]:
    """What the arguments may take, likeliest first; the upstream goes to one of them.

    What is called a cache takes what forward returned for it: to give it something else could make
    a wrong layer right.
    """
    pool = ("upstream", "x", "y", "cache", *subject.parameters)
    found = [
        s
        for s in itertools.permutations(pool, len(names))
        if "upstream" in s
        and all(w == "cache" for n, w in zip(names, s, strict=True) if plain(n) in CACHES)
    ]
    return sorted(found, key=lambda s: sum(_unlikely(n, w) for n, w in zip(names, s, strict=True)))


def _unlikely(name: str, source: str) -> int:
    if source == "upstream":
        return 0 if UPSTREAM.search(name) else 2
    if source == "cache":
        return 0 if plain(name) in CACHES else 1
    if UPSTREAM.search(name):
        return 3
    return 0 if plain(name) == source or meaning(name) == source else 1
