"""Compare what backward says with an oracle, and say whether the comparison means anything."""

from typing import NamedTuple

import numpy as np

from mlp.checking.oracles import Function, NumericalGradient, largest

ENOUGH = 1e-6
"""A check that could not have seen a relative error of this size proves nothing."""


class Judgement(NamedTuple):
    """A gradient compared with a reference."""

    max_error: float
    """Largest difference, relative to the largest entry of the reference (to the largest of the
    terms that cancel, where all entries are 0)."""
    resolution: float
    """The relative error that 90 % of the coordinates would have shown; inf if all are noise."""
    used: float
    """The largest error as a part of its tolerance; FAIL above 1."""
    wrong: np.ndarray
    """(K,) booleans: beyond the tolerance."""


def judge(value: np.ndarray, reference: NumericalGradient) -> Judgement:
    """Compare a gradient at the reference's coordinates with it.

    A wrong value would not have shown where the right one is lost in rounding, or is 0; but a 0
    that large terms cancel to is judged by the size of those.
    """
    value, truth = np.asarray(value, np.float64).ravel(), reference.gradient
    error = abs(value - truth)
    wrong = ~(error <= reference.tolerance)  # NaN is wrong
    size = np.maximum(abs(truth), abs(value))
    size = np.where(size <= reference.tolerance, np.maximum(size, reference.terms), size)
    seen = size > reference.floor
    resolution = np.inf
    if seen.any():
        with np.errstate(over="ignore"):
            each = np.sort(reference.tolerance[seen] / size[seen])
        resolution = float(each[int(0.9 * (len(each) - 1))])
    off, scale = largest(error), largest(truth)
    if scale <= largest(reference.tolerance):
        scale = max(scale, largest(reference.terms))
    with np.errstate(divide="ignore", invalid="ignore"):
        used = largest(np.where(error == 0, 0.0, error / reference.tolerance))
    return Judgement(off / scale if scale else off, resolution, used, wrong)


def independent(f: Function, x: np.ndarray, rng: np.random.Generator) -> bool:
    """Whether f is the same wherever x is moved: then its derivative is 0 everywhere, not only at
    this x, as that of a bias is before a batch norm. A dead ReLU comes alive at large steps.
    """
    x = np.asarray(x, np.float64)
    middle = np.asarray(f(x))
    for size in (1.0, 30.0, 1000.0):
        for _ in range(3):
            try:
                moved = np.asarray(f(x + size * rng.standard_normal(x.shape)))
            except (ValueError, ArithmeticError):
                return False
            if not largest(moved - middle) <= 2.0**-36 * size * max(1.0, largest(middle)):
                return False
    return True
