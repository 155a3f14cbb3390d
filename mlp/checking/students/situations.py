"""Situations: a way to build a student's layer, numbers to try it on, and what to compare with.

The recipes of `building` are tried until the forward pass runs, and until it agrees with one of the
accepted conventions; where none agrees, the likeliest is kept. `forms` says what is tried.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from mlp.checking.students.adapters import Subject
from mlp.checking.students.building import Recipe, Size, build, recipes, single_recipes
from mlp.checking.students.loading import Entry
from mlp.checking.students.references import OwnForward, Reference
from mlp.checking.students.trials import Arrays, Broken, WrongOutput, close, forward, guarded

BATCHES = (7, 11)
"""Sizes that are no width and no number of classes in any situation."""
ENOUGH, MANY = 6, 60
"""Combinations that run, of a layer of unknown and of known kind, after which no other is tried."""
TRIES = 1000
"""Combinations that fail, after which only those for one sample at a time are tried."""
Draw = Callable[[np.random.Generator, int], Arrays]


@dataclass
class Situation:
    """One way of using a layer that is checked."""

    make: Callable[[], Subject]
    draw: Draw
    reference: Reference
    kind: str | None
    size: Size
    recipe: Recipe
    right: bool = True
    """Whether the outputs agreed with the reference when it was chosen."""
    notes: list[str] = field(default_factory=list)

    @property
    def batches(self) -> tuple[int, int]:
        """Numbers of samples; few, where images are compared by differences."""
        large = self.size.image is not None and isinstance(self.reference, OwnForward)
        return (5, 3) if large else BATCHES

    def arrays(self, rng: np.random.Generator, n: int) -> Arrays:
        """Inputs for n samples, and random numbers for the parameters."""
        arrays = self.draw(rng, n)
        subject = self.make()
        for name in subject.parameters:
            value = subject.get(name)
            noise = rng.standard_normal(value.shape)
            arrays[name] = noise if self.kind == "Affine" else value + 0.3 * noise
        return arrays


def normal(*shape: int, names: tuple[str, ...] = ("x",)) -> Draw:
    """Standard normal inputs of one shape."""
    return lambda rng, n: {name: rng.standard_normal((n, *shape)) for name in names}


def of_shapes(shapes: dict[str, tuple[int, ...]], below: int = 0) -> Draw:
    """Standard normal inputs, each of its own shape; or indices below a number."""

    def draw(rng: np.random.Generator, n: int) -> Arrays:
        sizes = {name: (n, *shape) for name, shape in shapes.items()}
        return {
            name: rng.integers(below, size=size) if below else rng.standard_normal(size)
            for name, size in sizes.items()
        }

    return draw


def fit(
    entry: Entry,
    sizes: list[Size],
    draws: Callable[[Subject], list[Draw]],
    references: Callable[[Subject], list[Reference]],
) -> Situation:
    """The first combination that agrees with a reference, else the first that runs."""
    running: list[Situation] = []
    errors: list[Broken | WrongOutput] = []
    together = list(itertools.product(sizes, recipes(entry)))
    for size, recipe in [*together, *itertools.product(sizes, single_recipes(entry))]:
        if len(running) >= (ENOUGH if entry.kind is None else MANY) or (recipe.single and running):
            break
        if len(errors) > TRIES and not recipe.single:
            continue
        try:
            make = maker(entry, size, recipe)
            subject = make()
        except Broken as error:
            errors.append(error)
            continue
        for draw in draws(subject):
            try:
                found = agreeing(
                    Situation(
                        make, draw, references(subject)[0], entry.kind, size=size, recipe=recipe
                    ),
                    references(subject),
                )
            except (Broken, WrongOutput) as error:
                errors.append(error)
                continue
            if found.right:
                return found
            running.append(found)
    if running:
        return min(running, key=lambda s: not same_shape(s))
    raise _telling(errors) or Broken("constructor", TypeError("found no way to build it"))


def _telling(errors: list[Broken | WrongOutput]) -> Broken | WrongOutput | None:
    """The first error that no other numbers could have prevented, else the first."""
    own = [
        e for e in errors if isinstance(e, Broken) and isinstance(e.cause, NameError | ImportError)
    ]
    return next(iter([*own, *errors]), None)


def maker(entry: Entry, size: Size, recipe: Recipe, seed: int = 0) -> Callable[[], Subject]:
    """What builds fresh subjects by one recipe; weights that are not found are as the seed says."""

    def make() -> Subject:
        with guarded("constructor"):
            np.random.seed(seed)  # noqa: NPY002  the student's own generator
            return build(entry, size, recipe)

    return make


def agreeing(situation: Situation, references: list[Reference]) -> Situation:
    """The situation with the first reference that its outputs agree with."""
    rng = np.random.default_rng(1)
    trials = [situation.arrays(rng, n) for n in (7, 4)]
    outputs = [forward(situation.make(), arrays) for arrays in trials]
    for reference in references:
        if all(agrees(reference, a, y) for a, y in zip(trials, outputs, strict=True)):
            return replace(situation, reference=reference)
    return replace(situation, right=False)


def agrees(reference: Reference, arrays: Arrays, y: np.ndarray) -> bool:
    """Whether the output y is that of the reference, to five digits."""
    try:
        return close(y, reference.forward(arrays), 1e-5)
    except (ValueError, TypeError, LookupError):
        return False


def same_shape(situation: Situation) -> bool:
    """Whether the output has at least the shape of the reference's."""
    arrays = situation.arrays(np.random.default_rng(1), 7)
    try:
        return forward(situation.make(), arrays).shape == situation.reference.forward(arrays).shape
    except (Broken, WrongOutput, ValueError, KeyError):
        return False
