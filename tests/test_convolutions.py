"""The convolution that students' convolutions are compared with."""

import numpy as np
import pytest

from mlp.checking.slopes import by_differences
from mlp.checking.students.convolutions import ConvolutionReference, convolutions

EPS = np.finfo(float).eps


def test_worked_by_hand():
    """x = [1 2; 3 4] and W = [1 0; 0 1], stride 1, no padding: y = 1 + 4 + b."""
    arrays = {"x": np.array([[[[1.0, 2], [3, 4]]]]), "W": np.eye(2)[None, None], "b": np.ones(1)}
    layer = ConvolutionReference(True, 1, 0)
    assert layer.forward(arrays) == 6
    found = layer.gradients(arrays, np.full((1, 1, 1, 1), 2.0))
    np.testing.assert_array_equal(found["x"], [[[[2, 0], [0, 2]]]])
    np.testing.assert_array_equal(found["W"], [[[[2, 4], [6, 8]]]])
    np.testing.assert_array_equal(found["b"], [2])


@pytest.mark.parametrize("layer", convolutions(), ids=lambda layer: layer.label)
def test_the_gradients_are_those_of_its_forward_pass(layer):
    rng = np.random.default_rng(0)
    first = layer.channels_first
    arrays = {
        "x": rng.normal(size=(2, 2, 5, 6) if first else (2, 5, 6, 2)),
        "W": rng.normal(size=(3, 2, 3, 2) if first else (3, 2, 2, 3)),
        "b": rng.normal(size=(3,) if first else (1, 1, 1, 3)),
    }
    upstream = rng.normal(size=layer.forward(arrays).shape)
    found = layer.gradients(arrays, upstream)
    for name, value in arrays.items():
        slopes = by_differences(lambda v, n=name: layer.forward(arrays | {n: v}), value)
        # Linear in each array: only the rounding of forward is left, eps |y| over steps eps^0.2.
        tolerance = 64 * EPS**0.8 * abs(upstream).sum()
        np.testing.assert_allclose(found[name], slopes(upstream), rtol=0, atol=tolerance)
