"""Somebody else's layers: what is caught, how it is named, and what the sandbox survives."""

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mlp.checking.diagnosis import IDS, STYLE, explain
from mlp.checking.drawing import draw
from mlp.checking.report import Outcome, Report, Row
from mlp.checking.students.loading import find, load
from mlp.checking.students.names import kind_of, meaning
from mlp.checking.students.sandbox import Limits, check_file
from mlp.checking.zoo.mistakes import planted
from mlp.checking.zoo.score import ACCEPTED, caught, check_mistakes, check_variants, named
from mlp.commands import check

ROOT = Path(__file__).resolve().parent.parent
ZOO = planted()


@pytest.fixture(scope="module")
def mistakes():
    return check_mistakes()


@pytest.fixture(scope="module")
def variants():
    return check_variants()


def write(tmp_path, text, name="student.py"):
    path = tmp_path / name
    path.write_text("import numpy as np\n" + text)
    return path


def by_name(report):
    return {r.name: r for r in report.reports}


def cli(*arguments):
    command = [sys.executable, "scripts/gradcheck.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_the_zoo_covers_every_id():
    assert {identity for identity, _ in ZOO.values()} == set(IDS)
    assert len(ZOO) >= 60
    assert any("class " in text for _, text in ZOO.values())
    assert any("_forward" in text for _, text in ZOO.values())


@pytest.mark.parametrize("name", ZOO)
def test_every_planted_mistake_is_caught(name, mistakes):
    report, identity = mistakes[name], ZOO[name][0]
    style = identity in STYLE and report.verdict in ("PASS", "KINK")
    assert report.verdict == "FAIL" or style, report
    assert caught(report, identity), report
    assert report.strict().verdict == "FAIL", report


def test_all_are_named_right(mistakes):
    wrong = {n: mistakes[n].diagnosis for n, (i, _) in ZOO.items() if not named(mistakes[n], i)}
    assert wrong == {}


def test_the_first_sentence_names_the_gradients_whose_rows_fail(mistakes):
    told = 0
    for name, report in mistakes.items():
        sentence = "" if report.diagnosis is None else report.diagnosis.text.splitlines()[0]
        if sentence.startswith("Wrong: "):
            wrong = [f"d{row.name}" for row in report.rows if row.verdict == "FAIL"]
            assert sentence == f"Wrong: {', '.join(wrong)}.", name
            told += 1
    assert told > len(mistakes) / 2


def test_no_correct_variant_is_rejected(variants):
    assert len(variants) >= 40
    assert {n: r for n, r in variants.items() if r.verdict not in ACCEPTED} == {}
    assert {n: r for n, r in variants.items() if r.strict().verdict not in ACCEPTED} == {}


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("variants.Linear", "weights are (out, in)"),
        ("variants.Relu", "the slope at 0 is 1"),
        ("variants.MaxPooling", "ties go evenly to all of the maximum"),
        ("variants.MaxPool", "ties go to the last maximum"),
        ("variants.MaxPool", "refuses widths that the window does not divide"),
        ("variants.SquaredErrorLoss", "the loss is summed over the batch, with one half"),
        ("variants.MeanSquaredError", "the loss is averaged over all entries"),
        ("variants.Blank", "nothing to check: forward and backward are blank"),
        ("averaging.Affine", "gradients of parameters are averaged over the batch, not summed"),
    ],
)
def test_conventions_are_noted(name, note, variants):
    assert note in variants[name].notes


@pytest.mark.parametrize("name", ["variants.Relu", "variants.MaxPool", "variants.MaxPooling"])
def test_another_subgradient_than_ours_is_a_kink(name, variants):
    assert variants[name].verdict == "KINK"


def test_averaging_is_a_mistake_where_the_loss_divides(tmp_path):
    text = (
        (ROOT / "mlp/checking/zoo/averaging.py")
        .read_text()
        .replace("(self.e**2).sum()", "(self.e**2).sum() / len(y)")
    )
    text = text.replace("return 2 * self.e", "return 2 * self.e / len(self.e)")
    report = by_name(check_file(write(tmp_path, text)))
    assert report["SquaredError"].verdict == "PASS"
    assert report["Affine"].diagnosis.id == "batch-mean-extra"


