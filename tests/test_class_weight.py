"""--class-weight balanced: rare classes count as much as common ones, in training only."""

import csv
import json
import signal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp import SGD, Affine, Scale, Sequential, SoftmaxCrossEntropy, fit, load_checkpoint
from mlp.commands.train import unfinished
from mlp.commands.train.assembling import learning_rate
from mlp.commands.train.options import options_of
from mlp.commands.train.program import main
from mlp.data import balanced_weights, stratified_split
from mlp.errors import DataError
from programs import started, train, write_csv

EPS = np.finfo(float).eps
LABELS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=30)


def imbalanced(n=300):
    """One class is a twentieth of the samples, and overlaps the other."""
    rng = np.random.default_rng(0)
    labels = (np.arange(n) % 20 == 0).astype(int)
    return (rng.normal(size=(n, 2)) + 1.2 * labels[:, None]).astype(np.float32), labels


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    x, labels = imbalanced()
    path = tmp_path_factory.mktemp("data") / "table.csv"
    return write_csv(path, [[*row, label] for row, label in zip(x.tolist(), labels, strict=True)])


def test_weights_by_hand():
    weights = balanced_weights(np.array(["a", "b", "b", "b", "c", "b"]))
    np.testing.assert_allclose(weights, [2, 0.5, 0.5, 0.5, 2, 0.5], rtol=EPS)


@settings(max_examples=40)
@given(LABELS)
def test_every_class_weighs_the_same_and_all_together_what_they_are(labels):
    labels = np.array(labels)
    weights = balanced_weights(labels)
    totals = [weights[labels == name].sum() for name in np.unique(labels)]
    np.testing.assert_allclose(totals, len(labels) / len(totals), rtol=len(labels) * EPS)
    assert weights.sum() == pytest.approx(len(labels), rel=2 * len(labels) * EPS)


@pytest.mark.parametrize("labels", [[], [[1, 2]]])
def test_what_has_no_labels_is_refused(labels):
    with pytest.raises(ValueError, match=r"shape \(N,\) with N > 0, got"):
        balanced_weights(np.array(labels))


@pytest.mark.peers
@pytest.mark.long
@settings(max_examples=40)
@given(LABELS)
def test_scikit_learn_weighs_the_same(labels):
    peer = pytest.importorskip("sklearn.utils.class_weight")
    theirs = peer.compute_sample_weight("balanced", labels)
    np.testing.assert_allclose(balanced_weights(labels), theirs, rtol=2 * EPS)


def test_the_program_trains_as_fit_with_these_weights(table, tmp_path, capsys):
    words = "--hidden none --init zeros --loss cross-entropy --epochs 3 --batch-size 0 --momentum 0"
    words += " --schedule constant --dtype float64 --class-weight balanced --quiet --validation 0.2"
    words += " --learning-rate 0.1"
    assert main([*words.split(), "--data", str(table), "--out", str(tmp_path / "run")], "t") == 0
    x, labels = np.loadtxt(table, delimiter=",")[:, :2], imbalanced()[1]
    larger, test = stratified_split(labels, 0.2, np.random.default_rng(0))
    inner, validation = stratified_split(labels[larger], 0.2, np.random.default_rng(0))
    kept, seen = larger[inner], larger[validation]
    net = Sequential(
        Scale(x[kept].mean(axis=0), 1 / x[kept].std(axis=0)), Affine(2, 2, init="zeros")
    )
    history = fit(
        net, SoftmaxCrossEntropy(), SGD(0.1), x[kept], labels[kept], epochs=3, batch_size=None,
        sample_weight=balanced_weights(labels[kept]), validation=(x[seen], labels[seen]),
    )  # fmt: skip
    trained, _ = load_checkpoint(tmp_path / "run" / "model.npz")
    for name, weights in net.parameters().items():
        np.testing.assert_array_equal(trained.parameters()[name], weights)
    rows = list(csv.DictReader((tmp_path / "run" / "history.csv").read_text().splitlines()))
    for row, record in zip(rows, history, strict=True):
        for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
            assert float(row[name]) == record[name]
    right = trained.predict(x[test]).argmax(axis=1) == labels[test]  # every sample counts once
    told = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert told["accuracy"] == right.mean()


