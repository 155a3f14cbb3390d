"""The exercise file: blank it is to do, filled in it passes, and a mistake in it is named."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from classroom import SOLUTIONS, filled

pytestmark = pytest.mark.no_numbers

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
NAMES = ["Affine", "ReLU", "Sigmoid", "Softmax", "Multiply", "MaxPool"]
NAMES += ["SquaredError", "SoftmaxCrossEntropy", "SigmoidCrossEntropy", "KLDivergence"]


def run(script, *words):
    command = [sys.executable, str(SCRIPTS / script), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exercise")
    result = run("homework.py", "--skeleton", folder)
    assert result.returncode == 0, result.stderr
    return folder / "exercise.py"


def verdicts(path):
    result = run("gradcheck.py", path, "--json", "--picture", path.parent / "pictures")
    assert result.stderr == ""
    return result.returncode, {c["name"]: c for c in json.loads(result.stdout)["checked"]}


def test_left_blank_it_lists_what_is_to_do(blank):
    result = run("gradcheck.py", blank)
    assert result.returncode == 1
    for name in NAMES:
        assert re.search(rf"^.*\b{name}\b.*$", result.stdout, re.MULTILINE)
    _, checked = verdicts(blank)
    assert {c["verdict"] for c in checked.values()} == {"unfinished"}


def test_filled_in_it_passes(blank, tmp_path):
    status, checked = verdicts(filled(blank, tmp_path / "done.py", SOLUTIONS))
    assert {name: c["verdict"] for name, c in checked.items()} == dict.fromkeys(NAMES, "PASS")
    assert status == 0


def test_a_mistake_is_named_and_drawn(blank, tmp_path):
    wrong = list(SOLUTIONS)
    wrong[7] = "return upstream * self.y * (1 - self.y)"
    status, checked = verdicts(filled(blank, tmp_path / "wrong.py", wrong))
    assert status == 1
    assert checked["Softmax"]["diagnosis"]["id"] == "softmax-diagonal-only"
    assert [n for n, c in checked.items() if c["verdict"] != "PASS"] == ["Softmax"]
    assert list((tmp_path / "pictures").glob("*.png"))


def test_it_is_never_written_over_a_students_work(blank):
    blank_text = blank.read_text()
    result = run("homework.py", "--skeleton", blank.parent)
    assert (result.returncode, result.stdout) == (2, "")
    assert "exists" in result.stderr
    assert blank.read_text() == blank_text
