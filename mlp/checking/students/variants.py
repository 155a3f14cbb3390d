"""The same layer with other settings: each has a branch, or numbers, of its own to be wrong in."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mlp.checking.students.convolutions import ConvolutionReference, convolutions
from mlp.checking.students.loading import Entry
from mlp.checking.students.pairs import choices
from mlp.checking.students.references import OwnForward
from mlp.checking.students.situations import Situation, agreeing, maker
from mlp.checking.students.trials import Broken, WrongOutput, forward


def variants(entry: Entry, main: Situation) -> list[Situation]:
    """Further situations of a pair of functions, where the main one is right."""
    if not entry.is_pair or not main.right:
        return []
    return [*_other_choices(entry, main), *_other_strides(entry, main)]


def _other_choices(entry: Entry, main: Situation) -> list[Situation]:
    """The other things that a function can be told to do."""
    found = []
    for choice in choices(entry) if main.recipe.choice else []:
        if choice == main.recipe.choice:
            continue
        recipe = replace(main.recipe, choice=choice)
        make = maker(entry, main.size, recipe)
        try:
            forward(make(), main.arrays(np.random.default_rng(1), 4))
        except (Broken, WrongOutput):
            continue
        other = replace(main, make=make, recipe=recipe, notes=[], kind=None)
        found.append(replace(other, reference=OwnForward(make), right=True))
    if found:
        told = ", ".join(repr(s.recipe.choice) for s in (main, *found))
        main.notes.append(f"it was told {told}")
    return found


def _other_strides(entry: Entry, main: Situation) -> Iterator[Situation]:
    """A convolution with the other stride, where it takes one and does what it says."""
    if not isinstance(main.reference, ConvolutionReference):
        return
    size = replace(main.size, stride=3 - main.reference.stride)
    try:
        other = replace(main, make=maker(entry, size, main.recipe), size=size, notes=[])
        found = agreeing(other, convolutions())
    except (Broken, WrongOutput):
        return
    if found.right:
        yield found
