"""The losses: values worked by hand, derivatives by two other routes, types, accuracy."""

import math

import numpy as np
import pytest

from loss_cases import ONE_COLUMN, ROWS, outputs, soft_rows
from mlp import KLDivergence, SigmoidCrossEntropy, SoftmaxCrossEntropy, SquaredError

LOG2, LOG3 = math.log(2), math.log(3)


def target_forms():
    rng = np.random.default_rng(5)
    labels = np.array([2, 0, 1, 2])
    forms = {"labels": labels, "rows": np.eye(3)[labels], "soft": soft_rows((4, 3), rng)}
    binary = np.array([1, 0, 0, 1])
    columns = {"labels": binary, "rows": binary[:, None], "soft": soft_rows((4, 1), rng)}
    for loss in ROWS:
        yield from (pytest.param(loss, 3, d, id=f"{loss.__name__}-{k}") for k, d in forms.items())
    for loss in ONE_COLUMN:
        for k, d in columns.items():
            yield pytest.param(loss, 1, d, id=f"{loss.__name__}-column-{k}")


FORMS = list(target_forms())

# Values and gradients by hand

Z = np.log([[1.0, 2, 1], [4, 1, 3]])  # softmax 1/4 1/2 1/4 and 1/2 1/8 3/8
P = np.array([[1 / 4, 1 / 2, 1 / 4], [1 / 2, 1 / 8, 3 / 8]])
LABELS = np.array([1, 2])


def test_squared_error_by_hand():
    y, d = np.array([[1.0, 2], [3, 5]]), np.array([[0, 4], [3, 2]])
    loss = SquaredError()
    assert loss.forward(y, d) == (1 + 4 + 0 + 9) / 2
    np.testing.assert_array_equal(loss.backward(), [[1, -2], [0, 3]])
    total = SquaredError(reduction="sum")
    assert total.forward(y, d) == 14
    np.testing.assert_array_equal(total.backward(), [[2, -4], [0, 6]])
    assert total.forward(y, np.array([1, 0])) == 1 + 1 + 4 + 25


def test_squared_error_factor():
    y, d = np.array([[1.0, 2], [3, 5]]), np.array([[0, 4], [3, 2]])
    half = SquaredError(factor=0.5, reduction="sum")
    assert half.forward(y, d) == 7
    np.testing.assert_array_equal(half.backward(), [[1, -2], [0, 3]])


def test_softmax_cross_entropy_by_hand():
    loss = SoftmaxCrossEntropy()
    assert loss.forward(Z, LABELS) == pytest.approx((LOG2 + math.log(8 / 3)) / 2, rel=1e-15)
    np.testing.assert_allclose(loss.backward(), (P - np.eye(3)[LABELS]) / 2, atol=1e-16)


def test_softmax_cross_entropy_of_soft_rows_by_hand():
    """- 1/4 log 1/4 - 3/4 log 1/2, without the entropy of d; rows need not sum to 1."""
    loss = SoftmaxCrossEntropy()
    assert loss.forward(Z[:1], np.array([[1 / 4, 3 / 4, 0]])) == pytest.approx(5 / 4 * LOG2)
    assert loss.forward(Z[:1], np.array([[1, 2, 0]])) == pytest.approx(4 * LOG2)
    np.testing.assert_allclose(loss.backward(), [[3 / 4 - 1, 3 / 2 - 2, 3 / 4]], atol=1e-15)
    assert loss.forward(Z[:1], np.array([[1, 3, 0]])) == pytest.approx(5 * LOG2)


def test_sigmoid_cross_entropy_by_hand():
    """p = 3/4 and 1/3: with targets 1 and 1 the loss is -log 3/4 - log 1/3 = 2 log 2."""
    z = np.log([[3.0], [1 / 2]])
    loss = SigmoidCrossEntropy()
    assert loss.forward(z, np.array([1, 1])) == pytest.approx(LOG2, rel=1e-15)
    np.testing.assert_allclose(loss.backward(), [[-1 / 8], [-1 / 3]], rtol=1e-14)
    assert loss.forward(z, np.array([0, 0])) == pytest.approx((2 * LOG2 + LOG3 - LOG2) / 2)
    assert loss.forward(z.T, np.array([[1, 0]])) == pytest.approx(2 * LOG2 - LOG3 + LOG3 - LOG2)


