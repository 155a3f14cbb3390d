"""Helpers of the tests that compare with what other people printed."""

import numpy as np

from mlp import Affine


def printed(actual, expected, digits, cut=False):
    """Equal to `digits` digits after the point, rounded or (some authors) cut off there."""
    unit = 10.0**-digits
    np.testing.assert_allclose(actual, expected, rtol=0, atol=unit if cut else 0.501 * unit)


def affine(W, b=None):
    W = np.array(W, float)
    layer = Affine(*W.shape, bias=b is not None, init=lambda rng, shape, dtype: W)
    if b is not None:
        layer.b = b
    return layer


def square_norm_of_weights(net):
    return sum((p**2).sum() for name, p in net.parameters().items() if name.endswith("W"))
