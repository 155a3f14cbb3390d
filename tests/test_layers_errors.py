"""Every error of one layer alone: its type and its whole message. The rest is in the battery."""

import numpy as np
import pytest

from cases import square
from mlp import (
    Affine,
    Concat,
    Elementwise,
    Flatten,
    MaxPool,
    Multiply,
    ReLU,
    Scale,
    Sequential,
    Sigmoid,
    Softmax,
)

RULE = "Affine: expected init to be one of ['he', 'glorot', 'zeros'], a number or a callable "
RULE += "(rng, shape, dtype) -> array, got "
WINDOW = "to be a whole number above 0 or a tuple of them, got"
SUBSETS = "MaxPool: expected subsets to be non-empty lists of whole numbers from 0 up, got"
PAIRS = "Multiply: expected pairs of whole numbers from 0 up, got"
STRIDES = "MaxPool: expected as many strides as pooled axes"
EITHER = "MaxPool: expected a window (with an optional stride) or subsets"
WEIGHTS = "Affine: expected finite weights of shape (2, 3), got (2, 3) from"
REAL = "Affine: expected real weights from init, got"
IN, OUT = "Affine: expected in_features to be", "Affine: expected out_features to be"
JOIN = "Concat: expected branches whose outputs differ in the last axis only, got"

CONSTRUCTION = [
    (lambda: Affine(0, 3), f"{IN} a whole number above 0, got 0"),
    (lambda: Affine(3, -1), f"{OUT} a whole number above 0, got -1"),
    (lambda: Affine(3.0, 1), f"{IN} a whole number above 0, got 3.0"),
    (lambda: Affine(True, 1), f"{IN} a whole number above 0, got True"),
    (lambda: Affine(2, "3"), f"{OUT} a whole number above 0, got '3'"),
    (lambda: Affine(2, None), f"{OUT} a whole number above 0, got None"),
    (lambda: Affine(2, 3, init="xavier"), RULE + "'xavier'"),
    (lambda: Affine(2, 3, init=None), RULE + "None"),
    (lambda: Affine(2, 3, init=True), RULE + "True"),
    (lambda: Affine(2, 3, init=np.nan), f"{WEIGHTS} nan"),
    (lambda: Affine(2, 3, init=-np.inf), f"{WEIGHTS} -inf"),
    (lambda: ReLU(negative_slope=np.nan), "ReLU: expected a finite real negative_slope, got nan"),
    (lambda: ReLU(negative_slope=1j), "ReLU: expected a finite real negative_slope, got 1j"),
    (
        lambda: ReLU(negative_slope=[0.1, np.inf]),
        "ReLU: expected a finite real negative_slope, got [0.1, inf]",
    ),
    (lambda: ReLU(at_zero=2), "ReLU: expected at_zero between negative_slope and 1, got 2"),
    (lambda: ReLU(at_zero=-0.1), "ReLU: expected at_zero between negative_slope and 1, got -0.1"),
    (
        lambda: ReLU(negative_slope=[0.1, 0.5], at_zero=0.2),
        "ReLU: expected at_zero between negative_slope and 1, got 0.2",
    ),
    (
        lambda: ReLU(negative_slope=2, at_zero=0.5),
        "ReLU: expected at_zero between negative_slope and 1, got 0.5",
    ),
    (
        lambda: ReLU(negative_slope=[0.5], at_zero=10**400),
        f"ReLU: expected at_zero between negative_slope and 1, got {10**400}",
    ),
    (lambda: ReLU(at_zero="a"), "ReLU: expected at_zero between negative_slope and 1, got 'a'"),
    (lambda: ReLU(at_zero=np.nan), "ReLU: expected at_zero between negative_slope and 1, got nan"),
    (lambda: Multiply([0, 1]), "Multiply: expected pairs of shape (M, 2), got (2,)"),
    (lambda: Multiply([[0, 1, 2]]), "Multiply: expected pairs of shape (M, 2), got (1, 3)"),
    (lambda: Multiply([[0], [1]]), "Multiply: expected pairs of shape (M, 2), got (2, 1)"),
    (
        lambda: Multiply(np.zeros((1, 2, 2))),
        "Multiply: expected pairs of shape (M, 2), got (1, 2, 2)",
    ),
    (
        lambda: Multiply(np.zeros((0, 2))),
        "Multiply: expected pairs of shape (M, 2), got (0, 2)",
    ),
    (lambda: Multiply([[0, -1]]), f"{PAIRS} [[0, -1]]"),
    (lambda: Multiply([[0, 0.5]]), f"{PAIRS} [[0, 0.5]]"),
    (lambda: Multiply([[0, -0.5]]), f"{PAIRS} [[0, -0.5]]"),
    (lambda: Multiply([[0, np.nan]]), f"{PAIRS} [[0, nan]]"),
    (lambda: Multiply([[0, 1j]]), f"{PAIRS} [[0, 1j]]"),
    (lambda: MaxPool(), EITHER),
    (lambda: MaxPool(2, subsets=[[0]]), EITHER),
    (lambda: MaxPool(stride=2), EITHER),
    (lambda: MaxPool(stride=2, subsets=[[0]]), EITHER),
    (lambda: MaxPool(0), f"MaxPool: expected window {WINDOW} 0"),
    (lambda: MaxPool(-2), f"MaxPool: expected window {WINDOW} -2"),
    (lambda: MaxPool(1.5), f"MaxPool: expected window {WINDOW} 1.5"),
    (lambda: MaxPool(True), f"MaxPool: expected window {WINDOW} True"),
    (lambda: MaxPool("2"), f"MaxPool: expected window {WINDOW} '2'"),
    (lambda: MaxPool(()), f"MaxPool: expected window {WINDOW} ()"),
    (lambda: MaxPool((2, 0)), f"MaxPool: expected window {WINDOW} (2, 0)"),
    (lambda: MaxPool((2, 1.5)), f"MaxPool: expected window {WINDOW} (2, 1.5)"),
    (lambda: MaxPool(2, 0), f"MaxPool: expected stride {WINDOW} 0"),
    (lambda: MaxPool((2, 2), (1, -1)), f"MaxPool: expected stride {WINDOW} (1, -1)"),
    (lambda: MaxPool((2, 2), (1, 1, 1)), f"{STRIDES}, 2, got (1, 1, 1)"),
    (lambda: MaxPool(2, (1, 1)), f"{STRIDES}, 1, got (1, 1)"),
    (lambda: MaxPool((2, 2, 2), (1, 1)), f"{STRIDES}, 3, got (1, 1)"),
    (lambda: MaxPool(subsets=[]), f"{SUBSETS} []"),
    (lambda: MaxPool(subsets=[[0], []]), f"{SUBSETS} [[0], []]"),
    (lambda: MaxPool(subsets=[[0, -1]]), f"{SUBSETS} [[0, -1]]"),
    (lambda: MaxPool(subsets=[[0], [-1]]), f"{SUBSETS} [[0], [-1]]"),
    (lambda: MaxPool(subsets=[[0, 0.5]]), f"{SUBSETS} [[0, 0.5]]"),
    (lambda: MaxPool(subsets=[0, 1]), f"{SUBSETS} [0, 1]"),
    (lambda: MaxPool(subsets=5), f"{SUBSETS} 5"),
    (lambda: Scale(np.nan, np.inf), "Scale: expected a finite real shift, got nan"),
    (lambda: Scale([0, np.nan]), "Scale: expected a finite real shift, got [ 0. nan]"),
    (lambda: Scale(0, np.inf), "Scale: expected a finite real factor, got inf"),
    (lambda: Scale(0, 1j), "Scale: expected a finite real factor, got 1j"),
    (lambda: Concat(), "Concat: expected at least one layer, got none"),
]