def test_kl_divergence_by_hand():
    loss = KLDivergence()
    assert loss.forward(P, LABELS) == pytest.approx((LOG2 + math.log(8 / 3)) / 2, rel=1e-15)
    np.testing.assert_allclose(loss.backward(), [[0, -1, 0], [0, 0, -4 / 3]], rtol=1e-15)
    soft = np.array([[1 / 2, 1 / 4, 1 / 4]])
    assert loss.forward(P[:1], soft) == pytest.approx(LOG2 / 4, rel=1e-15)
    np.testing.assert_allclose(loss.backward(), [[-2, -1 / 2, -1]], rtol=1e-15)
    assert loss.forward(soft, soft) == 0


def test_kl_divergence_of_one_column_by_hand():
    """y = 3/4, d = 1: log 4/3, gradient -4/3;  y = 1/2, d = 1/4: 3/4 log 3 - log 2."""
    loss = KLDivergence(reduction="sum")
    assert loss.forward(np.array([[3 / 4]]), np.array([1])) == pytest.approx(2 * LOG2 - LOG3)
    np.testing.assert_allclose(loss.backward(), [[-4 / 3]], rtol=1e-15)
    assert loss.forward(np.array([[3 / 4]]), np.array([0])) == pytest.approx(2 * LOG2)
    np.testing.assert_allclose(loss.backward(), [[4]], rtol=1e-15)
    value = loss.forward(np.array([[1 / 2]]), np.array([[1 / 4]]))
    assert value == pytest.approx(3 / 4 * LOG3 - LOG2)
    np.testing.assert_allclose(loss.backward(), [[-1 / 2 + 3 / 2]], rtol=1e-15)


# Derivatives by other routes


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("loss, columns, target", FORMS)
def test_gradient_agrees_with_complex_step_and_differences(loss, columns, target, reduction):
    loss = loss(reduction=reduction)
    y = outputs(type(loss), (4, columns), np.random.default_rng(7))
    loss.forward(y, target)
    gradient = loss.backward()
    assert gradient.shape == y.shape
    for place in np.ndindex(y.shape):
        e = np.zeros(y.shape)
        e[place] = 1
        step = loss.forward(y + 1e-30j * e, target).imag / 1e-30
        np.testing.assert_allclose(gradient[place], step, rtol=1e-13, atol=1e-15)
        up, down = (loss.forward(y + h * e, target) for h in (1e-6, -1e-6))
        np.testing.assert_allclose(gradient[place], (up - down) / 2e-6, rtol=1e-6, atol=1e-8)


def test_gradient_of_squared_error_with_a_factor_by_complex_step():
    rng = np.random.default_rng(1)
    y, d, e = rng.normal(size=(3, 4, 2))
    loss = SquaredError(factor=0.3)
    loss.forward(y, d)
    slope = (loss.backward() * e).sum()
    np.testing.assert_allclose(slope, loss.forward(y + 1e-30j * e, d).imag / 1e-30, rtol=1e-14)


@pytest.mark.parametrize("loss, columns, target", FORMS)
def test_mean_is_the_mean_of_single_rows(loss, columns, target):
    y = outputs(loss, (4, columns), np.random.default_rng(3))
    single = [loss().forward(y[n : n + 1], target[n : n + 1]) for n in range(4)]
    np.testing.assert_allclose(loss().forward(y, target), np.mean(single), rtol=1e-14)
    total = loss(reduction="sum").forward(y, target)
    np.testing.assert_allclose(total, np.sum(single), rtol=1e-14)


@pytest.mark.parametrize("loss, columns, target", FORMS)
def test_divergence_is_that_of_each_row(loss, columns, target):
    y = outputs(loss, (4, columns), np.random.default_rng(3))
    single = [loss().forward(y[n : n + 1], target[n : n + 1]) for n in range(4)]
    d = np.eye(3)[target] if target.ndim < 2 and columns > 1 else target.reshape(4, columns)
    np.testing.assert_allclose(loss().divergence(y, d.astype(float)), single, rtol=1e-14)


@pytest.mark.parametrize("loss", ROWS)
def test_labels_mean_one_hot_rows(loss):
    y = outputs(loss, (4, 3), np.random.default_rng(2))
    labels, one, two = np.array([2, 0, 1, 2]), loss(), loss()
    assert one.forward(y, labels) == two.forward(y, np.eye(3)[labels])
    np.testing.assert_array_equal(one.backward(), two.backward())
    assert one.forward(y, labels.tolist()) == one.forward(y, labels.astype(float))


@pytest.mark.parametrize("loss", ONE_COLUMN)
def test_labels_of_one_column_are_the_targets(loss):
    y = outputs(loss, (4, 1), np.random.default_rng(2))
    labels, one, two = np.array([1, 0, 0, 1]), loss(), loss()
    assert one.forward(y, labels) == two.forward(y, labels[:, None])
    assert one.forward(y, labels) == one.forward(y, labels == 1)
    np.testing.assert_array_equal(one.backward(), two.backward())


