"""The gradient is judged first and style second; and what is said is true."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlp.checking.report import Diagnosis, Flaw, Outcome, Report
from mlp.checking.students.judging import judge_entry
from mlp.checking.students.loading import find, load

pytestmark = pytest.mark.no_numbers

ROOT = Path(__file__).resolve().parent.parent


def entry_of(tmp_path, text):
    path = tmp_path / "student.py"
    path.write_text("import numpy as np\n" + text)
    module, error, _ = load(path)
    assert error is None
    [entry] = find(module, {})
    return entry


def judged(tmp_path, text):
    return judge_entry(entry_of(tmp_path, text))


AFFINE = """
class Affine:
    def __init__(self, n, m): self.W, self.b = np.ones((n, m)), np.zeros(m)
    def forward(self, x): self.x = x; return x @ self.W + self.b
    def backward(self, u):
        self.dW, self.db = self.x.T @ u, u.sum(axis=0)
        return u @ self.W.T
"""
TANH = """
class Tanh:
    def forward(self, x): self.y = np.tanh(x); return self.y
    def backward(self, u): return u * (1 - self.y**2)
"""
RELU = """
class ReLU:
    def forward(self, x): self.m = x > 0; return x * self.m
    def backward(self, u): u[~self.m] = 0; return u
"""
LOSS = """
class SoftmaxLoss:
    def forward(self, x, t):
        e = np.exp(x - x.max(1, keepdims=True)); self.p, self.t = e / e.sum(1, keepdims=True), t
        return -np.log(self.p[np.arange(len(x)), t]).mean()
    def backward(self):
        g = self.p.copy(); g[np.arange(len(g)), self.t] -= 1
        return g / len(g)
"""
SOFTMAX = """
class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(1, keepdims=True)); self.y = e / e.sum(1, keepdims=True)
        return self.y
    def backward(self, u):
        part = u * self.y
        return part * (1 - self.y) + self.y * (part.sum(1, keepdims=True) - part)
"""
IMAGE_POOL = """
class MaxPool:
    def __init__(self, k, stride): self.k, self.s = k, stride
    def forward(self, x):
        self.x, k, s = x, self.k, self.s
        rows, columns = range(0, x.shape[2] - k + 1, s), range(0, x.shape[3] - k + 1, s)
        tops = [[x[:, :, i:i + k, j:j + k].max(axis=(2, 3)) for j in columns] for i in rows]
        return np.moveaxis(tops, (0, 1), (2, 3))
    def backward(self, u):
        highest = self.x == self.x.max(axis=(2, 3), keepdims=True)
        return highest * u.sum(axis=(2, 3), keepdims=True)
"""
COUNT = """
class Excess:
    def forward(self, x, t): self.d = x - t; return np.maximum(self.d, 0).sum()
    def backward(self): return self.d > 0
