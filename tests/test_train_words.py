"""What a run says fits 80 columns, names the worst, and gives commands that work."""

import itertools
import json
import shlex
import subprocess
import sys

import numpy as np
import pytest

from mlp import Affine, Scale, Sequential, Softmax, SquaredError
from mlp.commands import again
from mlp.commands.train import judging, words
from mlp.commands.train.preparing import Parts
from mlp.commands.train.program import main
from mlp.losses import KLDivergence
from programs import ENVIRONMENT, ROOT, write_csv

pytestmark = pytest.mark.no_numbers

LOSSES = (0.0, 0.12345, 9999.5, 12345.6, 1.5e300, -1e-300)


def classified(said, right, names, train=None):
    """A judgement of what a network said: it passes on one-hot rows."""
    right, classes = np.array(right), len(names)
    net = Sequential(Scale(0.0, 1.0), Affine(classes, classes, init="zeros"), Softmax())
    net[1].W = 9 * np.eye(classes)
    rows, train = np.eye(classes)[said], right if train is None else np.array(train)
    scale = Scale(0.0, 1.0)
    parts = Parts(
        (np.eye(classes)[train], train), None, (rows, right), list(names), classes, None, scale,
        None,
    )  # fmt: skip
    return judging.judged("digits", net, KLDivergence(), parts)


def real(target, said, columns=None, factor=1.0):
    target, said = np.array(target, float), np.array(said, float)
    scale = Scale(0.0, 1.0)
    parts = Parts((said, target), None, (said, target), [], target.shape[1], None, scale, scale,
                  columns)  # fmt: skip
    return judging.judged("digits", Sequential(Scale(0.0, factor)), SquaredError(), parts)


@pytest.mark.parametrize("epochs", [1, 40, 1_000_000])
def test_the_line_of_an_epoch_fits_whatever_is_in_it(epochs):
    for loss, unseen in itertools.product(LOSSES, [None, *LOSSES]):
        for accuracy in (None, 0.0, 1.0):
            record = {"epoch": epochs, "loss": loss, "validation_loss": unseen}
            record["accuracy"] = accuracy
            record["validation_accuracy"] = None if unseen is None else accuracy
            line = words.epoch_line(record, epochs)
            assert len(line) <= 80
            assert line.count("val") == (0 if unseen is None else 1 + (accuracy is not None))


def test_the_line_of_an_epoch_as_it_is_read():
    record = {"epoch": 7, "loss": 0.56789, "accuracy": 0.91, "validation_loss": None}
    record["validation_accuracy"] = None
    assert words.epoch_line(record, 40) == "epoch  7/40  loss 0.5679  accuracy 0.910"
    record |= {"validation_loss": 0.75, "validation_accuracy": 0.8}
    assert words.epoch_line(record, 40) == (
        "epoch  7/40  loss 0.5679 val 0.7500  accuracy 0.910 val 0.800"
    )


def test_the_table_of_classes():
    judged = classified([0, 0, 1, 1], [0, 0, 1, 0], ["no", "yes", "perhaps"])
    assert words.score_table(judged).splitlines() == [
        "class    precision  recall      F1  support",
        "no          1.0000  0.6667  0.8000        3",
        "yes         0.5000  1.0000  0.6667        1",
        "perhaps     0.0000  0.0000  0.0000        0",
        "mean        0.5000  0.5556  0.4889        4",
        "never said, so that precision counts as 0: perhaps",
        "without test samples, so that recall counts as 0: perhaps",
    ]
    assert judged.metrics["never said"] == judged.metrics["without test samples"] == ["perhaps"]


def test_the_accuracy_stands_beside_that_of_the_commonest_class_of_training():
    judged = classified([0, 0, 1, 1], [0, 0, 1, 0], ["no", "yes"], train=[1, 1, 0])
    assert words.result_lines(judged) == [
        "test accuracy 0.7500 (always saying yes, the commonest class: 0.2500)",
        "test balanced accuracy 0.8333",
    ]


@pytest.mark.parametrize("classes", [2, 30, 31, 100])
@pytest.mark.parametrize("length", [1, 20, 200])
def test_tables_fit_with_any_number_and_names_of_classes(classes, length):
    rng = np.random.default_rng(classes)
    names = [f"{i} {'x' * length}\ny" for i in range(classes)]
    right = np.arange(5 * classes) % classes
    said = np.where(rng.random(len(right)) < 0.6, right, 0)
    judged = classified(said, right, names)
    table = words.score_table(judged)
    for line in (table + "\n" + "\n".join(words.result_lines(judged))).splitlines():
        assert len(line) <= 80
    rows = [line.split() for line in table.splitlines() if line[:1].isdigit()]
    if classes <= words.MOST:
        assert [row[0] for row in rows] == [str(i) for i in range(classes)]
    else:
        assert f"the 10 of {classes} with the lowest F1; metrics.json has all" in table
        scores = [record["F1"] for record in judged.metrics["classes"]]
        lowest = [f"{score:.4f}" for score in sorted(scores)[:10]]
        assert [row[-2] for row in rows] == lowest


