"""Every layer: numbers worked by hand, and the derivatives by routes that know no formula."""

import numpy as np
import pytest

import mlp.layers
from cases import CASES, Case, apart, every_layer, prepared
from mlp import Layer

BY_HAND = [case for case in CASES if case.hand]
STEP = 2.0**-100
ROUNDING = 32 * np.finfo(np.float64).eps
"""Of a sum of products, as a part of the sum of their sizes: one eps for each operation on the way.

The longest way is that of the network: sums of 12, 4 and 8 products, two activations, a softmax of
3. Kernels that add up in another order stay below that too.
"""


@pytest.mark.parametrize("case", BY_HAND, ids=lambda case: case.name)
def test_numbers_worked_by_hand(case: Case):
    layer = case.make(np.random.default_rng(0))
    hand = {name: np.array(value, np.float64) for name, value in case.hand.items()}
    exact = {"rtol": 1e-15, "atol": 0, "strict": True}
    np.testing.assert_allclose(layer.forward(hand["x"]), hand["y"], **exact)
    np.testing.assert_allclose(layer.backward(hand["upstream"]), hand["dx"], **exact)
    gradients = {f"d{name}": g for name, g in layer.gradients().items()}
    assert gradients.keys() == hand.keys() - {"x", "y", "upstream", "dx"}
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, hand[name], **exact, err_msg=name)


def test_every_layer_has_a_row_by_hand():
    kinds = {type(case.make(np.random.default_rng(0))).__name__ for case in BY_HAND}
    assert kinds == {*mlp.layers.__all__, "Sequential", "Gain"} - {"Layer"}


@every_layer
def test_backward_is_the_finite_difference(case: Case):
    layer, x, upstream = prepared(case)
    gradients = {"x": layer.backward(upstream)} | layer.gradients()
    for name, variable in ({"x": x} | layer.parameters()).items():
        numeric = np.zeros_like(variable)
        for i in np.ndindex(variable.shape):
            value, h = variable[i], 1e-5
            variable[i] = value + h
            up = np.vdot(upstream, layer.forward(x))
            variable[i] = value - h
            down = np.vdot(upstream, layer.forward(x))
            variable[i] = value
            numeric[i] = (up - down) / (2 * h)
        scale = max(1, abs(numeric).max())
        np.testing.assert_allclose(gradients[name], numeric, rtol=0, atol=1e-8 * scale)


@every_layer
@pytest.mark.parametrize("seed", [0, 1])
def test_backward_and_jvp_are_the_complex_step(case: Case, seed: int):
    """The Jacobians of x and of every parameter, entry by entry, to a rounding of the largest."""
    layer, x, upstream = prepared(case, seed)
    backward = _rows(layer, upstream.shape)
    for name, J in _complex_step(layer, x).items():
        columns = _columns(layer, x, name)
        scale = abs(J).max()
        assert scale > 0, name
        assert abs(backward[name] - J).max() <= ROUNDING * scale, name
        assert abs(columns - J).max() <= ROUNDING * scale, name


@every_layer
@pytest.mark.parametrize("seed", range(3))
def test_backward_of_a_sum_over_the_batch_is_the_complex_step(case: Case, seed: int):
    layer, x, upstream = prepared(case, seed)
    gradients = {"x": layer.backward(upstream)} | layer.gradients()
    for name, J in _complex_step(layer, x).items():
        terms = upstream.ravel()[:, None] * J
        error = gradients[name].ravel() - terms.sum(axis=0)
        assert abs(error).max() <= ROUNDING * abs(terms).sum(axis=0).max(), name


@every_layer
@pytest.mark.parametrize("seed", range(3))
def test_jvp_is_the_transpose_of_backward(case: Case, seed: int):
    """<u, J v> = <J^T u, v>, v holding changes of x and of every parameter."""
    layer, x, upstream = prepared(case, seed)
    rng = np.random.default_rng(seed)
    dx = rng.normal(size=x.shape)
    changes = {name: rng.normal(size=p.shape) for name, p in layer.parameters().items()}
    dy = layer.jvp(dx, changes)
    gradients = {"x": layer.backward(upstream)} | layer.gradients()
    terms = [gradients[name] * change for name, change in ({"x": dx} | changes).items()]
    forward, reverse = np.vdot(upstream, dy), sum(term.sum() for term in terms)
    scale = abs(upstream * dy).sum() + sum(abs(term).sum() for term in terms)
    assert abs(forward - reverse) <= ROUNDING * scale


