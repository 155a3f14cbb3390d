"""Weights of samples: by hand, by complex step, and as rows that stand there several times."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loss_cases import FUSED, ONE_COLUMN, ROWS, outputs, soft_rows
from mlp import (
    SGD,
    Affine,
    CheckpointError,
    KLDivergence,
    MaxPool,
    ReLU,
    Sequential,
    Sigmoid,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    evaluate,
    fit,
)
from mlp.fused import FusedStep, TextbookStep

LOG2 = math.log(2)
FORMS = [(loss, 3) for loss in ROWS] + [(loss, 1) for loss in ONE_COLUMN]
REDUCTIONS = ["mean", "sum"]


def problem(loss, columns, rows=5):
    rng = np.random.default_rng(2)
    return outputs(loss, (rows, columns), rng), soft_rows((rows, columns), rng)


# The losses


def test_squared_error_by_hand():
    """Rows of loss 1, 4 and 9 with weights 3, 0 and 1: (3 + 9) / 4."""
    y, d, w = np.array([[1.0], [2], [3]]), np.zeros((3, 1)), [3, 0, 1]
    loss = SquaredError()
    assert loss.forward(y, d, w) == 3
    np.testing.assert_array_equal(loss.backward(), [[6 / 4], [0], [6 / 4]])
    total = SquaredError(reduction="sum")
    assert total.forward(y, d, w) == 12
    np.testing.assert_array_equal(total.backward(), [[6], [0], [6]])


def test_softmax_cross_entropy_by_hand():
    """p = 1/2 and 1/4 at the labels, weights 1/2 and 1/4: (log 2 / 2 + 2 log 2 / 4) / (3/4)."""
    z = np.log([[1.0, 2, 1], [1, 2, 1]])
    loss = SoftmaxCrossEntropy()
    assert loss.forward(z, [1, 0], [0.5, 0.25]) == pytest.approx(4 / 3 * LOG2, rel=1e-15)
    by_hand = [[1 / 6, -1 / 3, 1 / 6], [-1 / 4, 1 / 6, 1 / 12]]
    np.testing.assert_allclose(loss.backward(), by_hand, atol=1e-16)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("kind", "columns"), FORMS)
def test_gradient_agrees_with_complex_step(kind, columns, reduction):
    y, d = problem(kind, columns)
    w, loss = np.array([0.3, 0, 7, 1, 2.5]), kind(reduction=reduction)
    loss.forward(y, d, w)
    gradient = loss.backward()
    for place in np.ndindex(y.shape):
        e = np.zeros(y.shape, complex)
        e[place] = 1e-30j
        slope = loss.forward(y + e, d, w).imag / 1e-30
        np.testing.assert_allclose(gradient[place], slope, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("kind", "columns"), FORMS)
def test_whole_weights_are_repeated_rows(kind, columns, reduction):
    y, d = problem(kind, columns)
    w, loss = np.array([2, 0, 1, 3, 1]), kind(reduction=reduction)
    rows = np.repeat(np.arange(5), w)
    expected = loss.forward(y[rows], d[rows])
    gradient = np.zeros_like(y)
    np.add.at(gradient, rows, loss.backward())
    assert loss.forward(y, d, w) == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(loss.backward(), gradient, rtol=1e-14, atol=1e-16)
    hard = np.eye(3)[[0, 1, 2, 1, 0]] if columns == 3 else np.array([[0.0], [1], [1], [0], [1]])
    assert loss.accuracy(y, hard, w) == pytest.approx(loss.accuracy(y[rows], hard[rows]), rel=1e-15)


@pytest.mark.parametrize("kind", [*ROWS, *FUSED])
def test_equal_weights_are_no_weights_and_are_forgotten(kind):
    y, d = problem(kind, 1 if kind in ONE_COLUMN else 3)
    loss = kind()
    plain = loss.forward(y, d)
    gradient = loss.backward()
    assert loss.forward(y, d, np.full(5, 0.1)) == pytest.approx(plain, rel=1e-14)
    np.testing.assert_allclose(loss.backward(), gradient, rtol=1e-14)
    loss.forward(y, d, [1, 0, 0, 0, 0])
    assert loss.forward(y, d) == plain
    np.testing.assert_array_equal(loss.backward(), gradient)


def test_float32_stays_float32_whatever_the_size_of_the_weights():
    y, d = problem(SquaredError, 2)
    loss = SquaredError()
    for size in (1e-300, 1e300):  # neither is a float32
        value = loss.forward(y.astype(np.float32), d, np.full(5, size))
        assert value == pytest.approx(loss.forward(y, d), rel=1e-6)
    loss.forward(y.astype(np.float32), d, np.ones(5))
    assert loss.backward().dtype == np.float32


def test_an_infinite_loss_of_weight_0_does_not_count():
    y, loss = np.array([[0.0, 1], [0.5, 0.5]]), KLDivergence()
    assert loss.forward(y, [0, 0]) == math.inf
    assert loss.forward(y, [0, 0], [0, 1]) == pytest.approx(LOG2)
    np.testing.assert_array_equal(loss.backward(), [[0, 0], [-2, 0]])


BAD = {
    "shape": ([1, 1], "shape"),
    "column": (np.ones((3, 1)), "shape"),
    "one number": (1.0, "shape"),
    "negative": ([1, -1, 1], "from 0 up, got -1 at row 1"),
    "NaN": ([1, 1, np.nan], "got nan at row 2"),
    "infinite": ([np.inf, 1, 1], "got inf at row 0"),
    "all zero": ([0, 0, 0], "a finite sum above 0, but all are zero"),
    "too large": ([1.7e308] * 3, "but their sum is infinite"),
    "texts": (["a", "b", "c"], "array of numbers"),
    "complex": ([1j, 1, 1], "real numbers"),
}


@pytest.mark.parametrize(("weights", "message"), BAD.values(), ids=BAD)
def test_bad_weights_are_one_clear_error(weights, message):
    x, y = np.ones((3, 2)), np.array([0, 1, 0])
    net, loss = Sequential(Affine(2, 2, rng=0)), SoftmaxCrossEntropy()
    before = net.parameter_vector()
    for call in (
        lambda: loss.forward(x, y, weights),
        lambda: loss.accuracy(x, y, weights),
        lambda: fit(net, loss, SGD(0.1), x, y, epochs=1, sample_weight=weights),
        lambda: fit(net, loss, SGD(0.1), x, y, epochs=1, validation=(x, y, weights)),
        lambda: evaluate(net, loss, x, y, sample_weight=weights),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            call()
    np.testing.assert_array_equal(net.parameter_vector(), before)


# Training


def network(loss, dtype=np.float64):
    end = {KLDivergence: [Softmax()]}.get(type(loss), [])
    columns = 1 if isinstance(loss, SigmoidCrossEntropy) else 3
    first, last = Affine(6, 8, rng=1, dtype=dtype), Affine(4, columns, rng=2, dtype=dtype)
    return Sequential(first, ReLU(), MaxPool(2), Sigmoid(), last, *end)


LOSSES = [SquaredError(), SoftmaxCrossEntropy(), KLDivergence(), SigmoidCrossEntropy()]
LOSSES += [SoftmaxCrossEntropy(reduction="sum")]


def samples(loss, rows=12):
    rng = np.random.default_rng(3)
    classes = 2 if isinstance(loss, SigmoidCrossEntropy) else 3
    return rng.normal(size=(rows, 6)), rng.integers(0, classes, rows)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_training_with_whole_weights_is_training_with_repeated_samples(loss):
    (x, y), w = samples(loss), np.arange(12) % 3
    options = {"epochs": 5, "batch_size": None, "rng": 0}
    weighted, repeated = network(loss), network(loss)
    optimizer = {"momentum": 0.9, "weight_decay": 0.01}
    validation = (x, y, w), (x.repeat(w, axis=0), y.repeat(w))
    ours, theirs = (
        fit(net, loss, SGD(0.05, **optimizer), *data, **options, validation=seen, **weights)
        for net, data, seen, weights in (
            (weighted, (x, y), validation[0], {"sample_weight": w}),
            (repeated, validation[1], validation[1], {}),
        )
    )
    size = 1e-12  # 5 steps, each of sums of some 20 terms of size 1
    np.testing.assert_allclose(
        weighted.parameter_vector(), repeated.parameter_vector(), rtol=0, atol=size
    )
    for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
        assert [r[name] for r in ours] == pytest.approx([r[name] for r in theirs], abs=size)
    assert evaluate(weighted, loss, x, y, sample_weight=w) == pytest.approx(
        evaluate(repeated, loss, *validation[1]), abs=size
    )


def test_a_sample_of_weight_0_is_left_out_to_the_bit():
    loss = SoftmaxCrossEntropy()
    (x, y), w = samples(loss), np.where(np.arange(12) % 4, 0.7, 0)
    nets = network(loss), network(loss)
    kept = w > 0
    fit(nets[0], loss, SGD(0.1), x, y, epochs=2, batch_size=2, rng=0, sample_weight=w)
    rest = x[kept], y[kept]
    fit(nets[1], loss, SGD(0.1), *rest, epochs=2, batch_size=2, rng=0, sample_weight=w[kept])
    np.testing.assert_array_equal(nets[0].parameter_vector(), nets[1].parameter_vector())


@settings(max_examples=15, deadline=None)
@given(
    loss=st.sampled_from(LOSSES),
    dtype=st.sampled_from([np.float32, np.float64]),
    momentum=st.sampled_from([0, 0.5]),
    whole=st.booleans(),
    weights=st.lists(st.floats(2**-10, 4), min_size=12, max_size=12),
)
def test_fused_and_textbook_steps_are_the_same(loss, dtype, momentum, whole, weights):
    x, y = samples(loss)
    nets = network(loss, dtype), network(loss, dtype)
    batches = [slice(None)] * 2 if whole else [np.array([3, 1, 4]), np.arange(5, 12)]
    seen = []
    for Step, net in zip((FusedStep, TextbookStep), nets, strict=True):
        optimizer = SGD(0.02, momentum=momentum)
        step = Step(net, net, loss, optimizer, x, y, np.array(weights))
        for batch in batches:
            step.begin()
            value = step.forward(batch)
            step.backward()
            step.update()
            seen.append((value, step.samples, step.hits()))
    assert type(step) is TextbookStep
    # two steps, each some 100 roundings of numbers of size 1 on the way from x to a weight
    size = 200 * np.finfo(dtype).eps * (sum(weights) if loss.reduction == "sum" else 1)
    fused, textbook = seen[:2], seen[2:]
    np.testing.assert_allclose(fused, textbook, rtol=size, atol=size)
    np.testing.assert_allclose(*(n.parameter_vector() for n in nets), rtol=size, atol=size)


def test_without_shuffle_batches_come_in_order():
    loss = SoftmaxCrossEntropy()
    x, y = samples(loss)
    nets = network(loss), network(loss)
    fit(nets[0], loss, SGD(0.1), x, y, epochs=2, batch_size=5, shuffle=False)
    for _ in range(2):
        for rows in (slice(0, 5), slice(5, 10), slice(10, 12)):
            fit(nets[1], loss, SGD(0.1), x[rows], y[rows], epochs=1, batch_size=None)
    np.testing.assert_array_equal(nets[0].parameter_vector(), nets[1].parameter_vector())


def test_a_checkpoint_of_other_weights_is_refused(tmp_path):
    loss = SoftmaxCrossEntropy()
    (x, y), w = samples(loss), np.arange(1, 13)

    def train(epochs=2, **options):
        net = network(loss)
        path = tmp_path / "training.npz"
        fit(net, loss, SGD(0.1), x, y, epochs=epochs, rng=0, checkpoint=path, **options)
        return net.parameter_vector()

    first = train(sample_weight=w)
    np.testing.assert_array_equal(train(sample_weight=w), first)
    for other in (w[::-1], None):
        with pytest.raises(CheckpointError, match=r"another training \(sample weights"):
            train(sample_weight=other)
    with pytest.raises(CheckpointError, match=r"another training \(order"):
        train(sample_weight=w, shuffle=False)
