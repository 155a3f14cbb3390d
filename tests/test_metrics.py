"""Metrics by hand, by what they must satisfy, and beside scikit-learn's."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlp import metrics
from programs import ENVIRONMENT

EPS = np.finfo(float).eps
COUNTS = np.array([[5, 1, 0], [2, 2, 0], [0, 1, 0]])
"""Three classes; of the last there is one sample, and it is never said."""
labelled = st.integers(1, 6).flatmap(
    lambda classes: st.tuples(
        st.just(classes),
        st.lists(st.tuples(*[st.integers(0, classes - 1)] * 2), min_size=1, max_size=40),
    )
)
"""The number of classes, and pairs of what a sample is and what was said."""
pairs_of_columns = st.tuples(st.integers(1, 30), st.integers(1, 3)).flatmap(
    lambda shape: arrays(np.int16, (2, *shape)).map(lambda pair: pair / 8)
)
"""Targets and predictions (2, N, K): eighths, so that equal ones occur."""
few = settings(max_examples=40)


def test_counts_by_hand():
    counts = metrics.confusion_counts([0, 0, 1, 2, 2], [0, 1, 1, 2, 0], 3)
    np.testing.assert_array_equal(counts, [[1, 1, 0], [0, 1, 0], [1, 0, 1]])


def test_metrics_of_classes_by_hand():
    np.testing.assert_array_equal(metrics.support(COUNTS), [6, 4, 1])
    np.testing.assert_array_equal(metrics.recall(COUNTS), [5 / 6, 2 / 4, 0])
    np.testing.assert_array_equal(metrics.precision(COUNTS), [5 / 7, 2 / 4, 0])
    np.testing.assert_array_equal(metrics.f1(COUNTS), [10 / 13, 4 / 8, 0])
    assert metrics.accuracy(COUNTS) == 7 / 11
    assert metrics.balanced_accuracy(COUNTS) == pytest.approx((5 / 6 + 1 / 2) / 3, rel=4 * EPS)


def test_a_class_without_samples_does_not_count_in_balanced_accuracy():
    counts = np.array([[3, 1], [0, 0]])
    assert metrics.balanced_accuracy(counts) == 3 / 4
    np.testing.assert_array_equal(metrics.recall(counts), [3 / 4, 0])
    nothing = np.zeros((2, 2), int)
    assert metrics.accuracy(nothing) == metrics.balanced_accuracy(nothing) == 0


def test_the_commonest_class_is_that_of_training_measured_elsewhere():
    assert metrics.commonest_class(np.array([1, 2, 2, 0]), np.array([2, 1, 1, 1])) == (2, 1 / 4)
    assert metrics.commonest_class(np.array([3, 1, 1, 3]), np.array([0]))[0] == 1


def test_metrics_of_real_numbers_by_hand():
    target = np.array([[1.0, 10.0], [2.0, 10.0], [6.0, 10.0]])
    predicted = np.array([[1.0, 10.0], [4.0, 10.0], [5.0, 10.0]])
    # errors 0, 2, -1: squares sum to 5; the targets lie 2, 1, 3 from their mean: 14
    within = {"rtol": 4 * EPS, "atol": 0}
    np.testing.assert_allclose(metrics.rmse(target, predicted), [np.sqrt(5 / 3), 0], **within)
    np.testing.assert_allclose(metrics.mae(target, predicted), [1, 0], **within)
    np.testing.assert_allclose(metrics.r_squared(target, predicted), [1 - 5 / 14, 1], **within)
    np.testing.assert_array_equal(metrics.r_squared(target, predicted + 1)[1], 0)
    same = np.full((3, 1), 0.1)  # whose mean is not 0.1
    np.testing.assert_array_equal(metrics.r_squared(same, 2 * same), 0)


def test_errors_whose_squares_would_overflow():
    target, predicted = np.array([[0.0], [1e200]]), np.array([[0.0], [0.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(metrics.rmse(target, predicted), 1e200 / np.sqrt(2))
        np.testing.assert_allclose(metrics.r_squared(target, predicted), -1)
        assert metrics.r_squared(target / 1e200, -1e200 - target) == -np.inf


@few
@given(labelled)
def test_what_counts_must_satisfy(case):
    classes, rows = case
    target, said = np.array(rows).T
    counts = metrics.confusion_counts(target, said, classes)
    assert metrics.accuracy(counts) == pytest.approx(np.mean(target == said), rel=2 * EPS)
    np.testing.assert_array_equal(counts.T, metrics.confusion_counts(said, target, classes))
    np.testing.assert_array_equal(metrics.precision(counts), metrics.recall(counts.T))
    precision, recall = metrics.precision(counts), metrics.recall(counts)
    total = np.where(precision + recall > 0, precision + recall, 1)
    np.testing.assert_allclose(metrics.f1(counts), 2 * precision * recall / total, rtol=8 * EPS)
    weighted = np.average(recall, weights=metrics.support(counts))
    assert weighted == pytest.approx(metrics.accuracy(counts), rel=4 * (classes + 2) * EPS)
    one = metrics.balanced_accuracy(np.diag(metrics.support(counts)))
    assert one == 1 >= metrics.balanced_accuracy(counts) >= 0


@few
@given(pairs_of_columns)
def test_what_errors_must_satisfy(pair):
    target, predicted = pair
    rounding = 4 * len(target) * EPS
    rmse, mae = metrics.rmse(target, predicted), metrics.mae(target, predicted)
    assert (mae <= rmse * (1 + rounding)).all()
    np.testing.assert_array_equal(metrics.r_squared(target, target), 1)
    np.testing.assert_array_equal(metrics.rmse(3 + target, 3 + target), 0)
    assert (metrics.r_squared(target, predicted) <= 1).all()
    mean = np.broadcast_to(target.mean(axis=0), target.shape)
    spread = (target != target[0]).any(axis=0)
    np.testing.assert_array_equal(metrics.r_squared(target, mean)[spread], 0)


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: metrics.confusion_counts([0, 1], [0], 2), r"got \(2,\) and \(1,\)"),
        (lambda: metrics.confusion_counts([0, 2], [0, 1], 2), "target to hold class numbers"),
        (lambda: metrics.confusion_counts([0, 1], [0, -1], 2), "predicted to hold class numbers"),
        (lambda: metrics.confusion_counts(["a"], ["a"], 2), "np.unique"),
        (lambda: metrics.rmse([1.0], [1.0]), r"one column is x\[:, None\]"),
        (lambda: metrics.mae([[1.0]], [[1.0, 2.0]]), r"mae: .*\(1, 1\) and \(1, 2\)"),
        (lambda: metrics.r_squared(np.empty((0, 1)), np.empty((0, 1))), "N > 0"),
    ],
)
def test_what_does_not_fit_is_refused(call, part):
    with pytest.raises(ValueError, match=part):
        call()


def test_metrics_need_numpy_only():
    code = (
        "import sys, mlp; assert 'numpy' not in sys.modules; mlp.metrics.rmse;"
        "print([m for m in ('scipy', 'matplotlib', 'mlp.layers', 'mlp.data') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, timeout=60
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.peers
@pytest.mark.long
@few
@given(labelled)
def test_scikit_learn_counts_the_same(case):
    peer = pytest.importorskip("sklearn.metrics")
    classes, rows = case
    target, said = np.array(rows).T
    counts = metrics.confusion_counts(target, said, classes)
    labels = range(classes)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        warnings.filterwarnings("ignore", "A single label was found")
        theirs = peer.confusion_matrix(target, said, labels=labels)
        balanced = peer.balanced_accuracy_score(target, said)
    np.testing.assert_array_equal(counts, theirs)
    precision, recall, f1, support = peer.precision_recall_fscore_support(
        target, said, labels=labels, zero_division=0
    )
    np.testing.assert_allclose(metrics.precision(counts), precision, rtol=EPS)
    np.testing.assert_allclose(metrics.recall(counts), recall, rtol=EPS)
    np.testing.assert_allclose(metrics.f1(counts), f1, rtol=4 * EPS)
    np.testing.assert_array_equal(metrics.support(counts), support)
    assert metrics.balanced_accuracy(counts) == pytest.approx(balanced, rel=(classes + 2) * EPS)


@pytest.mark.peers
@pytest.mark.long
@few
@given(pairs_of_columns)
def test_scikit_learn_measures_the_same_errors(pair):
    peer = pytest.importorskip("sklearn.metrics")
    target, predicted = pair
    rounding = 4 * len(target) * EPS
    columns = {"multioutput": "raw_values"}
    theirs = peer.root_mean_squared_error(target, predicted, **columns)
    np.testing.assert_allclose(metrics.rmse(target, predicted), theirs, rtol=rounding)
    theirs = peer.mean_absolute_error(target, predicted, **columns)
    np.testing.assert_allclose(metrics.mae(target, predicted), theirs, rtol=rounding)
    if len(target) > 1:
        theirs = peer.r2_score(target, predicted, **columns)
        ours = metrics.r_squared(target, predicted)
        # 1 - q: the rounding of q, and that of the mean, which shifts all targets by as much
        far = np.abs(target).max(axis=0) / np.maximum(target.std(axis=0), 1e-300)
        size = 1 + np.abs(1 - theirs) * (1 + far)
        varied = (target != target[0]).any(axis=0)
        assert (np.abs(ours - theirs) <= rounding * size)[varied].all()
        exact = ((target == predicted) | varied).all(axis=0)
        np.testing.assert_array_equal(ours[~varied & exact], 1)