def test_the_rare_class_is_found(table, tmp_path, capsys):
    found = {}
    for weight in ("none", "balanced"):
        out = tmp_path / weight
        words = ["--epochs", "20", "--hidden", "4", "--quiet", "--class-weight", weight]
        main([*words, "--data", str(table), "--out", str(out)], "train")
        said = capsys.readouterr().err
        found[weight] = json.loads((out / "metrics.json").read_text())
        assert json.loads((out / "config.json").read_text())["class_weight"] == weight
    assert found["none"]["accuracy"] >= found["balanced"]["accuracy"]
    assert found["balanced"]["accuracy"] < 0.95  # that of always saying the common class
    assert "learned nothing" not in said
    assert found["none"]["balanced accuracy"] < found["balanced"]["balanced accuracy"]


@pytest.mark.parametrize(
    ("of_each", "part"),
    [
        ((50, 50), 1.0),  # all weights 1
        ((90, 10), 0.36),  # weights 5/9 and 5: (50 + 50)^2 / (100 (90 * 25/81 + 10 * 25))
        ((60, 30, 10), 0.6),  # 5/9, 10/9 and 10/3: 1 / (1/9 (1/0.6 + 1/0.3 + 1/0.1)) = 9 / 15
    ],
)
def test_uneven_weights_lower_the_default_rate_as_fewer_samples_would(of_each, part):
    labels = np.repeat(np.arange(len(of_each)), of_each)
    parts: Any = SimpleNamespace(train=(None, labels), classes=[str(c) for c in labels])
    for words, rate in (([], 0.1), (["--loss", "squared-error"], 0.03)):
        options = options_of([*words, "--class-weight", "balanced"], "t")
        assert learning_rate(options, parts) == pytest.approx(rate * part, rel=1e-14)
        assert learning_rate(options_of(words, "t"), parts) == rate
    asked = options_of(["--class-weight", "balanced", "--learning-rate", "0.2"], "t")
    assert learning_rate(asked, parts) == 0.2


def test_training_with_a_rare_class_does_not_diverge_by_default(tmp_path, capsys):
    """At the rate for equal samples the loss of this table grows beyond 100."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1500, 6))
    labels = (x[:, 0] + x[:, 1] * x[:, 2] > 2.6).astype(int)
    data = write_csv(tmp_path / "rare.csv", np.column_stack([x, labels]))
    words = ["--data", str(data), "--class-weight", "balanced", "--epochs", "5"]
    assert main([*words, "--out", str(tmp_path / "run")], "train") == 0
    rate = json.loads((tmp_path / "run" / "config.json").read_text())["learning_rate"]
    said = "classes weigh the same, rare or common; learning rate"
    assert f"{said} {rate:.3g}\n" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "run" / "history.csv").read_text().splitlines()))
    losses = [float(row["loss"]) for row in rows]
    assert max(losses) < 10
    assert losses[-1] < np.log(2)  # that of saying one half


def test_real_targets_have_no_classes(tmp_path, capsys):
    x = np.random.default_rng(0).normal(size=(40, 3)) + 0.5
    words = ["--data", str(write_csv(tmp_path / "real.csv", x)), "--class-weight", "balanced"]
    with pytest.raises(DataError, match=r"real\.csv: .* --class-weight balanced needs classes"):
        main([*words, "--out", str(tmp_path / "run")], "train")
    assert not (tmp_path / "run").exists()
    assert capsys.readouterr().out == ""


def test_a_run_goes_on_with_the_weights_that_it_was_begun_with_only(tmp_path, capsys):
    run = str(tmp_path)
    for begun, now in (([], "balanced"), (["--class-weight", "balanced"], "none")):
        unfinished.Record(begun, "", {}, {}).write(tmp_path)
        with pytest.raises(SystemExit):
            main(["--resume", run, "--class-weight", now], "train")
        was = begun[1] if begun else "none"
        assert f"--class-weight is {was} in {run} and {now} here" in capsys.readouterr().err


@pytest.mark.long
def test_a_stopped_run_ends_with_the_same_bytes(table, tmp_path):
    words = ("--data", table, "--class-weight", "balanced", "--hidden", 8, "--epochs", 2000)
    with started(*words, "--out", tmp_path / "run", wait_for="epoch    2") as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert train("--resume", tmp_path / "run", "--quiet").returncode == 0
    assert train(*words, "--quiet", "--out", tmp_path / "whole").returncode == 0
    for name in ("model.npz", "history.csv", "metrics.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
