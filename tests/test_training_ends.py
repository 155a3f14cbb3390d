"""fit: the ways to stop, divergence, and what it refuses before the first step."""

import math

import numpy as np
import pytest

from mlp import (
    SGD,
    Affine,
    KLDivergence,
    NonFiniteError,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    evaluate,
    fit,
)
from mlp.callbacks import Callback
from tasks import blobs, classifier, line

# Ways to stop


def test_zero_epochs():
    net = classifier()
    before = net.parameter_vector()
    x, labels = blobs()
    loss, validation = SoftmaxCrossEntropy(), (x, labels)
    assert fit(net, loss, SGD(0.1), x, labels, epochs=0) == []
    assert fit(net, loss, SGD(0.1), x, labels, epochs=0, patience=1, validation=validation) == []
    np.testing.assert_array_equal(net.parameter_vector(), before)


def test_tolerance():
    """Losses 2.5 / 4^k: the change 1.875 / 4^(k-1) first falls below 0.1 from epoch 3 to 4."""
    net = line()
    x, d = np.array([[1.0], [2]]), np.zeros((2, 1))
    options = {"epochs": 100, "batch_size": None}
    history = fit(net, SquaredError(), SGD(0.1), x, d, tolerance=0.12, **options)
    assert len(history) == 4
    assert net.W == 1 / 16  # the last step is kept
    history = fit(line(), SquaredError(), SGD(0.1), x, d, tolerance=0.11, **options)
    assert len(history) == 5  # the change 0.1171875 is not below 0.11
    history = fit(line(), SquaredError(), SGD(0), x, d, tolerance=0.0, **options)
    assert len(history) == 100  # no change is not less than 0


def overshooting():
    """Training pulls w from 1 to 0, halving it; validation is best at w = 1/4.

    w after epochs 1, 2, ...: 1/2, 1/4, 1/8, 1/16; validation losses 1/16, 0, 1/64, 9/256.
    """
    training = {"x": np.ones((1, 1)), "y": np.zeros((1, 1)), "batch_size": None}
    return line(), training | {"validation": (np.ones((1, 1)), np.full((1, 1), 0.25))}


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_patience_restores_the_best_weights(patience):
    net, options = overshooting()
    history = fit(net, SquaredError(), SGD(0.25), epochs=50, patience=patience, **options)
    assert [r["validation_loss"] for r in history[:4]] == [1 / 16, 0, 1 / 64, 9 / 256][
        : len(history)
    ]
    assert len(history) == 2 + patience
    assert net.W == 0.25


def test_patience_starts_again_after_progress():
    """w is multiplied by 1/2, -2, 1/8, -2, -2: losses 1/4, 1, 1/64, 1/16, 1/4."""
    rates = [(1 - factor) / 2 for factor in (1 / 2, -2, 1 / 8, -2, -2, 0, 0)]
    net, x, d = line(), np.ones((1, 1)), np.zeros((1, 1))
    options = {"validation": (x, d), "patience": 2, "epochs": 7}
    history = fit(net, SquaredError(), SGD(lambda step: rates[step]), x, d, **options)
    losses = [record["validation_loss"] for record in history]
    assert losses == [1 / 4, 1, 1 / 64, 1 / 16, 1 / 4]
    assert net.W == -1 / 8


def test_patience_restores_the_best_weights_when_epochs_run_out_too():
    net, options = overshooting()
    assert len(fit(net, SquaredError(), SGD(0.25), epochs=3, patience=5, **options)) == 3
    assert net.W == 0.25


def test_without_patience_the_last_weights_stay():
    net, options = overshooting()
    assert len(fit(net, SquaredError(), SGD(0.25), epochs=4, **options)) == 4
    assert net.W == 1 / 16


def test_patience_without_validation_watches_the_loss():
    """A rate of 3/2 multiplies w by -2: the losses 1, 4, 16 only grow, so w = -2 is kept."""
    net = line()
    options = {"epochs": 50, "patience": 2, "batch_size": None}
    history = fit(net, SquaredError(), SGD(1.5), np.ones((1, 1)), np.zeros((1, 1)), **options)
    assert [record["loss"] for record in history] == [1, 4, 16]
    assert net.W == -2


