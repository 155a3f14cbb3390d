"""Wrong gradients of layers of unknown kind, which their outputs give away.

A layer whose output is tanh(x) is a tanh, whatever it is called; one whose columns are each a x + b
over the batch is a normalisation; one that is x or 0 times a constant is a dropout.
"""

from collections.abc import Iterator

import numpy as np

from mlp.checking.diagnosis.evidence import Evidence, Named, same


def by_output(e: Evidence) -> Iterator[Named]:
    """The classic wrong gradients of what the output shows the layer to be."""
    x, u, y = e.arrays["x"], e.upstream, e.y
    if "x" not in e.truth or x.shape != y.shape:
        yield from _affine_relu(e)
        return
    if same(y, np.tanh(x)):
        for slope in (1 - y, 1 - x**2, 1 - x, y * (1 - y), 1 - np.tanh(y) ** 2):
            yield "tanh-derivative", "x", u * slope
    yield from _normalised(e)
    yield from _dropped(e)
    yield "times-output", "x", e.truth["x"] * y
    yield "times-output", "x", u * y
    yield "mask-missing", "x", u


def _normalised(e: Evidence) -> Iterator[Named]:
    """y = a x + b along some axes: without the path through the mean, the variance, or both."""
    x, u, y = e.arrays["x"], e.upstream, e.y
    images = [(0, 2, 3), (2, 3), (1, 2, 3)] if x.ndim == 4 else []
    for axes in ((0,), (1,), *images):
        if max(axes) >= x.ndim:
            continue

        def mean(v: np.ndarray, axes: tuple[int, ...] = axes) -> np.ndarray:
            return v.mean(axis=axes, keepdims=True)

        v = x - mean(x)
        slope = mean(v * y) / mean(v**2)
        if same(y, slope * v + mean(y)):
            yield "norm-paths-missing", "x", slope * u
            yield "norm-paths-missing", "x", slope * (u - mean(u))
            yield "norm-paths-missing", "x", e.truth["x"] + slope * mean(u)


def _dropped(e: Evidence) -> Iterator[Named]:
    """y = m x with a mask m of 0 and one other number."""
    x, u, y = e.arrays["x"], e.upstream, e.y
    kept = y != 0
    if not kept.any() or kept.all():
        return
    factor = float((y[kept] / x[kept]).mean())
    if same(y, x * kept * factor) and not ((x < 0) == kept).all() and not ((x > 0) == kept).all():
        for mask in (1.0, factor, kept):
            yield "dropout-mask-missing", "x", u * mask


def _affine_relu(e: Evidence) -> Iterator[Named]:
    """y = max(x W + b, 0), with the mask left out on the way back."""
    x, u, W = e.arrays["x"], e.upstream, e.arrays.get("W")
    if W is None or x.ndim != 2 or W.ndim != 2 or W.shape != (x.shape[1], e.columns):
        return
    if same(e.y, np.maximum(x @ W + e.arrays.get("b", 0.0), 0)):
        yield "mask-missing", "x", u @ W.T
        yield "mask-missing", "W", x.T @ u
        yield "mask-missing", "b", u.sum(axis=0)
