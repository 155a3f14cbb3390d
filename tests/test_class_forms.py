"""Files of classes in the forms that people publish: the right ones pass, the wrong ones fail."""

import pytest

from checked_files import checked_files
from class_forms import CLASSES

pytestmark = pytest.mark.no_numbers
FILES = {
    "classes": "import numpy as np\n" + "".join(text for text, _, _ in CLASSES.values()),
    "mistakes": "import numpy as np\n"
    + "".join(text.replace(old, new) for text, old, new in CLASSES.values()),
    "others": """
import numpy as np
class Base:
    def forward(self, x): return x
    def backward(self, g): return 0 * g
class Double(Base):
    def forward(self, x): return 2 * x
    def backward(self, g): return 2 * g
class Triple(Base):
    def forward(self, x): return 3 * x
    def backward(self, g): return 3 * g
class Hidden:
    def __init__(self): self.inner = [[np.random.randn(5)]]
    def forward(self, x): return x * self.inner[0][0]
    def backward(self, g): return g * self.inner[0][0]
class Sigmoid:
    def forward(self, x): self.y = 1 / (1 + np.exp(-x)); return self.y
    def backward(self, g): return (np.diagflat(self.y) - self.y) @ g
class RNNCell:
    def __init__(self): self.state, self.steps = 0, []
    def forward(self, x): self.steps.append(1 - np.tanh(x) ** 2); return np.tanh(x)
    def backward(self, g):
        self.state = self.state + g * self.steps.pop()
        return self.state
""",
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    return checked_files(tmp_path_factory.mktemp("classes"), FILES)


@pytest.mark.parametrize("name", CLASSES)
def test_right_gradients_pass_and_wrong_ones_fail(name, reports):
    text, old, _ = CLASSES[name]
    assert text.count(old) == 1
    assert reports["classes"][name].verdict in ("PASS", "KINK"), reports["classes"][name]
    assert reports["mistakes"][name].verdict == "FAIL", reports["mistakes"][name]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Stepping", "backward takes the step of gradient descent itself"),
        ("LateStep", "backward takes the step of gradient descent itself"),
        ("OneVector", "takes one sample at a time"),
        ("KeptLoss", "takes one sample at a time"),
        ("CategoricalLoss", "of each sample"),
        ("EntryLoss", "the loss is a number of each entry"),
        ("MeanLoss", "the loss is a number of each sample, averaged over its entries"),
        ("SoftmaxAndLoss", "backward was given the output that forward kept"),
        ("LogitLoss", "with respect to the input of the softmax or sigmoid"),
    ],
)
def test_what_was_found_out_is_said(name, words, reports):
    assert words in " ".join(reports["classes"][name].notes)


def test_the_parameters_of_layers_that_build_themselves_are_checked(reports):
    for name in ("Dense", "FC", "DenseThen", "Stepping", "OneVector", "SoftmaxOutputLayer"):
        rows = {row.name for row in reports["classes"][name].rows}
        assert {"x", "W"} <= rows or {"x", "w"} <= rows, (name, rows)


def test_a_class_that_the_others_override_is_a_base_class(reports):
    assert reports["others"]["Base"].notes == ["nothing to check: it is a base class"]
    assert reports["others"]["Double"].verdict == "PASS"


def test_weights_that_were_not_found_are_never_passed_over_in_silence(reports):
    assert "random numbers beside the arrays" in " ".join(reports["others"]["Hidden"].notes)


def test_a_backward_that_refuses_the_batch_of_a_right_forward_fails(reports):
    assert reports["others"]["Sigmoid"].verdict == "FAIL"


def test_layers_that_are_meant_to_remember_may(reports):
    assert reports["others"]["RNNCell"].verdict == "PASS"
