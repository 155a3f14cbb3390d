"""Sigmoid, Softmax and ReLU over the whole range of floats."""

import math
from decimal import Context, Decimal, localcontext

import numpy as np
import pytest

from mlp import ReLU, Sigmoid, Softmax

TINY, HUGE = 5e-324, 1.7e308
EPS = np.finfo(np.float64).eps
EXTREMES = [0.0, -0.0, TINY, -TINY, 1e-310, -1e-310, 1e4, -1e4, 1e308, -1e308, HUGE, -HUGE]


def wide_points() -> np.ndarray:
    """Several thousand z of both signs: every magnitude, then densely where exp(-|z|) fades out."""
    steps = [
        np.logspace(-320, 308, 800),
        np.logspace(-4, 3, 600),
        np.linspace(0, 40, 300),
        np.linspace(700, 750, 400),
    ]
    z = np.concatenate([*steps, np.nextafter(np.linspace(708, 745.2, 50), 0)])
    return np.concatenate([z, -z])


def decimal_sigmoid(z: float) -> tuple[Decimal, Decimal]:
    """y = 1 / (1 + exp(-z)) and dy/dz = exp(-z) / (1 + exp(-z))^2, in 60 digits."""
    with localcontext(Context(prec=60, traps=[])):
        e = (-abs(Decimal(z))).exp()
        return (1 if z > 0 else e) / (1 + e), e / (1 + e) ** 2


def ulps(got: float, exact: Decimal) -> float:
    """Distance in units of the last place of the exact value (5e-324 among the denormals)."""
    with localcontext(Context(prec=60, traps=[])):
        return float(abs(Decimal(got) - exact) / Decimal(math.ulp(float(exact))))


def test_decimal_reference():
    """sigmoid(1) and its derivative to 30 digits, and the symmetry y(-z) = 1 - y(z)."""
    y, slope = decimal_sigmoid(1.0)
    assert str(y).startswith("0.73105857863000487925115924182")
    assert str(slope).startswith("0.19661193324148185253")
    assert abs(decimal_sigmoid(-1.0)[0] - (1 - y)) < Decimal("1e-27")
    assert ulps(1 + 2**-52, Decimal(1)) == 1


def test_sigmoid_is_within_4_ulp_and_its_derivative_within_6():
    z = wide_points()
    layer = Sigmoid()
    y, slope = layer.forward(z), layer.backward(np.ones_like(z))
    np.testing.assert_array_equal(layer.jvp(np.ones_like(z)), slope)
    exact = [decimal_sigmoid(value) for value in z.tolist()]
    assert max(map(ulps, y.tolist(), [e[0] for e in exact])) <= 4
    assert max(map(ulps, slope.tolist(), [e[1] for e in exact])) <= 6
    for values in (y, slope):
        assert np.count_nonzero((values > 0) & (values < 2.2e-308)) > 100  # many denormals


def test_sigmoid_of_float32_is_within_4_ulp_and_its_derivative_within_6():
    z = wide_points()
    z = z[abs(z) < 3e38].astype(np.float32)
    layer = Sigmoid()
    y, slope = layer.forward(z), layer.backward(np.ones_like(z))
    e = np.exp(-abs(z.astype(np.float64)))
    exact, exact_slope = np.where(z > 0, 1, e) / (1 + e), e / (1 + e) ** 2
    assert (abs(y - exact) <= 4 * np.spacing(exact.astype(np.float32))).all()
    assert (abs(slope - exact_slope) <= 6 * np.spacing(exact_slope.astype(np.float32))).all()