TYPES = [
    (lambda: Multiply("ab"), "Multiply pairs: expected an array of numbers, got str of dtype <U2"),
    (
        lambda: Multiply([[0, 1], [2]]),
        "Multiply pairs: expected an array of numbers, got a ragged list",
    ),
    (lambda: Scale("a"), "Scale shift: expected an array of numbers, got str of dtype <U1"),
    (
        lambda: ReLU(negative_slope="a"),
        "ReLU negative_slope: expected an array of numbers, got str of dtype <U1",
    ),
    (
        lambda: Elementwise(np.tanh, 1),
        "Elementwise: expected two callables, function(z), derivative(z, y)",
    ),
    (
        lambda: Elementwise(1, np.tanh),
        "Elementwise: expected two callables, function(z), derivative(z, y)",
    ),
    (lambda: Concat(ReLU(), 3), "Concat: expected layers, got 3 as branch 1"),
    (
        lambda: Concat([ReLU(), Sigmoid()]),
        "Concat: expected layers, got [ReLU(), Sigmoid()] as branch 0; write Concat(*layers)",
    ),
    (
        lambda: Sequential((ReLU(),)),
        "Sequential: expected layers, got (ReLU(),) as layer 0; write Sequential(*layers)",
    ),
    (
        lambda: Sequential(Flatten(), ReLU),
        f"Sequential: expected layers, got {ReLU} as layer 1; write ReLU()",
    ),
    (lambda: Affine(2, 3, init=10**400), "Affine: expected numbers from init, got dtype object"),
    (lambda: Affine(2, 3, init=1j), f"{REAL} complex128; choose the dtype"),
    (
        lambda: Affine(2, 3, init=lambda rng, shape, dtype: np.full(shape, 1j, np.complex64)),
        f"{REAL} complex64; choose the dtype",
    ),
    (
        lambda: Affine(2, 3, dtype=np.int64),
        "Affine: expected dtype float32 or float64 (or complex), got int64",
    ),
    (
        lambda: Affine(2, 3, dtype=np.float16),
        "Affine: expected dtype float32 or float64 (or complex), got float16",
    ),
]

