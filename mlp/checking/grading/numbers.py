"""Numbers that a submission is tried on, drawn alike in the child and in its parent.

The child says what an array must look like for the student's code (a Form); both draw it.
"""

from typing import NamedTuple

import numpy as np

SAMPLES = 7
LARGEST = 100_000
"""Entries of an array that the parent is willing to draw."""


class Form(NamedTuple):
    """What an array is: "normal" numbers, "rows" of probabilities, a number of "unit" size each,
    "onehot" rows or "labels" (with the number of classes)."""

    look: str
    shape: tuple[int, ...]
    classes: int = 0


def form_of(array: np.ndarray, classes: int) -> Form:
    """The form of an array that the check has drawn; `classes` is the number of columns of x."""
    shape = tuple(array.shape)
    if array.dtype.kind in "iu" and array.ndim == 1:
        return Form("labels", shape, classes)
    if array.size == 0 or array.min() < 0 or array.max() > 1:
        return Form("normal", shape)
    if array.ndim == 2 and array.shape[1] > 1 and np.allclose(array.sum(axis=1), 1):
        return Form("onehot" if np.isin(array, (0, 1)).all() else "rows", shape)
    return Form("unit", shape)


def draw(form: Form, rng: np.random.Generator) -> np.ndarray:
    """An array of that form; ValueError for one that cannot have been meant."""
    if not form.shape or not 0 < np.prod(form.shape) <= LARGEST:
        raise ValueError(f"no array to try a layer on has the shape {form.shape}")
    if form.look == "labels":
        return rng.integers(0, form.classes, form.shape)
    if form.look == "onehot":
        return np.eye(form.shape[1])[rng.integers(0, form.shape[1], form.shape[0])]
    if form.look == "unit":
        return rng.uniform(0.05, 0.95, form.shape)
    values = rng.standard_normal(form.shape)
    if form.look == "rows":
        odds = np.exp(values)
        return odds / odds.sum(axis=1, keepdims=True)
    return values


def draw_all(forms: dict[str, Form], seed: int) -> dict[str, np.ndarray]:
    """An array for each, the same for the same seed."""
    rng = np.random.default_rng(seed)
    return {name: draw(forms[name], rng) for name in sorted(forms)}


def upstream_of(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """dL/dy for an output of that shape."""
    return np.random.default_rng([seed, 1]).standard_normal(shape)
