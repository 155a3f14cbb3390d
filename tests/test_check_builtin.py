"""What `mlp check` goes through when it is given nothing."""

import numpy as np
import pytest

from mlp.checking.builtin import builtin_cases, parse_layer
from mlp.checking.walking import one_line

CASES = """
Affine(5, 3) (4, 5)
Affine(3, 7, bias=False) (4, 3)
ReLU() (4, 5)
ReLU(negative_slope=0.1) (4, 2, 3)
ReLU(negative_slope=array(4, 5)) (4, 5)
Sigmoid() (4, 5)
Softmax() (4, 5)
Multiply() (4, 6)
Multiply([[0, 1], [1, 2], [3, 3]]) (4, 5)
MaxPool(2) (4, 7)
MaxPool(3, stride=1) (4, 7)
MaxPool((2, 2)) (2, 3, 4, 5)
MaxPool((3, 2), stride=(2, 1)) (2, 5, 5)
MaxPool(subsets=[[0, 3, 5], [1, 2], [2, 4, 5]]) (4, 6)
Elementwise(tanh, <lambda>) (4, 5)
Flatten() (4, 2, 3)
Concat(Affine(4, 2), ReLU(), Sigmoid()) (3, 4)
ReLU() (2, 4)
ReLU(at_zero=0.5) (2, 4)
ReLU(at_zero=1.0) (2, 4)
MaxPool(2) (2, 4)
MaxPool(2, stride=1) (2, 4)
Flatten() (6, 4) (6, 4) SquaredError()
Flatten() (6, 4) (6, 4) SquaredError(factor=0.5, reduction='sum')
Flatten() (6, 4) (6,) SoftmaxCrossEntropy()
Flatten() (6, 4) (6, 4) SoftmaxCrossEntropy()
Flatten() (6, 4) (6,) SoftmaxCrossEntropy(reduction='sum')
Flatten() (6, 4) (6, 4) SoftmaxCrossEntropy(reduction='sum')
Flatten() (6, 4) (6, 4) SigmoidCrossEntropy()
Flatten() (6, 1) (6,) SigmoidCrossEntropy(reduction='sum')
Flatten() (6, 4) (6,) KLDivergence()
Flatten() (6, 4) (6, 4) KLDivergence()
Flatten() (6, 1) (6,) KLDivergence(reduction='sum')
Sequential(Flatten(), Affine(64, 32), ReLU(), Affine(32, 10)) (8, 8, 8) (8,) SoftmaxCrossEntropy()
Sequential(Affine(6, 5), Sigmoid(), Affine(5, 3), Softmax()) (4, 6) (4,) KLDivergence()
Sequential(MaxPool((2, 2)), Flatten(), Affine(16, 3)) (8, 8, 8) (8, 3) SquaredError()
Sequential(Concat(Sequential(Affine(6, 4), Multiply(), Sigmoid()), ReLU(negative_slope=0.2), \
MaxPool(2)), Affine(11, 2)) (5, 6)
"""
"""Each with the shapes of x and target."""


def test_each_layer_and_loss_is_there_in_its_variants():
    found = []
    for layer, x, target, loss in builtin_cases(np.random.default_rng(0)):
        aim = "" if loss is None else f" {target.shape} {loss!r}"
        found.append(f"{one_line(layer)} {x.shape}{aim}")
    assert found == CASES.strip().splitlines()


def test_the_points_of_kinked_layers_lie_on_kinks():
    cases = builtin_cases(np.random.default_rng(0))
    sure = [layer.kinks(x).any() for layer, x, *_ in cases if np.array_equal(x, np.round(x))]
    assert sure == [True] * 5


@pytest.mark.no_numbers
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Elementwise(np.tanh, lambda z, y: 1 - y * y)", "cannot take np.tanh: .*mlp.gradcheck"),
        ("Concat(ReLU(), Affine(n, 2))", "cannot take n: expected layers, numbers, texts"),
        ("Affine(3)", "Affine: missing a required argument: 'out_features'; it takes in_features"),
        ("Affine(3, 2, **{})", r"Affine: got an unexpected keyword argument '\*\*'; it takes in_"),
        ("Softmax(3)", "Softmax: too many positional arguments; it takes nothing"),
    ],
)
def test_what_is_no_expression_of_layers_is_told_in_plain_words(text, said):
    with pytest.raises(ValueError, match=said) as error:
        parse_layer(text)
    assert "<ast" not in str(error.value)
    assert "__init__" not in str(error.value)
