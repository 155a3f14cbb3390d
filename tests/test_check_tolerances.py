"""What the check allows for rounding, and how it tells a kink from curvature."""

import numpy as np
import pytest

from mlp import Affine, Elementwise, Sequential, Sigmoid
from mlp.checking import oracles
from mlp.checking.builtin import check_many
from mlp.checking.checker import _Check
from mlp.checking.forwards import Forwards
from mlp.checking.oracles import EPS, STEP
from mlp.checking.precision import compare_float32
from mlp.checking.randomness import random_layers
from mlp.checking.report import Row

RNG = np.random.default_rng(5)
AT_0, ONE = np.zeros(1), np.ones(1)


@pytest.mark.parametrize("part", [0.02, 0.04, 0.07, 0.5])
def test_a_small_kink_under_a_larger_curvature_is_a_kink(part):
    """Of x^2 + c|x| the gap between the slopes is 2h + 2c: it falls to a quarter only at first."""
    c = part * float(oracles._steps(AT_0)[0])
    low, high, kink = oracles.one_sided(lambda x: x**2 + c * abs(x), AT_0, ONE, 0)
    assert kink
    np.testing.assert_allclose([low, high], [-c, c], rtol=1e-3)


@pytest.mark.parametrize("curvature", [0.0, 1.0, 300.0])
def test_curvature_alone_is_no_kink(curvature):
    low, high, kink = oracles.one_sided(lambda x: x + curvature * x**2, AT_0, ONE, 0)
    assert not kink
    assert low <= 1 <= high


def test_the_tolerance_along_a_direction_is_that_of_the_terms_added_up():
    net = Sequential(Affine(6, 40, rng=0), Sigmoid(), Affine(40, 30, rng=1))
    check = _Check(net, RNG.standard_normal((5, 6)), None, None, 0)
    check.size = 1.0
    moves = {name: RNG.uniform(-0.5, 0.5, p.shape) for name, p in check.points.items()}
    along, size = check._inner(moves)
    terms = [check.values[name] * v for name, v in moves.items()]
    bound = sum(abs(part).sum() for part in terms)
    np.testing.assert_allclose(along, sum(part.sum() for part in terms), rtol=1e-12)
    assert size >= bound
    forwards = Forwards(check.net, check.x, check.after, check.twin)
    slope, tolerance = check._slope_along(forwards, moves, size)
    parts = check.upstream * forwards.tilted(moves).imag / STEP
    assert tolerance >= 32 * EPS * (size + abs(parts).sum())
    assert abs(slope - along) <= tolerance


def test_one_entry_that_is_another_for_complex_numbers_is_noticed():
    def forward(x):
        y = np.array(x)
        y[0] += 1j if np.iscomplexobj(x) else 0
        return y

    reason = oracles.why_not_analytic(forward, np.ones(3), np.random.default_rng(0))
    assert reason == "forward gives another value for complex numbers"


def test_many_points_are_as_many_as_were_asked_for():
    count, worst, name, verdicts = check_many(50)
    assert count >= 50
    assert 0 < worst < 32 and name
    assert verdicts <= {"PASS", "KINK"}


def test_what_float32_may_be_off_by_is_said_in_parts_of_the_gradient():
    row, truth = Row("x", (1, 2), "PASS", "complex", 2, 0.0, 0.0), np.array([[4.0, 0.0]])
    compare_float32(row, "dx", truth, truth, np.zeros((1, 2)), np.zeros((1, 2)))
    assert row.verdict == "PASS"
    eps = float(np.finfo(np.float32).eps)
    np.testing.assert_allclose(row.resolution, 4 * np.sqrt(2) * eps, rtol=1e-12)


def test_sums_that_round_otherwise_each_time_are_not_random():
    """As those of two threads may; the entry that differs is a rounding error of the largest."""
    calls = iter(range(100))

    def forward(z):
        y = np.array(z)
        y.flat[1] += next(calls) * EPS * abs(y).max()
        return y

    layer = Elementwise(forward, lambda z, y: np.ones_like(z))
    assert random_layers(layer, np.array([[1e3, 0.0]])) == []
    calls = iter([0, *[10**6] * 100])
    [note] = random_layers(layer, np.array([[1e3, 0.0]]))
    assert "random" in note or "another" in note