SHAPES = [
    (Affine(784, 128), (784,), "(N, 784), got (784,); for one sample use x[None, :]"),
    (Affine(784, 128), (32, 28, 28), "(N, 784), got (32, 28, 28); add Flatten() before it"),
    (Affine(784, 128), (28, 28), "(N, 784), got (28, 28); for one sample use x[None]"),
    (Affine(784, 128), (1, 1, 28, 28), "(N, 784), got (1, 1, 28, 28); add Flatten() before it"),
    (Affine(784, 128), (3, 28, 14), "(N, 784), got (3, 28, 14)"),
    (Affine(784, 128), (784, 5), "(N, 784), got (784, 5); rows are samples: transpose x"),
    (Affine(784, 128), (3, 784, 2), "(N, 784), got (3, 784, 2)"),
    (Affine(784, 128), (5, 10), "(N, 784), got (5, 10)"),
    (Affine(784, 128), (1000, 10), "(N, 784), got (1000, 10)"),
    (Affine(784, 128), (5, 1000), "(N, 784), got (5, 1000)"),
    (Affine(784, 128), (), "(N, 784), got ()"),
    (Multiply(), (2, 2, 2), "(N, D), got (2, 2, 2); add Flatten() before it"),
    (Multiply([[0, 1]]), (2,), "(N, D), got (2,); for one sample use x[None, :]"),
    (MaxPool(2), (5, 28, 28), "(N, D), got (5, 28, 28); for images use (2, 2)"),
    (MaxPool(3), (5, 3, 28, 28), "(N, D), got (5, 3, 28, 28); for images use (3, 3)"),
    (MaxPool(2), (6,), "(N, D), got (6,); for one sample use x[None, :]"),
    (MaxPool(subsets=[[0]]), (5, 2, 2), "(N, D), got (5, 2, 2); add Flatten() before it"),
    (MaxPool((2,)), (6,), "(N, ..., W), got (6,)"),
    (MaxPool((2, 2)), (6, 4), "(N, ..., H, W), got (6, 4)"),
    (MaxPool((2, 2)), (6,), "(N, ..., H, W), got (6,)"),
    (MaxPool((1, 2, 2)), (6, 4, 4), "(N, ..., D, H, W), got (6, 4, 4)"),
    (MaxPool((2, 2, 2)), (6, 4, 4), "(N, ..., D, H, W), got (6, 4, 4)"),
    (Softmax(), (), "(..., C) with C > 0, got ()"),
    (Softmax(), (3, 0), "(..., C) with C > 0, got (3, 0)"),
    (Flatten(), (), "(N, ...), got a single number"),
]

FEATURES = [
    (Multiply(), (2, 5), "Multiply(): expected an even number of features above 0, got 5; "
     "give pairs for any other wiring"),
    (Multiply(), (2, 0), "Multiply(): expected an even number of features above 0, got 0; "
     "give pairs for any other wiring"),
    (Multiply([[0, 7]]), (2, 5), "Multiply([[0, 7]]): expected at least 8 features, got 5"),
    (MaxPool(subsets=[[0, 7], [1]]), (2, 5), "MaxPool(subsets=[[0, 7], [1]]): expected at least "
     "8 features, got 5"),
    (MaxPool(subsets=[[0, 5]]), (2, 5), "MaxPool(subsets=[[0, 5]]): expected at least 6 "
     "features, got 5"),
    (MaxPool(6), (2, 5), "MaxPool(6): the window is larger than the pooled axes (5,)"),
    (MaxPool((2, 4)), (2, 3, 3), "MaxPool((2, 4)): the window is larger than the pooled axes "
     "(3, 3)"),
    (ReLU(negative_slope=[0.1, 0.2]), (2, 3), "ReLU(negative_slope=array(2,)): expected x that "
     "negative_slope of shape (2,) broadcasts to, got (2, 3)"),
    (ReLU(negative_slope=np.full((4, 3), 0.1)), (1, 3), "ReLU(negative_slope=array(4, 3)): "
     "expected x that negative_slope of shape (4, 3) broadcasts to, got (1, 3)"),
    (Elementwise(np.sum, square().derivative), (2, 3), "Elementwise(sum, <lambda>): expected "
     "function(z) of shape (2, 3), got ()"),
    (Scale([1, 2], [1]), (2, 3), "Scale(array(2,), array(1,)): expected samples of shape (2,), "
     "got (3,)"),
    (Scale([1, 2, 3]), (2, 1), "Scale(array(3,), 1.0): expected samples of shape (3,), got (1,)"),
    (Scale(0, np.ones((1, 3))), (2, 3), "Scale(0.0, array(1, 3)): expected samples of "
     "shape (1, 3), got (3,)"),
    (Concat(Flatten(), ReLU()), (2, 2, 2), f"{JOIN} (2, 4), (2, 2, 2)"),
    (Concat(ReLU(), ReLU()), (2,), f"{JOIN} (2,), (2,)"),
    (Concat(ReLU(), MaxPool((2, 2))), (2, 4, 4), f"{JOIN} (2, 4, 4), (2, 2, 2)"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), CONSTRUCTION)
