"""The rates on published files: a folder of copies, and a list of what should be said."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_numbers

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "published.py"
LAYERS = """
import numpy as np
class ReLU:
    def forward(self, x): self.x = x; return np.maximum(x, 0)
    def backward(self, u): return u * (self.x > 0)
class Sigmoid:
    def forward(self, x): self.y = 1 / (1 + np.exp(-x)); return self.y
    def backward(self, u): return u * self.y
def tanh_forward(x): return np.tanh(x), x
def tanh_backward(u, x): return u * (1 - x)
"""
EXPECTED = [
    {"repo": "ann/nets", "path": "nn/layers.py", "commit": "0123456789abcdef",
     "layers": {"ReLU": {"should": "PASS", "now": "ERROR"}, "Sigmoid": {"should": "FAIL"},
                "tanh": {"should": "PASS"}, "Softmax": {"should": "checked"}}},
    {"repo": "bob/old", "path": "old.py", "commit": "f" * 40,
     "layers": {"ReLU": {"should": "checked"}}},
]  # fmt: skip


def said(folder, expected):
    path = folder / "expected.json"
    path.write_text(json.dumps(expected))
    command = [sys.executable, SCRIPT, folder / "copies", "--expected", path]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def copies(tmp_path):
    for name, text in (("ann+nets@01234567/nn/layers.py", LAYERS), ("bob/old/old.py", "print 1")):
        path = tmp_path / "copies" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return tmp_path


def test_what_is_said_is_counted_beside_what_should_be(copies):
    result = said(copies, EXPECTED)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[-4:] == [
        "files loaded: 1 of 2 = 50.0%",
        "layers with a verdict: 3 of 5 = 60.0%",
        "right gradients told PASS: 1 of 2 = 50.0%",
        "wrong gradients told FAIL: 1 of 1 = 100.0%",
    ]
    wrong = [line.split(",")[0].strip() for line in lines if "NOT" in line]
    assert wrong == ["NOT tanh: FAIL", "NOT Softmax: ERROR", "NOT ReLU: ERROR"]
    assert "this is Python 2" in result.stdout


@pytest.mark.parametrize("slip", [{"should": "fine"}, {}])
def test_a_mistake_in_the_list_is_one_line(copies, slip):
    result = said(copies, [EXPECTED[0] | {"layers": {"ReLU": slip}}])
    assert (result.returncode, result.stdout) == (2, "")
    assert "expected.json" in result.stderr.splitlines()[-1]


def test_a_folder_without_the_files_is_told(tmp_path):
    (tmp_path / "copies").mkdir()
    result = said(tmp_path, EXPECTED)
    assert result.returncode == 2
    assert "none of the files" in result.stderr