def test_averages_do_not_excuse_a_wrong_dx(tmp_path):
    text = (ROOT / "mlp/checking/zoo/averaging.py").read_text()
    right = "return upstream @ self.W.T"
    assert text.count(right) == 1
    path = write(tmp_path, text.replace(right, "return 1.5 * upstream @ self.W.T"))
    report = by_name(check_file(path, only=["Affine"]))["Affine"]
    assert report.verdict == "FAIL"
    assert "x" in [row.name for row in report.rows if row.verdict == "FAIL"]


def test_every_id_has_a_text_of_two_or_three_lines():
    for identity in IDS:
        assert 2 <= len(explain(identity).splitlines()) <= 4


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Affine", "Affine"),
        ("my_linear_layer", "Affine"),
        ("FC", "Affine"),
        ("ReLU", "ReLU"),
        ("LeakyReLU", None),
        ("log_softmax", None),
        ("Softmax", "Softmax"),
        ("softmax_loss", "SoftmaxCrossEntropy"),
        ("SoftmaxWithLoss", "SoftmaxCrossEntropy"),
        ("max_pool", "MaxPool"),
        ("mul", "Multiply"),
        ("MSE", "SquaredError"),
        ("mse_loss", "SquaredError"),
        ("hinge_loss", None),
        ("Tanh", None),
    ],
)
def test_kinds_are_read_from_the_whole_name(name, kind):
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    ("argument", "wanted"),
    [("n_in", "in"), ("outFeatures", "out"), ("W", "W"), ("bias", "b"), ("pool_size", "window"),
     ("input_dim", "in"), ("num_outputs", "out"), ("stride", "stride"), ("pairs", "pairs")],
)  # fmt: skip
def test_arguments_are_read_by_their_meaning(argument, wanted):
    assert meaning(argument) == wanted


def test_weights_copied_at_construction_are_a_stale_cache(tmp_path):
    text = """
class Affine:
    def __init__(self, n, m): self.W = np.random.randn(n, m); self.V = self.W.T.copy()
    def forward(self, x): self.x = x; return x @ self.W
    def backward(self, u): self.dW = self.x.T @ u; return u @ self.V
class RandomFeatures:
    def __init__(self): self.omega = np.random.randn(5, 8)
    def forward(self, x): self.z = x @ self.omega; return np.cos(self.z)
    def backward(self, u): return -(u * np.sin(self.z)) @ self.omega.T
"""
    report = by_name(check_file(write(tmp_path, text)))
    assert report["Affine"].diagnosis.id == "stale-cache"
    assert report["RandomFeatures"].verdict == "PASS"


def test_memory_order_and_batch_size_are_no_excuse(tmp_path):
    text = """
class Square:
    def forward(self, x): self.x = x.ravel(order="K").reshape(x.shape); return self.x**2
    def backward(self, u): return 2 * self.x * u
class Cube:
    def forward(self, x): self.x = x; return x**3
    def backward(self, u): return 3 * self.x**2 * u * (len(u) != 2)
"""
    report = by_name(check_file(write(tmp_path, text)))
    assert "for inputs in Fortran order" in report["Square"].diagnosis.text
    assert "For a batch of 2 samples dx is wrong" in report["Cube"].diagnosis.text


UNUSUAL = {
    "mask of the first batch of a size": ("stale-cache", """
class ReLU:
    def __init__(self): self.masks = {}
    def forward(self, x): self.masks.setdefault(x.shape, x > 0); return np.maximum(x, 0)
    def backward(self, u): return u * self.masks[u.shape]
"""),
    "weights copied, and the same in all instances": ("stale-cache", """
class Affine:
    def __init__(self, n, m): self.W = np.ones((n, m)); self.V = self.W.T.copy()
    def forward(self, x): self.x = x; return x @ self.W
    def backward(self, u): self.dW = self.x.T @ u; return u @ self.V
"""),
    "transposed where it fits": ("transposed", """
def affine_forward(x, w, b): return x @ w + b, (x, w)
def affine_backward(u, cache):
    x, w = cache
    dx = u @ (w if u.shape[1] == w.shape[0] else w.T)
    return dx, x.T @ u, u.sum(0)
"""),
    "bias of shape (M, 1)": ("bias-not-summed", """
class Linear:
    def __init__(self, n, m): self.W = np.ones((m, n)); self.b = np.zeros((m, 1))
    def forward(self, x): self.x = x; return x @ self.W.T + self.b.T
    def backward(self, u): self.dW = u.T @ self.x; self.db = u.T; return u @ self.W
"""),
    "bias without weights": ("bias-not-summed", """
class Shift:
    def __init__(self, n): self.b = np.zeros(n)
    def forward(self, x): return x + self.b
    def backward(self, u): self.db = u; return u.copy()
"""),
    "wrong, and in another dtype": ("unknown", """
class Tanh:
    def forward(self, x): self.y = np.tanh(x); return self.y
    def backward(self, u): return np.float64(1) * u * (1 - 3 * self.y)
"""),
    "partial": ("scale", """
from functools import partial
def _map_forward(f, x): return f(x), x
def _map_backward(slope, u, x): return 2 * u * slope(x)
sine_forward, sine_backward = partial(_map_forward, np.sin), partial(_map_backward, np.cos)
"""),
}  # fmt: skip


