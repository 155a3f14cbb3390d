"""float32 against float64, on the same float32 numbers."""

import math

import numpy as np

from mlp.checking.report import Row
from mlp.layers import Layer


def pulled(layer: Layer, x: np.ndarray, upstream: np.ndarray) -> dict[str, np.ndarray]:
    """What backward makes of upstream: the gradient of the input ("x") and of the parameters."""
    layer.forward(x)
    dx = layer.backward(upstream)
    return {"x": dx} | {name: np.asarray(g) for name, g in layer.gradients().items()}


def compare_float32(
    row: Row, name: str, value: np.ndarray, truth: np.ndarray, x: np.ndarray, upstream: np.ndarray
) -> None:
    """Fail the row where float32 is off by more than rounding explains; `name` is for the note."""
    eps, tiny = float(np.finfo(np.float32).eps), float(np.finfo(np.float32).tiny)
    width = max((1, *x.shape, *upstream.shape))
    size = float(abs(truth).max(initial=0.0))
    # A sum of `width` rounded terms is off by about sqrt(width) eps; the 4 allows for bad luck.
    allowed = tiny + 4 * math.sqrt(width) * eps * size
    # Terms that cancel leave the rounding of the upstream that was multiplied by x.
    noise = 8 * eps * float(abs(upstream).max(initial=0.0))
    allowed += noise * max(1.0, float(abs(x).max(initial=0.0)))
    fits = value.shape == truth.shape
    error = float(abs(value - truth).max(initial=0.0)) if fits else np.inf
    row.max_error = max(row.max_error or 0.0, error / size if size else error)
    row.resolution = max(row.resolution, allowed / size if size else np.inf)
    if not error <= allowed:
        row.fail(f"{name} in float32 is off by {error:.2g}, more than {allowed:.2g}")
