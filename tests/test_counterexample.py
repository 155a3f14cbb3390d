"""The smallest counterexamples: what is printed is true when it is redone, and it is small."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp.checking.report import Counterexample, Report
from mlp.checking.students.judging import judge_entry
from mlp.checking.students.loading import find, load
from mlp.checking.students.sandbox import check_file
from mlp.checking.zoo.mistakes import planted, sources
from mlp.checking.zoo.score import check_mistakes

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parent.parent
ZOO = planted()
HISTORY = {"accumulates", "stale-cache", "updated-weights", "not-deterministic"}
"""Not wrong gradients of one forward and one backward pass, but of several."""
RANDOM = {"dropout-mask-missing"}


@pytest.fixture(scope="module")
def mistakes():
    return check_mistakes()


def defined(text):
    """What a student's text defines."""
    names = {"np": np}
    exec(text, names)
    return names


def redone(text, name, arrays):
    """The output and the gradients of a layer of the zoo, by nothing but its own code."""
    names = defined(text)
    inputs = [arrays[k] for k in ("x", "y", "target") if k in arrays]
    if "target" in arrays and arrays["target"].ndim == 1:
        inputs[-1] = arrays["target"].astype(int)
    weights = [arrays[k] for k in ("W", "b") if k in arrays]
    upstream = arrays.get("upstream")
    if name in names:
        layer = built(names[name], arrays)
        if not isinstance(layer, type(lambda: 0)):
            y = layer.forward(*inputs)
            if upstream is None and "target" not in arrays:
                return y, {}
            result = layer.backward(*([] if "target" in arrays else [upstream]))
            found = dict(zip(("dx", "dy"), listed(result), strict=False))
            kept = {f"d{p}": getattr(layer, f"d{p}", None) for p in ("W", "b", "gamma", "beta")}
            return y, found | kept
        y, dx = layer(*inputs)
        return y, {"dx": dx}
    windows = pool_arguments(arrays) if "window" in arrays else ()
    y, cache = names[f"{name}_forward"](*inputs, *weights, *windows)
    if upstream is None:
        return y, {}
    result = names[f"{name}_backward"](upstream, cache)
    order = ("dx", "dy") if "y" in arrays else ("dx", "dW", "db")
    return y, dict(zip(order, listed(result), strict=False))


def listed(result):
    return result if isinstance(result, tuple) else [result]


def built(code, arrays):
    """An object of the class, with the parameters of the counterexample; a function as it is."""
    if not isinstance(code, type):
        return code
    if "W" in arrays:
        layer = code(*arrays["W"].shape)
    elif "gamma" in arrays:
        layer = code(len(arrays["gamma"]))
    elif code.__name__.startswith("MaxPool"):
        layer = code(*pool_arguments(arrays))
    elif code.__name__.startswith("PairMultiply"):
        layer = code(arrays["pairs"].astype(int))
    else:
        layer = code()
    for name in ("W", "b", "gamma", "beta"):
        if name in arrays:
            setattr(layer, name, arrays[name].copy())
    return layer


def pool_arguments(arrays):
    return int(arrays["window"]), int(arrays["stride"])


def slopes(text, name, arrays, array, upstream):
    """Central differences of the forward pass alone."""
    h, slope = 1e-5, np.zeros(arrays[array].shape)
    for i in range(slope.size):
        sides = []
        for step in (h, -h):
            moved = {k: v.copy() for k, v in arrays.items()}
            moved[array].flat[i] += step
            sides.append(redone(text, name, moved)[0])
        slope.flat[i] = (upstream * (sides[0] - sides[1])).sum() / (2 * h)
    return slope


def original(name):
    """The right layer that a mistake was planted in, and its name."""
    known = sources()
    stem = re.sub(r"_\d+", "", name)
    return known[stem], stem


def has_one(name, report):
    identity = ZOO[name][0]
    return report.verdict == "FAIL" and identity not in HISTORY