def test_patience_without_validation_keeps_the_weights_whose_loss_was_best():
    """w goes 1, 1/2, -1, 2: the record's losses 1, 1/4, 1 are those before each step."""
    net, rates = line(), [0.25, 1.5, 1.5]
    options = {"epochs": 50, "patience": 2, "batch_size": None}
    x, d = np.ones((1, 1)), np.zeros((1, 1))
    history = fit(net, SquaredError(), SGD(lambda step: rates[step]), x, d, **options)
    assert [record["loss"] for record in history] == [1, 1 / 4, 1]
    assert [record["validation_loss"] for record in history] == [None] * 3
    assert net.W == 1 / 2


@pytest.mark.parametrize("batch_size, rate", [(5, 3.0), (None, 3.0)])
def test_what_patience_keeps_is_the_best_that_evaluate_saw(batch_size, rate):
    net, seen = classifier(), []
    options = {"epochs": 12, "patience": 3, "batch_size": batch_size, "rng": 0}

    def look(record):
        seen.append(evaluate(net, SoftmaxCrossEntropy(), X, Y)["loss"])

    fit(net, SoftmaxCrossEntropy(), SGD(rate, momentum=0.5), X, Y, on_epoch=look, **options)
    assert evaluate(net, SoftmaxCrossEntropy(), X, Y)["loss"] == min(seen)
    assert min(seen) < seen[-1]


def test_equal_losses_are_no_progress():
    x, d = np.ones((1, 1)), np.zeros((1, 1))
    history = fit(line(), SquaredError(), SGD(0), x, d, epochs=50, patience=4)
    assert len(history) == 1 + 4


def test_restored_weights_keep_their_arrays():
    net, options = overshooting()
    W = net.W
    fit(net, SquaredError(), SGD(0.25), epochs=9, patience=1, **options)
    assert net.W is W


# Divergence


AFTER_TWO = (
    "^fit: the loss is inf at step 1 of epoch 3; the weights are finite; all outputs are finite, "
    "the last up to 4e[+]160, and the loss of them is not; the weights have grown to 4e[+]160; "
    "try a smaller learning rate"
)


def test_divergence_restores_the_last_good_weights():
    """A rate of 1e80 multiplies w by about -2e80: losses 1, 4e160, infinity."""
    net, sgd = line(), SGD(1e80)
    x, d = np.ones((1, 1)), np.zeros((1, 1))
    with pytest.raises(NonFiniteError, match=AFTER_TWO) as error:
        fit(net, SquaredError(), sgd, x, d, epochs=9, batch_size=None)
    assert error.value.__notes__ == ["the weights of the last good epoch are restored"]
    np.testing.assert_allclose(net.W, 4e160, rtol=1e-12)


def test_divergence_within_an_epoch_goes_back_to_its_start():
    net, x = line(), np.ones((5, 1))
    with pytest.raises(NonFiniteError):
        fit(net, SquaredError(), SGD(1e80), x, np.zeros((5, 1)), epochs=9, batch_size=1)
    assert net.W == 1


def test_divergence_of_the_weights_is_seen_in_the_same_epoch():
    net = Sequential(line())
    x, d = np.full((1, 1), 1e150), np.zeros((1, 1))
    with pytest.raises(NonFiniteError, match=r"first parameter with infinity or NaN: 0\.W"):
        fit(net, SquaredError(), SGD(1e10), x, d, epochs=9, batch_size=None)
    assert net[0].W == 1


class Spoils(Callback):
    """Makes a weight infinite after a step, as an overflow would."""

    def __init__(self, step, value):
        self.step, self.value = step, value

    def on_step(self, state):
        if state.optimizer.state(state.net).step == self.step:
            state.net[0].W[0, 0] = self.value


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("hidden", [ReLU, Sigmoid])
@pytest.mark.parametrize("own", [False, True])
def test_a_weight_that_is_not_finite_is_seen_at_the_next_step(hidden, value, own):
    """Also where the loss is finite: sigmoid(inf) = 1, relu(-inf) = 0."""
    net = Sequential(Affine(4, 5, rng=0), hidden(), Affine(5, 3, rng=1))
    x, y = np.abs(blobs()[0][:, :4]) + 1, blobs()[1]
    x = np.resize(x, (len(y), 4))
    if own:
        net[1].forward = net[1].forward  # the textbook's step
    where = r"at step 5 of epoch 1; first parameter .*: 0\.W, of layer 0 Affine\(4, 5\); the step"
    with pytest.raises(NonFiniteError, match=where):
        loss, spoils = SoftmaxCrossEntropy(), Spoils(4, value)
        fit(net, loss, SGD(0.1), x, y, epochs=1, batch_size=4, callbacks=[spoils])