def test_a_confusion_matrix_that_is_too_wide_is_said_to_be_a_picture():
    names = ["a class with a long name", "another with a longer one", "no"]
    judged = classified([0, 0, 1, 2], [0, 1, 1, 2], names)
    shown = words.confusion_table(judged.counts, names)
    assert shown == "1 of 4 are wrong; confusion.png shows which"


def test_a_run_is_called_after_its_data(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    x, labels = np.arange(20).reshape(10, 2), ["yes", "no"] * 5
    write_csv("my table.csv", [[*row, label] for row, label in zip(x, labels, strict=True)])
    common = ["--hidden", "none", "--epochs", "1", "--quiet", "--report"]
    for arguments, name, title in (
        (["--data", "my table.csv"], "my table-1", "my table.csv"),
        (["--task", "is-two"], "is-two-1", "is-two: digits.csv.gz"),
    ):
        main([*common, *arguments], "train")
        assert f"runs/{name}" in capsys.readouterr().out.splitlines()
        page = (tmp_path / "runs" / name / "report.html").read_text(encoding="utf-8")
        assert f"<h1>{title}</h1>" in page


def test_many_names_are_not_all_listed():
    judged = classified([0] * 20, range(20), [f"c{i}" for i in range(20)])
    assert "counts as 0: c1, c2, c3, c4, c5 and 14 more" in " ".join(
        words.score_table(judged).split("\n")
    )


def test_real_targets_have_scores_in_their_units_and_the_name_of_the_header():
    judged = real([[1.0], [2.0], [6.0]], [[1.0], [4.0], [5.0]], (["a"], "price"))
    assert words.result_lines(judged) == [
        "test loss 1.66667 (squared error in the units of the targets)",
        "test RMSE 1.29099",
        "test MAE 1",
        "test R squared 0.6429",
    ]
    assert words.score_table(judged).splitlines() == [
        "target     RMSE  MAE  R squared",
        "price   1.29099    1     0.6429",
    ]


def test_several_targets_have_scores_of_their_own():
    target = np.array([[1.0, 10.0], [2.0, 30.0], [6.0, 20.0]])
    judged = real(target, target + np.array([1.0, -3.0]))
    assert [*judged.scores] == ["loss", "mean R squared"]
    told = judged.metrics["targets"]
    assert [record["target"] for record in told] == ["target_0", "target_1"]
    assert [record["RMSE"] for record in told] == [1, 3]
    assert judged.scores["mean R squared"] == pytest.approx(1 - (3 / 14 + 27 / 200) / 2)


def test_what_is_not_finite_is_null_in_the_file_and_a_dash_in_the_table():
    judged = real([[1.0], [2.0]], [[1e200], [2.0]], factor=1e200)
    (record,) = judged.metrics["targets"]
    assert record["RMSE"] is None
    json.dumps(judged.metrics, allow_nan=False)
    assert words.score_table(judged).splitlines()[1].split() == ["target_0", "-", "-", "-"]


def test_a_command_is_the_one_that_was_called(monkeypatch, tmp_path):
    (tmp_path / "mlp").write_text("")
    (tmp_path / "mlp").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    python, safe = shlex.quote(sys.executable), "-P " if sys.flags.safe_path else ""
    for called, said in (
        (tmp_path / "mlp", "mlp predict 'my run'"),
        ("elsewhere/mlp", "elsewhere/mlp predict 'my run'"),
        ("scripts/train.py", f"{python} scripts/train.py predict 'my run'"),
        ("x/mlp/__main__.py", f"{python} {safe}-m mlp predict 'my run'"),
    ):
        monkeypatch.setattr(sys, "argv", [str(called)])
        assert again.command("predict", "my run") == said


@pytest.mark.long
@pytest.mark.parametrize("way", ["-m mlp train", "-P -m mlp train", "scripts/train.py"])
def test_what_to_do_next_can_be_copied_into_a_shell(way, tmp_path):
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    start = [sys.executable, *way.split(), "--epochs", "1", "--hidden", "4"]
    how = {"cwd": tmp_path, "env": ENVIRONMENT, "capture_output": True, "text": True}
    done = subprocess.run([*start, "--out", "it's a run"], check=True, **how)
    lines = done.stdout.splitlines()[-2:]
    assert [shlex.split(line)[-1] for line in lines][1] == "it's a run/graph.svg"
    predicted, drawn = (
        subprocess.run(line, shell=True, check=True, timeout=120, **how) for line in lines
    )
    assert predicted.stdout.startswith("label,p(0)")
    assert "layer" in drawn.stdout
    assert (tmp_path / "it's a run" / "graph.svg").exists()