def test_sigmoid_grows_and_its_derivative_is_even():
    z = np.sort(wide_points())
    layer = Sigmoid()
    y = layer.forward(z)
    assert (np.diff(y) >= -2 * np.spacing(y[1:])).all()
    assert ((y >= 0) & (y <= 1)).all()
    slope = layer.backward(np.ones_like(z))
    np.testing.assert_array_equal(slope, slope[::-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [2, 3, 10, 127, 1000, 5000])
@pytest.mark.parametrize("order", ["C", "F"])
def test_softmax_rows_sum_to_1_within_8_eps(dtype: type, width: int, order: str):
    rng = np.random.default_rng(width)
    scales = 10.0 ** np.arange(-4, 5)[:, None]
    z = np.concatenate([scales * rng.normal(size=(9, width)), np.full((1, width), 1e4)])
    y = Softmax().forward(np.array(z, dtype, order=order))
    assert y.dtype == dtype
    assert (y >= 0).all()
    for row in y:
        assert abs(math.fsum(map(float, row)) - 1) <= 8 * np.finfo(dtype).eps


def test_half_floats_become_float32_as_their_sums_overflow_at_65504():
    y = Softmax().forward(np.zeros((1, 70_000), np.float16))
    assert y.dtype == np.float32
    assert abs(y.sum(dtype=float) - 1) <= np.finfo(np.float32).eps  # of each of equal terms


def test_softmax_against_60_digits():
    """Each probability keeps its own digits, however small.

    z - max z is rounded once, and exp makes a relative error of that absolute one; exp itself may
    be off by 4 units in the last place (NumPy's bound), here and in the sum of 6; then a division.
    """
    z = np.array([3.5, -700, 0.1, 12.25, -20, 30])
    with localcontext(Context(prec=60)):
        e = [Decimal(v).exp() for v in z.tolist()]
        exact = [float(v / sum(e)) for v in e]
    assert (abs(Softmax().forward(z) / exact - 1) <= (16 + abs(z - z.max()) / 2) * EPS).all()
    np.testing.assert_allclose(Softmax().forward(z + 1e3), exact, rtol=1e-12)


def test_softmax_backward_of_equal_upstreams_is_0():
    """Adding one number to all y_j changes no z: the rows of J sum to 0 (y sums to 1)."""
    rng = np.random.default_rng(0)
    layer = Softmax()
    y = layer.forward(rng.normal(size=(6, 10)) * 10.0 ** np.arange(-2, 4)[:, None])
    assert abs(layer.backward(np.ones_like(y))).max() <= 1e-15
    assert abs(layer.jvp(np.ones_like(y))).max() <= 1e-15


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "layer",
    [Sigmoid(), Softmax(), ReLU(), ReLU(negative_slope=0.1), ReLU(negative_slope=[0.1])],
    ids=repr,
)
def test_extremes_give_no_warning_and_no_nan(layer, dtype: type):
    limit = np.finfo(dtype).max
    z = np.clip(EXTREMES, -limit, limit).astype(dtype)
    for x in (z[None], z[:, None], np.stack([z, -z], axis=1)):
        y = layer.forward(x)
        back, ahead = layer.backward(np.ones_like(y)), layer.jvp(np.ones_like(x))
        assert all(np.isfinite(a).all() and a.dtype == dtype for a in (y, back, ahead))
        if isinstance(layer, Softmax):
            np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=8 * np.finfo(dtype).eps)


def test_hand_values_at_the_extremes():
    z = np.array([1e308, -1e308, 1e4, -1e4, TINY, -TINY, -0.0])
    np.testing.assert_array_equal(Sigmoid().forward(z), [1, 0, 1, 0, 0.5, 0.5, 0.5])
    np.testing.assert_array_equal(ReLU().forward(z), [1e308, 0, 1e4, 0, TINY, 0, 0])
    np.testing.assert_array_equal(Softmax().forward(z), [1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(Softmax().forward([[1e4, 1e4, -1e4]]), [[0.5, 0.5, 0]])


def test_infinities():
    z = np.array([np.inf, -np.inf])
    np.testing.assert_array_equal(Sigmoid().forward(z), [1, 0])
    np.testing.assert_array_equal(ReLU().forward(z), [np.inf, 0])
    rows = [[-np.inf, 0, 0], [np.inf, 0, 0], [-np.inf, -np.inf, -np.inf], [1, 1, 2]]
    y = Softmax().forward(rows)
    np.testing.assert_array_equal(y[0], [0, 0.5, 0.5])
    assert np.isnan(y[1:3]).all()
    assert np.isfinite(y[3]).all()
