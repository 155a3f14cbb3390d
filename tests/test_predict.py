"""What predict makes of columns in another order, and of values of another range."""

import csv

import numpy as np
import pytest

from mlp import load_checkpoint
from mlp.commands import ranges
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
    assert ranges.doubt(x, np.uint8(0), np.uint8(199), []) is None
    assert "the farthest is 199" in str(ranges.doubt(x, np.uint8(0), np.uint8(60), []))


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
