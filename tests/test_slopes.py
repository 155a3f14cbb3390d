"""Derivatives of every output by differences, kept for any number of upstreams."""

import numpy as np
import pytest

from mlp.checking.slopes import LARGE, by_differences

RNG = np.random.default_rng(0)
W = RNG.normal(size=(6, 3))
ERROR = 1e-10
"""With steps of eps^0.2 the h^4 of the extrapolation and the rounding, eps / h, are about 1e-12."""


def rows(x):
    return np.tanh(x @ W)


def coupled(x):
    return (x - x.mean(axis=0)) ** 3


def gradient_of_rows(x, u):
    return (u * (1 - rows(x) ** 2)) @ W.T


def gradient_of_coupled(x, u):
    inner = 3 * (x - x.mean(axis=0)) ** 2 * u
    return inner - inner.mean(axis=0)


@pytest.mark.parametrize(
    ("f", "gradient"), [(rows, gradient_of_rows), (coupled, gradient_of_coupled)]
)
@pytest.mark.parametrize("n", [2, 7], ids=["one by one", "all rows at once, if they allow it"])
def test_the_gradient_for_two_upstreams(f, gradient, n):
    x = RNG.normal(size=(n, 6))
    assert (x.size > LARGE) == (n == 7)
    slopes = by_differences(f, x)
    for _ in range(2):
        u = RNG.normal(size=f(x).shape)
        np.testing.assert_allclose(slopes(u), gradient(x, u), rtol=0, atol=ERROR * abs(u).sum())


def test_rows_that_stand_alone_are_perturbed_together():
    calls = []
    by_differences(lambda x: calls.append(1) or rows(x), RNG.normal(size=(50, 6)))
    assert len(calls) == 1 + 4 * 6 + 2 * 4


def test_a_kink_within_the_step_does_not_spoil_its_neighbours():
    x = RNG.normal(size=(5, 6))
    x[2, 3] = 1e-6
    found = by_differences(lambda x: np.maximum(x, 0), x)(np.ones(x.shape))
    smooth = abs(x) > 1e-2
    np.testing.assert_allclose(found[smooth], (x > 0)[smooth], rtol=0, atol=ERROR)
