"""What the losses refuse, and how they say it."""

import numpy as np
import pytest

from loss_cases import ALL, FUSED, ONE_COLUMN, ROWS, outputs
from mlp import (
    KLDivergence,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
)
from mlp.losses import Loss
from mlp.pairing import KLOfSigmoid, KLOfSoftmax


@pytest.mark.parametrize(
    "labels, message",
    [
        ([0, 1, 3, 0], "labels from 0 to 2, got 3 at row 2;"),
        ([0, -1, 2, 0], "labels from 0 to 2, got -1 at row 1"),
        ([0.0, 1, np.nan, 0], "got nan at row 2"),
        ([0.0, 1, np.inf, 0], "got inf at row 2"),
        ([0.5, 1, 0, 0], "got 0.5 at row 0"),
        ([0, 1, 2], r"targets of shape \(4, 3\), or labels of shape \(4,\), got \(3,\)"),
        ([[0], [1], [2], [0]], r"targets of shape \(4, 3\), or labels .* got \(4, 1\)"),
        (np.zeros((4, 2)), r"got \(4, 2\)"),
        (np.zeros((3, 4)), r"got \(3, 4\)"),
        (0, r"got \(\)"),
    ],
)
@pytest.mark.parametrize("loss", [*ALL, KLOfSoftmax])
def test_wrong_targets_of_rows(loss, labels, message):
    y = outputs(loss, (4, 3), np.random.default_rng(0))
    shown = KLDivergence if loss is KLOfSoftmax else loss
    with pytest.raises(ValueError, match=rf"^{shown.__name__}\(\): .*{message}"):
        loss().forward(y, labels)


@pytest.mark.parametrize("loss", ROWS)
@pytest.mark.parametrize("columns", [2, 4])
def test_labels_end_below_the_number_of_columns(loss, columns):
    y = outputs(loss, (1, columns), np.random.default_rng(0))
    loss().forward(y, np.array([columns - 1]))
    with pytest.raises(ValueError, match=f"from 0 to {columns - 1}, got {columns} at row 0;"):
        loss().forward(y, np.array([columns]))


@pytest.mark.parametrize("loss", [*ALL, KLOfSoftmax])
def test_check_target_refuses_what_forward_refuses(loss):
    loss().check_target(np.array([0, 2]), (3,))
    loss().check_target(np.eye(3), (3,))
    with pytest.raises(ValueError, match="labels from 0 to 2, got 3 at row 1"):
        loss().check_target(np.array([0, 3]), (3,))
    with pytest.raises(ValueError, match=r"targets of shape \(2, 3\), or labels"):
        loss().check_target(np.ones((2, 2)), (3,))


@pytest.mark.parametrize("loss", ROWS)
def test_complex_targets_and_half_floats(loss):
    y = outputs(loss, (2, 3), np.random.default_rng(0))
    with pytest.raises(TypeError, match="expected real numbers as target, got complex128"):
        loss().forward(y, np.full((2, 3), 1 / 3 + 0j))
    with pytest.raises(TypeError, match=r"got float16; use y\.astype\(np\.float32\)"):
        loss().forward(y.astype(np.float16), np.zeros(2, int))


@pytest.mark.parametrize("loss", ROWS)
def test_complex_labels(loss):
    y = outputs(loss, (2, 3), np.random.default_rng(0))
    with pytest.raises(TypeError, match="expected whole numbers as labels, got complex128"):
        loss().forward(y, np.array([0, 1j]))


@pytest.mark.parametrize("loss", ONE_COLUMN)
@pytest.mark.parametrize(
    "labels, message",
    [
        ([0.5, 2.5], "labels from 0 to 1, got 0.5 at row 0"),
        ([0, 2], "labels from 0 to 1, got 2 at row 1"),
        ([-1, 1], "labels from 0 to 1, got -1 at row 0"),
        ([[0, 1], [1, 0]], r"targets of shape \(2, 1\), or labels"),
    ],
)
def test_wrong_targets_of_one_column(loss, labels, message):
    y = outputs(loss, (2, 1), np.random.default_rng(0))
    with pytest.raises(ValueError, match=message):
        loss().forward(y, labels)


