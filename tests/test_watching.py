"""Watching a training: its columns, its warnings, and that nothing changes by it."""

import csv
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
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    fit,
    trace,
)
from mlp.callbacks import Callback
from mlp.seeing.watching import SAMPLES, Watching
from test_train import SHORT, train


def blobs(n=300, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    return rng.normal(size=(n, 4)) + 3 * np.eye(classes, 4)[labels], labels


def network(hidden=8, init="he", activation=ReLU, seed=1):
    rng = np.random.default_rng(seed)
    layers = [Affine(4, hidden, init=init, rng=rng), activation(), Affine(hidden, 3, rng=rng)]
    return Sequential(*layers, Softmax())


def watched(net, loss, rate, x, y, epochs=4, **more):
    watching = Watching(x, y)
    history = fit(net, loss, SGD(rate), x, y, epochs=epochs, rng=0, callbacks=[watching], **more)
    return watching, history


def rows(path):
    return list(csv.reader(path.read_text().splitlines()))


def test_columns_are_those_of_a_trace_of_the_samples_that_are_watched():
    x, y = blobs()
    net = network()
    watching, history = watched(net, KLDivergence(), 0.05, x, y)
    body = Sequential(*net[:3])
    assert len(watching.x) == SAMPLES
    assert {tuple(row) for row in watching.x} <= {tuple(row) for row in x}
    passed = trace(body, watching.x, watching.y, SoftmaxCrossEntropy(), learning_rate=0.05)
    found = history[-1]
    dW, db = (passed["2"].gradients[name] for name in "Wb")
    size = math.sqrt((dW**2).sum() + (db**2).sum())
    assert found["2.gradient_norm"] == pytest.approx(size, rel=1e-12)
    weights = math.sqrt((net[2].W ** 2).sum() + (net[2].b ** 2).sum())
    assert found["2.update_ratio"] == pytest.approx(0.05 * size / weights, rel=1e-12)
    hidden = np.maximum(watching.x @ net[0].W + net[0].b, 0)
    assert found["1.high"] == pytest.approx(hidden.max(), rel=1e-12)
    assert found["1.dead"] == (hidden.max(axis=0) == 0).mean()
    assert "1.gradient_norm" not in found
    assert "1.saturated" not in found


def test_training_is_the_same_to_the_bit_watched_or_not():
    x, y = blobs()
    plain, seen = network(), network()
    history = fit(plain, KLDivergence(), SGD(0.1, momentum=0.9), x, y, epochs=3, rng=0)
    watching = Watching(x, y)
    more = fit(
        seen, KLDivergence(), SGD(0.1, momentum=0.9), x, y, epochs=3, rng=0, callbacks=[watching]
    )
    np.testing.assert_array_equal(plain.parameter_vector(), seen.parameter_vector())
    for a, b in zip(history, more, strict=True):
        assert {name: b[name] for name in a if name != "seconds"} == {
            name: a[name] for name in a if name != "seconds"
        }


def test_a_training_that_goes_well_is_not_warned_of():
    x, y = blobs()
    for activation in (ReLU, Sigmoid):
        watching, _ = watched(network(activation=activation), KLDivergence(), 0.1, x, y, epochs=12)
        assert watching.said == {}


class Named(Layer):
    """A softmax that mlp does not know as one."""

    def __init__(self):
        self.inner = Softmax()

    def forward(self, x):
        return self.inner.forward(x)

    def backward(self, upstream):
        return self.inner.backward(upstream)

    def clear_cache(self):
        self.inner.clear_cache()


def deep(layers=8):
    rng = np.random.default_rng(0)
    hidden = [layer for _ in range(layers) for layer in (Affine(4, 4, rng=rng), Sigmoid())]
    return Sequential(*hidden, Affine(4, 3, rng=rng), Softmax())


def dead():
    net = network()
    net[0].b = np.full(8, -100.0)
    return net


def test_each_sign_is_seen_and_comes_with_a_remedy():
    x, y = blobs()
    cross, kl = SoftmaxCrossEntropy(), KLDivergence()
    cases = {
        "start": (network(init=lambda rng, shape, dtype: 30 * np.eye(*shape)), kl, 1e-9),
        "dead 1": (dead(), kl, 0.1),
        "saturated 1": (network(init=50.0, activation=Sigmoid), kl, 0.01),
        "vanishing": (deep(), kl, 0.01),
        "slow": (network(), kl, 1e-7),
        "double softmax": (Sequential(*network()[:3], Named()), cross, 0.1),
    }
    for sign, (net, loss, rate) in cases.items():
        watching, _ = watched(net, loss, rate, x, y)
        assert sign in watching.said, (sign, watching.said)
        assert "try " in watching.said[sign] or "drop " in watching.said[sign]
    assert "cannot fall below 0.5514" in watching.said["double softmax"]  # ln(1 + 2 / e)
    assert math.log(1 + 2 / math.e) == pytest.approx(0.5514, abs=5e-5)


def test_a_rate_that_is_too_high_is_seen_by_the_loss():
    """y = w x, x = 1, target 0, L = w^2: a step multiplies w by 1 - 2 rate. 1.05 grows."""
    x, y = np.ones((4, 1)), np.zeros((4, 1))
    net = Sequential(Affine(1, 1, bias=False))
    watching, history = watched(net, SquaredError(), 1.05, x, y, batch_size=None)
    assert history[1]["loss"] / history[0]["loss"] == pytest.approx(1.1**4 / 1.1**2)
    assert watching.said.keys() == {"rising"}
    assert "try a smaller learning rate (it is 1.05)" in watching.said["rising"]


def test_a_swinging_loss_is_seen():
    """The rate changes between one that grows w by half and one that shrinks it by half."""
    x, y = np.ones((4, 1)), np.zeros((4, 1))
    net = Sequential(Affine(1, 1, bias=False, init=1.0))
    watching = Watching(x, y)
    optimizer = SGD(lambda step: 0.25 if step % 2 == 0 else 1.45)
    fit(net, SquaredError(), optimizer, x, y, epochs=9, batch_size=None, callbacks=[watching])
    assert "swinging" in watching.said


class Interrupts(Callback):
    def on_step(self, state):
        if state.epoch == 3:
            raise KeyboardInterrupt


def test_a_training_that_goes_on_has_the_same_columns_and_warns_no_second_time(tmp_path):
    x, y = blobs()
    told = []

    def training(*others, checkpoint=None):
        net, watching = dead(), Watching(x, y, say=told.append)
        callbacks = [watching, *others]
        history = fit(net, KLDivergence(), SGD(0.1, momentum=0.9), x, y, epochs=5, rng=0,
                      callbacks=callbacks, checkpoint=checkpoint)  # fmt: skip
        return [{k: v for k, v in record.items() if k != "seconds"} for record in history]

    at_once = training()
    said, told[:] = [*told], []
    assert any("dead" in text for text in said)
    path = tmp_path / "checkpoint.npz"
    with pytest.raises(KeyboardInterrupt):
        training(Interrupts(), checkpoint=path)
    assert training(Resumes(), checkpoint=path) == at_once
    assert told == said


class Resumes(Callback):
    """The checkpoint knows callbacks by their names; this one does nothing."""


Resumes.__name__ = Interrupts.__name__


def test_watch_adds_columns_and_a_picture_and_changes_nothing_else(tmp_path):
    for name, words in (("plain", ()), ("watched", ("--watch",))):
        result = train(*SHORT, *words, "--validation", "0.1", "--out", tmp_path / name)
        assert (result.returncode, result.stderr) == (0, "")
    plain, seen = tmp_path / "plain", tmp_path / "watched"
    assert (seen / "model.npz").read_bytes() == (plain / "model.npz").read_bytes()
    before, after = rows(plain / "history.csv"), rows(seen / "history.csv")
    assert [row[: len(before[0])] for row in after] == before
    added = after[0][len(before[0]) :]
    assert {"1.gradient_norm", "1.update_ratio", "2.low", "2.high", "2.dead"} <= {*added}
    assert all(math.isfinite(float(cell)) for row in after[1:] for cell in row[len(before[0]) :])
    assert not (plain / "layers.png").exists()
    assert (seen / "layers.png").read_bytes().startswith(b"\x89PNG")


def test_a_warning_names_the_run_and_stands_in_the_report(tmp_path):
    out = tmp_path / "run"
    words = ("--learning-rate", "1e-7", "--watch", "--report", "--quiet", "--out", out)
    result = train(*SHORT, *words)
    assert result.returncode == 0
    lines = [line for line in result.stderr.splitlines() if "hardly falls" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"{out}: warning: ")
    assert "try a larger learning rate" in (out / "report.html").read_text()
