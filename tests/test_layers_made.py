"""How layers are made, and how they say it: repr is the call that makes the same layer."""

import numpy as np
import pytest

from mlp import (
    Affine,
    Concat,
    Elementwise,
    Layer,
    MaxPool,
    Multiply,
    ReLU,
    Scale,
    Sequential,
    Sigmoid,
)


def test_the_input_shape_of_branches_is_the_first_that_is_known():
    assert Concat(Sigmoid(), Affine(3, 2), Sigmoid()).input_shape == (3,)
    assert Concat(Sigmoid()).input_shape is None


def test_options_are_given_by_name():
    for call in (lambda: Affine(2, 3, False), lambda: ReLU(0.1), lambda: MaxPool(2, 2, [[0]])):
        with pytest.raises(TypeError, match="positional argument"):
            call()


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Affine(2, 3, dtype=np.float32), "Affine(2, 3, dtype='float32')"),
        (Affine(2, 3, dtype=np.complex128), "Affine(2, 3, dtype='complex128')"),
        (ReLU(), "ReLU()"),
        (ReLU(negative_slope=0.1), "ReLU(negative_slope=0.1)"),
        (ReLU(negative_slope=[0.5, 0]), "ReLU(negative_slope=array(2,))"),
        (ReLU(at_zero=np.float32(0.5)), "ReLU(at_zero=0.5)"),
        (ReLU(negative_slope=-1, at_zero=0), "ReLU(negative_slope=-1.0, at_zero=0.0)"),
        (MaxPool(2), "MaxPool(2)"),
        (MaxPool(2, 3), "MaxPool(2, stride=3)"),
        (MaxPool(3, 2), "MaxPool(3, stride=2)"),
        (MaxPool((1, 2), (2, 1)), "MaxPool((1, 2), stride=(2, 1))"),
        (MaxPool((2, 300), (2, 300)), "MaxPool((2, 300))"),
        (MaxPool(subsets=[[0, 1], [2]]), "MaxPool(subsets=[[0, 1], [2]])"),
        (Multiply([[0, 1]]), "Multiply([[0, 1]])"),
        (Scale(), "Scale(0.0, 1.0)"),
        (Scale([1, 2], 0.5), "Scale(array(2,), 0.5)"),
        (Elementwise(np.tanh, np.cos), "Elementwise(tanh, cos)"),
        (Concat(ReLU(), Sequential(Sigmoid())), "Concat(ReLU(), Sequential(Sigmoid()))"),
    ],
)
def test_repr_is_the_call_that_makes_the_layer(layer: Layer, text: str):
    assert repr(layer) == text
    args, options = layer.constructor_arguments()
    assert repr(type(layer)(*args, **options)) == text
