"""fit and evaluate: which rows when, records, repeatability, and that it learns."""

import math

import numpy as np
import pytest

from mlp import (
    SGD,
    Affine,
    KLDivergence,
    Layer,
    ReLU,
    Sequential,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    evaluate,
    fit,
)
from networks import Spy, affine, deep, tiny
from tasks import blobs, classifier, line

KEYS = ["epoch", "loss", "accuracy", "validation_loss", "validation_accuracy", "seconds"]


# Which rows when


class Witness(Spy):
    """Remembers the rows of every batch that it was trained with."""

    def __init__(self):
        super().__init__()
        self.trained = []

    def backward(self, upstream):
        self.trained.append(self.seen[-1][:, 0].astype(int).tolist())
        return super().backward(upstream)


def rows_seen(samples, epochs, batch_size, rng=0):
    """For every epoch the batches, as lists of row numbers."""
    witness, x = Witness(), np.arange(samples, dtype=float)[:, None]
    net = Sequential(line(), witness, Affine(1, 1, rng=0))
    seen = []

    def end_of_epoch(record):
        seen.append(witness.trained)
        witness.trained = []

    options = {"epochs": epochs, "batch_size": batch_size, "rng": rng, "on_epoch": end_of_epoch}
    fit(net, SquaredError(), SGD(0.0), x, 0 * x, **options)
    return seen


def order_of(epoch):
    return [row for batch in epoch for row in batch]


def test_every_epoch_is_a_permutation_in_batches():
    epochs = rows_seen(10, 4, 3)
    assert [[len(batch) for batch in epoch] for epoch in epochs] == [[3, 3, 3, 1]] * 4
    orders = [order_of(epoch) for epoch in epochs]
    assert all(sorted(order) == [*range(10)] for order in orders)
    assert len({tuple(order) for order in orders}) == 4


def test_the_order_comes_from_the_callers_generator():
    rng, twin = np.random.default_rng(42), np.random.default_rng(42)
    expected = [twin.permutation(10).tolist() for _ in range(3)]
    assert [order_of(epoch) for epoch in rows_seen(10, 2, 4, rng)] == expected[:2]
    assert [order_of(epoch) for epoch in rows_seen(10, 1, 4, rng)] == expected[2:]
    assert [order_of(epoch) for epoch in rows_seen(10, 2, 4, 42)] == expected[:2]


@pytest.mark.parametrize(
    "batch_size, sizes", [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (6, [5]), (1000, [5])]
)
def test_batch_sizes(batch_size, sizes):
    epoch = rows_seen(5, 2, batch_size)[1]
    assert [len(batch) for batch in epoch] == sizes
    assert sorted(order_of(epoch)) == [0, 1, 2, 3, 4]


def test_the_full_batch_comes_in_order_and_draws_nothing():
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    assert rows_seen(5, 3, None, rng) == [[[0, 1, 2, 3, 4]]] * 3
    assert rng.bit_generator.state == state


def test_targets_go_with_their_samples():
    """With y = 3 x every batch has its minimum at 3, in whatever order."""
    net, x = line(), np.linspace(1, 2, 7)[:, None]
    fit(net, SquaredError(), SGD(0.1), x, 3 * x, epochs=50, batch_size=2, rng=0)
    np.testing.assert_allclose(net.W, 3, rtol=1e-12)
    net = Affine(4, 3, rng=0)
    x, labels = np.eye(4)[[0, 1, 2] * 5], np.array([2, 0, 1] * 5)
    fit(net, SoftmaxCrossEntropy(), SGD(1.0), x, labels, epochs=20, batch_size=4, rng=0)
    assert evaluate(net, SoftmaxCrossEntropy(), x, labels)["accuracy"] == 1


# One step by hand, epochs by hand


def test_full_batch_by_hand():
    """x = 1, 2 and d = 0: L = (w^2 + 4 w^2) / 2, dL/dw = 5 w, rate 0.1 halves w."""
    net = line()
    x, d = np.array([[1.0], [2]]), np.zeros((2, 1))
    history = fit(net, SquaredError(), SGD(0.1), x, d, epochs=3, batch_size=None)
    assert net.W == 0.125
    assert [record["loss"] for record in history] == [2.5, 0.625, 0.15625]  # before each step
    assert [record["epoch"] for record in history] == [1, 2, 3]


def test_single_samples_by_hand():
    """Two equal samples x = 1, d = 0: w <- w - 0.25 * 2 w = w / 2 twice per epoch."""
    net = line()
    x, d = np.ones((2, 1)), np.zeros((2, 1))
    history = fit(net, SquaredError(), SGD(0.25), x, d, epochs=2, batch_size=1, rng=0)
    assert net.W == 1 / 16
    assert [record["loss"] for record in history] == [(1 + 1 / 4) / 2, (1 / 16 + 1 / 64) / 2]