def test_remedies_for_labels():
    y, column = np.zeros((3, 3)), np.zeros((3, 1))
    for loss, rows, labels, remedy in [
        (SoftmaxCrossEntropy(), y, [1, 2, 3], "got 3 at row 2; labels count from 0"),
        (SoftmaxCrossEntropy(), y, [0, 0.5, 3], "got 0.5 at row 1"),
        (SigmoidCrossEntropy(), column, [1, -1, 1], "got -1 at row 1; labels count from 0"),
        (SquaredError(), column, [1, 2, 1], "row 1; for real-valued targets use target[:, None]"),
        (SquaredError(), y, [[0], [1], [2]], "got (3, 1); for labels use target[:, 0]"),
        (SquaredError(), y, [0, 1], "or labels of shape (3,), got (2,)"),
    ]:
        with pytest.raises(ValueError) as caught:
            loss.forward(rows, labels)
        assert str(caught.value).endswith(remedy)


@pytest.mark.parametrize("bad", [[-1, 1, 1], [1, 2, -0.5], [0, 1, 1 + 1e-6]])
def test_sigmoid_cross_entropy_refuses_rows_that_are_no_probabilities(bad):
    """Of classes -1 and 1 the loss would have no lower bound."""
    message = r"^SigmoidCrossEntropy\(\): expected targets from 0 to 1, .* use \(target \+ 1\) / 2$"
    with pytest.raises(ValueError, match=message):
        SigmoidCrossEntropy().forward(np.zeros((3, 1)), np.array(bad)[:, None])
    assert SigmoidCrossEntropy().forward(np.zeros((1, 2)), [[0, 1]]) == 2 * np.log(2)


def test_softmax_cross_entropy_refuses_negative_rows():
    message = r"^SoftmaxCrossEntropy\(\): expected target rows of probabilities, got -0.5$"
    with pytest.raises(ValueError, match=message):
        SoftmaxCrossEntropy().forward(np.zeros((1, 2)), [[1.5, -0.5]])
    assert SoftmaxCrossEntropy().forward(np.zeros((1, 2)), [[1, 2]]) == 3 * np.log(2)


@pytest.mark.parametrize("factor", [-1, -1e-9, np.nan, np.inf, 10**400])
def test_factors_of_squared_error(factor):
    with pytest.raises(ValueError, match="SquaredError: expected factor to be a finite number"):
        SquaredError(factor=factor)


@pytest.mark.parametrize("factor", ["2", None, True, np.ones(2)])
def test_factors_of_squared_error_that_are_no_number(factor):
    with pytest.raises(TypeError, match="SquaredError: expected factor to be a number, got"):
        SquaredError(factor=factor)


@pytest.mark.parametrize("loss", [*ALL, *FUSED])
def test_targets_that_are_no_numbers(loss):
    y = outputs(loss, (2, 1), np.random.default_rng(0))
    with pytest.raises(
        TypeError, match=r"expected an array of .*, labels = np.unique\(target, ret"
    ):
        loss().forward(y, np.array(["a", "b"]))
    with pytest.raises(TypeError, match="expected an array of numbers, got ndarray of dtype obj"):
        loss().forward(y, np.array([None, 1]))


@pytest.mark.parametrize("loss", [*ALL, *FUSED])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (3,), (), (2, 3, 4)])
def test_outputs_of_another_shape(loss, shape):
    with pytest.raises(ValueError, match=r"expected outputs of shape \(N, C\), N > 0, C > 0"):
        loss().forward(np.zeros(shape), np.zeros(shape[:1] or 1))
    with pytest.raises(ValueError, match=r"got \(3,\); for one column use y\[:, None\]$"):
        loss().forward(np.zeros(3), np.zeros(3))


