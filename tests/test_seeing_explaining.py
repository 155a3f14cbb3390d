"""explain: the pass written out, and as an exercise."""

import re

import numpy as np
import pytest

from mlp import Affine, ReLU, Sequential, Sigmoid, SoftmaxCrossEntropy, SquaredError, trace
from mlp.seeing.notation import latex, short, with_numbers, written
from passes import agrees, gate, mazur, mazur_network, sigmoid_neuron, toy
from test_seeing_graphs import networks


def results(text):
    """What each line says of its left side: name -> the number at its end, lines joined."""
    whole = re.sub(r"\n {4,}", " ", text)
    lines = [line.strip() for line in whole.splitlines() if " = " in line and ", " not in line]
    return {line.split(" = ")[0]: line.split(" = ")[-1] for line in lines}


def test_the_line_of_w5():
    line = "dL/dw5 = dL/do1 * do1/dnet1 * dnet1/dw5 = 0.7414 * 0.1868 * 0.5933 = 0.0822"
    assert line in mazur().explain()


def test_every_number_of_mazur():
    """His forward pass, his backward pass and his new weights, with the digits that he prints."""
    text = mazur().explain(decimals=9)
    found = results(text)
    printed = {
        "net_h1": 0.3775, "h1": 0.593269992, "h2": 0.596884378, "net1": 1.105905967,
        "o1": 0.75136507, "o2": 0.772928465, "E1": 0.274811083, "E2": 0.023560026,
        "L": 0.298371109, "dE1/do1": 0.74136507, "do1/dnet1": 0.186815602,
        "dL/dw5": 0.082167041, "dL/dnet1": 0.138498562, "dL/dh1": 0.036350306,
        "dh1/dnet_h1": 0.241300709, "dL/dw1": 0.000438568,
        "new w1": 0.149780716, "new w2": 0.19956143, "new w3": 0.24975114, "new w4": 0.29950229,
        "new w5": 0.35891648, "new w6": 0.408666186, "new w7": 0.511301270, "new w8": 0.561370121,
    }  # fmt: skip
    for name, number in printed.items():
        digits = max(len(str(number).partition(".")[2]), 4)
        assert abs(float(found[name]) - number) <= 0.501 * 10.0**-digits, name
    ways = re.search(r"= (0\.055399\d+) \+ \((-0\.019049\d+)\)\n +(= 0.036350306)", text)
    printed_ways = [0.055399425, -0.019049119]  # the second from numbers that he had rounded
    np.testing.assert_allclose([*map(float, ways.groups()[:2])], printed_ways, rtol=0, atol=1.1e-9)
    for given in ("x1 = 0.05", "x2 = 0.1", "t1 = 0.01", "t2 = 0.99", "rate = 0.5", "b3 = 0.6"):
        assert given in text


def test_what_becomes_of_the_biases_is_said():
    assert "Biases learn as weights do." in mazur().explain()
    no_rate = trace(mazur_network(), [[0.05, 0.1]], [[0.01, 0.99]], SquaredError()).explain()
    assert "Biases" not in no_rate and "new w1" not in no_rate


def test_text_picture_and_arrays_agree():
    rng = np.random.default_rng(4)
    net = Sequential(Affine(3, 4, rng=rng), Sigmoid(), Affine(4, 2, rng=rng))
    traced = trace(net, rng.normal(size=(1, 3)), rng.normal(size=(1, 2)), SquaredError())
    graph = traced.graph()
    found = results(traced.explain())
    shown = [text.get_text() for text in traced.draw().axes[0].texts]
    for node in graph.nodes:
        if node.formula:
            assert agrees(found[node.name], node.value)
            assert any(f"{node.name} {short(node.value)}" == text for text in shown) or (
                node.name == "L"
            )
            assert agrees(found.get(f"dL/d{node.name}", "1"), node.gradient)
    arrays = [traced["0"].gradients["W"].T.ravel(), traced["2"].gradients["W"].T.ravel()]
    for k, value in enumerate(np.concatenate(arrays), 1):
        assert agrees(found[f"dL/dw{k}"], value)
        assert short(value) in shown


def test_expressions():
    text = toy().explain()
    assert "q = x + y = -2 + 5 = 3" in text
    assert "f = q * z = 3 * (-4) = -12" in text
    assert "df/dx = df/dq * dq/dx = (-4) * 1 = -4" in text
    text = sigmoid_neuron().explain()
    assert "e = exp(n) = exp(-1) = 0.3679" in text
    assert "df/dn = df/de * de/dn = (-0.5344) * 0.3679 = -0.1966" in text
    assert "df/dx0 = df/da * da/dx0 = 0.1966 * 2 = 0.3932" in text
    both = results(gate().explain())
    assert agrees(both["dt/da"], gate()["a"].gradient)
    assert "Backward" not in sigmoid_neuron(backward=False).explain()


def test_blanks_leave_results_out_and_give_them_on_the_answer_sheet():
    full, sheet = mazur().explain(), mazur().explain(blanks=True)
    exercise, answers = sheet.split("Answer sheet")
    found = results(full)
    assert "0.7514" not in exercise and "0.0822" not in exercise
    blanks = re.findall(r"______ \((\d+)\)", exercise)
    assert blanks == [str(k) for k in range(1, len(blanks) + 1)]
    keyed = re.findall(r"\((\d+)\)  (.*) = (.*)", answers)
    assert [number for number, _, _ in keyed] == blanks
    for _, name, result in keyed:
        assert found[name] == result
    assert "w5 = 0.4" in exercise


