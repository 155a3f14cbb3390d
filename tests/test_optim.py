"""SGD: every rule by hand, against a loop over single numbers, and what it refuses."""

import gc
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlp import SGD, Affine, Layer, Sequential
from networks import deep, tiny


def one_weight(value=1.0, bias=None):
    layer = Affine(1, 1, init=value, bias=bias is not None)
    if bias is not None:
        layer.b = [bias]
    return layer


def steps(layer, sgd, gradients):
    """W after each step with these gradients (for W and b alike)."""
    seen = []
    for g in gradients:
        layer.dW = np.array([[g]])
        layer.db = np.array([g]) if layer.b is not None else None
        sgd.step(layer)
        seen.append(layer.W.item())
    return seen


# By hand, gradients 1, 2, -4 from W = 1; all numbers are exact in binary


def test_plain():
    assert steps(one_weight(), SGD(0.5), [1, 2, -4]) == [0.5, -0.5, 1.5]


def test_momentum():
    """v = 1, 2.5, -2.75"""
    sgd = SGD(0.5, momentum=0.5)
    assert steps(one_weight(), sgd, [1, 2, -4]) == [0.5, -0.75, 0.625]


def test_nesterov():
    """v = 1, 2.5, -2.75; steps along g + v/2 = 1.5, 3.25, -5.375"""
    sgd = SGD(0.5, momentum=0.5, nesterov=True)
    assert steps(one_weight(), sgd, [1, 2, -4]) == [0.25, -1.375, 1.3125]


def test_weight_decay_spares_biases():
    """W: g = 1.5, 2 + 0.125, -4 - 0.40625; b as without decay"""
    layer = one_weight(1.0, bias=1.0)
    seen = steps(layer, SGD(0.5, weight_decay=0.5), [1, 2, -4])
    assert seen == [0.25, -0.8125, 1.390625]
    assert layer.b == 1.5


def test_weight_decay_comes_before_momentum():
    """W0 = 1: g = 1.5, v = 1.5, W = .25; g = 2.125, v = 2.875, W = -1.1875;
    g = -4.59375, v = -3.15625, W = 0.390625; b as with momentum alone"""
    layer = one_weight(1.0, bias=1.0)
    seen = steps(layer, SGD(0.5, momentum=0.5, weight_decay=0.5), [1, 2, -4])
    assert seen == [0.25, -1.1875, 0.390625]
    assert layer.b == 0.625


def test_biases_deep_in_a_nest_are_spared_too():
    net = deep()
    before = net.parameters()
    before = {name: p.copy() for name, p in before.items()}
    net.forward(np.ones((1, 4)))
    net.backward(np.zeros((1, 2)))
    for name, p in net.parameters().items():
        p += 1 if name.endswith("b") else 0
    SGD(0.5, weight_decay=1.0).step(net)
    for name, p in net.parameters().items():
        expected = before[name] + 1 if name.endswith("b") else before[name] / 2
        np.testing.assert_allclose(p, expected, rtol=1e-15)


def test_schedule_is_called_with_the_step_from_0():
    asked = []

    def halving(step):
        asked.append(step)
        return 0.5**step

    assert steps(one_weight(), SGD(halving), [1, 2, -4]) == [0, -1, 0]
    assert asked == [0, 1, 2]
    assert SGD(halving).rate(3) == 0.125
    assert SGD(0.25).rate(3) == 0.25


def test_rates_may_be_assigned_between_steps():
    layer, sgd = one_weight(), SGD(0.5, momentum=0.5)
    steps(layer, sgd, [1])
    sgd.learning_rate = 0.25
    assert steps(layer, sgd, [2]) == [-0.125]
    sgd.learning_rate = lambda step: 1.0 if step == 2 else math.nan
    sgd.weight_decay = 2
    assert steps(layer, sgd, [0]) == [-0.125 - (1.25 - 0.25)]


# Against single numbers


@given(
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.5, 0.9]),
    st.booleans(),
    st.sampled_from([0.0, 0.01]),
)
def test_against_a_loop_over_single_numbers(seed, momentum, nesterov, decay):
    nesterov = nesterov and momentum > 0
    rng = np.random.default_rng(seed)
    net = deep()
    options = {"momentum": momentum, "nesterov": nesterov, "weight_decay": decay}
    sgd = SGD(lambda step: 0.1 / (1 + step), **options)
    names = [name for name, p in net.parameters().items() for _ in range(p.size)]
    w = net.parameter_vector().tolist()
    v = [0.0] * len(w)
    net.forward(np.ones((1, 4)))
    net.backward(np.zeros((1, 2)))
    for step in range(4):
        g = rng.normal(size=len(w))
        start = 0
        for gradient in net.gradients().values():
            gradient[...] = g[start : start + gradient.size].reshape(gradient.shape)
            start += gradient.size
        sgd.step(net)
        for i in range(len(w)):
            slope = g[i] if names[i].endswith("b") else g[i] + decay * w[i]
            v[i] = momentum * v[i] + slope
            w[i] -= 0.1 / (1 + step) * (slope + momentum * v[i] if nesterov else v[i])
    np.testing.assert_allclose(net.parameter_vector(), w, rtol=1e-13, atol=1e-13)