@pytest.mark.parametrize("case", UNUSUAL)
def test_unusual_mistakes_are_named(case, tmp_path):
    identity, text = UNUSUAL[case]
    [layer] = check_file(write(tmp_path, text)).reports
    assert (layer.verdict, layer.diagnosis.id) == ("FAIL", identity)


def test_backward_with_the_inputs_of_forward_is_a_loss(tmp_path):
    text = """
class Cost:
    def forward(self, pred, label): return ((pred - label) ** 2).mean()
    def backward(self, pred, label): return 2 * (pred - label) / pred.size
"""
    [layer] = check_file(write(tmp_path, text)).reports
    assert (layer.verdict, layer.diagnosis) == ("PASS", None)


def test_what_the_file_writes_into_the_results_is_passed_over(tmp_path):
    text = """
import os
class Sine:
    def forward(self, x): self.x = x; return np.sin(x)
    def backward(self, u): os.write(3, b"\\xff garbage\\n[1]\\n"); return u * np.cos(self.x)
"""
    assert by_name(check_file(write(tmp_path, text)))["Sine"].verdict == "PASS"


HOSTILE = """
import os, sys, time
class ReLU:
    def forward(self, x): self.m = x > 0; return x * self.m
    def backward(self, u): os._exit(3)
class Sigmoid:
    def forward(self, x):
        while True: pass
    def backward(self, u): return u
class Softmax:
    def forward(self, x):
        print("noise " * 100000)
        sys.stderr.write("more noise" * 100000)
        e = np.exp(x - x.max(1, keepdims=True)); self.y = e / e.sum(1, keepdims=True); return self.y
    def backward(self, u): return self.y * (u - (u * self.y).sum(1, keepdims=True))
class Tanh:
    def forward(self, x): print("leaving"); sys.exit("bye")
    def backward(self, u): return u * 1.0
class Linear:
    def __init__(self, n_in, n_out): self.w = np.ones((n_in, n_out))
    def forward(self, x): self.x = x; hog = np.ones((1 << 14, 1 << 15)); return x @ self.w
    def backward(self, u): self.dw = self.x.T @ u; return u @ self.w.T
class Mul:
    def forward(self, x, y):
        np.seterr(all="raise"); np.random.seed(0); np.set_printoptions(precision=1)
        self.c = x, y; return x * y
    def backward(self, u): return u * self.c[1], u * self.c[0]
class Square:
    def forward(self, x): self.x = x; return x**2
    def backward(self, u): return 2 * self.x * u
"""


def test_the_sandbox_survives_and_the_others_are_checked(tmp_path):
    report = check_file(write(tmp_path, HOSTILE), limits=Limits(seconds=20, mebibytes=1024))
    verdicts = {r.name: r.verdict for r in report.reports}
    assert report.error is None
    assert verdicts == {
        "ReLU": "ERROR", "Sigmoid": "ERROR", "Softmax": "PASS", "Tanh": "ERROR",
        "Linear": "ERROR", "Mul": "PASS", "Square": "PASS",
    }  # fmt: skip
    notes = {r.name: " ".join(r.notes) for r in report.reports}
    assert "exit status 3" in notes["ReLU"]
    assert "took too long" in notes["Sigmoid"]
    assert "SystemExit: bye" in notes["Tanh"]
    assert "MemoryError" in notes["Linear"]
    assert report.exit_status == 1