# The far ends of the range


def test_cross_entropy_of_far_logits_is_exact():
    z, loss = np.array([[1e4, 0, -1e4]]), SoftmaxCrossEntropy()
    assert [loss.forward(z, np.array([c])) for c in range(3)] == [0, 10000, 20000]
    loss.forward(z, np.array([1]))
    np.testing.assert_array_equal(loss.backward(), [[1, -1, 0]])
    assert loss.forward(np.full((1, 3), 1e308), np.array([0])) == pytest.approx(LOG3)
    rows = np.array([[1e4, 0], [0, -1e4]])  # each row has its own largest
    assert loss.forward(rows, np.array([0, 1])) == 5000


def test_an_infinite_difference_of_logits_costs_infinity_or_nothing():
    z, loss = np.array([[1e308, -1e308]]), SoftmaxCrossEntropy()
    assert loss.forward(z, np.array([0])) == 0
    assert loss.forward(z, np.array([1])) == math.inf


def test_sigmoid_cross_entropy_of_far_logits_is_exact():
    z, loss = np.array([[1e4], [-1e4]]), SigmoidCrossEntropy(reduction="sum")
    assert loss.forward(z, np.array([1, 0])) == 0
    assert loss.forward(z, np.array([0, 1])) == 20000
    np.testing.assert_array_equal(loss.backward(), [[1], [-1]])
    small = loss.forward(np.array([[-40.0]]), np.array([0]))
    assert small == pytest.approx(math.exp(-40), rel=1e-14, abs=0)


def test_kl_divergence_with_zeros():
    """0 log 0 = 0 for d and y; d > 0 = y costs infinity; never NaN and never a warning."""
    loss, d = KLDivergence(), np.array([[0, 1, 0]])
    assert loss.forward(np.array([[0, 1, 0]]), d) == 0
    np.testing.assert_array_equal(loss.backward(), [[0, -1, 0]])
    assert loss.forward(np.array([[0.5, 0, 0.5]]), d) == math.inf
    np.testing.assert_array_equal(loss.backward(), [[0, -math.inf, 0]])
    assert loss.forward(np.array([[5e-324, 1.0]]), np.array([0])) == pytest.approx(744.44, abs=0.01)
    assert loss.backward()[0, 0] == -math.inf


@pytest.mark.parametrize(
    "y, d, value, slope",
    [
        (0, 0, 0, 1),
        (1, 1, 0, -1),
        (0, 1, math.inf, -math.inf),
        (1, 0, math.inf, math.inf),
        (0, 0.5, math.inf, -math.inf),
        (1, 0.5, math.inf, math.inf),
    ],
)
def test_kl_divergence_of_one_column_with_zeros(y, d, value, slope):
    loss = KLDivergence()
    assert loss.forward(np.array([[y]]), np.array([[d]])) == value
    assert loss.backward() == slope


def test_kl_divergence_of_one_column_keeps_tiny_probabilities():
    small = KLDivergence().forward(np.array([[1e-20]]), np.array([0]))
    assert small == pytest.approx(1e-20, rel=1e-14, abs=0)


@pytest.mark.parametrize("loss", [SquaredError, SoftmaxCrossEntropy, SigmoidCrossEntropy])
def test_nan_outputs_give_a_nan_loss_in_silence(loss):
    y = np.array([[np.nan, 1], [0, 1]])
    assert math.isnan(loss().forward(y, np.array([0, 1])))


def test_infinite_logits_give_a_nan_loss_in_silence():
    loss = SoftmaxCrossEntropy()
    assert math.isnan(loss.forward(np.array([[np.inf, 0]]), np.array([0])))
    assert np.isnan(loss.backward()).any()


# Types


@pytest.mark.parametrize("loss, columns, target", FORMS)
def test_float32_stays_float32(loss, columns, target):
    y = outputs(loss, (4, columns), np.random.default_rng(4))
    narrow, wide = loss(), loss()
    value = narrow.forward(y.astype(np.float32), target)
    assert type(value) is float
    assert value == np.float32(value)  # computed in float32, though it is a Python float
    assert value == pytest.approx(wide.forward(y, target), rel=1e-5)
    assert narrow.backward().dtype == np.float32
    assert type(wide.forward(y, target)) is float
    assert wide.backward().dtype == np.float64


