"""How the examination of a layer ends: its verdict, its name, its first sentence, its rows."""

import math

import numpy as np
import pytest

from mlp.checking.students.counterexample import _parts
from mlp.checking.students.extremes import large
from mlp.checking.students.sandbox import _quote
from test_students_style import AFFINE, LOSS, TANH, judged

pytestmark = pytest.mark.no_numbers

SLOPE = "return u * (1 - self.y**2)"
GRADIENTS = "self.x.T @ u, u.sum(axis=0)"
BLANK = "it is unfinished: forward returned None"
PAIR = """
def tanh_forward(x): y = np.tanh(x); return y, y
def tanh_backward(u, cache): raise IndexError("beyond")
"""
TRAINER = """
class Trainer:
    def __init__(self, config): self.rate = config["rate"]
    def forward(self, x): return x
    def backward(self, u): return u
"""
MULTIPLY = """
class Multiply:
    def forward(self, x): self.x = x; return x[:, ::2] * x[:, 1::2]
    def backward(self, u): return np.repeat(u, 2, 1) * self.x
"""
POOL = """
class MaxPool:
    def forward(self, x): self.x = x; return np.maximum(x[:, :-1:2], x[:, 1::2])
    def backward(self, u):
        dx = np.zeros(self.x.shape); dx[:, :2 * u.shape[1]] = np.repeat(u, 2, 1); return dx
"""
STOPPED = {
    "no such name": (TANH.replace(SLOPE, "return u * slope"), "FAIL",
                     "Backward raised NameError: name 'slope' is not defined at line"),
    "of a pair": (PAIR, "FAIL", "Backward raised IndexError: beyond at line"),
    "whole numbers": (AFFINE.replace("self.dW, self.db", "self.dW = np.zeros(self.W.shape, int);"
                                     " self.dW += self.x.T @ u; unused, self.db"), "FAIL",
                      "Backward raised UFuncTypeError: Cannot cast ufunc 'add' output"),
    "no such name in forward": (TANH.replace("np.tanh(x)", "tan(x)"), "ERROR",
                                "forward raised NameError: name 'tan' is not defined at line"),
    "an error of its own": (TANH.replace(SLOPE, "raise ValueError('no')"), "ERROR",
                            "backward raised ValueError: no at line"),
    "text": (TANH.replace("return self.y\n", "return 'y'\n"), "ERROR",
             "forward returned str, expected an array of numbers"),
    "an exit": (TANH.replace(SLOPE, "raise SystemExit(3)"), "ERROR",
                "backward raised SystemExit: 3 at line"),
    "no memory": (TANH.replace(SLOPE, "raise MemoryError('big')"), "ERROR",
                  "backward raised MemoryError: big at line"),
    "nothing": (TANH.replace("return self.y\n", "pass\n"), "unfinished", BLANK),
    "no layer": (TRAINER, "nothing to check", "nothing to check: found no way to build it "
                 "(constructor raised TypeError: 'int' object is not subscriptable at line"),
}  # fmt: skip
WRONG = {
    "no gradients": (AFFINE.replace("self.dW, self.db", "unused"),
                     "No gradient was found for W, b.", "W b", "unknown"),
    "one gradient": (AFFINE.replace(", self.db = " + GRADIENTS, " = self.x.T @ u"),
                     "No gradient was found for b.", "b", "unknown"),
    "one without, one wrong": (
        AFFINE.replace(", self.db = " + GRADIENTS, " = 2 * self.x.T @ u"),
        "Wrong: dW, db.", "W b", "scale"),
    "another shape": (AFFINE.replace("self.x.T @ u,", "u.T @ self.x,"),
                      "dW has the shape (3, 5), expected (5, 3).", "W", "transposed"),
    "two wrong": (AFFINE.replace(GRADIENTS, "2 * self.x.T @ u, u.sum(axis=0) + 1"),
                  "Wrong: dW, db.", "W b", "scale"),
    "all wrong": (AFFINE.replace(GRADIENTS, "-self.x.T @ u, -u.sum(axis=0); u = -u"),
                  "Wrong: dx, dW, db.", "x W b", "sign"),
    "loss": (LOSS.replace("g / len(g)", "g + 1"), "Wrong: dx.", "x", "unknown"),
    "factors": (MULTIPLY, "Wrong: dx.", "x", "factors-swapped"),
    "pool": (POOL, "Wrong: dx.", "x", "unknown"),
}  # fmt: skip