BROKEN = {
    "syntax": ("class ReLU:\n    def forward(self, x) return x\n    def backward(self, u): pass\n",
               "line 3: expected ':'"),
    "python 2": ("class ReLU:\n    def forward(self, x): print 'in'; return x\n"
                 "    def backward(self, u): return u\n", "line 3: this is Python 2"),
    "killed": ("import os\nclass ReLU:\n    def forward(self, x): return x\n"
               "    def backward(self, u): return u\nprint('so long')\nos._exit(0)\n",
               "ended the process with exit status 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_cannot_be_loaded(name, tmp_path):
    text, message = BROKEN[name]
    report = check_file(write(tmp_path, text))
    assert message in report.error
    assert [r.verdict for r in report.reports] == ["ERROR"]
    assert report.exit_status == 2


@pytest.mark.no_numbers
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class ReLU:\n    def forward(self, x):\n        return x\n\n"
         "    def backward(self, u)\n        return u\n",
         "line 6: expected ':': def backward(self, u)"),
        ("from nowhere import nothing as ReLU\nclass A(ReLU.B): pass\nx = ReLU + 1\n", None),
        ("W = undefined_name * 2\n",
         "NameError: name 'undefined_name' is not defined at line 2: W = undefined_name * 2"),
    ],
)  # fmt: skip
def test_the_error_of_an_unloadable_file_appears_once_with_the_line(text, said, tmp_path, capsys):
    assert check.main([str(write(tmp_path, text))], "mlp check") == 2
    printed = capsys.readouterr()
    assert printed.err.count("cannot load") == 1
    assert printed.err.count("\n") == 1
    assert "cannot load" not in printed.out
    if said is not None:
        assert said in printed.err
        assert said not in printed.out
    assert "\n\n" not in printed.out


def test_what_was_defined_before_an_exit_is_checked(tmp_path):
    text = "class Square:\n    def forward(self, x): self.x = x; return x**2\n"
    text += "    def backward(self, u): return 2 * self.x * u\nimport sys\nsys.exit(0)\n"
    report = check_file(write(tmp_path, text))
    assert "SystemExit" in report.error
    assert [r.verdict for r in report.reports] == ["PASS"]


def test_an_endless_import_ends_with_the_time_limit(tmp_path):
    path = write(tmp_path, "class ReLU:\n    forward = backward = None\nwhile True: pass\n")
    start = time.monotonic()
    report = check_file(path, limits=Limits(seconds=5))
    assert any("take too long" in said for said in [*report.notes, report.error or ""])
    assert "ReLU" in by_name(report)
    assert time.monotonic() - start < 10


def test_the_file_s_last_output_is_quoted(tmp_path):
    text = "import os\nclass ReLU:\n"
    text += "    def forward(self, x): print('step 7', flush=True); os._exit(1)\n"
    text += "    def backward(self, u): return u\n"
    note = check_file(write(tmp_path, text)).reports[0].notes[0]
    assert note.endswith("its last output: step 7")


def test_a_file_without_layers_is_a_load_error(tmp_path):
    report = check_file(write(tmp_path, "x = 1\n"))
    assert "found no layer" in report.error
    assert report.exit_status == 2


WRONG = """
class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(1, keepdims=True)); self.y = e / e.sum(1, keepdims=True); return self.y
    def backward(self, u): print("chatter"); return u * self.y * (1 - self.y)
class Dense1:
    def __init__(self, n, m): self.V = np.ones((n, m)); self.c = np.ones(m)
    def forward(self, x): self.x = x; return x @ self.V + self.c
    def backward(self, u): self.dV = self.x.T @ u; self.dc = u.sum(0); return u @ self.V.T
class Trainer:
    def forward(self, x): return x
"""
IDENTITY = """
class Tanh:
    def forward(self, x): return x
    def backward(self, u): return u
"""
FIELDS = {"name", "verdict", "oracle", "max_error", "resolution", "diagnosis", "counterexample",
          "notes", "flaws", "arrays"}  # fmt: skip


