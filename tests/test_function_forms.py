"""Files of functions in the forms of courses: the right ones pass, the wrong ones fail."""

import json

import pytest

from checked_files import checked_files
from function_forms import FUNCTIONS
from mlp.checking.students.sandbox import check_file

pytestmark = [pytest.mark.no_numbers, pytest.mark.long]
FILES = {
    "functions": "import numpy as np\n" + "".join(text for text, _, _ in FUNCTIONS.values()),
    "mistakes": "import numpy as np\n"
    + "".join(text.replace(old, new) for text, old, new in FUNCTIONS.values()),
    "others": """
%matplotlib inline
import numpy as np
get_ipython().magic("load_ext autoreload")
try:
    from .no_such_module import compiled
except ImportError:
    print("build it first")
def fast_forward(x): return compiled(x), x
def fast_backward(dout, cache): return dout
def filled_forward(x):
    out = None
    if x.ndim == 2:
        pass
    out = out.astype(x.dtype)
    return out, x
def filled_backward(dout, cache): return dout
def half_done_forward(x): return 2 * x, x
def half_done_backward(dout, cache):
    dx = None
    pass
    return dx
def L_model_forward(X, parameters):
    A = np.maximum(parameters["W1"] @ X + parameters["b1"], 0)
    return parameters["W2"] @ A + parameters["b2"], A
def L_model_backward(AL, Y, caches): return {"dW1": 0}
def propagation_forward(x, theta): return theta * x
def propagation_backward(x, theta): return x
def test_forward(x): return x
def test_backward(dout): return dout
def pooled_forward(x, f):
    N, D = x.shape
    n = D / 2
    out = np.zeros((N, n))
    for i in range(n): out[:, i] = x[:, 2 * i]
    return out, x
def pooled_backward(dout, cache):
    dx = np.zeros_like(cache)
    dx[:, :2 * dout.shape[1]:2] = dout
    return dx
class Network:
    def __init__(self, sizes): self.W = [np.ones((2, 2))]
    def feedforward(self, a): return a
    def backprop(self, x, y): return self.W
""",
}  # fmt: skip


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    return checked_files(tmp_path_factory.mktemp("functions"), FILES)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_gradients_pass_and_wrong_ones_fail(name, reports):
    text, old, _ = FUNCTIONS[name]
    assert text.count(old) == 1
    assert reports["functions"][name].verdict in ("PASS", "KINK"), reports["functions"][name]
    assert reports["mistakes"][name].verdict == "FAIL", reports["mistakes"][name]


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("linear_activation", "it was told 'relu', 'tanh'"),
        ("linear_activation", "samples are columns"),
        ("rnn_cell", "samples are columns"),
        ("conv", "its outputs are those of a convolution of images (H, W, C) with stride 1 and "
                 "padding 1"),
        ("pool", "it was told 'max', 'average'"),
        ("propagate", "checked: the gradients of W and b"),
        ("QuadraticCost", "the gradient is taken for that of z, where the input is sigmoid(z)"),
        ("temporal_softmax_loss", "tried with a mask that leaves out a third of the targets"),
    ],
)  # fmt: skip
def test_what_was_found_out_is_said(name, note, reports):
    assert note in reports["functions"][name].notes


@pytest.mark.parametrize(
    ("name", "verdict", "words"),
    [
        ("fast", "ERROR", "compiled is imported in a file of it, and that import failed here"),
        ("filled", "unfinished", "it is unfinished: forward raised AttributeError: 'NoneType'"),
        ("half_done", "unfinished", "it is unfinished: backward returned None"),
        ("L_model", "nothing to check", "it is a whole network"),
        ("propagation", "nothing to check", "takes what propagation_forward takes, and no"),
        ("Network", "nothing to check", "it is a whole network"),
    ],
)
def test_what_cannot_be_judged_is_listed_with_the_reason(name, verdict, words, reports):
    assert reports["others"][name].verdict == verdict
    assert words in " ".join(reports["others"][name].notes)


def test_a_function_that_counts_to_a_quotient_is_read_as_python_2_read_it(reports):
    assert reports["others"]["pooled"].verdict == "PASS"


def test_functions_that_try_a_layer_are_none(reports):
    assert "test" not in reports["others"]


def test_a_script_may_bear_the_suffix_of_a_notebook_and_run_another_file(tmp_path):
    (tmp_path / "helpers.py").write_text("import numpy as np\ndef bend(z): return np.tanh(z)\n")
    text = "%run '/their/folder/helpers.py'\ndef tanh_forward(z): return bend(z), z\n"
    text += "def tanh_backward(dA, cache): return dA * (1 - bend(cache) ** 2)\n"
    cells = [{"cell_type": "code", "source": text}]
    for name, content in (("a", text), ("b", json.dumps({"cells": cells}))):
        path = tmp_path / f"{name}.ipynb"
        path.write_text(content)
        assert [r.verdict for r in check_file(path).reports] == ["PASS"]
