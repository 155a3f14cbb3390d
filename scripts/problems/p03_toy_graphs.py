"""Toy computation graphs: a value on every edge forward, a gradient on every edge backward.

Deck 000 draws its toy graphs without naming them; they are the classic ones, (x + y) z and a
sigmoid neuron. Deck 002's notebook differentiates such scalar graphs automatically; here it is
done by hand. All is scalar, so layouts do not matter. Each function returns two dicts, value and
gradient by edge; gradients are those of the last edge, written in reverse order.
"""

import numpy as np

from mlp import Affine, Concat, Elementwise, MaxPool, Multiply, Sequential, Sigmoid
from problems.numeric import complex_step
from problems.report import Report

TITLE = "Toy graphs: values and gradients on every edge"
DECKS = "000, 002"


def product_of_sum(x, y, z):
    q = x + y
    v = {"x": x, "y": y, "z": z, "q = x + y": q, "f = q z": q * z}
    df, dq = 1, z
    return v, dict(zip(v, (dq, dq, q, dq, df), strict=True))


def neuron(w0, x0, w1, x1, w2):
    a, b = w0 * x0, w1 * x1
    s = a + b + w2
    n = -s
    e = np.exp(n)
    u = 1 + e
    v = {"w0": w0, "x0": x0, "w1": w1, "x1": x1, "w2": w2, "a = w0 x0": a, "b = w1 x1": b}
    v |= {"s = a + b + w2": s, "n = -s": n, "e = exp n": e, "u = 1 + e": u, "f = 1/u": 1 / u}
    du = -1 / u**2
    de = du  # 1 + e passes it on
    dn = de * e
    ds = -dn
    d = (ds * x0, ds * w0, ds * x1, ds * w1, ds, ds, ds, ds, dn, de, du, 1.0)
    return v, dict(zip(v, d, strict=True))


def branch(a, b):
    s, p = a + b, a * b
    t = np.tanh(s * p)
    v = {"a": a, "b": b, "s = a + b": s, "p = a b": p, "m = s p": s * p, "t = tanh m": t}
    dm = 1 - t * t
    ds, dp = dm * p, dm * s
    return v, dict(zip(v, (ds + dp * b, ds + dp * a, ds, dp, dm, 1.0), strict=True))


def select(*inputs):
    """The layer that passes on these inputs: each the largest of itself."""
    return MaxPool(subsets=[[i] for i in inputs])


def add():
    return Affine(2, 1, init=1, bias=False)


def solve(report: Report) -> None:
    report.claim("(x + y) z: add hands its gradient on to both; multiply hands each the other.")
    net = Sequential(Concat(Sequential(select(0, 1), add()), select(2)), Multiply())
    compare(report, product_of_sum, (-2, 5, -4), 3, net)

    report.claim("A sigmoid neuron, edge by edge; as one node its slope is f (1 - f).")
    sum_of_two = Sequential(Multiply([[0, 1], [2, 3]]), add())
    net = Sequential(Concat(sum_of_two, select(4)), add(), Sigmoid())
    v, d = compare(report, neuron, (2.0, -1.0, -3.0, -2.0, -3.0), 5, net)
    report.equal("df/ds = f (1 - f)", d["s = a + b + w2"], v["f = 1/u"] * (1 - v["f = 1/u"]), 1e-15)

    report.claim("A branch: a and b reach the end on two paths each, and the gradients add up.")
    tanh = Elementwise(np.tanh, lambda z, y: 1 - y * y)
    net = Sequential(Concat(add(), Multiply()), Multiply(), tanh)
    compare(report, branch, (0.5, -1.5), 2, net)

    report.claim("What a node does to the gradient 7 that arrives, inputs (3, 5):")
    rules = {
        "add: distributor, the same to all": (add(), [7, 7]),
        "multiply: switcher, times the other": (Multiply(), [35, 21]),
        "max: router, all to the larger": (MaxPool(2), [0, 7]),
    }
    for name, (layer, expected) in rules.items():
        layer.forward(np.array([[3.0, 5.0]]))
        report.equal(name, layer.backward([[7.0]]), [expected], 0)
    copy = Affine(1, 2, init=1, bias=False)
    copy.forward([[3.0]])
    report.equal("copy: adder, 7 + 4 meet", copy.backward([[7.0, 4.0]]), [[11.0]], 0)


def compare(report, graph, inputs, size, net):
    """Print all edges; check the inputs' gradients by numbers and with the engine's net."""
    values, gradients = graph(*inputs)
    report.table(("edge", "value", "gradient"), [(k, values[k], gradients[k]) for k in values])
    by_hand, x = np.array([*gradients.values()][:size], float), np.array(inputs, float)
    numbers = complex_step(lambda x: [*graph(*x)[0].values()][-1], x)
    report.equal("by hand, complex step", by_hand, numbers, 1e-14)
    report.equal("engine: value", net.forward(x[None, :]).item(), [*values.values()][-1], 1e-15)
    report.equal("engine: gradients", net.backward(np.ones((1, 1)))[0], by_hand, 1e-15)
    return values, gradients
