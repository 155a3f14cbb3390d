"""What predict makes of columns in another order, and of values of another range."""

import csv
import tracemalloc

import numpy as np
import pytest

from mlp import DataError, load_checkpoint
from mlp.commands import predict
from mlp.commands.ranges import Ranges
from mlp.files.whole import whole_file
from mlp.rows import ROWS
from programs import ROOT, assert_one_line, train, write_csv

pytestmark = pytest.mark.no_numbers

NAMES = ["age", "income", "answer", "bern"]


def columns():
    rng = np.random.default_rng(0)
    age, income = rng.integers(18, 90, 200), rng.integers(1000, 9000, 200)
    answer = np.where(age / 90 + income / 9000 > 1.1, "yes", "no")
    return {"age": age, "income": income, "answer": answer, "bern": rng.normal(size=200).round(3)}


def table(path, names, header=True, **changed):
    values = columns() | changed
    rows = zip(*(values[name] for name in names), strict=True)
    return write_csv(path, [names, *rows] if header else rows)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predict")
    data = table(folder / "data.csv", NAMES)
    words = ("--label-column", "answer", "--epochs", 10, "--quiet", "--out", folder / "run")
    result = train("--data", data, *words)
    assert result.returncode == 0, result.stderr
    said = train("predict", folder / "run", data)
    assert len(set(next(zip(*csv.reader(said.stdout.splitlines()), strict=True)))) == 3
    return folder / "run", said.stdout


def test_names_and_ranges_are_kept_with_the_model(run):
    _, extra = load_checkpoint(run[0] / "model.npz")
    assert extra["feature_names"].tolist() == ["age", "income", "bern"]
    assert extra["label_name"].item() == "answer"
    assert extra["input_least"].shape == extra["input_most"].shape == (3,)
    assert 18 <= extra["input_least"][0] < 20 and 87 < extra["input_most"][0] <= 89


@pytest.mark.parametrize(
    "names", [["bern", "age", "income"], ["answer", "bern", "income", "age"], NAMES]
)
def test_columns_are_found_by_name(run, tmp_path, names):
    result = train("predict", run[0], table(tmp_path / "new.csv", names))
    assert result.stdout == run[1]
    assert "warning" not in result.stderr


def test_without_a_header_the_order_of_training_counts_and_is_said(run, tmp_path):
    bare = table(tmp_path / "bare.csv", ["age", "income", "bern"], header=False)
    result = train("predict", run[0], bare)
    assert result.stdout == run[1]
    assert "no header, taken to be age, income, bern" in result.stderr


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["age", "income"], ("no column 'bern'", "age, income, bern")),
        (["age", "income", "bern", "size"], ("an unknown column 'size'",)),
        (["age", "size", "bern"], ("no column 'income'",)),
        (["age", "age", "income", "bern"], ("more than once 'age'",)),
    ],
)
def test_missing_and_unknown_columns_are_refused(run, tmp_path, names, parts):
    data = table(tmp_path / "new.csv", names, size=np.ones(200))
    assert_one_line(train("predict", run[0], data), 3, "new.csv line 1", *parts)


def test_other_ranges_than_in_training_are_a_warning_with_figures(run, tmp_path):
    scaled = table(tmp_path / "new.csv", NAMES, age=columns()["age"] / 90)
    said = train("predict", run[0], scaled).stderr.splitlines()
    assert "warning: 200 of 600 values lie outside the range of training" in said[-1]
    assert "the farthest is 0.2 of age, trained on 18 to" in said[-1]


def test_bytes_within_the_range_of_training_are_no_doubt():
    """In IDX files pixels are bytes, whose differences must not wrap around at 0."""
    x = np.arange(200, dtype=np.uint8).reshape(20, 10)
    for most, said in ((199, "None"), (60, "the farthest is 199")):
        seen = Ranges(np.uint8(0), np.uint8(most), [])
        seen.look_at(x)
        assert said in str(seen.doubt())