def test_the_loss_of_a_short_batch_counts_by_its_rows():
    """Rate 0, squares 0, 1, ..., 16: the mean over samples, not over batches; or their sum."""
    x = np.arange(5.0)[:, None]
    for reduction, expected in [("mean", 6), ("sum", 30)]:
        loss = SquaredError(reduction=reduction)
        history = fit(line(), loss, SGD(0), x, np.zeros((5, 1)), epochs=1, batch_size=2, rng=3)
        assert history[0]["loss"] == expected


def test_records():
    x, labels = blobs()
    net, loss = classifier(), SoftmaxCrossEntropy()
    start = evaluate(net, loss, x, labels)
    seen = []
    history = fit(net, loss, SGD(0.1), x, labels, epochs=2, batch_size=None, on_epoch=seen.append)
    assert [list(record) for record in history] == [KEYS] * 2
    assert all(a is b for a, b in zip(seen, history, strict=True))
    assert history[0]["loss"] == start["loss"]
    assert history[0]["accuracy"] == start["accuracy"]
    assert history[0]["validation_loss"] is history[0]["validation_accuracy"] is None
    assert all(type(record["seconds"]) is float and record["seconds"] > 0 for record in history)
    assert type(history[0]["loss"]) is type(history[0]["accuracy"]) is float


def test_records_of_validation_are_taken_after_the_epoch():
    x, labels = blobs()
    net, loss = classifier(), SoftmaxCrossEntropy()
    validation = blobs(30)
    history = fit(net, loss, SGD(0.1), x, labels, epochs=3, rng=0, validation=validation)
    after = evaluate(net, loss, *validation)
    assert history[-1]["validation_loss"] == after["loss"]
    assert history[-1]["validation_accuracy"] == after["accuracy"]
    assert history[0]["validation_loss"] != after["loss"]


def test_accuracy_over_batches():
    """Rate 0: the accuracy of an epoch in batches is that of the whole."""
    x, labels = blobs(50)
    net = classifier()
    history = fit(net, SoftmaxCrossEntropy(), SGD(0), x, labels, epochs=1, batch_size=7, rng=0)
    expected = evaluate(net, SoftmaxCrossEntropy(), x, labels)["accuracy"]
    assert history[0]["accuracy"] == pytest.approx(expected, rel=1e-15)
    assert 0 < expected < 1


def test_no_accuracy_for_real_targets():
    """Even where one batch happens to hold nothing but 0 and 1."""
    x, d = np.ones((4, 1)), np.array([[0.0], [1], [0.3], [1]])
    history = fit(line(), SquaredError(), SGD(0.1), x, d, epochs=2, batch_size=1, rng=0)
    assert [record["accuracy"] for record in history] == [None, None]
    assert evaluate(line(), SquaredError(), x, d) == {"loss": 0.3725, "accuracy": None}


def test_evaluate():
    net = tiny()
    x = np.array([[1.0, 1], [-1, 0]])  # outputs 10 and -3
    assert evaluate(net, SquaredError(), x, np.array([[9], [0]]))["loss"] == (1 + 9) / 2
    result = evaluate(net, SigmoidCrossEntropy(), x, np.array([1, 1]))
    assert result["accuracy"] == 0.5
    with pytest.raises(RuntimeError, match="call forward"):
        net.backward(np.ones((2, 1)))
    assert evaluate(Affine(2, 2, init="zeros"), SoftmaxCrossEntropy(), x, [0, 1])[
        "loss"
    ] == pytest.approx(math.log(2))


def test_evaluate_goes_through_x_in_batches():
    spy = Spy()
    x = np.ones((3000, 1))
    loss = evaluate(Sequential(spy, line()), SquaredError(), x, np.zeros((3000, 1)))["loss"]
    assert loss == 1
    assert max(map(len, spy.seen)) == 1024


def test_a_single_layer_may_be_trained():
    net = line()
    fit(net, SquaredError(), SGD(0.1, momentum=0.5), np.ones((1, 1)), [[3]], epochs=100)
    np.testing.assert_allclose(net.W, 3, rtol=1e-9)


# Repeatable, silent, alone


def test_the_same_seed_gives_the_same_bits():
    x, labels = blobs()
    runs = []
    for seed in (7, 7, 8):
        net, sgd = classifier(), SGD(0.1, momentum=0.9)
        history = fit(net, SoftmaxCrossEntropy(), sgd, x, labels, epochs=5, batch_size=8, rng=seed)
        runs.append((net.parameter_vector().tobytes(), [r["loss"] for r in history]))
    assert runs[0] == runs[1]
    assert runs[0][0] != runs[2][0]