@pytest.mark.parametrize(
    "d, total",
    [
        ([[0.5, 0.2], [0.5, 0.5]], "sum 0.7 in row 0"),
        ([[0.5, 0.5], [1.5, -0.5]], "1.5 in row 1"),
        ([[0.5, 0.5], [0.5, 0.5 + 2e-6]], "sum 1 in row 1"),
        ([[np.nan, 0.5], [0.5, 0.5]], "sum nan in row 0"),
        ([[0, 0], [1, 0]], "sum 0 in row 0"),
    ],
)
@pytest.mark.parametrize("loss", [KLDivergence, KLOfSoftmax])
def test_kl_targets_must_be_probabilities(loss, d, total):
    with pytest.raises(ValueError, match=rf"^KLDivergence\(\): .*with sum 1, got {total}"):
        loss().forward(np.full((2, 2), 0.5), np.array(d))


def test_kl_targets_may_be_off_by_rounding():
    loss = KLDivergence()
    assert loss.forward(np.array([[0.5, 0.5]]), np.array([[0.5, 0.5 + 0.9e-6]])) < 1e-6
    d = np.full((1, 128), 1.001 * 2**-27, np.float32)  # rounds up whenever it is added to 1/8
    d[:, :8] = 1 / 8
    loss.forward(np.full((1, 128), 1 / 128, np.float32), d)


@pytest.mark.parametrize("loss", [KLDivergence, KLOfSigmoid])
def test_kl_targets_of_one_column_lie_between_0_and_1(loss):
    for d in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match=r"^KLDivergence\(\): .*probabilities"):
            loss().forward(np.array([[0.5], [0.5]]), np.array([[0.3], [d]]))


def test_kl_outputs_must_be_probabilities():
    remedy = r"from -0.5 to 1.5; end the network in Softmax\(\) or Sigmoid\(\)"
    with pytest.raises(ValueError, match=remedy):
        KLDivergence().forward(np.array([[1.5, -0.5]]), np.array([0]))
    with pytest.raises(ValueError, match=r"got y from 1\.5 to 1\.5"):
        KLDivergence().forward(np.array([[1.5]]), np.array([0]))
    with pytest.raises(ValueError, match=r"got y from 0\.5 to 1\.5"):
        KLDivergence().forward(np.array([[0.5], [1.5]]), np.array([0, 0]))
    with pytest.raises(ValueError, match=r"got y from 0\.25 to 7; end the network in Softmax"):
        KLDivergence().forward(np.array([[7, 0.25]]), np.array([0]))
    assert KLDivergence().forward(np.array([[1.001, 0.2]]), np.array([0])) < 0  # a checker's step


def test_kl_outputs_of_rows_need_no_sum_of_1():
    """The gradient is the partial derivative: the y are varied one by one."""
    assert KLDivergence().forward(np.array([[1.4, 0.5]]), np.array([0])) == -np.log(1.4)


def test_the_base_alone_is_no_loss():
    y = np.ones((2, 2))
    for call in (Loss().divergence, Loss().gradient, Loss().forward):
        with pytest.raises(NotImplementedError):
            call(y, y)


def test_one_column_has_no_softmax():
    with pytest.raises(ValueError, match=r"two columns, got one; use SigmoidCrossEntropy\(\)"):
        SoftmaxCrossEntropy().forward(np.zeros((2, 1)), np.array([0, 1]))
    with pytest.raises(ValueError, match=r"^KLDivergence\(\): Softmax of one column is always 1"):
        KLOfSoftmax().forward(np.zeros((2, 1)), np.array([0, 1]))


@pytest.mark.parametrize("loss", [*ALL, *FUSED])
def test_backward_needs_a_forward(loss):
    with pytest.raises(RuntimeError, match=r"call forward\(y, target\) before backward\(\)"):
        loss().backward()


@pytest.mark.parametrize("loss", ALL)
def test_a_failed_forward_leaves_nothing_to_go_back_through(loss):
    y = outputs(loss, (2, 3), np.random.default_rng(0))
    loss = loss()
    loss.forward(y, np.array([0, 1]))
    with pytest.raises(ValueError):
        loss.forward(y, np.array([0, 3]))
    with pytest.raises(RuntimeError):
        loss.backward()


