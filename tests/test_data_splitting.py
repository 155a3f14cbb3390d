"""Dividing samples into two parts, and labels into one-hot rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp.data import one_hot, stratified_split


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 99),
)
def test_stratified_split(counts, fraction, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)) * 3, counts))
    try:
        train, test = stratified_split(y, fraction, seed)
    except ValueError:
        assert max(counts) == 1
        return
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(len(y)))
    assert train.dtype == test.dtype == np.int64
    assert (np.diff(train) > 0).all() and (np.diff(test) > 0).all()
    for label in np.unique(y):
        n, tested = np.sum(y == label), np.sum(y[test] == label)
        assert abs(tested - fraction * n) < 1 or tested in (1, n - 1)
        assert 0 < tested < n or n == 1
    if min(counts) * min(fraction, 1 - fraction) >= 1:
        assert len(test) == round(fraction * len(y))


def test_stratified_split_by_hand_and_by_seed():
    y = np.array(["a"] * 6 + ["b"] * 3 + ["c"])
    train, test = stratified_split(y, 1 / 3, 0)
    assert sorted(y[test]) == ["a", "a", "b"] and len(train) == 7
    np.testing.assert_array_equal(test, stratified_split(y, 1 / 3, np.random.default_rng(0))[1])
    tests = {tuple(stratified_split(y, 1 / 3, seed)[1]) for seed in range(20)}
    assert len(tests) > 10


def test_split_of_real_targets():
    for y in (np.linspace(0, 1, 10), np.zeros((10, 3))):
        train, test = stratified_split(y, 0.25, 0)
        assert (len(train), len(test)) == (8, 2)


def test_split_that_leaves_a_part_empty():
    with pytest.raises(ValueError, match=r"0.5 of 3 samples in 3 classes leaves 3 .* and 0"):
        stratified_split(np.arange(3), 0.5, 0)
    with pytest.raises(ValueError, match="leaves 0 for training and 0 for the test"):
        stratified_split(np.array([], dtype=int), 0.5, 0)
    for fraction in (0, 1, -0.1, np.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            stratified_split(np.arange(3), fraction, 0)
    with pytest.raises(ValueError, match=r"shape \(N,\), got \(2, 2\)"):
        stratified_split(np.eye(2, dtype=int), 0.5, 0)


def test_one_hot():
    np.testing.assert_array_equal(one_hot([2, 0], 3), [[0, 0, 1], [1, 0, 0]])
    assert one_hot(np.array([1], np.uint8), 300).shape == (1, 300)
    with pytest.raises(ValueError, match="label 10 at row 3, expected 0 to 9"):
        one_hot([0, 1, 2, 10], 10)
    with pytest.raises(ValueError, match="label -1 at row 0"):
        one_hot([-1], 10)
    with pytest.raises(ValueError, match=r"shape \(N,\)"):
        one_hot([[0, 1]], 10)
    with pytest.raises(TypeError, match="dtype float64"):
        one_hot([0.5], 10)
