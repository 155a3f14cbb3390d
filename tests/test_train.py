"""The training program, run as a user runs it."""

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlp import load_checkpoint
from mlp.data import load
from programs import ENVIRONMENT, ROOT, assert_one_line, started, train, write_csv

pytestmark = pytest.mark.no_numbers

PICTURES = ("curves.png", "confusion.png", "mistakes.png", "weights.png")
SHORT = ("--hidden", "16", "--epochs", "3")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run on the embedded digits: its folder and what it printed."""
    out = tmp_path_factory.mktemp("short") / "run"
    result = train(*SHORT, "--validation", "0.1", "--out", out)
    assert result.returncode == 0, result.stderr
    return out, result.stdout


def number_in(printed, name):
    """The number of the line that begins with that name."""
    line = next(line for line in printed.splitlines() if line.startswith(f"{name} "))
    return float(line.removeprefix(name).split()[0])


def table(n=120, seed=0):
    """Rows of two features whose class is the side of a line, and the classes as texts."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)) * [1.0, 50.0]
    return x, np.where(x[:, 0] + x[:, 1] / 50 > 0, "yes", "no")


@pytest.mark.parametrize("seed", [0, 7])
def test_the_default_run_reads_digits(tmp_path, seed):
    result = train("--seed", seed, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert sum(line.startswith("epoch ") for line in lines) == 40
    assert number_in(result.stdout, "test accuracy") >= 0.97
    assert number_in(result.stdout, "test balanced accuracy") >= 0.97
    assert "runs/digits-1" in lines
    assert (tmp_path / "runs" / "digits-1" / "model.npz").exists()


def test_the_run_folder_holds_model_history_and_pictures(run):
    out, printed = run
    for name in PICTURES:
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((out / "history.csv").read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert float(rows[2]["loss"]) < float(rows[0]["loss"])
    assert "seconds" not in rows[0]
    assert "seconds" in (out / "timing.csv").read_text()
    settings = json.loads((out / "config.json").read_text())
    assert settings["hidden"] == [16]
    assert f"test accuracy {settings['test']['accuracy']:.3f}" in printed
    archive = np.load(out / "model.npz", allow_pickle=False)
    assert archive["1.W"].shape == (64, 16)
    assert list(archive["classes"]) == list("0123456789")
    assert str(archive["loss"]) == "kl"
    assert float(archive["input_factor"]) == 1 / 16


def test_the_output_fits_into_80_columns(run):
    out, printed = run
    assert max(len(line) for line in printed.splitlines() if str(out) not in line) <= 80


def test_the_saved_model_gives_the_printed_accuracy(run):
    from mlp.data import stratified_split

    out, _ = run
    net, _ = load_checkpoint(out / "model.npz")
    data = load(ROOT / "data" / "digits.csv.gz")
    _, test = stratified_split(data.y, 0.2, np.random.default_rng(0))
    right = net.predict(data.x[test]).argmax(axis=1) == data.y[test]
    assert right.mean() == json.loads((out / "config.json").read_text())["test"]["accuracy"]


def test_a_trained_network_is_checked(run):
    out, _ = run
    command = [sys.executable, str(ROOT / "scripts" / "gradcheck.py"), "--model", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("PASS  Sequential(Scale(0.0, 0.0625), Affine(64, 16")
    assert "KLDivergence()" in done.stdout


def test_equal_commands_give_equal_files(run, tmp_path):
    out, printed = run
    again = train(*SHORT, "--validation", "0.1", "--out", tmp_path / "run")
    for name in ("model.npz", "history.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (out / name).read_bytes()
    assert again.stdout.replace(str(tmp_path / "run"), str(out)) == printed


def test_the_split_does_not_depend_on_the_seed(tmp_path):
    # a linear model from zeros, full batch: nothing but the split could differ between seeds
    words = ("--hidden", "none", "--init", "zeros", "--batch-size", "0", "--epochs", "5", "--quiet")
    for seed in (0, 1):
        assert train(*words, "--seed", seed, "--out", tmp_path / str(seed)).returncode == 0
    assert (tmp_path / "0/model.npz").read_bytes() == (tmp_path / "1/model.npz").read_bytes()
    assert (tmp_path / "0/confusion.png").read_bytes() == (
        tmp_path / "1/confusion.png"
    ).read_bytes()


@pytest.mark.parametrize(
    ("task", "columns", "scores"),
    [
        ("is-two", 1, ["accuracy", "balanced accuracy", "recall of twos"]),
        ("reject", 11, ["accuracy", "balanced accuracy", "digits right", "non-digits accepted"]),
    ],
)
def test_the_other_tasks(tmp_path, task, columns, scores):
    result = train("--task", task, "--hidden", "64", "--epochs", "20", "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    found = json.loads((tmp_path / "run" / "config.json").read_text())["test"]
    assert list(found) == scores
    assert found["accuracy"] > 0.9
    net, extra = load_checkpoint(tmp_path / "run" / "model.npz")
    assert net.predict(np.zeros((1, 64))).shape == (1, columns)
    assert extra["classes"][-1] == {"is-two": "2", "reject": "none"}[task]
    words = ["predict", tmp_path / "run", ROOT / "data" / "digits.csv.gz"]
    rows = list(csv.reader(train(*words).stdout.splitlines()))
    assert len(rows) == 1798
    assert abs(sum(map(float, rows[1][1:])) - 1) < 1e-4


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_losses_and_activations(tmp_path, loss, activation):
    words = ("--loss", loss, "--activation", activation, "--learning-rate", "0.1", "--epochs", 15)
    result = train(*words, "--hidden", "32", "--quiet", "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert number_in(result.stdout, "test accuracy") > 0.9


def test_quiet_prints_the_results_only(tmp_path):
    result = train(*SHORT, "--quiet", "--out", tmp_path / "run")
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        "test",
        "test",
        str(tmp_path / "run"),
    ]


def test_several_seeds_give_median_and_range(tmp_path):
    result = train(*SHORT, "--seeds", "3", "--quiet", "--out", tmp_path / "runs")
    lines = result.stdout.splitlines()
    values = sorted(float(line.split()[2]) for line in lines if line.startswith("test accuracy "))
    summary, balanced = (line.replace(",", "").split() for line in lines[-2:])
    assert balanced[:4] == ["test", "balanced", "accuracy:", "median"]
    assert summary[:3] == ["test", "accuracy:", "median"]
    assert abs(float(summary[3]) - values[1]) < 6e-4
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == ["seed-0", "seed-1", "seed-2"]


def test_a_table_with_header_and_text_labels(tmp_path):
    x, labels = table()
    rows = [
        ["width", "height", "answer"],
        *([*row, label] for row, label in zip(x, labels, strict=True)),
    ]
    data = write_csv(tmp_path / "table.csv", rows)
    result = train("--data", data, *SHORT, "--epochs", "30", "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "run" / "config.json").read_text())["test"]["accuracy"] > 0.85
    assert not (tmp_path / "run" / "weights.png").exists()

    with_labels = train("predict", tmp_path / "run", data)
    assert "and a label" in with_labels.stderr
    predicted = list(csv.reader(with_labels.stdout.splitlines()))
    assert predicted[0] == ["label", "p(no)", "p(yes)"]
    assert (
        np.mean([row[0] == label for row, label in zip(predicted[1:], labels, strict=True)]) > 0.85
    )

    bare = write_csv(tmp_path / "new.csv", [row[:2] for row in rows])
    words = ("predict", tmp_path / "run", bare, "--output", tmp_path / "said.csv")
    without = train(*words)
    assert "no label" in without.stderr
    assert without.stdout == ""
    assert (tmp_path / "said.csv").read_text() == with_labels.stdout


def test_a_label_column_by_name(tmp_path):
    x, labels = table()
    rows = [
        ["answer", "width", "height"],
        *([label, *row] for row, label in zip(x, labels, strict=True)),
    ]
    data = write_csv(tmp_path / "table.csv", rows)
    words = ("--data", data, "--label-column", "answer", *SHORT, "--quiet")
    assert train(*words, "--out", tmp_path / "run").returncode == 0
    assert_one_line(train("--data", data, "--label-column", "nobody", *SHORT), 3, "nobody")


def test_real_valued_targets_report_the_loss_in_their_own_units(tmp_path):
    x, _ = table(400)
    y = 1000 + 300 * x[:, 0] + 4 * x[:, 1]
    data = write_csv(tmp_path / "prices.csv", np.column_stack([x, y + 0.25]))
    words = ("--data", data, "--hidden", "32", "--epochs", "60")
    result = train(*words, "--out", tmp_path / "run", "--validation", "0.1")
    assert result.returncode == 0, result.stderr
    assert "accuracy" not in result.stdout
    test_loss = json.loads((tmp_path / "run" / "config.json").read_text())["test"]["loss"]
    assert test_loss < 0.02 * y.var()
    rows = list(csv.reader(train("predict", tmp_path / "run", data).stdout.splitlines()))[1:]
    error = np.array([float(row[0]) for row in rows]) - y
    assert np.mean(error**2) < 0.02 * y.var()
    refused = train("--data", data, "--loss", "kl", cwd=tmp_path)
    assert_one_line(refused, 3, "real numbers", "squared-error")


def test_an_npz_file_with_a_test_part(tmp_path):
    x, labels = table(200)
    parts = {"x": x[:150], "y": labels[:150], "x_test": x[150:], "y_test": labels[150:]}
    np.savez(tmp_path / "table.npz", **parts)
    result = train("--data", tmp_path / "table.npz", *SHORT, "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert "150 samples to train on, 0 to validate, 50 to test" in result.stdout


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--hidden", "64,x"), "64,32"),
        (("--epochs", "0"), "--epochs"),
        (("--learning-rate", "-1"), "--learning-rate"),
        (("--momentum", "1"), "--momentum"),
        (("--momentum", "0", "--nesterov"), "--nesterov"),
        (("--validation", "1.5"), "--validation"),
        (("--task", "cats"), "--task"),
        (("--init", "big"), "--init"),
        (("--nonsense",), "--nonsense"),
        (("--seed", "1.5"), "--seed"),
        (("--batch-size", "nan"), "--batch-size"),
    ],
)
def test_a_bad_flag_is_one_line(words, part):
    assert_one_line(train(*words), 2, part, "--help")


def test_an_existing_run_folder_is_kept_without_force(run):
    out, _ = run
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert_one_line(train(*SHORT, "--out", out), 2, "--force")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_force_replaces_a_run_folder_and_nothing_else(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert_one_line(train(*SHORT, "--out", tmp_path, "--force"), 2, "no run folder")
    assert train(*SHORT, "--out", tmp_path / "run", "--quiet").returncode == 0
    (tmp_path / "run" / "notes.txt").write_text("mine")
    again = train(*SHORT, "--out", tmp_path / "run", "--quiet", "--force", "--seed", "1")
    assert again.returncode == 0, again.stderr
    assert json.loads((tmp_path / "run" / "config.json").read_text())["seed"] == 1
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


def test_bad_data_is_one_line(tmp_path):
    assert_one_line(train("--data", tmp_path / "none.csv"), 3, "none.csv")
    missing = write_csv(tmp_path / "gap.csv", [["1", "2", "a"], ["3", "", "b"]] * 9)
    assert_one_line(train("--data", missing), 3, "gap.csv", "line 2")
    x, labels = table()
    data = write_csv(tmp_path / "t.csv", [[*r, c] for r, c in zip(x, labels, strict=True)])
    assert_one_line(train("--data", data, "--task", "is-two"), 3, '"2"')
    assert_one_line(train("--data", data, "--task", "reject"), 3, "images")


def test_a_label_column_is_remembered_for_predictions(tmp_path):
    x, labels = table()
    body = [[label == "yes", *row] for row, label in zip(x, labels, strict=True)]
    data = write_csv(tmp_path / "table.csv", [["answer", "a", "b"], *body])
    words = ("--data", data, "--label-column", "answer", "--epochs", "20", "--quiet")
    assert train(*words, "--out", tmp_path / "run").returncode == 0
    said = train("predict", tmp_path / "run", data).stderr
    assert int(said.split(";")[1].split()[0]) > 100


def test_two_or_not_two_is_compared_with_two_or_not_two(tmp_path):
    words = ("--task", "is-two", *SHORT, "--quiet", "--out", tmp_path / "run")
    assert train(*words).returncode == 0
    said = train("predict", tmp_path / "run", ROOT / "data" / "digits.csv.gz").stderr
    assert int(said.split(";")[1].split()[0]) > 1700


def test_predictions_are_written_through_links_and_pipes_but_not_over_the_input(run, tmp_path):
    out, _ = run
    x = load(ROOT / "data" / "digits.csv.gz").x[:3]
    data = write_csv(tmp_path / "new.csv", x)
    assert_one_line(train("predict", out, data, "--output", data), 2, "--output")
    (tmp_path / "target.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "target.csv")
    assert train("predict", out, data, "--output", tmp_path / "link.csv").returncode == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "target.csv").read_text().startswith("label,p(0)")
    assert train("predict", out, data, "--output", "/dev/null").returncode == 0
    assert not Path("/dev/null").is_file()


def test_force_removes_what_the_new_run_does_not_write(tmp_path):
    assert train(*SHORT, "--out", tmp_path / "run", "--quiet").returncode == 0
    x, _ = table()
    data = write_csv(tmp_path / "real.csv", np.column_stack([x, x[:, 0] + 0.25]))
    words = ("--data", data, *SHORT, "--out", tmp_path / "run", "--quiet")
    assert train(*words, "--force").returncode == 0
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {
        "model.npz", "history.csv", "timing.csv", "config.json", "metrics.json", "curves.png",
        "predicted.png",
    }  # fmt: skip


LONG = ("--epochs", "100000", "--hidden", "64")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_keeps_what_it_has(tmp_path, number, code):
    with started(*LONG, "--out", tmp_path / "run", wait_for="epoch") as process:
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert errors.count("\n") == 1
    assert "kept in" in errors
    assert "test accuracy" in output
    net, _ = load_checkpoint(tmp_path / "run" / "model.npz")
    assert net.predict(np.zeros((1, 64))).shape == (1, 10)
    assert (tmp_path / "run" / "weights.png").exists()


def test_a_closed_pipe_does_not_cost_the_training(tmp_path):
    words = ("--epochs", "200", "--hidden", "16", "--out", tmp_path / "run")
    with started(*words, wait_for="epoch") as process:
        process.stdout.close()
        assert process.wait(timeout=60) == 141
        assert process.stderr.read() == ""
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 201


def test_two_runs_at_once_get_folders_of_their_own(tmp_path):
    pair = [started(*LONG, wait_for="epoch", cwd=tmp_path) for _ in range(2)]
    for process in pair:
        process.send_signal(signal.SIGINT)
    for process in pair:
        process.communicate(timeout=60)
    kept = sorted(path.parent.name for path in (tmp_path / "runs").glob("*/model.npz"))
    assert kept == ["digits-1", "digits-2"]


def test_a_folder_that_cannot_be_made_is_found_out_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    result = train(*LONG, "--out", tmp_path / "file" / "run")
    assert_one_line(result, 6, str(tmp_path / "file"))
    assert "epoch" not in result.stdout


def test_divergence_after_good_epochs_keeps_the_last_of_them(tmp_path):
    # too long a step on a quadratic: the loss grows a thousandfold per epoch until it overflows
    x, _ = table()
    data = write_csv(tmp_path / "real.csv", np.column_stack([x, x[:, 0] + 0.25]))
    words = ("--hidden", "none", "--batch-size", "0", "--momentum", "0", "--learning-rate", "20")
    result = train(*words, "--data", data, "--schedule", "constant", "--out", tmp_path / "run")
    assert_one_line(result, 5, "smaller learning rate", "kept in")
    epochs = len((tmp_path / "run" / "history.csv").read_text().splitlines()) - 1
    assert 2 < epochs < 40
    net, _ = load_checkpoint(tmp_path / "run" / "model.npz")
    assert np.isfinite(net.predict(x)).all()


def test_a_diverging_run_says_so_and_leaves_no_folder(tmp_path):
    words = ("--learning-rate", "1e30", "--momentum", "0", *SHORT, "--out", tmp_path / "run")
    assert_one_line(train(*words, "--quiet"), 5, "smaller learning rate")
    assert not (tmp_path / "run").exists()


def test_predict_refuses_damage_and_strangers(run, tmp_path):
    out, _ = run
    digits = ROOT / "data" / "digits.csv.gz"
    data = bytearray((out / "model.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "model.npz").write_bytes(data)
    assert_one_line(train("predict", tmp_path, digits), 4, "digest")
    assert_one_line(train("predict", tmp_path / "nowhere", digits), 3, "run folder")
    other = write_csv(tmp_path / "other.csv", [[1.5, 2.5]])
    assert_one_line(train("predict", out, other), 3, "other.csv", "64")
