"""The solution book: every problem holds, and the script runs as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "scripts"
sys.path.insert(0, str(SCRIPTS))

import homework  # noqa: E402
from problems.report import Report  # noqa: E402


def run(*arguments):
    """The script in a process of its own, as from the command line."""
    return subprocess.run(
        [sys.executable, str(SCRIPTS / "homework.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("stem", homework.PROBLEMS)
def test_every_check_of_the_problem_passes(stem, capsys):
    report = homework.run(stem, None)
    assert [check for check in report.checks if not check.passed] == []
    assert len(report.checks) >= 3
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) >= 80] == []


@pytest.mark.parametrize("stem", homework.PROBLEMS)
def test_a_problem_is_one_readable_page(stem):
    source = (SCRIPTS / "problems" / f"{stem}.py").read_text()
    assert len(source.splitlines()) < 100
    assert "from mlp." not in source and "import mlp." not in source
    problem = homework.load(stem)
    assert problem.__doc__ and problem.TITLE and problem.DECKS


def test_the_list_names_every_problem_in_80_columns():
    done = run()
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) == len(homework.PROBLEMS)
    assert max(map(len, lines)) < 80


def test_by_number_and_by_part_of_a_name():
    done = run(4, "linear_rows")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Problem 4:" in done.stdout and "Problem 6:" in done.stdout
    assert done.stdout.count("  ok    ") >= 6
    assert max(map(len, done.stdout.splitlines())) < 80


@pytest.mark.parametrize("unknown", ["no such problem", "99", "0"])
def test_an_unknown_problem_is_status_2(unknown):
    done = run(unknown)
    assert done.returncode == 2
    assert unknown in done.stderr and "Traceback" not in done.stderr


def test_pictures_are_written_where_asked(tmp_path):
    done = run(1, "--figures", tmp_path / "new" / "folder")
    assert done.returncode == 0, done.stdout + done.stderr
    written = list((tmp_path / "new" / "folder").iterdir())
    assert written and all(p.read_bytes().startswith(b"\x89PNG") for p in written)
    assert all(p.name.startswith("p01_") and p.name in done.stdout for p in written)


@pytest.mark.parametrize(
    ("stem", "formula"),
    [
        ("p01_derivatives", "pairs_jacobian"),
        ("p02_generalized_jacobian", "square_jacobian"),
        ("p02_generalized_jacobian", "features_jacobian"),
        ("p04_squared_norm", "gradients"),
        ("p05_minibatch_product", "entry_by_entry"),
        ("p06_linear_rows", "backward"),
        ("p07_elementwise", "backprop"),
        ("p08_hidden_layer", "solution"),
    ],
)
def test_a_wrong_sign_in_a_formula_is_status_1(stem, formula, monkeypatch, capsys):
    problem = homework.load(stem)
    right = getattr(problem, formula)

    def wrong(*arguments):
        result = right(*arguments)
        return -result if isinstance(result, np.ndarray) else [-part for part in result]

    monkeypatch.setattr(problem, formula, wrong)
    assert homework.main([stem]) == 1
    assert "FAIL" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "passed"), [(1e-9, True), (2e-9, False), (float("nan"), False), (0.0, True)]
)
def test_a_check_compares_with_its_tolerance(error, passed, capsys):
    report = Report("p00_test")
    report.check("a label that is much too long for one line of eighty columns", error, 1e-9)
    assert report.passed is passed
    assert max(map(len, capsys.readouterr().out.splitlines())) < 80


def test_a_report_without_checks_has_not_passed():
    assert not Report("p00_test").passed


def test_equal_refuses_shapes_that_would_broadcast():
    with pytest.raises(ValueError, match=r"\(2,\), \(2, 1\)"):
        Report("p00_test").equal("gradient", [1.0, 2.0], [[1.0], [2.0]], 1e-9)