def test_the_real_part_decides_what_is_a_probability_and_which_class():
    """So the complex step may start from 0 and 1."""
    loss, h = KLDivergence(), 1e-30j
    assert loss.forward(np.array([[0 - h, 1 - h]]), np.array([1])).imag == 1e-30
    assert loss.forward(np.array([[1 + h]]), np.array([1])).imag == -1e-30
    assert SoftmaxCrossEntropy().labels(np.array([[1, 1 + 1j]])) == 0
    assert SigmoidCrossEntropy().labels(np.array([[1j]])) == 0


@pytest.mark.parametrize("loss", ROWS)
def test_complex_outputs_give_a_complex_value(loss):
    y = outputs(loss, (4, 3), np.random.default_rng(4))
    labels = np.array([2, 0, 1, 2])
    value = loss().forward(y.astype(complex), labels)
    assert type(value) is complex
    assert value.imag == 0
    assert value.real == pytest.approx(loss().forward(y, labels), rel=1e-15)


def test_integer_outputs_become_floats():
    loss = SquaredError()
    assert type(loss.forward([[1, 2]], [[0, 0]])) is float
    assert loss.backward().dtype == np.float64


@pytest.mark.parametrize("loss, columns, target", FORMS)
def test_arguments_stay_as_they_are(loss, columns, target):
    y = outputs(loss, (4, columns), np.random.default_rng(4))
    target = target.copy()
    y.setflags(write=False)
    target.setflags(write=False)
    layer = loss()
    layer.forward(y, target)
    first = layer.backward()
    first[:] = 0  # the caller's own
    np.testing.assert_array_equal(layer.backward(), layer.backward())
    assert layer.backward().any()


# Labels, probabilities, accuracy


def test_labels_of_rows():
    y = np.array([[0.1, 0.7, 0.2], [0.5, 0.1, 0.4], [1, 1, 0]])
    for loss in (SquaredError(), KLDivergence(), SoftmaxCrossEntropy()):
        labels = loss.labels(y)
        assert labels.dtype.kind == "i"
        np.testing.assert_array_equal(labels, [1, 0, 0])  # the first of equal ones


def test_labels_of_one_column():
    """Probabilities are compared with 1/2, logits with 0."""
    y = np.array([[-1], [0], [0.25], [0.5], [0.75]])
    np.testing.assert_array_equal(SquaredError().labels(y), [0, 0, 0, 0, 1])
    np.testing.assert_array_equal(KLDivergence().labels(y), [0, 0, 0, 0, 1])
    np.testing.assert_array_equal(SigmoidCrossEntropy().labels(y), [0, 0, 1, 1, 1])


def test_probabilities():
    np.testing.assert_allclose(SoftmaxCrossEntropy().probabilities(Z), P, rtol=1e-15)
    np.testing.assert_array_equal(KLDivergence().probabilities(P), P)
    p = SigmoidCrossEntropy().probabilities(np.log([[3.0], [1 / 2]]))
    np.testing.assert_allclose(p, [[3 / 4], [1 / 3]], rtol=1e-15)
    assert not hasattr(SquaredError(), "probabilities")


def test_accuracy_of_rows():
    y = np.array([[0.1, 0.7, 0.2], [0.5, 0.1, 0.4], [0.2, 0.2, 0.6], [1, 0, 0]])
    labels = np.array([1, 0, 2, 2])
    for loss in (SquaredError(), KLDivergence(), SoftmaxCrossEntropy(), SigmoidCrossEntropy()):
        assert loss.accuracy(y, labels) == 0.75
        assert loss.accuracy(y, np.eye(3)[labels]) == 0.75
        assert type(loss.accuracy(y, labels)) is float
        assert loss.accuracy(y.tolist(), labels.tolist()) == 0.75


def test_accuracy_of_one_column():
    y = np.array([[0.9], [0.4], [0.3]])
    assert KLDivergence().accuracy(y, np.array([1, 0, 1])) == pytest.approx(2 / 3)
    assert SigmoidCrossEntropy().accuracy(y, np.array([[1], [0], [1]])) == pytest.approx(2 / 3)


def test_no_accuracy_where_targets_are_no_classes():
    y = np.array([[0.5, 0.5], [0.2, 0.8]])
    assert KLDivergence().accuracy(y, np.array([[0.5, 0.5], [0, 1]])) is None
    assert SquaredError().accuracy(y, np.array([[1, 1], [0, 1]])) is None  # two at once
    assert SquaredError().accuracy(y, np.array([[0, 0], [0, 1]])) is None  # none
    for value in (0.3, 2, -1):
        assert SquaredError().accuracy(y[:, :1], np.array([[value], [1]])) is None
