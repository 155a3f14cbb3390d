"""Files in the forms that people really write: they load, the right pass and the wrong fail."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlp.checking.students.sandbox import Limits, check_file
from real_forms import FORMS

pytestmark = pytest.mark.no_numbers

ROOT = Path(__file__).resolve().parent.parent
RELU = """
import numpy as np
class ReLU:
    def forward(self, x): self.x = x; return np.maximum(x, 0)
    def backward(self, d): return d * (self.x > 0)
"""
SIGMOID = """
class Sigmoid:
    def forward(self, x): self.y = sigmoid(x); return self.y
    def backward(self, d): return d * self.y * (1 - self.y)
"""
FUNCTIONS = "import numpy as np\ndef sigmoid(x): return 1 / (1 + np.exp(-x))\n"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def verdicts(path, **options):
    """By name, with the error of the file."""
    outcome = check_file(path, **options)
    return {r.name: r.verdict for r in outcome.reports}, outcome


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """The reports on all forms, right and with their mistake."""
    folder = tmp_path_factory.mktemp("forms")
    right = "".join(text for text, _, _ in FORMS.values())
    wrong = "".join(text.replace(old, new) for text, old, new in FORMS.values())
    limits = Limits(seconds=300)
    files = [("right", right), ("wrong", wrong)]
    return {
        name: check_file(write(folder / f"{name}.py", "import numpy as np\n" + text), limits=limits)
        for name, text in files
    }


@pytest.mark.parametrize("name", FORMS)
def test_right_gradients_pass_and_wrong_ones_fail(name, checked):
    text, old, _ = FORMS[name]
    assert text.count(old) == 1
    by_name = {kind: {r.name: r for r in o.reports} for kind, o in checked.items()}
    assert by_name["right"][name].verdict in ("PASS", "KINK"), by_name["right"][name]
    assert by_name["wrong"][name].verdict == "FAIL", by_name["wrong"][name]


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("linear", "samples are columns"),
        ("linear", "gradients of parameters are averaged over the batch, not summed"),
        ("tanh", "backward returns the local derivative: it was multiplied by the upstream"),
        ("Sigmoid", "backward returns the local derivative: it was multiplied by the upstream"),
    ],
)
def test_what_was_found_out_is_said(name, note, checked):
    assert note in next(r for r in checked["right"].reports if r.name == name).notes


@pytest.mark.parametrize(
    "line",
    ["from common.functions import sigmoid", "from .functions import sigmoid",
     "from functions import sigmoid", "from ..common.functions import *"],
)  # fmt: skip
def test_a_file_of_a_package(line, tmp_path):
    write(tmp_path / "course/common/functions.py", FUNCTIONS)
    found, outcome = verdicts(write(tmp_path / "course/common/layers.py", line + SIGMOID))
    assert (found, outcome.error) == ({"Sigmoid": "PASS"}, None)


def test_the_package_may_import_the_file_itself(tmp_path):
    write(tmp_path / "kit/__init__.py", "from .layers import Sigmoid\n")
    write(tmp_path / "kit/functions.py", FUNCTIONS)
    path = write(tmp_path / "kit/layers.py", "import kit\nfrom .functions import sigmoid" + SIGMOID)
    assert verdicts(path)[0] == {"Sigmoid": "PASS"}


def test_the_caller_s_pythonpath_counts_and_is_said(tmp_path, monkeypatch):
    write(tmp_path / "elsewhere/shared_functions.py", FUNCTIONS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    path = write(tmp_path / "a/layers.py", "from shared_functions import sigmoid" + SIGMOID)
    found, outcome = verdicts(path)
    assert found == {"Sigmoid": "PASS"}
    assert any("PYTHONPATH" in note for note in outcome.notes)


@pytest.mark.parametrize("sibling", ["mlp", "random", "traceback", "json", "numpy_", "tokenize"])
def test_no_sibling_hides_what_we_need(sibling, tmp_path):
    write(tmp_path / f"{sibling}.py", "raise RuntimeError('not meant')\n")
    assert verdicts(write(tmp_path / "layers.py", RELU))[0] == {"ReLU": "PASS"}


@pytest.mark.parametrize("name", ["mlp", "random", "numpy", "types"])
def test_the_file_itself_may_have_any_name(name, tmp_path):
    assert verdicts(write(tmp_path / f"{name}.py", RELU))[0] == {"ReLU": "PASS"}


def test_missing_modules_are_replaced_and_said(tmp_path):
    text = "import no_such_cv2 as cv2, no_such.nn as nn\nfrom no_such_numba import njit\n"
    text += "class Net(nn.Module):\n    device = cv2.thing[0] + 1\n"
    text += RELU.replace("    def backward", "    @njit\n    def backward")
    text += "class Net2:\n    def forward(self, x): return cv2.blur(x)\n"
    text += "    def backward(self, d): return d\n"
    found, outcome = verdicts(write(tmp_path / "layers.py", text))
    assert found["ReLU"] == "PASS"
    assert found["Net2"] == "ERROR"
    assert "no_such_cv2 is not installed: a stand-in took its place" in outcome.notes


def test_a_statement_that_fails_is_left_out(tmp_path):
    text = "import numpy as np\ndata = np.load('no such file.npy')\nprint(data.mean())\n" + RELU
    found, outcome = verdicts(write(tmp_path / "layers.py", text))
    assert (found, outcome.error) == ({"ReLU": "PASS"}, None)
    assert outcome.notes[0].startswith("left out line 2, and 1 more, which failed: FileNotFound")


@pytest.mark.long
def test_training_at_the_top_level_is_left_out_when_it_does_not_end(tmp_path):
    path = write(tmp_path / "layers.py", RELU + "while True: pass\n")
    found, outcome = verdicts(path, limits=Limits(seconds=16))
    assert found == {"ReLU": "PASS"}
    assert "statements that define nothing were left out: they take too long" in outcome.notes


@pytest.mark.parametrize("old", [False, True], ids=["version 4", "version 3"])
def test_a_notebook(old, tmp_path):
    cells = ["%matplotlib inline\n!ls\nimport numpy as np\nx = 1 / 0\n", "def broken(:\n",
             "%%bash\nrm nothing\n", RELU]  # fmt: skip
    word = "input" if old else "source"
    made = [{"cell_type": "code", word: c.splitlines(keepends=True)} for c in cells]
    made.insert(0, {"cell_type": "markdown", "source": "words"})
    book = {"worksheets": [{"cells": made}]} if old else {"cells": made}
    found, outcome = verdicts(write(tmp_path / "work.ipynb", json.dumps(book)))
    assert (found, outcome.error) == ({"ReLU": "PASS"}, None)
    assert any(note.startswith("cell 2 is left out: line 1") for note in outcome.notes)
    assert any("cell 1, line 4" in note and "ZeroDivision" in note for note in outcome.notes)


def test_python_2_is_said(tmp_path):
    found, outcome = verdicts(write(tmp_path / "layers.py", RELU + "print 'done'\n"))
    assert found == {"ReLU": "ERROR"}
    assert "line 6: this is Python 2" in outcome.error
    assert outcome.exit_status == 2


def test_xrange_comes_with_the_division_of_its_time(tmp_path):
    text = "import numpy as np\ndef half_forward(x):\n    n = x.shape[1] / 2 * 2\n"
    text += "    out = np.zeros((len(x), n), x.dtype)\n"
    text += "    for i in xrange(n): out[:, i] = x[:, i] / 2\n    return out, x\n"
    text += "def half_backward(dout, cache):\n    dx = np.zeros_like(cache)\n"
    text += "    dx[:, :dout.shape[1]] = dout / 2.0\n    return dx\n"
    assert verdicts(write(tmp_path / "layers.py", text))[0] == {"half": "PASS"}


def test_expected_layers_must_be_judged(tmp_path):
    text = (
        RELU + "class Softmax:\n    def forward(self, x): pass\n    def backward(self, u): pass\n"
    )
    command = [
        sys.executable,
        "scripts/gradcheck.py",
        write(tmp_path / "layers.py", text),
        "--json",
    ]
    command += ["--expect", "relu,Softmax,Affine"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    said = [(r["name"], r["verdict"]) for r in json.loads(done.stdout)["checked"]]
    assert said == [("ReLU", "PASS"), ("Softmax", "unfinished"), ("Softmax", "FAIL"),
                    ("Affine", "FAIL")]  # fmt: skip
    assert done.returncode == 1


def test_samples_may_be_said_to_be_columns(tmp_path):
    path = write(tmp_path / "layers.py", "import numpy as np\n" + FORMS["linear"][0])
    assert verdicts(path, samples="columns")[0] == {"linear": "PASS"}
    assert verdicts(path, samples="rows")[0]["linear"] != "PASS"