def test_what_is_printed_is_true_when_it_is_redone(mistakes):
    shown = {n: r.counterexample for n, r in mistakes.items() if r.counterexample is not None}
    once = [n for n in shown if not shown[n].steps]
    redo = [n for n in once if ZOO[n][0] not in RANDOM | {"tie-all"}]
    assert len(redo) >= 90
    for name in redo:
        check_by_redoing(name, shown[name])


def check_by_redoing(name, shown):
    text = ZOO[name][1]
    arrays = {k: v.copy() for k, v in shown.given.items()}
    y, found = redone(text, name, arrays)
    yours = y if shown.what == "forward" else found[shown.what]
    np.testing.assert_allclose(np.asarray(yours), shown.yours, rtol=1e-9, atol=1e-12)
    right_text, right_name = original(name)
    arrays = {k: v.copy() for k, v in shown.given.items()}
    if shown.what == "forward":
        np.testing.assert_allclose(redone(right_text, right_name, arrays)[0], shown.right)
        return
    upstream = arrays.get("upstream", np.ones(()))
    slope = slopes(right_text, right_name, arrays, shown.what[1:], upstream)
    np.testing.assert_allclose(slope, shown.right, rtol=1e-4, atol=1e-4)


def test_wrong_gradients_have_one_and_it_is_small(mistakes):
    wanted = {n: r for n, r in mistakes.items() if has_one(n, r)}
    lacking = [n for n, r in wanted.items() if r.counterexample is None]
    # forward raises unless W is square; and NumPy refuses to write floats into whole numbers
    assert {ZOO[n][0] for n in lacking} <= {"transposed", "integer-dtype"}
    assert len(lacking) <= 3
    for name, report in wanted.items():
        shown = report.counterexample
        if shown is None or ZOO[name][0] in RANDOM:
            continue
        numbers = sum(v.size for k, v in shown.given.items() if k != "pairs")
        assert numbers <= 14, (name, str(shown))
        assert all(float(v).is_integer() for a in shown.given.values() for v in a.flat), name


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("ReLU_38", "x = [[-1]], upstream = [[1]]: yours dx = [[1]], right [[0]]"),
        ("MSE_12", "x = [[0]], target = [[1]]: yours dx = [[-1]], right [[-2]]"),
        (
            "Affine_36",
            "x = [[0], [0]], W = [[0]], b = [0], upstream = [[0], [1]]: "
            "yours db = [0.5], right [1]",
        ),
    ],
)
def test_examples_that_were_worked_by_hand(name, printed, mistakes):
    assert str(mistakes[name].counterexample) == printed


def test_the_sentence_can_be_read_back():
    given = {
        "x": np.array([[2.0, 0.0]]),
        "W": np.array([[3.0], [1.0]]),
        "upstream": np.ones((1, 1)),
    }
    shown = Counterexample(given, "dW", np.array([[6.0], [0.0]]), np.array([[12.0], [-0.0]]))
    assert str(shown) == (
        "x = [[2, 0]], W = [[3], [1]], upstream = [[1]]: yours dW = [[6], [0]], right [[12], [0]]"
    )
    assert "by hand: x = [[2, 0]]" in str(Report("Layer", whole="FAIL", counterexample=shown))
    several = shown._replace(steps="forward(x), backward(upstream), and both again")
    assert "upstream = [[1]]; forward(x), backward(upstream), and both again: yours" in str(several)
    assert Report("Layer", counterexample=shown).to_dict()["counterexample"] == {
        "given": {"x": [[2.0, 0.0]], "W": [[3.0], [1.0]], "upstream": [[1.0]]},
        "what": "dW",
        "yours": [[6.0], [0.0]],
        "right": [[12.0], [-0.0]],
        "steps": "",
        "text": str(shown),
    }


def test_text_and_json_of_the_program_have_it(tmp_path):
    path = tmp_path / "student.py"
    path.write_text("import numpy as np\n" + ZOO["ReLU_38"][1])
    command = [sys.executable, str(ROOT / "scripts" / "gradcheck.py"), str(path)]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    [layer] = json.loads(
        subprocess.run([*command, "--json"], capture_output=True, text=True, check=False).stdout
    )["checked"]
    assert f"by hand: {layer['counterexample']['text']}" in " ".join(text.split())
    assert layer["counterexample"]["given"] == {"x": [[-1]], "upstream": [[1]]}