@pytest.mark.parametrize("loss", ALL)
def test_the_last_forward_counts(loss):
    rng = np.random.default_rng(0)
    first, second = outputs(loss, (2, 3), rng), outputs(loss, (4, 3), rng)
    twice, once = loss(), loss()
    twice.forward(first, np.array([0, 1]))
    twice.forward(second, np.array([0, 1, 2, 0]))
    once.forward(second, np.array([0, 1, 2, 0]))
    np.testing.assert_array_equal(twice.backward(), once.backward())


def test_reductions_and_repr():
    with pytest.raises(ValueError, match='expected reduction "mean" or "sum", got \'max\''):
        SquaredError(reduction="max")
    with pytest.raises(TypeError):
        SquaredError("sum")
    with pytest.raises(TypeError):
        KLDivergence("sum")
    read = "".join(["me", "an"])  # equal to "mean", and not the same object
    y = np.ones((2, 1))
    assert SquaredError(reduction=read).forward(y, np.zeros((2, 1))) == 1
    assert repr(SquaredError(reduction=read)) == "SquaredError()"
    assert repr(KLDivergence()) == "KLDivergence()"
    assert repr(SquaredError(reduction="sum")) == "SquaredError(reduction='sum')"
    assert repr(SquaredError(factor=0.5)) == "SquaredError(factor=0.5)"
    assert repr(SquaredError(factor=2, reduction="sum")) == (
        "SquaredError(factor=2, reduction='sum')"
    )
    assert repr(KLOfSoftmax(reduction="sum")) == "KLDivergence(reduction='sum')"
    assert repr(KLOfSigmoid(reduction="sum")) == "KLDivergence(reduction='sum')"


@pytest.mark.parametrize(
    ("loss", "y", "target", "end"),
    [
        (SquaredError(), np.zeros(3), [0, 0, 0], "got (3,); for one column use y[:, None]"),
        (SquaredError(), np.zeros(()), 0, "got ()"),
        (SquaredError(), np.zeros((2, 2, 2)), [0, 0], "got (2, 2, 2)"),
        (SquaredError(), np.zeros((3, 2)), np.zeros((2, 1)), "got (2, 1)"),
        (SquaredError(), np.zeros((3, 2)), np.zeros((3, 3)), "got (3, 3)"),
        (SquaredError(), np.zeros((2, 2)), [0, 2], "got 2 at row 1; labels count from 0"),
        (SquaredError(), np.zeros((2, 1)), [0, 2], "use target[:, None]"),
        (SigmoidCrossEntropy(), np.zeros((3, 1)), [[0.5], [-3], [7]], "(target + 1) / 2"),
        (KLDivergence(), np.full((1, 2), 0.5), [[1.5, -0.5]], "got 1.5 in row 0"),
        (KLDivergence(), np.full((1, 2), 0.5), [[-0.5, 1.5]], "got -0.5 in row 0"),
        (KLDivergence(), np.full((1, 3), 0.5), [[0, 1, 1]], "got sum 2 in row 0"),
    ],
)
def test_errors_end_in_what_came_and_the_remedy_that_fits(loss, y, target, end):
    with pytest.raises(ValueError) as caught:
        loss.forward(y, target)
    assert str(caught.value).endswith(end)


def test_the_first_wrong_target_is_shown():
    with pytest.raises(ValueError, match="got -3;"):
        SigmoidCrossEntropy().forward(np.zeros((3, 1)), [[0.5], [-3], [7]])


def test_bounds_that_are_still_allowed():
    assert SquaredError(factor=0).forward(np.ones((2, 1)), np.zeros((2, 1))) == 0
    assert KLDivergence().forward(np.array([[1.5, 0.5]]), np.array([0])) == -np.log(1.5)
    assert KLDivergence().forward(np.array([[1.0]]), np.array([1])) == 0
    with pytest.raises(ValueError, match=r"got y from 0\.5 to 1\.6"):
        KLDivergence().forward(np.array([[1.6, 0.5]]), np.array([0]))