# Types


@pytest.mark.parametrize("rate", [0.1, np.float64(0.1), np.float32(0.1), Fraction(1, 10)])
@pytest.mark.parametrize("as_schedule", [True, False])
def test_float32_stays_float32(rate, as_schedule):
    net = tiny().astype(np.float32)
    arrays = net.parameters()
    sgd = SGD(
        (lambda step: rate) if as_schedule else rate,
        momentum=np.float64(0.9),
        nesterov=True,
        weight_decay=np.float64(1e-3),
    )
    for _ in range(3):
        net.backward(net.forward(np.ones((2, 2))))
        sgd.step(net)
    for name, p in net.parameters().items():
        assert p is arrays[name]
        assert p.dtype == np.float32
    net.update(np.float64(0.1))
    assert net[0].W.dtype == np.float32
    assert type(sgd.rate(0)) is float


def test_gradients_stay_as_they_are():
    net, sgd = tiny(), SGD(0.1, momentum=0.5, nesterov=True, weight_decay=0.1)
    net.backward(net.forward(np.ones((2, 2))))
    before = {name: g.copy() for name, g in net.gradients().items()}
    sgd.step(net)
    sgd.step(net)
    for name, g in net.gradients().items():
        np.testing.assert_array_equal(g, before[name])


# One optimizer, several networks


def test_one_sgd_serves_two_networks():
    """Each has its own velocities and its own count of steps."""
    sgd = SGD(lambda step: 0.5**step, momentum=0.5)
    one, other = one_weight(), one_weight()
    first = [steps(one, sgd, [g])[0] for g in (1, 2)]
    mixed = [(steps(one, sgd, [g1])[0], steps(other, sgd, [g2])[0]) for g1, g2 in [(-4, 1), (0, 2)]]
    alone = steps(one_weight(), SGD(lambda step: 0.5**step, momentum=0.5), [1, 2, -4, 0])
    assert first + [a for a, _ in mixed] == alone
    assert [b for _, b in mixed] == alone[:2]


def test_a_layer_and_the_network_around_it_are_two():
    layer = one_weight()
    net, sgd = Sequential(layer), SGD(1.0, momentum=0.5)
    assert steps(layer, sgd, [1]) == [0]
    sgd.step(net)  # velocity 1 again, not 1.5
    assert layer.W == -1


def test_an_sgd_does_not_keep_networks_alive():
    sgd = SGD(1.0, momentum=0.5)
    for _ in range(3):
        steps(one_weight(), sgd, [1])
    gc.collect()
    assert len(sgd._states) == 0


def test_forget_starts_anew():
    layer, sgd = one_weight(), SGD(lambda step: 0.5**step, momentum=0.5)
    sgd.forget(layer)  # nothing yet
    first = steps(layer, sgd, [1, 2])
    sgd.forget(layer)
    layer.W = [[1.0]]
    assert steps(layer, sgd, [1, 2]) == first


# Errors


@pytest.mark.parametrize("rate", [-0.1, math.nan, math.inf, -math.inf])
def test_rates_out_of_range(rate):
    message = "to be a finite number from 0 up, got"
    with pytest.raises(ValueError, match=f"SGD: expected learning_rate {message}"):
        SGD(rate)
    with pytest.raises(ValueError, match=f"SGD: expected weight_decay {message}"):
        SGD(0.1, weight_decay=rate)
    with pytest.raises(ValueError, match=f"SGD: expected momentum {message}"):
        SGD(0.1, momentum=rate)
    sgd = SGD(0.1, weight_decay=0.2)
    with pytest.raises(ValueError, match=f"SGD: expected learning_rate {message}"):
        sgd.learning_rate = rate
    with pytest.raises(ValueError, match=f"SGD: expected weight_decay {message}"):
        sgd.weight_decay = rate
    assert (sgd.learning_rate, sgd.weight_decay) == (0.1, 0.2)