"""
FLAWED = {
    "float32": (TANH.replace("return u * (1 - self.y**2)",
                             "return (u * (1 - self.y**2)).astype('f')"), ["dtype-changed"]),
    "float16": (TANH.replace("return u * (1 - self.y**2)",
                             "return (u * (1 - self.y**2)).astype('e')"), ["dtype-changed"]),
    "Booleans": (COUNT, ["dtype-changed"]),
    "whole numbers": (COUNT.replace("self.d > 0", "(self.d > 0).astype(int)"), ["dtype-changed"]),
    "upstream": (RELU, ["upstream-mutated"]),
    "input": (RELU.replace("x * self.m", "np.multiply(x, self.m, out=x)"),
              ["input-mutated", "upstream-mutated"]),
    "keepdims": (AFFINE.replace("sum(axis=0)", "sum(axis=0, keepdims=True)"), ["extra-axis"]),
    "epsilon": (LOSS.replace(", t]).", ", t] + 1e-5)."), ["log-epsilon"]),
    "overflow": (LOSS.replace("x - x.max(1, keepdims=True)", "x"), ["overflow"]),
}  # fmt: skip


@pytest.mark.parametrize("case", FLAWED)
def test_a_right_gradient_with_a_flaw_passes_with_a_note(case, tmp_path):
    text, flaws = FLAWED[case]
    report = judged(tmp_path, text)
    assert (report.verdict, report.diagnosis, report.counterexample) == ("PASS", None, None)
    assert sorted(flaw.id for flaw in report.flaws) == flaws
    data = report.to_dict()
    assert [flaw["id"] for flaw in data["flaws"]] == [flaw.id for flaw in report.flaws]
    for flaw in report.flaws:
        assert len(flaw.text.splitlines()) >= 3  # what, why and the remedy
        assert any(note.startswith(f"{flaw.id}: ") for note in data["notes"])
        assert f"{flaw.id}: " in str(report)
    strict = report.strict()
    assert strict.verdict == "FAIL"
    assert strict.diagnosis.id == report.flaws[0].id
    assert {strict.diagnosis.id, *strict.diagnosis.also} == set(flaws)


WRONG = {
    "cut to whole numbers": (TANH.replace("u * (1 - self.y**2)",
                                          "(u * (1 - self.y**2)).astype(int)"), "integer-dtype"),
    "wrong and the upstream overwritten": (RELU.replace("u[~self.m]", "u[self.m]"),
                                           "mask-inverted"),
    "wrong and in float32": (TANH.replace("return u * (1 - self.y**2)",
                                          "return (2 * u * (1 - self.y**2)).astype('f')"),
                             "scale"),
    "a bias that an update would turn into a matrix":
        (AFFINE.replace("sum(axis=0)", "sum(axis=0)[:, None]"), "wrong-shape"),
    "clipped at 20": (RELU.replace("return x * self.m", "return np.minimum(x * self.m, 20)"),
                      "forward-wrong"),
    "no more than 1 - y": (TANH.replace("self.y**2", "self.y"), "tanh-derivative"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_one_fails_whatever_its_style(case, tmp_path):
    text, identity = WRONG[case]
    report = judged(tmp_path, text)
    assert (report.verdict, report.diagnosis.id) == ("FAIL", identity)


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        (AFFINE.replace("self.x.T @ u", "np.zeros_like(self.W)"), "zero-gradient"),
        (AFFINE.replace("u.sum(axis=0)", "np.sum(u)"), "bias-wrong-axis"),
        (AFFINE.replace("u.sum(axis=0)", "np.full(self.b.shape, u.sum())"), "bias-wrong-axis"),
        (AFFINE.replace("u.sum(axis=0)", "u[0]"), "bias-one-sample"),
        (AFFINE.replace("self.x.T @", "self.x.reshape(-1, len(u)) @"), "reshaped"),
        (AFFINE.replace("self.W.T", "self.W.reshape(self.W.shape[::-1])"), "reshaped"),
        (TANH.replace("u * (1", "self.y * u * (1"), "times-output"),
        (TANH.replace("u * (1 - self.y**2)", "u + 0"), "mask-missing"),
        (TANH.replace("(self, x): self.y = np.tanh(x); return self.y",
                      "(self, x, seen={}): self.y = seen.setdefault(x.shape, np.tanh(x)); "
                      "return np.tanh(x)"), "stale-cache"),
        (LOSS.replace("-np.log(self.p[np.arange(len(x)), t]).mean()",
                      "-np.log(softmax(self.p)[np.arange(len(x)), t]).sum() / x.size")
             .replace("g / len(g)", "g / g.size")
         + "def softmax(p): return np.exp(p) / np.exp(p).sum(1, keepdims=True)\n",
         "double-softmax"),
        (SOFTMAX, "softmax-cross-sign"),
        (IMAGE_POOL, "pool-global-max"),
    ],
)  # fmt: skip
def test_common_mistakes_have_a_name(text, identity, tmp_path):
    report = judged(tmp_path, text)
    assert (report.verdict, report.diagnosis.id) == ("FAIL", identity), report


DROPOUT = """
class Dropout:
    def __init__(self, p=0.5): self.keep = 1 - p
    def forward(self, x):
        self.m = (np.random.random(x.shape) < self.keep) / self.keep
        return x * self.m
    def backward(self, u): return u * self.m
