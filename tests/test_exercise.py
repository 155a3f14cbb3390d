"""The exercise file: blank it is to do, filled in it passes, and a mistake in it is named."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
NAMES = ["Affine", "ReLU", "Sigmoid", "Softmax", "Multiply", "MaxPool"]
NAMES += ["SquaredError", "SoftmaxCrossEntropy", "SigmoidCrossEntropy", "KLDivergence"]
SOLUTIONS = [
    "self.x = x; return x @ self.W + self.b",
    "self.dW = self.x.T @ upstream; self.db = upstream.sum(0); return upstream @ self.W.T",
    "self.s = (z > 0).astype(z.dtype); return np.maximum(z, 0)",
    "return self.s * upstream",
    "e = np.exp(-abs(z)); self.s = e / (1 + e) ** 2; return np.where(z > 0, 1, e) / (1 + e)",
    "return self.s * upstream",
    "e = np.exp(z - z.max(1, keepdims=True)); self.y = e / e.sum(1, keepdims=True); return self.y",
    "return self.y * (upstream - (upstream * self.y).sum(1, keepdims=True))",
    "self.z = z; return z[:, ::2] * z[:, 1::2]",
    "dz = np.empty_like(self.z); dz[:, ::2] = upstream * self.z[:, 1::2]; "
    "dz[:, 1::2] = upstream * self.z[:, ::2]; return dz",
    "n, k = len(x), self.window; m = x.shape[1] // k; self.shape = x.shape; "
    "w = x[:, : m * k].reshape(n, m, k); self.i = w.argmax(2) + k * np.arange(m); return w.max(2)",
    "dx = np.zeros(self.shape, upstream.dtype); "
    "np.put_along_axis(dx, self.i, upstream, 1); return dx",
    "self.r = y - target; return (self.r**2).sum() / len(y)",
    "return 2 * self.r / len(self.r)",
    "s = z - z.max(1, keepdims=True); logp = s - np.log(np.exp(s).sum(1, keepdims=True)); "
    "self.p, self.t = np.exp(logp), labels; return -logp[np.arange(len(z)), labels].mean()",
    "g = self.p.copy(); g[np.arange(len(g)), self.t] -= 1; return g / len(g)",
    "e = np.exp(-abs(z)); self.g = np.where(z > 0, 1, e) / (1 + e) - target; "
    "return (np.maximum(z, 0) - target * z + np.log1p(e)).sum() / len(z)",
    "return self.g / len(self.g)",
    "self.y, self.d = y, target; some = target > 0; "
    "return (target[some] * np.log(target[some] / y[some])).sum() / len(y)",
    "return np.where(self.d > 0, -self.d / self.y, 0) / len(self.y)",
]


def run(script, *words):
    command = [sys.executable, str(SCRIPTS / script), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exercise")
    result = run("homework.py", "--skeleton", folder)
    assert result.returncode == 0, result.stderr
    return folder / "exercise.py"


def filled(blank, path, solutions):
    bodies = iter(solutions)
    path.write_text(re.sub("raise NotImplementedError", lambda _: next(bodies), blank.read_text()))
    assert next(bodies, None) is None
    return path


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