def test_bad_arguments_of_constructors(make, message: str):
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value) == message


def test_an_init_that_gives_another_shape():
    message = r"^Affine: expected finite weights of shape \(2, 3\), got \(3, 2\) from <function"
    with pytest.raises(ValueError, match=message):
        Affine(2, 3, init=lambda rng, shape, dtype: np.zeros(shape[::-1]))


@pytest.mark.parametrize(("make", "message"), TYPES)
def test_arguments_of_the_wrong_type(make, message: str):
    with pytest.raises(TypeError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize(("layer", "shape", "message"), SHAPES)
def test_x_of_the_wrong_shape(layer, shape: tuple[int, ...], message: str):
    with pytest.raises(ValueError) as caught:
        layer.forward(np.zeros(shape))
    assert str(caught.value) == f"{layer!r}: expected x of shape {message}"


@pytest.mark.parametrize(("layer", "shape", "message"), FEATURES)
def test_x_that_does_not_fit(layer, shape: tuple[int, ...], message: str):
    with pytest.raises(ValueError) as caught:
        layer.forward(np.zeros(shape))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layer, s)
        for layer, s, *_ in (*SHAPES, *FEATURES)
        if s and not isinstance(layer, ReLU | Scale)
    ],
    ids=str,
)
def test_output_shape_refuses_what_forward_refuses(layer, shape: tuple[int, ...]):
    """Except layers that keep the shape: theirs is known for every sample."""
    if isinstance(layer, Softmax | Elementwise | ReLU | Scale):
        assert layer.output_shape(shape[1:]) == shape[1:]
        return
    with pytest.raises(ValueError, match=r"expected|the window is larger"):
        layer.output_shape(shape[1:])


@pytest.mark.parametrize("route", ["backward", "jvp"])
def test_elementwise_derivative_of_another_shape(route: str):
    layer = Elementwise(np.tanh, lambda z, y: np.zeros(3))
    layer.forward(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"derivative\(z, y\) of shape \(2, 3\), got \(3,\)$"):
        getattr(layer, route)(np.zeros((2, 3)))


def test_elementwise_derivative_may_be_a_number():
    layer = Elementwise(lambda z: 3 * z, lambda z, y: 3)
    layer.forward(np.ones((2, 2), np.float32))
    dx = layer.backward(np.ones((2, 2)))
    np.testing.assert_array_equal(dx, np.full((2, 2), 3, np.float32), strict=True)


@pytest.mark.parametrize(
    ("shape", "got", "hint"),
    [
        ((4, 2), (2, 4), "; transpose it"),
        ((4, 2), (2, 3), ""),
        ((4, 2), (3, 4), ""),
        ((4, 3, 2), (2, 3, 4), ""),
    ],
)
def test_upstream_of_the_transposed_shape_has_its_remedy(shape, got, hint: str):
    layer = Sigmoid()
    layer.forward(np.ones(shape))
    with pytest.raises(ValueError) as caught:
        layer.backward(np.ones(got))
    assert str(caught.value) == f"Sigmoid(): expected upstream of shape {shape}, got {got}{hint}"


def test_notes_say_which_branch_of_which_layer():
    net = Concat(ReLU(), Sequential(ReLU(), Affine(3, 1)))
    with pytest.raises(ValueError, match=r"expected x of shape \(N, 3\), got \(2, 4\)") as caught:
        net.forward(np.zeros((2, 4)))
    assert caught.value.__notes__ == ["in layer 1 of Sequential", "in branch 1 of Concat"]
    with pytest.raises(ValueError, match="expected upstream") as caught:
        Concat(ReLU()).forward(np.zeros((2, 4)))
        net.forward(np.zeros((2, 3)))
        net.backward(np.zeros((2, 3)))
    assert str(caught.value) == "Concat: expected upstream of shape (2, 4), got (2, 3)"


def test_the_same_layer_twice_is_refused():
    shared = Sigmoid()
    for branches in [(shared, shared), (shared, Sequential(ReLU(), Concat(ReLU(), shared)))]:
        with pytest.raises(ValueError, match=r"^Concat: Sigmoid\(\) is in it twice") as caught:
            Concat(*branches)
        assert str(caught.value).endswith("has one cache for both places; make two layers")