@pytest.mark.parametrize("rate", ["0.1", True, None, [0.1, 0.2], 1j])
def test_rates_that_are_no_numbers(rate):
    with pytest.raises(TypeError, match="SGD: expected learning_rate to be a number, got"):
        SGD(rate)
    with pytest.raises(TypeError, match="SGD: expected weight_decay to be a number, got"):
        SGD(0.1, weight_decay=rate)


def test_momentum_and_nesterov():
    for momentum in (1, 1.5):
        with pytest.raises(ValueError, match=r"expected a momentum in \[0, 1\), got 1"):
            SGD(0.1, momentum=momentum)
    with pytest.raises(ValueError, match="nesterov needs a momentum above 0"):
        SGD(0.1, nesterov=True)


def test_repr_says_how_it_was_made():
    assert repr(SGD(0.1)) == "SGD(0.1)"
    full = SGD(0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
    assert repr(full) == "SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.0001)"
    assert repr(SGD(math.exp)) == "SGD(exp)"


def test_a_rate_of_0_changes_nothing():
    assert steps(one_weight(), SGD(0), [1, 2]) == [1, 1]


def after_backward():
    net = tiny()
    net.backward(net.forward(np.ones((2, 2))))
    return net


def no_backward(net):
    net[2].dW = None


def wrong_shape(net):
    net[2].db = np.zeros((1, 1))


def broadcastable(net):
    net[2].dW = np.zeros((1, 1))


@pytest.mark.parametrize(
    "spoil, kind, message",
    [
        (no_backward, RuntimeError, r"2\.W has no gradient yet; call forward\(x\) and backward"),
        (wrong_shape, ValueError, r"the gradient of 2\.b of shape \(1,\), got \(1, 1\)"),
        (broadcastable, ValueError, r"the gradient of 2\.W of shape \(2, 1\), got \(1, 1\)"),
    ],
)
def test_all_or_nothing(spoil, kind, message):
    """The first layer's gradients are good, and still nothing moves, not even a velocity."""
    net, sgd, twin = after_backward(), SGD(0.1, momentum=0.9), after_backward()
    before = net.parameter_vector()
    good = net.gradients()
    spoil(net)
    with pytest.raises(kind, match=message):
        sgd.step(net)
    np.testing.assert_array_equal(net.parameter_vector(), before)
    net[2].dW, net[2].db = good["2.W"], good["2.b"]
    sgd.step(net)
    SGD(0.1, momentum=0.9).step(twin)
    np.testing.assert_array_equal(net.parameter_vector(), twin.parameter_vector())


@pytest.mark.parametrize(
    "schedule, kind",
    [
        (lambda step: -1.0, ValueError),
        (lambda step: math.nan, ValueError),
        (lambda step: None, TypeError),
        (lambda step: "fast", TypeError),
        (lambda step: 1 / 0, ZeroDivisionError),
    ],
)
def test_a_schedule_that_fails_changes_nothing_and_is_asked_again(schedule, kind):
    net, sgd = after_backward(), SGD(schedule, momentum=0.9)
    before = net.parameter_vector()
    with pytest.raises(kind):
        sgd.step(net)
    np.testing.assert_array_equal(net.parameter_vector(), before)
    asked = []
    sgd.learning_rate = lambda step: asked.append(step) or 0.1
    sgd.step(net)
    assert asked == [0]


def test_a_layer_without_parameters_may_be_stepped():
    class Nothing(Layer):
        pass

    SGD(0.1).step(Nothing())


# Gradients that do not fit


@pytest.mark.parametrize(
    "gradient",
    [
        np.full((3, 2), 1j),
        np.full((3, 2), "1"),
        np.full((3, 2), None),
        [[1.0, 2], [3, 4], [5, 6]],
        "a",
    ],
    ids=["complex", "text", "objects", "list", "str"],
)
@pytest.mark.parametrize("step", [SGD(0.1).step, lambda net: net.update(0.1)], ids=["SGD", "net"])
def test_a_gradient_that_is_no_array_of_fitting_numbers_changes_nothing(step, gradient):
    net = Sequential(Affine(2, 3, rng=0), Affine(3, 2, rng=1))
    net.backward(np.ones_like(net.forward(np.ones((1, 2)))))
    before = net.parameter_vector()
    net[1].dW = gradient
    with pytest.raises(TypeError, match=r"the gradient of 1\.W to be an array of float64, got"):
        step(net)
    np.testing.assert_array_equal(net.parameter_vector(), before)


def test_a_rate_beyond_the_floats_is_refused():
    with pytest.raises(ValueError, match="finite number from 0 up, got 1000"):
        SGD(10**400)


def test_a_step_of_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match=r"SGD.step: expected a network such as .*, got 'x'"):
        SGD(0.1).step("x")
