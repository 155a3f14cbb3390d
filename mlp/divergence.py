"""What is said of a training that left the finite numbers: where, and the likely cause."""

import numpy as np

from mlp.errors import NonFiniteError
from mlp.layers import Layer
from mlp.sequential import Sequential

FEATURES = 1e6
"""Samples beyond it were most likely never scaled."""


def is_finite(net: Layer) -> bool:
    """Whether all parameters are."""
    return all(np.isfinite(p).all() for p in net.parameters().values())


def not_finite(
    net: Layer, body: Sequential, x: np.ndarray, value: float, place: str
) -> NonFiniteError:
    """The error for a batch x whose loss is `value`, or after whose step weights are not finite.

    `place` says which step of which epoch that is.
    """
    seen = "a step left the finite numbers" if np.isfinite(value) else f"the loss is {value}"
    bad = [name for name, p in net.parameters().items() if not np.isfinite(p).all()]
    if bad:
        where = f"first parameter with infinity or NaN: {bad[0]}"
        if isinstance(net, Sequential):
            number = bad[0].split(".")[0]
            where += f", of layer {number} {net[int(number)].short_name()}"
        cause = "the step before was too long; try a smaller learning rate"
    else:
        where, largest = f"the weights are finite; {_first_output(body, x)}", _largest(x)
        if largest > FEATURES:
            cause = f"the samples reach {largest:.0e}; scale them, or try a smaller learning rate"
        else:
            weights = max(map(_largest, net.parameters().values()), default=0.0)
            cause = f"the weights have grown to {weights:.0e}; try a smaller learning rate"
    return NonFiniteError(f"fit: {seen} at {place}; {where}; {cause}")


def _first_output(body: Sequential, x: np.ndarray) -> str:
    h = x if body.dtype is None else x.astype(body.dtype)
    with np.errstate(all="ignore"):
        for i, layer in enumerate(body):
            h = layer.forward(h)
            if not np.isfinite(h).all():
                return f"first not finite: the output of layer {i} {layer.short_name()}"
    return f"all outputs are finite, the last up to {_largest(h):.0e}, and the loss of them is not"


def _largest(array: np.ndarray) -> float:
    return float(np.abs(array).max(initial=0))