def test_pixels_of_another_unit_are_a_warning(tmp_path):
    run = tmp_path / "run"
    assert train("--epochs", 2, "--hidden", 8, "--quiet", "--out", run).returncode == 0
    pixels = np.loadtxt(ROOT / "data" / "digits.csv.gz", delimiter=",")[:50, :64]
    for factor, warning in (
        (1, ""),
        (1 / 16, "its values reach from 0 to 1, those of training from 0 to 16; are they in"),
        (255 / 16, "lie outside the range of training; the farthest is 255 of feature"),
    ):
        data = write_csv(tmp_path / "new.csv", pixels * factor)
        said = train("predict", run, data).stderr
        assert ("warning" in said) == bool(warning)
        assert warning in said


def many_rows(path, n, bad=None):
    """A file of n samples of three features; the bad row holds a text."""
    rows = np.random.default_rng(0).normal([50, 5000, 0], [20, 2000, 1], (n, 3)).round(2).tolist()
    if bad is not None:
        rows[bad][1] = "none"
    return write_csv(path, rows)


def test_a_file_of_many_blocks_is_written_as_it_is_read(run, tmp_path, capsys):
    n = 2 * ROWS + 5
    table, array = many_rows(tmp_path / "many.csv", n), tmp_path / "many.npy"
    np.save(array, np.loadtxt(table, delimiter=","))
    outputs = []
    for file in (table, array):
        assert predict.main([str(run[0]), str(file)], "mlp predict") == 0
        said = capsys.readouterr()
        outputs.append(said.out)
        assert f"{file}: 3 features in each row, taken to have no label" in said.err
        out = tmp_path / "out.csv"
        assert predict.main([str(run[0]), str(file), "--output", str(out)], "mlp predict") == 0
        assert out.read_text() == said.out
    assert outputs[0] == outputs[1]
    lines = outputs[0].splitlines()
    assert len(lines) == n + 1 and lines[0] == "label,p(no),p(yes)"
    net, _ = load_checkpoint(run[0] / "model.npz")
    expected = np.array(["no", "yes"])[net.predict(np.load(array)).argmax(axis=1)]
    assert [line.split(",")[0] for line in lines[1:]] == expected.tolist()


def test_a_bad_row_far_down_is_named_and_leaves_no_file(run, tmp_path, capsys):
    table = many_rows(tmp_path / "many.csv", ROWS + 100, bad=ROWS + 50)
    out = tmp_path / "out.csv"
    with pytest.raises(DataError, match=f"line {ROWS + 51}, column 2: 'none' is text"):
        predict.main([str(run[0]), str(table), "--output", str(out)], "mlp predict")
    assert [path.name for path in tmp_path.iterdir()] == ["many.csv"]
    capsys.readouterr()
    with pytest.raises(DataError):
        predict.main([str(run[0]), str(table)], "mlp predict")
    assert len(capsys.readouterr().out.splitlines()) == ROWS + 1  # the rows before its block


@pytest.mark.long
def test_memory_of_predict_does_not_grow_with_the_file(run, tmp_path):
    peaks = []
    for n in (1, 2, 4):
        np.save(tmp_path / "x.npy", np.full((n * ROWS, 3), 40.0))
        tracemalloc.start()
        words = [str(run[0]), str(tmp_path / "x.npy"), "--output", str(tmp_path / "out.csv")]
        predict.main(words, "mlp predict")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + ROWS  # a byte for each of the rows more would be twice that


def test_a_file_that_is_interrupted_holds_what_it_held(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")
    for error in (KeyboardInterrupt(), OSError(2, "No such file", "other.csv")):
        with pytest.raises(type(error)) as caught, whole_file(path) as file:
            file.write(b"new")
            raise error
        assert caught.value is error  # of another file, so it keeps that name
        assert path.read_text() == "old" and [*tmp_path.iterdir()] == [path]
    with pytest.raises(OSError, match="No space left") as full, whole_file(path):
        raise OSError(28, "No space left")
    assert full.value.filename == str(path)
