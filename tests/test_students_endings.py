"""How the examination of a layer ends: its verdict, its name, its first sentence, its rows."""

import math

import numpy as np
import pytest

from mlp.checking.students.counterexample import _parts
from mlp.checking.students.extremes import large
from mlp.checking.students.forms import situations
from mlp.checking.students.probes import Bench, deterministic
from mlp.checking.students.sandbox import _quote
from test_students_style import AFFINE, LOSS, TANH, entry_of, judged

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


def test_weights_that_were_copied_when_the_layer_was_made_are_named(tmp_path):
    """Each instance draws others: what the copy does shows between instances."""
    text = "RNG = np.random.default_rng(0)" + AFFINE.replace(
        "np.ones((n, m)), np.zeros(m)",
        "RNG.normal(size=(n, m)), np.zeros(m); self.V = self.W.T + 0",
    )
    for back, identities in (("self.W.T", []), ("self.V", ["stale-cache"])):
        entry = entry_of(tmp_path, text.replace("u @ self.W.T", f"u @ {back}"))
        findings = [*deterministic(Bench(situations(entry)[0], seed=2))]
        assert [finding.identity for finding in findings] == identities


def test_sizes_are_given_where_names_mislead(tmp_path):
    """Elsewhere `p` is a probability. A square W would hide mistakes."""
    text = AFFINE.replace("n, m", "p, q").replace("zeros(m)", "zeros(q)")
    report = judged(tmp_path, text)
    assert report.verdict == "PASS"
    assert [row.shape for row in report.rows] == [(11, 5), (5, 3), (3,)]


def test_pairs_are_chosen_that_use_every_input_once(tmp_path):
    text = """
class Multiply:
    def __init__(self, in_features, pairs):
        if sorted(np.ravel(pairs)) != [*range(in_features)]: raise ValueError("not each once")
        self.j, self.k = np.transpose(pairs)
    def forward(self, x): self.x = x; return x[:, self.j] * x[:, self.k]
    def backward(self, u):
        dx = np.zeros(self.x.shape, u.dtype)
        dx[:, self.j], dx[:, self.k] = u * self.x[:, self.k], u * self.x[:, self.j]
        return dx
"""
    assert judged(tmp_path, text).verdict == "PASS"


@pytest.mark.parametrize(
    ("chosen", "verdict"),
    [("odd, first, last", "KINK"), ("first < last, p.argmin(2), first", "FAIL")],
    ids=["to the first or the last", "to a cell that is no maximum"],
)
def test_a_tie_goes_to_any_maximum_but_to_nothing_else(chosen, verdict, tmp_path):
    text = f"""
class MaxPool:
    def forward(self, x): self.x = x; return self.windows().max(axis=2)
    def windows(self): return self.x[:, :self.x.shape[1] // 3 * 3].reshape(len(self.x), -1, 3)
    def backward(self, u):
        p, odd = self.windows(), np.arange(len(u))[:, None] % 2 == 1
        first, last = p.argmax(2), 2 - p[:, :, ::-1].argmax(2)
        dx = np.zeros(self.x.shape, u.dtype)
        np.put_along_axis(dx, 3 * np.arange(u.shape[1]) + np.where({chosen}), u, 1)
        return dx
"""
    report = judged(tmp_path, text)
    assert report.verdict == verdict
    if verdict == "KINK":
        assert "ties go to some maximum of the window" in report.notes
    else:
        assert report.diagnosis.text.startswith("On tied windows the gradient is wrong.")


def test_a_layer_that_takes_float64_alone_passes_and_that_is_said(tmp_path):
    refusal = "\n        if x.dtype != float: raise TypeError('float64, please')\n        "
    report = judged(tmp_path, TANH.replace("self.y = np.tanh", refusal + "self.y = np.tanh"))
    assert report.verdict == "PASS"
    said = "float32 input is refused: forward raised TypeError: float64, please"
    assert sum(note.startswith(said) for note in report.notes) == 1


@pytest.mark.parametrize("arguments", ["y, t", "t, y"])
@pytest.mark.parametrize(("factor", "verdict"), [(2, "PASS"), (1, "FAIL")])
def test_a_loss_and_its_derivative_are_two_functions(arguments, factor, verdict, tmp_path):
    text = f"""
def mse({arguments}): return ((y - t) ** 2).mean()
def mse_prime({arguments}): return {factor} * (y - t) / y.size
"""
    assert judged(tmp_path, text).verdict == verdict


@pytest.mark.parametrize(("sign", "verdict"), [("-", "PASS"), ("+", "FAIL")])
def test_a_loss_that_takes_one_column_alone_gets_one(sign, verdict, tmp_path):
    text = f"""
class BinaryCrossEntropy:
    def forward(self, a, t):
        if a.shape[1] != 1: raise ValueError("not one column")
        self.a, self.t = a, t
        return -(t * np.log(a) + (1 - t) * np.log(1 - a)).mean()
    def backward(self): return (self.a - self.t) / (self.a * (1 {sign} self.a)) / len(self.a)
"""
    report = judged(tmp_path, text)
    assert report.verdict == verdict
    assert all(row.shape[1] == 1 for row in report.rows if row.name == "x")


def test_parameters_in_a_list_may_have_gradients_with_names(tmp_path):
    made = "np.ones((n, m)), np.zeros(m)"
    text = AFFINE.replace(f"self.W, self.b = {made}", f"self.all = [{made}]")
    text = text.replace("self.W", "self.all[0]").replace("self.b", "self.all[1]")
    assert judged(tmp_path, text).verdict == "PASS"
    report = judged(tmp_path, text.replace("u.sum(axis=0)", "u.mean(axis=0)"))
    assert (report.verdict, report.diagnosis.id) == ("FAIL", "bias-mean")


def test_the_first_array_of_a_convolution_is_its_filters_under_any_name(tmp_path):
    report = judged(tmp_path, """
def conv_forward(x, f, c):
    parts = np.lib.stride_tricks.sliding_window_view(x, f.shape[2:], (2, 3))
    return np.einsum("nchwij,mcij->nmhw", parts, f) + c.reshape(-1, 1, 1), (x, f, parts)
def conv_backward(dout, cache):
    x, f, parts = cache
    dx, (h, w) = np.zeros_like(x), dout.shape[2:]
    for i, j in np.ndindex(f.shape[2:]):
        dx[:, :, i:i + h, j:j + w] += np.einsum("nmhw,mc->nchw", dout, f[:, :, i, j])
    return dx, np.einsum("nmhw,nchwij->mcij", dout, parts), dout.sum((0, 2, 3))
""")  # fmt: skip
    assert report.verdict == "PASS"
    assert [row.shape for row in report.rows[1:]] == [(3, 2, 3, 3), (3,)]