def test_samples_that_are_too_large_are_named():
    x, y = blobs()
    net = Sequential(Affine(x.shape[1], 3, init=1.0))
    cause = "first not finite: the output of layer 0 .*; the samples reach 1e[+]308; scale them"
    with pytest.raises(NonFiniteError, match=cause):
        fit(net, SoftmaxCrossEntropy(), SGD(0.1), np.full_like(x, 1e308), y, epochs=1)


def test_divergence_with_patience_restores_the_best_weights():
    """The rate grows: w = 1, 1/2, 1/4 (best for validation), then it runs away."""
    net, options = overshooting()
    sgd = SGD(lambda step: 0.25 if step < 2 else 1e90)
    with pytest.raises(NonFiniteError):
        fit(net, SquaredError(), sgd, epochs=50, patience=10, **options)
    assert net.W == 0.25


def test_after_divergence_a_smaller_rate_starts_without_velocities():
    net, sgd = line(), SGD(1e80, momentum=0.9)
    x, d = np.ones((1, 1)), np.zeros((1, 1))
    with pytest.raises(NonFiniteError):
        fit(net, SquaredError(), sgd, x, d, epochs=9)
    net.W, sgd.learning_rate = [[1.0]], 0.25
    fit(net, SquaredError(), sgd, x, d, epochs=1)
    assert net.W == 0.5


def test_outputs_that_overflow_on_validation_are_silent():
    """Finite weights, and a validation loss of infinity: no warning, and no progress."""
    net, x, d = line(), np.ones((1, 1)), np.zeros((1, 1))
    options = {"validation": (1e200 * x, d), "batch_size": None}
    history = fit(net, SquaredError(), SGD(0.25), x, d, epochs=2, **options)
    assert [record["validation_loss"] for record in history] == [math.inf, math.inf]
    assert evaluate(net, SquaredError(), 1e200 * x, d)["loss"] == math.inf


# Errors before the first step

X, Y = blobs()