LAYERS = {
    "Affine": ("x @ self.W + self.b", {
        "dx": "u @ self.W.T", "dW": "x.T @ u", "db": "u.sum(axis=0)"}),
    "Linear": ("x @ self.W.T + self.b", {
        "dx": "u @ self.W", "dW": "u.T @ x", "db": "u.sum(axis=0)"}),
    "ReLU": ("np.maximum(x, 0)", {"dx": "u * (x > 0)"}),
    "Sine": ("np.sin(x)", {"dx": "u * np.cos(x)"}),
    "Cube": ("x**3", {"dx": "3 * x**2 * u"}),
    "Softplus": ("np.logaddexp(0, x)", {"dx": "u / (1 + np.exp(-x))"}),
    "Centre": ("x - x.mean(axis=1, keepdims=True)", {"dx": "u - u.mean(axis=1, keepdims=True)"}),
}  # fmt: skip
SLIPS = [
    "2 * ({})", "-({})", "({}) / 3", "({}) * (len(u) < 2)", "({}) / len(u)", "0 * ({})",
    "np.abs({})", "({}) + 1", "({})**2", "({}) * np.sign(u.sum())", "({}) + u.sum()",
    "({})[..., ::-1]", "np.cumsum({}, axis=-1)", "np.maximum({}, 0)",
    "({}) * (1 + 0.01 * x.mean())",
]  # fmt: skip


def layer_text(kind, formulas):
    flipped = kind == "Linear"
    lines = ["import numpy as np", f"class {kind}:"]
    if "dW" in formulas:
        shape = "(m, n)" if flipped else "(n, m)"
        lines += ["    def __init__(self, n, m):",
                  f"        self.W, self.b = np.ones({shape}), np.zeros(m)"]  # fmt: skip
    lines += [
        "    def forward(self, x):",
        "        self.x = x",
        f"        return {LAYERS[kind][0]}",
    ]
    lines += ["    def backward(self, u):", "        x = self.x"]
    for name in ("dW", "db"):
        if name in formulas:
            lines.append(f"        self.{name} = {formulas[name]}")
    return "\n".join([*lines, f"        return {formulas['dx']}"]) + "\n"


@given(st.sampled_from(sorted(LAYERS)), st.sampled_from(SLIPS), st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_random_slips_fail_with_a_true_counterexample(tmp_path_factory, kind, slip, data):
    formulas = dict(LAYERS[kind][1])
    array = data.draw(st.sampled_from(sorted(formulas)))
    formulas[array] = slip.format(formulas[array])
    text = layer_text(kind, formulas)
    path = tmp_path_factory.mktemp("slip") / "student.py"
    path.write_text(text)
    module, error, _ = load(path)
    assert error is None
    [entry] = find(module, {})
    report = judge_entry(entry)
    if report.verdict == "PASS":  # an average over the batch is a convention
        assert "averaged over the batch" in " ".join(report.notes), text
        return
    assert report.verdict == "FAIL", text
    shown = report.counterexample
    assert shown is not None, text
    arrays = {k: v.copy() for k, v in shown.given.items()}
    _, found = redone(text, kind, arrays)
    np.testing.assert_allclose(np.asarray(found[shown.what]), shown.yours, rtol=1e-9, atol=1e-12)
    slope = slopes(text, kind, arrays, shown.what[1:], arrays["upstream"])
    np.testing.assert_allclose(slope, shown.right, rtol=1e-4, atol=1e-4)
    off = shown.yours.shape != slope.shape or not np.allclose(shown.yours, slope, 1e-3, 1e-4)
    assert off, (text, str(shown))


def test_a_right_layer_has_none(tmp_path):
    for kind in LAYERS:
        path = tmp_path / f"{kind}.py"
        path.write_text(layer_text(kind, LAYERS[kind][1]))
        [report] = check_file(path).reports
        assert (report.verdict in ("PASS", "KINK"), report.counterexample) == (True, None), report