"""


@pytest.mark.parametrize(
    ("edit", "identity"),
    [
        ("u * self.m", None),
        ("u.copy()", "dropout-mask-missing"),
        ("u * (self.m > 0)", "dropout-mask-missing"),
        ("u * (np.random.random(u.shape) < self.keep) / self.keep", "dropout-mask-missing"),
        ("u * self.m * 3", "unknown"),
    ],
)
def test_a_dropout_is_judged_by_the_mask_that_its_output_shows(edit, identity, tmp_path):
    report = judged(tmp_path, DROPOUT.replace("u * self.m", edit))
    assert report.verdict == ("FAIL" if identity else "PASS")
    assert (report.diagnosis and report.diagnosis.id) == identity
    shown = report.counterexample
    assert (shown is None) == (identity is None)
    if shown is not None:  # upstream 1: the right gradient is the mask, output / x
        assert (shown.right == shown.given["output"] / shown.given["x"]).all()


POOL = """
class MaxPool:
    def __init__(self, k): self.k = k
    def forward(self, x):
        p = x[:, : x.shape[1] // self.k * self.k].reshape(len(x), -1, self.k)
        self.top, self.shape = p == p.max(axis=2, keepdims=True), x.shape
        return p.max(axis=2)
    def backward(self, u):
        dx = np.zeros(self.shape, u.dtype)
        part = (self.top * u[:, :, None]).reshape(len(u), -1)
        dx[:, : part.shape[1]] = part
        return dx
"""


def test_a_tie_and_a_kink_have_a_counterexample_too(tmp_path):
    pool = judged(tmp_path, POOL)
    assert (pool.verdict, pool.diagnosis.id) == ("FAIL", "tie-all")
    assert str(pool.counterexample) == (
        "window = 2, stride = 2, x = [[1, 1]], upstream = [[1]]: "
        "yours dx = [[1, 1]], right [[1, 0]]"
    )
    two = RELU.replace("u[~self.m] = 0; return u", "return u * (self.m + 2 * (self.x == 0))")
    relu = judged(tmp_path, two.replace("self.m = x > 0;", "self.x, self.m = x, x > 0;"))
    assert relu.verdict == "FAIL"
    assert str(relu.counterexample) == (
        "x = [[0]], upstream = [[1]]: yours dx = [[2]], right [[0]]"
    )


@pytest.mark.parametrize(("at_zero", "first"), [(">", 0), (">=", 1)])
def test_what_is_shown_of_a_kink_is_wrong_there(at_zero, first, tmp_path):
    """One column is right, with either of the slopes that the kink allows: the second is not."""
    report = judged(tmp_path, f"""
class ReLU:
    def forward(self, x): self.x = x; return np.maximum(x, 0)
    def backward(self, u):
        slope = 1.0 * (self.x {at_zero} 0)
        slope[:, 1:] += 2 * (self.x[:, 1:] == 0)
        return u * slope
""")  # fmt: skip
    assert report.verdict == "FAIL"
    assert str(report.counterexample) == (
        f"x = [[0, 0]], upstream = [[1, 1]]: yours dx = [[{first}, {first + 2}]], right [[0, 0]]"
    )


def test_what_is_said_about_a_wrong_loss_is_true(tmp_path):
    report = judged(tmp_path, LOSS.replace(".mean()", ".mean() * 1.01"))
    assert report.diagnosis.id == "forward-wrong"
    assert "averaged over the samples" in report.diagnosis.text
    assert "summed" not in str(report)


def test_no_factor_of_1_and_no_list_that_is_not_there(tmp_path):
    for text, _ in [*FLAWED.values(), *WRONG.values()]:
        said = " ".join(str(judged(tmp_path, text).strict()).split())
        assert "factor of 1." not in said
        assert "are listed" not in said
        assert "boolean subtract" not in said


def test_an_averaging_layer_is_described_as_it_is(tmp_path):
    mean = AFFINE.replace("self.x.T @ u, u.sum(axis=0)", "self.x.T @ u / len(u), u.mean(axis=0)")
    report = judged(tmp_path, mean)
    assert report.verdict == report.strict().verdict == "PASS"
    assert report.max_error < 1e-9  # from the averages, which it was compared with
    assert "averaged over the batch, not summed" in report.notes[0]
    assert "1/N would count twice" in report.notes[1]


def test_strict_reports():
    flaw = Flaw("overflow", "It overflows.")
    assert Report("L", whole="PASS").strict().verdict == "PASS"
    both = Report("L", whole="FAIL", diagnosis=Diagnosis("sign", "Wrong.", []), flaws=[flaw])
    assert both.strict().diagnosis == Diagnosis("sign", "Wrong.", ["overflow"])
    assert Report("L", whole="ERROR", flaws=[flaw]).strict().verdict == "ERROR"
    outcome = Outcome([Report("L", whole="PASS", flaws=[flaw])])
    assert (outcome.exit_status, outcome.strict().exit_status) == (0, 1)


def test_strict_on_the_command_line(tmp_path):
    path = tmp_path / "student.py"
    path.write_text("import numpy as np\n" + RELU)
    command = [sys.executable, str(ROOT / "scripts" / "gradcheck.py"), str(path), "--json"]
    for options, status, verdict in ([], 0, "PASS"), (["--strict"], 1, "FAIL"):
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        [layer] = json.loads(done.stdout)["checked"]
        assert (done.returncode, layer["verdict"]) == (status, verdict)
        assert [flaw["id"] for flaw in layer["flaws"]] == ["upstream-mutated"]