@pytest.mark.parametrize(
    "change, kind, message",
    [
        ({"x": X[:-1]}, ValueError, r"fit: expected as many targets as samples, .* \(59, 4\)"),
        ({"x": X[:0], "y": Y[:0]}, ValueError, "at least one"),
        ({"x": 3.0}, ValueError, "as many targets as samples"),
        ({"x": X[:, :3]}, ValueError, r"Affine\(4, 8\): expected x of shape \(N, 4\)"),
        ({"x": np.where(X[9, 2] == X, np.nan, X)}, ValueError, "fit: expected finite x"),
        ({"x": np.where(X[9, 2] == X, np.inf, X)}, ValueError, "fit: expected finite x"),
        ({"x": X.astype(str)}, TypeError, "expected an array of numbers"),
        ({"y": np.where(np.arange(60) == 59, 3, Y)}, ValueError, "from 0 to 2, got 3 at row 59"),
        ({"y": Y - 1}, ValueError, "labels from 0 to 2, got -1 at row 0"),
        ({"y": Y + 0.5}, ValueError, r"got 0\.5 at row 0"),
        ({"y": np.where(Y == 1, np.nan, Y)}, ValueError, "fit: expected finite targets"),
        ({"y": Y[:, None]}, ValueError, r"targets of shape \(60, 3\), or labels"),
        ({"y": Y.astype(str)}, TypeError, "expected an array of numbers"),
        ({"validation": (X[:, :2], Y)}, ValueError, r"expected x of shape \(N, 4\)"),
        ({"validation": (X, Y + 1)}, ValueError, "got 3 at row 2"),
        ({"validation": (X[:5], Y)}, ValueError, "fit: validation: expected as many targets"),
        ({"validation": (X[:0], Y[:0])}, ValueError, "fit: validation: .* at least one"),
        ({"validation": X}, TypeError, r"fit: expected validation=\(x, y\), .* got ndarray; set"),
        ({"validation": X[:2]}, TypeError, r"expected validation=\(x, y\)"),
        ({"validation": 0.2}, TypeError, r"got float; set a part of the samples aside"),
        ({"loss": "mse"}, TypeError, r"fit: expected a loss such as Soft.*\(\), got 'mse'$"),
        ({"loss": KLDivergence}, TypeError, "fit: expected a loss such as .*, got <class 'mlp.los"),
        ({"loss": SGD(0.1)}, TypeError, r"fit: expected a loss such as .*, got SGD\(0\.1\)$"),
        ({"optimizer": 0.1}, TypeError, r"fit: expected an optimizer such as SGD\(0.1\), got 0.1"),
        ({"optimizer": SGD}, TypeError, r"expected an optimizer such as SGD\(0.1\), got <class"),
        ({"net": X}, TypeError, r"fit: expected a network such as Sequential\(\.\.\.\), got "),
        ({"epochs": -1}, ValueError, "epochs to be a whole number from 0 up, got -1"),
        ({"epochs": 1.5}, ValueError, "epochs to be a whole number"),
        ({"epochs": True}, ValueError, "epochs to be a whole number"),
        ({"batch_size": 0}, ValueError, "batch_size to be a whole number above 0, got 0"),
        ({"batch_size": 2.0}, ValueError, "batch_size to be a whole number"),
        ({"batch_size": "8"}, ValueError, "batch_size to be a whole number"),
        ({"patience": 0}, ValueError, "patience to be a whole number above 0, got 0"),
        ({"patience": 2.5}, ValueError, "patience to be a whole number"),
        ({"tolerance": -1e-3}, ValueError, "fit: expected tolerance to be a finite number from 0"),
        ({"tolerance": math.nan}, ValueError, "tolerance"),
        ({"tolerance": "small"}, TypeError, "fit: expected tolerance to be a number, got 'small'"),
        ({"rng": -1}, ValueError, "non-negative"),
        ({"loss": KLDivergence(), "y": np.full((60, 3), 0.5)}, ValueError, "with sum 1"),
    ],
)
def test_errors_come_before_the_first_step(change, kind, message):
    net, sgd = classifier(), SGD(lambda step: pytest.fail("a step was made"), momentum=0.9)
    before = net.parameter_vector()
    arguments = {"net": net, "loss": SoftmaxCrossEntropy(), "optimizer": sgd, "x": X, "y": Y}
    arguments |= {"epochs": 2, "on_epoch": lambda record: pytest.fail("an epoch ran")} | change
    with pytest.raises(kind, match=message):
        fit(**arguments)
    np.testing.assert_array_equal(net.parameter_vector(), before)


@pytest.mark.parametrize(
    "x, y, message",
    [
        (X[:5], Y, "evaluate: expected as many targets as samples"),
        (X[:0], Y[:0], "evaluate: .* at least one"),
        (X * np.nan, Y, "evaluate: expected finite x"),
        (X, Y + 1, "got 3 at row 2"),
        (X[:, :3], Y, r"expected x of shape \(N, 4\)"),
    ],
)
def test_evaluate_errors(x, y, message):
    with pytest.raises(ValueError, match=message):
        evaluate(classifier(), SoftmaxCrossEntropy(), x, y)


def test_evaluate_says_what_is_no_loss_and_no_network():
    with pytest.raises(TypeError, match=r"^evaluate: expected a loss such as .*, got 'mse'$"):
        evaluate(classifier(), "mse", X, Y)
    with pytest.raises(TypeError, match=r"^evaluate: expected a network such as Sequential"):
        evaluate(SoftmaxCrossEntropy(), classifier(), X, Y)


def test_softmax_is_not_applied_twice():
    net = Sequential(Affine(4, 3, rng=0), Softmax())
    before = net.parameter_vector()
    with pytest.raises(ValueError, match="drop that layer, or use KLDivergence"):
        fit(net, SoftmaxCrossEntropy(), SGD(0.1), X, Y, epochs=1)
    np.testing.assert_array_equal(net.parameter_vector(), before)
    history = fit(net, KLDivergence(), SGD(0.1), X, Y, epochs=1, rng=0)
    twin = Sequential(Affine(4, 3, rng=0))
    other = fit(twin, SoftmaxCrossEntropy(), SGD(0.1), X, Y, epochs=1, rng=0)
    assert history[0]["loss"] == pytest.approx(other[0]["loss"], rel=1e-14)
    np.testing.assert_allclose(net[0].W, twin[0].W, rtol=1e-13)