@pytest.mark.parametrize("blanks", [False, True])
def test_plain_text_fits_a_terminal_of_80_columns(blanks):
    rng = np.random.default_rng(0)
    net = Sequential(Affine(8, 8, rng=rng), ReLU(), Affine(8, 3, rng=rng))
    traced = trace(net, rng.normal(size=(1, 8)), [1], SoftmaxCrossEntropy(), learning_rate=0.1)
    lines = traced.explain(blanks=blanks).splitlines()
    assert max(map(len, lines)) <= 80


def test_markdown_is_latex_that_matplotlib_reads():
    """Each formula goes through a parser of LaTeX."""
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("path")
    rng = np.random.default_rng(0)
    net = Sequential(Affine(2, 2, rng=rng), ReLU(), Affine(2, 2, rng=rng))
    traced = trace(net, [[1.0, -2.0]], [1], SoftmaxCrossEntropy(), learning_rate=0.1)
    for text in (mazur().explain("markdown"), traced.explain("markdown")):
        formulas = re.findall(r"\$(.*)\$", text)
        assert len(formulas) > 30
        for formula in formulas[::3]:
            parser.parse(f"${formula}$".replace(r"\text", r"\mathrm"))
    assert r"\frac{\partial L}{\partial w_{5}} = " in mazur().explain("markdown")
    blanks = mazur().explain("markdown", blanks=True)
    assert r"\_\_\_\_" in blanks and "## Answer sheet" in blanks


def test_large_networks_and_batches_go_layer_by_layer():
    rng = np.random.default_rng(0)
    net = Sequential(Affine(64, 30, rng=rng), ReLU(), Affine(30, 10, rng=rng))
    x, labels = rng.normal(size=(5, 64)), [1, 2, 3, 4, 5]
    traced = trace(net, x, labels, SoftmaxCrossEntropy())
    text = traced.explain()
    assert "0  Affine(64, 30): y = x W + b, (5 x 30), from " in text
    norm = f"{np.linalg.norm(traced['0'].gradients['W']):.4g}"
    assert "dW = x^T dL/dy: (64 x 30), from" in text and f"norm {norm}" in text
    with pytest.raises(ValueError, match="blanks need one sample"):
        traced.explain(blanks=True)
    with pytest.raises(ValueError, match="style to be text or markdown"):
        traced.explain("html")


def test_from_an_upstream_what_is_given_is_said():
    traced = trace(mazur_network(), [[0.05, 0.10]], upstream=[[1.0, -0.5]])
    text = traced.explain()
    assert "dL/do1 = 1 (given)" in text and "dL/do2 = -0.5 (given)" in text
    assert agrees(results(text)["dL/dw5"], traced["2"].gradients["W"][0, 0])


class Forgets(Sigmoid):
    def backward(self, upstream):
        super().backward(upstream)


def test_what_was_not_computed_is_said():
    net = mazur_network()
    net = Sequential(net[0], Forgets(), *net[2:])
    text = mazur(net).explain()
    assert "dL/dnet_h1 was not computed" in text and "dL/dw1 was not computed" in text
    assert "dL/dw5 = " in text and "new w5" in text and "new w1" not in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.05, "0.05"), (0.35, "0.35"), (-2, "-2"), (0.082167041, "0.0822"), (1.105905967, "1.1059"),
     (0.000438568, "0.000439"), (1e-12, "1.00e-12"), (0, "0"), (0.75, "0.75"), (123456.0, "123456"),
     (0.34999999, "0.3500"), (np.inf, "inf")],
)  # fmt: skip
def test_numbers_in_text(value, text):
    assert written(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(-2, "-2.00"), (0.7310586, "0.731"), (100, "100"), (16, "16.0"), (0.05, "0.0500"),
     (1234, "1.23e3"), (1.234e-7, "1.23e-7"), (0, "0.00"), (-0.0, "0.00"), (np.nan, "nan")],
)  # fmt: skip
def test_numbers_in_pictures(value, text):
    assert short(value) == text


def test_names_are_replaced_as_wholes():
    numbers = {"w1": "0.5", "w11": "2", "h2.1": "-3", "e": "9"}
    assert with_numbers("w11 * h2.1 + w1 * exp(-h2.1) + 1e-05", numbers) == (
        "2 * (-3) + 0.5 * exp(-(-3)) + 1e-05"
    )


def test_latex():
    assert latex("dL/dnet_h2.1 = I[x1 > 0] * 1.5e-07") == (
        r"\frac{\partial L}{\partial \text{net}_{h2.1}} = \mathbb{I}[x_{1} > 0] "
        r"\cdot 1.5 \cdot 10^{-07}"
    )


def evaluated(formula, numbers):
    """The value of a formula as it is written; None where it is words."""
    if "'" in formula or " is the " in formula or re.fullmatch(r"d\S+/d\S+", formula):
        return None
    names = {name.replace(".", "_"): value for name, value in numbers.items()}
    code = re.sub(r"([A-Za-z_][A-Za-z_0-9]*)\.([0-9]+)", r"\1_\2", formula)
    code = re.sub(r"I\[(.*?)\]", r"(\1)", code).replace("^", "**")
    known = {"exp": np.exp, "log": np.log, "tanh": np.tanh, "max": max, "min": min}
    return eval(code, {"__builtins__": {}}, known | names)


@pytest.mark.parametrize("name", networks())
def test_every_formula_gives_its_number(name):
    graph = trace(*networks()[name]).graph("neurons", units=20)
    numbers, seen = graph.numbers(), 0
    for node in graph.nodes:
        steps = [*node.before, *([(node.name, node.formula, node.value)] if node.formula else [])]
        for _, formula, value in steps:
            assert evaluated(formula, numbers) == pytest.approx(value, rel=1e-12, abs=1e-14)
    for edge in graph.edges:
        slope = evaluated(edge.local_formula, numbers)
        if slope is not None:
            seen += 1
            assert slope == pytest.approx(edge.local, rel=1e-12, abs=1e-14), edge.local_formula
    assert seen > 3