def test_json_on_the_command_line(tmp_path):
    path = write(tmp_path, WRONG)
    done = cli(path, "--json", "--as", "Dense1=affine")
    assert (done.returncode, done.stderr) == (1, "")
    report = json.loads(done.stdout)
    assert set(report) == {"file", "error", "notes", "checked"}
    assert report["file"] == str(path)
    assert report["error"] is None
    softmax, dense, trainer = report["checked"]
    assert all(set(r) == FIELDS for r in report["checked"])
    assert set(softmax["diagnosis"]) == {"id", "text", "also"}
    assert softmax["diagnosis"]["id"] == "softmax-diagonal-only"
    assert (dense["verdict"], dense["diagnosis"]) == ("PASS", None)
    assert [row["name"] for row in dense["arrays"]] == ["x", "W", "b"]
    assert trainer["verdict"] == "nothing to check"


def test_exit_codes_and_streams(tmp_path):
    path = write(tmp_path, WRONG)
    only = cli(path, "--only", "Dense1")
    assert (only.returncode, only.stderr) == (0, "")
    assert "Softmax" not in only.stdout
    assert "chatter" not in cli(path).stdout
    lost = cli(tmp_path / "nowhere.py")
    assert lost.returncode == 2
    assert lost.stderr.startswith("gradcheck.py: cannot load")


def test_pictures_of_wrong_gradients(tmp_path):
    report = check_file(write(tmp_path, WRONG))
    drawn = draw(report, tmp_path / "pictures")
    assert [p.name for p in drawn] == ["student-Softmax-dx.png", "student-Softmax-Jacobian.png"]
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in drawn)
    mine, right = by_name(report)["Softmax"].pictures["Jacobian"]
    assert np.count_nonzero(mine) == 5
    assert np.count_nonzero(right) == 25


def test_the_text_names_and_explains(tmp_path):
    text = str(check_file(write(tmp_path, WRONG)))
    assert "softmax-diagonal-only" in text
    assert "dL/dx_i = y_i (U_i - sum_j U_j y_j)" in " ".join(text.split())
    assert "1 FAIL, 1 PASS, 1 nothing to check" in text


def test_infinities_are_text_in_json():
    row = Row("x", (2,), "FAIL", "by hand", 2, float("inf"), float("nan"))
    outcome = Outcome([Report("Layer", [row])], "f")
    array = json.loads(outcome.to_json())["checked"][0]["arrays"][0]
    assert (array["max_error"], array["resolution"]) == ("inf", "nan")


def test_imported_layers_are_not_the_student_s(tmp_path):
    module, error, _ = load(write(tmp_path, f"from mlp import ReLU\n{IDENTITY}"))
    assert error is None
    assert [e.name for e in find(module, {})] == ["Tanh"]


CLIPPED = """
import numpy as np

class BinaryCrossEntropy:
    def forward(self, y, target):
        self.y, self.t = np.clip(y, 1e-12, 1 - 1e-12), target
        return -np.mean(self.t * np.log(self.y) + (1 - self.t) * np.log(1 - self.y))

    def backward(self):
        return (self.y - self.t) / (self.y * (1 - self.y)) / self.y.size
"""


@pytest.mark.parametrize(("edit", "verdict"), [("/ self.y.size", "PASS"), ("", "FAIL")])
def test_a_loss_that_clips_probabilities_is_tried_on_probabilities(edit, verdict, tmp_path):
    text = CLIPPED.replace("/ self.y.size", edit)
    [layer] = check_file(write(tmp_path, text)).reports
    assert layer.verdict == verdict
    assert "tried on inputs between 0 and 1" in layer.notes


def test_a_pipe_that_closes_early_is_no_reason_for_a_traceback(tmp_path):
    script = ROOT / "scripts" / "gradcheck.py"
    command = f"{shlex.join([sys.executable, str(script), '--layer', 'Affine(5, 3)'])} | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


def test_bytes_of_a_file_that_is_no_text_are_not_shown(tmp_path, capsys):
    path = tmp_path / "layers.py"
    path.write_bytes(b"\xb4\x1b[31m\x08\n")
    assert check.main([str(path)], "mlp check") == 2
    said = capsys.readouterr().err
    assert said.startswith(f"mlp check: cannot load {path}: line 1: ")
    assert "\x1b" not in said and "\ufffd" not in said and said.count("\n") == 1