@every_layer
def test_jvp_takes_the_changes_that_are_given(case: Case):
    """Without changes of parameters only x moves; each one adds its own part."""
    layer, x, _ = prepared(case)
    rng = np.random.default_rng(1)
    dx = rng.normal(size=x.shape)
    changes = {name: rng.normal(size=p.shape) for name, p in layer.parameters().items()}
    parts = [layer.jvp(np.zeros_like(x), {name: changes[name]}) for name in changes]
    assert all(part.any() for part in parts)
    np.testing.assert_array_equal(layer.jvp(dx), layer.jvp(dx, {}))
    total = sum(parts, layer.jvp(dx))
    np.testing.assert_allclose(layer.jvp(dx, changes), total, rtol=0, atol=1e-13)


@every_layer
def test_derivatives_of_a_complex_layer_are_those_of_an_analytic_function(case: Case):
    """At a complex point too: a quotient along any direction of the plane; no conjugates."""
    rng = np.random.default_rng(2)
    layer = case.make(rng).astype(np.complex128)
    x = apart(rng, case.shape) + 0.1j * rng.normal(size=case.shape)
    variables = {"x": x} | layer.parameters()
    changes = {name: _complex_normal(rng, v.shape) for name, v in variables.items()}
    h = 1e-6
    values = []
    for step in (h, -2 * h, h):
        for name, variable in variables.items():
            variable += step * changes[name]
        values.append(layer.forward(x).copy())
    quotient = (values[0] - values[1]) / (2 * h)
    dx = changes.pop("x")
    dy = layer.jvp(dx, changes)
    assert dy.dtype == quotient.dtype == np.complex128
    np.testing.assert_allclose(dy, quotient, rtol=0, atol=1e-8 * max(1, abs(dy).max()))
    u = _complex_normal(rng, dy.shape)
    total = (layer.backward(u) * dx).sum()
    total += sum((g * changes[name]).sum() for name, g in layer.gradients().items())
    np.testing.assert_allclose((u * dy).sum(), total, rtol=1e-12)


def _complex_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def _complex_step(layer: Layer, x: np.ndarray) -> dict[str, np.ndarray]:
    """J = Im f(p + i h e_k) / h, a column per entry of x and of every parameter."""
    twin = layer.astype(np.complex128)
    x = x.astype(np.complex128)
    jacobians = {}
    for name, variable in ({"x": x} | twin.parameters()).items():
        columns = []
        for i in np.ndindex(variable.shape):
            value = variable[i]
            variable[i] = value + 1j * STEP
            columns.append(twin.forward(x).imag.ravel() / STEP)
            variable[i] = value
        jacobians[name] = np.stack(columns, axis=1)
    return jacobians


def _rows(layer: Layer, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """The Jacobians again, a row per output: backward of unit vectors."""
    rows: dict[str, list] = {}
    for i in np.ndindex(shape):
        unit = np.zeros(shape)
        unit[i] = 1
        for name, row in ({"x": layer.backward(unit)} | layer.gradients()).items():
            rows.setdefault(name, []).append(row.ravel())
    return {name: np.stack(found) for name, found in rows.items()}


def _columns(layer: Layer, x: np.ndarray, name: str) -> np.ndarray:
    """The Jacobian of x or of one parameter again, a column per entry: jvp of unit vectors."""
    columns = []
    for i in np.ndindex(layer.parameters().get(name, x).shape):
        unit = np.zeros(layer.parameters().get(name, x).shape)
        unit[i] = 1
        dy = layer.jvp(unit) if name == "x" else layer.jvp(np.zeros_like(x), {name: unit})
        columns.append(dy.ravel())
    return np.stack(columns, axis=1)
