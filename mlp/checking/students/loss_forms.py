"""Losses: what they are tried on, and which of their targets backward takes."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mlp.checking.students import singles, weighted
from mlp.checking.students.adapters import Subject
from mlp.checking.students.building import Recipe, Size, accepts
from mlp.checking.students.loading import Entry
from mlp.checking.students.loss_subjects import LossFunction, LossObject, takes_delta, takes_mask
from mlp.checking.students.names import LOSSES, is_loss
from mlp.checking.students.of_each import OfEach, of_each
from mlp.checking.students.probabilities import BEFORE, OfProbabilities, of_probabilities
from mlp.checking.students.references import (
    OwnForward,
    Reference,
    loss_references,
)
from mlp.checking.students.situations import (
    Draw,
    Situation,
    agreeing,
    fit,
    maker,
)
from mlp.checking.students.trials import (
    Arrays,
    Broken,
    NothingToCheck,
    WrongOutput,
    close,
    forward,
    run,
)
from mlp.checking.students.values import by_meaning


def keep_finite(found: Situation, clips: bool = False) -> None:
    """Logarithms and roots want numbers between 0 and 1; some losses clip what they get to that."""
    arrays = found.arrays(np.random.default_rng(3), 4)
    values = forward(found.make(), arrays)
    inside = {n: np.clip(v, 0, 1) if v.dtype.kind == "f" else v for n, v in arrays.items()}
    clipped = clips and np.array_equal(forward(found.make(), inside), values)
    if np.isfinite(values).all() and not clipped:
        return
    original = found.draw
    found.draw = lambda rng, n: {
        name: 1 / (1 + np.exp(-value)) if value.dtype.kind == "f" else value
        for name, value in original(rng, n).items()
    }
    found.notes.append("tried on inputs between 0 and 1")


CLASSES = 4
TARGETS: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "labels": lambda rng, n, c: rng.permutation(np.arange(n) % (c - 1)),
    "rows": lambda rng, n, c: np.eye(c)[rng.permutation(np.arange(n) % (c - 1))],
    "real rows": lambda rng, n, c: rng.standard_normal((n, c)),
}
"""The last class has no label, so that a gradient cannot be right by accident."""


def targets(form: str, c: int = CLASSES, domain: Callable | None = None) -> Draw:
    """Outputs x and targets in one of the forms."""
    domain = domain or (lambda x: x)
    return lambda rng, n: {
        "x": domain(rng.standard_normal((n, c))),
        "target": TARGETS[form](rng, n, c),
    }


def of_weights(entry: Entry) -> list[Situation]:
    """A loss of weights: the first shapes for which it gives a number and their gradient."""
    errors: list[Exception] = []
    for i, form in enumerate(weighted.forms(entry.code)):
        recipe = Recipe(by_meaning, [], layout=i)
        make = maker(entry, Size(), recipe)
        names = make().parameters
        found = Situation(
            make, weighted.draw(form), OwnForward(make, names=names), None, Size(), recipe
        )
        try:
            rng = np.random.default_rng(8)
            trials = [run(make(), found.arrays(rng, n), None, rng) for n in (7, 4)]
        except (Broken, WrongOutput) as error:
            errors.append(error)
            continue
        if all(t.y.shape == () and np.isfinite(t.y) for t in trials):
            if trials[0].gradients["W"] is None:
                raise NothingToCheck("it returns no gradient")
            found.notes.append(f"checked: the gradients of {' and '.join(names)}")
            return [found]
    raise errors[0] if errors else NothingToCheck("its value is no number")


def loss(entry: Entry) -> list[Situation]:
    """All forms of target that the code takes; summed or averaged: whichever the value is."""
    if not entry.is_class and not entry.is_pair and weighted.roles(entry.code):
        return of_weights(entry)
    if not entry.is_class and not entry.is_pair and takes_mask(entry.code):
        return _of_sequences(entry)
    before_sigmoid = entry.is_class and takes_delta(entry.code)
    kind = entry.kind if is_loss(entry.kind) and not before_sigmoid else None
    draws = _loss_draws(kind)
    known: list[Reference] = [r for k in ([kind] if kind else LOSSES) for r in loss_references(k)]
    known += [r for k in ([kind] if kind else LOSSES) for r in of_each(k)]
    if kind != "SquaredError":
        known += of_probabilities()
    if kind is None:  # of labels, it is the cross-entropy
        known.sort(key=lambda r: r.kind == "KLDivergence")
    if (
        entry.is_class and _BINARY.search(entry.name) and accepts(entry, "out")
    ):  # an affine map is part of it
        sizes, draws = [Size(D=CLASSES, M=1)], {"one column": _binary}
    else:
        sizes = [Size(D=CLASSES, M=CLASSES)]
    found = fit(entry, sizes, lambda s: list(draws.values()), lambda s: known)
    if kind is None and not found.right:
        found.reference, found.right = OwnForward(found.make), True
        keep_finite(found, clips=True)
    elif kind is None or isinstance(found.reference, OfProbabilities):
        found.kind = found.reference.kind
        found.notes.append(f"its values are those of {found.reference.label}")
        if isinstance(found.reference, OfProbabilities):
            found.notes.append("tried on inputs between 0 and 1")
    if entry.is_class and _takes_its_output(found):
        found.notes.append(OUTPUT)
    if before_sigmoid:
        found.notes.append("the gradient is taken for that of z, where the input is sigmoid(z)")
    if isinstance(found.reference, OfEach):
        found.notes.append(f"the loss is a number {found.reference.share}")
    if found.recipe.single:
        found.notes.append(singles.NOTE)
    _needs_a_gradient(entry, found)
    if _before_the_softmax(found):
        found.notes.append(BEFORE)
    return _that_backward_takes([found, *_other_targets(found, draws, known)], draws)


def _of_sequences(entry: Entry) -> list[Situation]:
    """Labels for each of the steps, some of which do not count."""

    def draw(rng: np.random.Generator, n: int) -> Arrays:
        return {"x": rng.standard_normal((n, 2, 4)), "target": rng.integers(3, size=(n, 2))}

    unknown = OwnForward(lambda: LossFunction(entry.code))
    found = fit(replace(entry, kind=None), [Size()], lambda s: [draw], lambda s: [unknown])
    found.reference = OwnForward(found.make)
    found.notes.append("tried with a mask that leaves out a third of the targets")
    _needs_a_gradient(entry, found)
    return [found]


def _needs_a_gradient(entry: Entry, s: Situation) -> None:
    """A function that returns a number alone is no layer: its gradient is elsewhere."""
    if entry.is_class or entry.is_pair:
        return
    rng = np.random.default_rng(8)
    if run(s.make(), s.arrays(rng, 7), None, rng).gradients.get("x") is None:
        raise NothingToCheck("it returns no gradient")


OUTPUT = "backward was given the output that forward kept, in the place of its input"


def _takes_its_output(s: Situation) -> bool:
    """Whether backward wants the probabilities that forward has made of its input and kept."""
    plain_make = s.make

    def make() -> Subject:
        subject = plain_make()
        if isinstance(subject, LossObject):
            subject.from_output = True
        return subject

    rng = np.random.default_rng(8)
    arrays = s.arrays(rng, 7)
    other = replace(s, make=make)
    if not s.right or _is_right(s, arrays) or not _is_right(other, arrays):
        return False
    s.make = make
    return True


def _is_right(s: Situation, arrays: Arrays) -> bool:
    try:
        trial = run(s.make(), arrays, None, np.random.default_rng(8))
    except (Broken, WrongOutput):
        return False
    found, truth = trial.gradients.get("x"), s.reference.gradients(arrays, trial.upstream)["x"]
    return found is not None and close(found, truth, 1e-6)


_BINARY = re.compile("sigmoid|binary|logistic", re.IGNORECASE)


def _binary(rng: np.random.Generator, n: int) -> Arrays:
    """Inputs, and whether the one class is there."""
    return {
        "x": rng.standard_normal((n, CLASSES)),
        "target": (rng.permutation(n) % 2).astype(float).reshape(n, 1),
    }


def _before_the_softmax(s: Situation) -> bool:
    """Whether backward gives p - t, which belongs to the input of the softmax."""
    if not isinstance(s.reference, OfProbabilities):
        return False
    rng = np.random.default_rng(8)
    try:
        trial = run(s.make(), s.arrays(rng, 7), None, rng)
    except (Broken, WrongOutput):
        return False
    other, found = s.reference.before(trial.arrays), trial.gradients.get("x")
    return found is not None and any(close(found, other / n, 1e-6) for n in (1, trial.n))


def _loss_draws(kind: str | None) -> dict[str, Draw]:
    """Outputs and targets, by the form of the target; those of probabilities come last."""
    if kind == "SquaredError":
        return {form: targets(form) for form in ("real rows", "rows", "labels")}
    if kind == "KLDivergence":
        return {form: targets(form, domain=_shares) for form in ("labels", "rows")}
    forms = ("rows", "labels") if kind == "SigmoidCrossEntropy" else ("labels", "rows")
    found = {form: targets(form) for form in forms}
    found |= {f"{form} and probabilities": targets(form, domain=_shares) for form in forms}
    found["one column and probabilities"] = _one_column
    return found


def _shares(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


def _one_column(rng: np.random.Generator, n: int) -> Arrays:
    """Probabilities of one class, and whether it is there."""
    x = 1 / (1 + np.exp(-rng.standard_normal((n, 1))))
    return {"x": x, "target": (rng.permutation(n) % 2).astype(float).reshape(n, 1)}


def _other_targets(
    main: Situation, draws: dict[str, Draw], known: list[Reference]
) -> list[Situation]:
    """The other forms of target with which forward agrees as well: each has its own branch."""
    if isinstance(main.reference, OwnForward) or not main.right:
        return []
    of_same_kind = [r for r in known if type(r) is type(main.reference)]
    found = []
    for draw in draws.values():
        if draw is main.draw:
            continue
        try:
            other = agreeing(replace(main, draw=draw, notes=[]), of_same_kind)
        except (Broken, WrongOutput):
            continue
        if other.right and other.reference.label == main.reference.label:
            found.append(other)
    return found


def _that_backward_takes(found: list[Situation], draws: dict[str, Draw]) -> list[Situation]:
    """Those that backward does not refuse, unless it refuses all of them."""
    names = {id(draw): name for name, draw in draws.items()}
    taken, refused = [], []
    for situation in found:
        try:
            rng = np.random.default_rng(8)
            for n in (7, 4):
                run(situation.make(), situation.arrays(rng, n), None, rng)
            taken.append(situation)
        except (Broken, WrongOutput):
            refused.append(names.get(id(situation.draw), "them"))
    if not taken:
        return found
    if refused:
        taken[0].notes.append(f"backward refuses targets as {' and '.join(refused)}")
    return taken
