"""Points without a derivative: is the value that backward uses a subgradient, and which one?

A layer says where it sits on a kink (`Layer.kinks`). Next to a kink, one ulp up or down in one
input, the slope is that of a smooth piece, and the complex step is exact there. A subgradient
lies between the slopes of the two sides. For the maximum that is not yet enough, since the
weights of tied inputs must add up to 1: moving all inputs together is a smooth motion, whose
slope is known.
"""

from typing import NamedTuple

import numpy as np

from mlp.checking.forwards import Forwards
from mlp.checking.oracles import EPS, STEP, Function
from mlp.layers import Layer, MaxPool

LIMIT = 256
"""Kinks examined in one layer; with more, a random choice."""


class Kink(NamedTuple):
    """A layer on a kink."""

    place: str
    """Where in the network, "0.1."; empty for a single layer."""
    layer: str
    number: int
    total: int
    convention: str
    """The subgradient in words, or what is wrong with it."""
    valid: bool

    def __str__(self) -> str:
        where = f"layer {self.place[:-1]} {self.layer}" if self.place else self.layer
        return f"{where} is at a kink in {self.number} of {self.total} inputs: {self.convention}"


def examine(
    layer: Layer,
    x: np.ndarray,
    upstream: np.ndarray,
    at_kink: np.ndarray,
    place: str,
    rng: np.random.Generator,
) -> tuple[np.ndarray, Kink]:
    """dL/dx by the layer's own backward, and whether it is a subgradient at the kinks."""
    layer.forward(x)
    dx = np.array(layer.backward(upstream))
    f = Forwards(layer, x).of("x")
    at = np.flatnonzero(at_kink)
    chosen = at if len(at) <= LIMIT else np.sort(rng.choice(at, LIMIT, replace=False))
    wrong = _outside(f, x, upstream, dx, chosen) or _unbalanced(f, x, upstream, dx)
    text = wrong or _convention(layer, f, x, at)
    return dx, Kink(place, type(layer).__name__, len(at), x.size, text, not wrong)


def _outside(
    f: Function, x: np.ndarray, upstream: np.ndarray, dx: np.ndarray, chosen: np.ndarray
) -> str:
    for i in chosen:
        right, left = upstream * _slope(f, x, i, 1), upstream * _slope(f, x, i, -1)
        low, high = np.minimum(right, left).sum(), np.maximum(right, left).sum()
        slack = 32 * EPS * (abs(right) + abs(left)).sum()
        if not low - slack <= dx.flat[i] <= high + slack:
            where = ", ".join(map(str, np.unravel_index(i, x.shape)))
            return (
                f"dx[{where}] = {dx.flat[i]:.6g} is no subgradient, which lie "
                f"between {low:.6g} and {high:.6g}"
            )
    return ""


def _unbalanced(f: Function, x: np.ndarray, upstream: np.ndarray, dx: np.ndarray) -> str:
    """Move all inputs together. Where that is a smooth motion, sum dx must be its slope."""
    h = 2.0 ** (np.round(np.log2(1 + abs(x).max())) - 20)
    middle = f(x)
    right, left = (f(x + h) - middle) / h, (middle - f(x - h)) / h
    noise = 16 * EPS * (1 + abs(middle).max()) / h
    slack = noise * abs(upstream).sum()
    total = (upstream * right).sum()
    if (abs(right - left) > noise).any() or abs(dx.sum() - total) <= slack:
        return ""
    return (
        f"no subgradient: the entries of dx add up to {dx.sum():.6g}, but moving all inputs "
        f"together changes the output by {total:.6g}"
    )


def _convention(layer: Layer, f: Function, x: np.ndarray, at: np.ndarray) -> str:
    """What the layer does at its first kink, read off a row of its Jacobian."""
    jump = _jump(f, x, at[0])
    output = abs(jump).argmax()
    sample = x.size // len(x)
    rivals = at[at // sample == at[0] // sample][:LIMIT]
    tied = [i for i in rivals if _jump(f, x, i).flat[output]]
    one = np.zeros(jump.shape)
    one.flat[output] = 1
    layer.forward(x)
    row = layer.backward(one).ravel()
    if len(tied) == 1:
        return f"{type(layer).__name__}'({x.flat[tied[0]]:g}) = {row[tied[0]]:g}"
    if isinstance(layer, MaxPool) and layer.subsets is not None:
        listed = layer.subsets[output % jump.shape[-1]]
        tied.sort(key=lambda i: listed.index(i % sample))
    return _share(row[tied])


def _share(weights: np.ndarray) -> str:
    if np.count_nonzero(weights) == 1 and weights[0] == 1:
        return "the first of the equal inputs wins"
    if np.count_nonzero(weights) == 1 and weights[-1] == 1:
        return "the last of the equal inputs wins"
    if np.ptp(weights) <= 4 * EPS:
        return "equal inputs share evenly"
    return f"equal inputs get the shares {', '.join(f'{w:g}' for w in weights)}"


def _jump(f: Function, x: np.ndarray, i: int) -> np.ndarray:
    return _slope(f, x, i, 1) - _slope(f, x, i, -1)


def _slope(f: Function, x: np.ndarray, i: int, side: int) -> np.ndarray:
    """d f / d x_i one ulp above (side 1) or below (side -1) x_i."""
    point = x.astype(complex)
    point.flat[i] += side * max(float(np.spacing(abs(x.flat[i]))), 1e-300) + 1j * STEP
    return f(point).imag / STEP
