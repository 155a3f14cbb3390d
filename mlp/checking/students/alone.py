"""Whether a layer that runs on a batch was written for one sample at a time all the same.

Only what is wrong on a batch and right in all numbers on single samples is read so, and only with
evidence that it is meant: a backward pass that takes the step itself and cannot do so for a batch,
or a layer that is right for a sample as a vector or a column, where batches have rows.
"""

import numpy as np

from mlp.checking.students.adapters import Subject
from mlp.checking.students.building import single_recipes
from mlp.checking.students.loading import Entry
from mlp.checking.students.references import OwnForward, Reference
from mlp.checking.students.situations import Draw, Situation, agreeing, maker
from mlp.checking.students.trials import Broken, WrongOutput, close, run
from mlp.checking.students.updating import rate_of

TRIED = 40
"""Ways to build it that are tried at most."""


def for_one_sample(
    entry: Entry, found: Situation, draws: list[Draw], references: list[Reference]
) -> Situation:
    """The situation, or the one on single samples if the layer is meant for them."""
    if not entry.is_class or entry.make is not None or found.recipe.single or found.recipe.listed:
        return found
    steps = _takes_steps(found.make())
    if steps and _fits_a_batch(found):
        return found
    if not steps and (found.right or found.kind is None):
        return found
    right = _right_ones(entry, found, draws, references)
    shapes = {s.recipe.single for s in right}
    return right[0] if right and (steps or "row" not in shapes) else found


def _takes_steps(subject: Subject) -> bool:
    instance = getattr(subject, "instance", None)
    if instance is None or not hasattr(subject, "gradient_function"):
        return False
    return rate_of(instance, subject.gradient_function) is not None


def _fits_a_batch(s: Situation) -> bool:
    """Whether backward runs on a batch and gives dL/dx the shape of x, or nothing for it."""
    rng = np.random.default_rng(6)
    try:
        trial = run(s.make(), s.arrays(rng, s.batches[0]), None, rng)
    except (Broken, WrongOutput):
        return False
    dx = trial.gradients.get("x")
    return dx is None or dx.shape == trial.arrays["x"].shape


def _right_ones(
    entry: Entry, found: Situation, draws: list[Draw], references: list[Reference]
) -> list[Situation]:
    right = []
    for recipe in single_recipes(entry)[:TRIED]:
        make = maker(entry, found.size, recipe)
        for draw in draws:
            try:
                s = Situation(make, draw, references[0], found.kind, found.size, recipe)
                s = agreeing(s, references) if references else s
                if isinstance(s.reference, OwnForward):
                    s.reference, s.right = OwnForward(make), True
                if s.right and _is_right(s):
                    right.append(s)
            except (Broken, WrongOutput):
                continue
    return right


def _is_right(s: Situation) -> bool:
    rng = np.random.default_rng(6)
    trial = run(s.make(), s.arrays(rng, 5), None, rng)
    truths = s.reference.gradients(trial.arrays, trial.upstream)
    found = trial.gradients
    return all(found.get(n) is not None and close(found[n], t, 1e-5) for n, t in truths.items())
