"""Toy computation graphs: a value on every edge forward, a gradient on every edge backward.

Deck 000 draws its toy graphs without naming them; they are the classic ones, (x + y) z and a
sigmoid neuron. Deck 002's notebook differentiates such scalar graphs automatically; here it is
done by hand, in graphs.py. All is scalar, so layouts do not matter.
"""

import numpy as np

from mlp import Affine, Concat, Elementwise, MaxPool, Multiply, Sequential, Sigmoid
from problems.graphs import branch, drawn, neuron, product_of_sum
from problems.numeric import complex_step
from problems.report import Report

TITLE = "Toy graphs: values and gradients on every edge"
DECKS = "000, 002"


def select(*inputs):
    """The layer that passes on these inputs: each the largest of itself."""
    return MaxPool(subsets=[[i] for i in inputs])


def add():
    return Affine(2, 1, init=1, bias=False)


def solve(report: Report) -> None:
    report.claim("(x + y) z: add hands its gradient on to both; multiply hands each the other.")
    report.derive("df/dq = z   df/dz = q   df/dx = df/dq dq/dx = df/dq = df/dy")
    net = Sequential(Concat(Sequential(select(0, 1), add()), select(2)), Multiply())
    compare(report, product_of_sum, (-2, 5, -4), net)

    report.claim("A sigmoid neuron, edge by edge; as one node its slope is f (1 - f).")
    report.derive("""
        df/du = -1/u^2 = df/de     df/dn = e df/de     df/dw_i = x_i df/ds
        df/ds = -df/dn = e/u^2 = f (1 - f)             df/dx_i = w_i df/ds
        """)
    sum_of_two = Sequential(Multiply([[0, 1], [2, 3]]), add())
    net = Sequential(Concat(sum_of_two, select(4)), add(), Sigmoid())
    v, d = compare(report, neuron, (2.0, -1.0, -3.0, -2.0, -3.0), net)
    report.equal("df/ds = f (1 - f)", d["s = a + b + w2"], v["f = 1/u"] * (1 - v["f = 1/u"]), 1e-15)

    report.claim("""A branch, as deck 002's notebook differentiates it: a and b reach the end on two
        paths each, and the gradients add up.""")
    report.derive("dt/dm = 1 - t^2   dt/da = p dt/dm + b s dt/dm   dt/db = p dt/dm + a s dt/dm")
    tanh = Elementwise(np.tanh, lambda z, y: 1 - y * y)
    net = Sequential(Concat(add(), Multiply()), Multiply(), tanh)
    compare(report, branch, (0.5, -1.5), net)

    report.claim("What a node does to the gradient 7 that arrives, inputs (3, 5):")
    rules = {
        "add: distributor, the same to all": (add(), [7, 7]),
        "multiply: switcher, times the other": (Multiply(), [35, 21]),
        "max: router, all to the larger": (MaxPool(2), [0, 7]),
    }
    for name, (layer, expected) in rules.items():
        layer.forward(np.array([[3.0, 5.0]]))
        report.equal(name, layer.backward(np.array([[7.0]])), [expected], 0)
    copy = Affine(1, 2, init=1, bias=False)
    copy.forward(np.array([[3.0]]))
    dx = copy.backward(np.array([[7.0, 4.0]]))
    report.equal("copy: adder, 7 + 4 meet", dx, [[11.0]], 0)


def compare(report, graph, inputs, net):
    """Print all edges; check their gradients by numbers, the inputs' with the engine's net."""
    values, gradients = graph(*inputs)
    report.table(("edge", "value", "gradient"), [(k, values[k], gradients[k]) for k in values])
    size = len(inputs)
    at = np.pad(np.array(inputs, float), (0, len(values) - size))
    numbers = complex_step(lambda v: [*graph(*v)[0].values()][-1], at)
    report.equal("every edge, complex step", [*gradients.values()], numbers, 1e-14)
    report.equal(
        "engine: value", net.forward(at[None, :size]).item(), [*values.values()][-1], 1e-15
    )
    by_engine = net.backward(np.ones((1, 1)))[0]
    report.equal("engine: gradients", by_engine, [*gradients.values()][:size], 1e-15)
    picture = drawn(graph, inputs)
    report.equal("node by node", [n.gradient for n in picture.nodes], [*gradients.values()], 1e-15)
    report.graph(graph.__name__, picture)
    return values, gradients
