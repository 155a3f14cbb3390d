"""Softmax or Sigmoid and the KL divergence, evaluated together; and never twice."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loss_cases import soft_rows
from mlp import (
    SGD,
    Affine,
    KLDivergence,
    ReLU,
    Sequential,
    Sigmoid,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    evaluate,
    fit,
)
from mlp.pairing import KLOfSigmoid, KLOfSoftmax


@given(st.integers(0, 2**32), st.integers(2, 6), st.floats(0.1, 10))
def test_kl_of_softmax_equals_the_separate_evaluation(seed, columns, scale):
    rng = np.random.default_rng(seed)
    z, d = rng.normal(0, scale, (5, columns)), soft_rows((5, columns), rng)
    d[0] = np.eye(columns)[0]
    agree(KLOfSoftmax(), Softmax(), z, d)


@given(st.integers(0, 2**32), st.floats(0.1, 5))
def test_kl_of_sigmoid_equals_the_separate_evaluation(seed, scale):
    rng = np.random.default_rng(seed)
    z, d = rng.normal(0, scale, (5, 1)), soft_rows((5, 1), rng)
    d[:2] = [[0], [1]]
    agree(KLOfSigmoid(), Sigmoid(), z, d)


def agree(together, layer, z, d):
    apart = KLDivergence()
    value = apart.forward(layer.forward(z), d)
    np.testing.assert_allclose(together.forward(z, d), value, rtol=1e-9, atol=1e-13)
    dz = layer.backward(apart.backward())
    np.testing.assert_allclose(together.backward(), dz, rtol=1e-9, atol=1e-13)


def far_network(*last):
    """Logits 1e4 and 0 for x = 1."""
    W = np.array([[1e4, 0.0]])[:, : 1 if isinstance(last[-1], Sigmoid) else 2]
    return Sequential(Affine(1, W.shape[1], init=lambda *_: W), *last)


X, SECOND = np.ones((1, 1)), {"Softmax": np.array([1]), "Sigmoid": np.array([0])}


@pytest.mark.parametrize("last", [Softmax, Sigmoid])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_together_they_stay_finite(last, reduction):
    """Apart, the loss is infinite; fit and evaluate meet 10000 and the gradient y - d per row."""
    net, x, target = far_network(last()), np.ones((2, 1)), SECOND[last.__name__].repeat(2)
    assert KLDivergence().forward(net.forward(x), target) == math.inf
    loss, rows = KLDivergence(reduction=reduction), 2 if reduction == "sum" else 1
    assert evaluate(net, loss, x, target) == {"loss": rows * 10000.0, "accuracy": 0.0}
    history = fit(net, loss, SGD(1.0), x, target, epochs=1)
    assert history[0]["loss"] == rows * 10000
    assert net[0].W[0, 0] == 1e4 - rows


@pytest.mark.parametrize("last", [Softmax, Sigmoid])
@pytest.mark.parametrize(
    "nest",
    [
        lambda net: Sequential(net),
        lambda net: Sequential(net[0], Sequential(net[1])),
        lambda net: Sequential(Sequential(net[0]), net[1]),
        lambda net: Sequential(ReLU(), Sequential(net)),
    ],
)
def test_together_in_every_nest(last, nest):
    net = nest(far_network(last()))
    assert evaluate(net, KLDivergence(), X, SECOND[last.__name__])["loss"] == 10000


def test_several_columns_of_sigmoid_are_not_the_binary_form():
    net, x, d = Sequential(Affine(1, 2, rng=0), Sigmoid()), np.ones((3, 1)), np.array([0, 1, 1])
    expected = KLDivergence().forward(net.forward(x), d)
    assert evaluate(net, KLDivergence(), x, d)["loss"] == expected


def test_a_subclass_of_softmax_keeps_its_own_formula():
    class Tempered(Softmax):
        def forward(self, z):
            return super().forward(z / 10)

    W = np.array([[10 * math.log(3), 0.0]])
    net = Sequential(Affine(1, 2, init=lambda *_: W), Tempered())
    loss = evaluate(net, KLDivergence(), X, np.array([0]))["loss"]
    assert loss == pytest.approx(math.log(4 / 3))


@pytest.mark.parametrize(
    "last, loss",
    [
        (Softmax(), SoftmaxCrossEntropy()),
        (Sigmoid(), SigmoidCrossEntropy()),
        (Softmax(), SigmoidCrossEntropy()),
        (Sigmoid(), SoftmaxCrossEntropy()),
    ],
)
def test_the_last_layer_is_not_applied_twice(last, loss):
    for net in (far_network(last), Sequential(Sequential(far_network(last)))):
        before, name = net.parameter_vector(), type(last).__name__
        for call in (
            lambda net=net: fit(net, loss, SGD(0.1), X, np.array([0]), epochs=1),
            lambda net=net: evaluate(net, loss, X, np.array([0])),
        ):
            with pytest.raises(
                ValueError, match=rf"logits, and the network already ends in {name}\(\); drop"
            ):
                call()
        np.testing.assert_array_equal(net.parameter_vector(), before)