@pytest.mark.parametrize("last", [(), (Softmax(),)])
def test_momentum_goes_on_from_one_fit_to_the_next(last):
    """Also where the loss is evaluated together with the last layer."""
    x, labels = blobs()
    loss = KLDivergence() if last else SoftmaxCrossEntropy()
    twice, once = Sequential(classifier(), *last), Sequential(classifier(), *last)
    for net, parts in [(twice, [1, 2]), (once, [3])]:
        sgd = SGD(lambda step: 0.5**step, momentum=0.9)
        for epochs in parts:
            fit(net, loss, sgd, x, labels, epochs=epochs, batch_size=None)
    np.testing.assert_array_equal(twice.parameter_vector(), once.parameter_vector())


def test_fit_prints_nothing_and_leaves_the_global_generator_alone(capfd):
    x, labels = blobs()
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    options = {"rng": None, "validation": (x, labels), "patience": 1, "tolerance": 0.0}
    fit(classifier(), SoftmaxCrossEntropy(), SGD(0.1), x, labels, epochs=3, **options)
    evaluate(classifier(), SoftmaxCrossEntropy(), x, labels)
    after = np.random.get_state()  # noqa: NPY002
    assert (kind, *rest) == (after[0], *after[2:])
    np.testing.assert_array_equal(keys, after[1])
    assert capfd.readouterr() == ("", "")


def test_x_and_y_stay_as_they_are():
    x, labels = blobs()
    x.setflags(write=False)
    labels.setflags(write=False)
    fit(classifier(), SoftmaxCrossEntropy(), SGD(0.1), x, labels, epochs=1, rng=0)


def test_lists_and_integers_are_welcome():
    net = line()
    fit(net, SquaredError(), SGD(0.1), [[1], [2]], [[0], [0]], epochs=3, batch_size=None)
    np.testing.assert_allclose(net.W, 0.125, rtol=1e-15)


def test_float32_stays_float32():
    x, labels = blobs()
    net = classifier().astype(np.float32)
    sgd = SGD(np.float64(0.1), momentum=np.float64(0.9), weight_decay=np.float64(1e-4))
    history = fit(net, SoftmaxCrossEntropy(), sgd, x, labels, epochs=2, rng=0)
    assert net.parameter_vector().dtype == np.float32
    net.backward(np.ones_like(net.forward(x)))
    assert net.gradients()["0.W"].dtype == np.float32
    assert type(history[0]["loss"]) is float


# Layers of one's own


def test_an_error_on_the_way_reaches_the_caller():
    class Fussy(Layer):
        calls = 0

        def forward(self, x):
            self.calls += 1
            if self.calls == 4:
                raise OSError("no more")
            return x

        def backward(self, upstream):
            return upstream

    net = Sequential(Fussy(), classifier())
    with pytest.raises(OSError, match="no more") as error:
        fit(net, SoftmaxCrossEntropy(), SGD(0.1), *blobs(), epochs=9)
    assert error.value.__notes__ == ["in layer 0 of Sequential"]


def test_a_deep_nest_learns():
    """The three blobs, through nested layers: nearly all are told apart."""
    x, labels = blobs(90)
    nest = Sequential(deep()[:2], Sequential(Affine(3, 3, rng=5)))
    loss = SoftmaxCrossEntropy()
    fit(nest, loss, SGD(0.5, momentum=0.9), x, labels, epochs=40, batch_size=16, rng=0)
    assert evaluate(nest, loss, x, labels)["accuracy"] > 0.85


def test_a_line_finds_the_least_squares_solution():
    rng = np.random.default_rng(3)
    x, net = rng.normal(size=(40, 2)), affine([[0], [0]], [0])
    y = x @ [[2], [-1]] + 0.5 + 0.1 * rng.normal(size=(40, 1))
    fit(net, SquaredError(), SGD(0.1, momentum=0.5), x, y, epochs=400, batch_size=None)
    solution = np.linalg.lstsq(np.c_[x, np.ones(40)], y, rcond=None)[0][:, 0]
    np.testing.assert_allclose([*net.W[:, 0], net.b[0]], solution, rtol=1e-10)


def test_the_layout_of_the_samples_in_memory_changes_no_bit():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 12)), rng.integers(3, size=50)
    wide = np.repeat(x, 2, axis=1)[:, ::2]
    weights = []
    for samples in (x, np.asfortranarray(x), wide, x[::-1].copy()[::-1]):
        for batch_size in (8, None):
            net = Sequential(Affine(12, 9, rng=1), ReLU(), Affine(9, 3, rng=2))
            fit(
                net,
                SoftmaxCrossEntropy(),
                SGD(0.1, momentum=0.9),
                samples,
                y,
                epochs=3,
                batch_size=batch_size,
                rng=5,
                validation=(samples, y),
                patience=2,
            )
            weights.append(net.parameter_vector())
    for k, vector in enumerate(weights):
        np.testing.assert_array_equal(vector, weights[k % 2])
