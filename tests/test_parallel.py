"""fit and evaluate on several ranks: the same training as on one, to rounding."""

import numpy as np
import pytest

from ranks import results_on
from trainings import Training


def assert_same_training(training, alone, together):
    """Equal to rounding to that of one process, and bit by bit among the ranks."""
    net, records, state, scores = alone
    tolerance = training.tolerance(records)
    for other, theirs, their_state, their_scores in together:
        for name, w in net.parameters().items():
            first = together[0][0].parameters()[name]
            np.testing.assert_array_equal(other.parameters()[name], first)
            bound = tolerance * max(1, abs(w).max())
            assert abs(first.astype(float) - w).max() <= bound, name
        assert their_state.step == state.step
        assert their_state.velocity.keys() == state.velocity.keys()
        assert len(theirs) == len(records)
        for ours, its in zip(records, theirs, strict=True):
            assert ours.keys() == its.keys()
            assert_close({**ours, "seconds": 0}, {**its, "seconds": 0}, training, tolerance)
        assert_close(scores, their_scores, training, tolerance)


def assert_close(ours, theirs, training, tolerance):
    for name, value in ours.items():
        if value is None or theirs[name] is None:
            assert value is theirs[name], name
        else:
            size = training.n if training.reduction == "sum" else 1
            bound = tolerance * max(abs(value), size) * 10
            assert abs(value - theirs[name]) <= bound, (name, value, theirs[name])


@pytest.mark.parametrize("number", range(12))
def test_ranks_train_what_one_process_trains(number):
    training = Training(number)
    together = results_on(2 + number % 3, training.run)
    assert_same_training(training, training.run(), together)


@pytest.mark.long
@pytest.mark.parametrize("number", range(12, 80))
@pytest.mark.parametrize("size", [2, 3, 4])
def test_many_more_configurations(number, size):
    training = Training(number)
    assert_same_training(training, training.run(), results_on(size, training.run))