@pytest.mark.parametrize("case", STOPPED)
def test_what_stops_the_examination_is_said(case, tmp_path):
    text, verdict, said = STOPPED[case]
    report = judged(tmp_path, text)
    assert report.verdict == verdict
    assert not report.rows and report.counterexample is None
    if verdict == "FAIL":
        assert report.diagnosis.text.startswith(said) and not report.notes
        assert report.diagnosis.id == ("integer-dtype" if "Cannot cast" in said else "unknown")
    else:
        assert report.diagnosis is None
        assert len(report.notes) == 1 and report.notes[0].startswith(said)


@pytest.mark.parametrize("case", WRONG)
def test_the_first_sentence_names_the_gradients_whose_rows_fail(case, tmp_path):
    text, sentence, names, identity = WRONG[case]
    report = judged(tmp_path, text)
    assert (report.verdict, report.diagnosis.id) == ("FAIL", identity)
    assert report.diagnosis.text.splitlines()[0] == sentence
    assert [row.name for row in report.rows if row.verdict == "FAIL"] == names.split()
    assert {row.verdict for row in report.rows} <= {"FAIL", "PASS"}
    for row in report.rows:
        assert row.checked == math.prod(row.shape)
        assert row.wrong_count <= row.checked and (row.verdict == "FAIL" or not row.wrong_count)


@pytest.mark.parametrize("count", [1, 2])
def test_a_batch_of_another_size_must_do_too(count, tmp_path):
    """None of the usual batches has one or two samples."""
    refusal = f"\n        if len(u) == {count}: raise ValueError('not so few')\n        "
    text = TANH.replace(SLOPE, refusal + SLOPE)
    report = judged(tmp_path, text)
    assert report.verdict == "FAIL"
    assert report.diagnosis.id == "wrong-shape"
    who = "one sample" if count == 1 else "2 samples"
    assert f"For a batch of {who}, backward raised ValueError: not so few" in report.diagnosis.text


def test_the_average_over_the_samples_passes_with_one_note_and_its_own_numbers(tmp_path):
    text = AFFINE.replace(GRADIENTS, "self.x.T @ u / len(u), u.mean(axis=0)")
    report = judged(tmp_path, text)
    assert report.verdict == "PASS"
    assert sum("average" in note for note in report.notes) >= 1
    assert [row.verdict for row in report.rows] == ["PASS"] * len(report.rows)


@pytest.mark.parametrize("seed", range(20))
def test_large_inputs_have_both_signs_in_every_column(seed):
    rng = np.random.default_rng(seed)
    x = large(rng.standard_normal((3, 4)), rng)
    assert (x.min(axis=0) < -900).all() and (x.max(axis=0) > 900).all()


def test_blank_lines_are_no_last_output():
    assert _quote(b"one\n\n \ntwo\n\n") == "; its last output: one | two"


def test_a_gradient_with_the_square_of_the_upstream_is_named(tmp_path):
    report = judged(tmp_path, TANH.replace(SLOPE, "return u**2 * (1 - self.y**2)"))
    assert (report.verdict, report.diagnosis.id) == ("FAIL", "upstream-squared")


def test_the_gradient_of_another_loss_is_named(tmp_path):
    text = """
class SquaredError:
    def forward(self, y, t): self.y, self.t = y, t; return ((y - t) ** 2).sum() / len(y)
    def backward(self):
        e = np.exp(self.y - self.y.max(1, keepdims=True))
        return (e / e.sum(1, keepdims=True) - self.t) / len(self.y)
"""
    report = judged(tmp_path, text)
    assert (report.verdict, report.diagnosis.id) == ("FAIL", "loss-gradient-mismatch")


def test_small_rows_of_probabilities_add_up_to_1():
    rng = np.random.default_rng(0)
    parts = _parts(np.full((4, 3), 1 / 3), rng)
    np.testing.assert_allclose(parts.sum(axis=1), 1, rtol=1e-15)
    assert len(np.unique(parts)) > 1
