"""The Jacobian: hand-worked entries, and three routes to the same array."""

import numpy as np
import pytest

from mlp import Affine, Concat, Elementwise, ReLU, Sequential, Sigmoid, Softmax, jacobian

ROUTES = ("backward", "jvp", "numeric")


def network() -> Sequential:
    branches = Concat(ReLU(negative_slope=0.1), Sequential(Sigmoid(), Affine(3, 2, rng=1)))
    return Sequential(Affine(4, 3, rng=0), branches, Affine(5, 2, rng=2), Softmax())


@pytest.mark.parametrize("route", ROUTES)
def test_affine_by_hand(route):
    layer = Affine(2, 3, rng=0)
    layer.W = [[1, 2, 3], [4, 5, 6]]
    x = np.array([[7.0, 8.0]])
    J = jacobian(layer, x, route=route)
    assert J.shape == (1, 3, 1, 2)
    assert np.array_equal(J[0, :, 0, :], [[1, 4], [2, 5], [3, 6]])  # dz_j / dx_i = W_ij
    JW = jacobian(layer, x, "W", route)
    assert JW.shape == (1, 3, 2, 3)
    assert np.allclose(JW[0, 1], [[0, 7, 0], [0, 8, 0]], rtol=1e-15, atol=0)
    assert np.array_equal(jacobian(layer, x, "b", route)[0], np.eye(3))


@pytest.mark.parametrize("route", ROUTES)
def test_softmax_by_hand(route):
    y = np.array([0.5, 0.3, 0.2])
    J = jacobian(Softmax(), np.log(y)[None], route=route)
    assert np.allclose(J[0, :, 0, :], np.diag(y) - np.outer(y, y), rtol=1e-14, atol=0)


@pytest.mark.parametrize("wrt", ["x", "0.W", "0.b", "1.1.1.W", "1.1.1.b", "2.W", "2.b"])
def test_three_routes_agree_on_a_network(wrt):
    net, x = network(), np.random.default_rng(3).standard_normal((3, 4))
    rows, columns, numeric = (jacobian(net, x, wrt, route) for route in ROUTES)
    point = x if wrt == "x" else net.parameters()[wrt]
    assert rows.shape == (3, 2, *point.shape)
    assert abs(numeric).max() > 1e-3
    np.testing.assert_allclose(rows, numeric, rtol=0, atol=1e-15)
    np.testing.assert_allclose(columns, numeric, rtol=0, atol=1e-15)


def test_rows_of_a_batch_do_not_mix():
    J = jacobian(network(), np.random.default_rng(4).standard_normal((3, 4)))
    for n in range(3):
        for m in range(3):
            assert (abs(J[n, :, m]).max() > 0) == (n == m)


def test_numeric_route_of_a_function_that_is_not_analytic():
    layer = Elementwise(np.abs, lambda z, y: np.sign(z))
    x = np.array([[-2.0, 0.5]])
    J = jacobian(layer, x, route="numeric")
    np.testing.assert_allclose(J[0, :, 0, :], np.diag([-1, 1]), rtol=0, atol=1e-11)


def test_float32_stays_float32_and_the_layer_is_left_alone():
    net = network().astype(np.float32)
    x = np.random.default_rng(5).standard_normal((2, 4)).astype(np.float32)
    y = net.forward(x)
    dx = net.backward(np.ones_like(y))
    parameters = {name: value.copy() for name, value in net.parameters().items()}
    gradients = {name: value.copy() for name, value in net.gradients().items()}
    J = jacobian(net, x, "0.W")
    assert J.dtype == np.float32
    np.testing.assert_allclose(J, jacobian(net, x, "0.W", "numeric"), rtol=0, atol=1e-6)
    for name in parameters:
        assert np.array_equal(net.parameters()[name], parameters[name])
        assert np.array_equal(net.gradients()[name], gradients[name])
    assert np.array_equal(net.backward(np.ones_like(y)), dx)  # the caches too


def test_unknown_names_are_refused():
    layer, x = Affine(2, 2, rng=0), np.zeros((1, 2))
    with pytest.raises(ValueError, match=r"wrt to be one of \['x', 'W', 'b'\], got 'V'"):
        jacobian(layer, x, "V")
    with pytest.raises(ValueError, match="route"):
        jacobian(layer, x, route="forward")
    with pytest.raises(ValueError, match="wrt"):
        jacobian(Affine(2, 2, bias=False, rng=0), x, "b")


def test_what_is_no_layer_is_refused():
    with pytest.raises(TypeError, match=r"jacobian: expected a layer .*, got <ufunc 'tanh'>"):
        jacobian(np.tanh, np.zeros((1, 2)))
