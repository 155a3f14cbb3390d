"""The toy graphs of problem 3, forward and backward by hand, edge by edge.

A graph takes its inputs, and a change for each inner edge, so that the gradient of every edge can
be measured. It gives two dicts, value and gradient by edge. Gradients are those of the last edge,
written in reverse order.
"""

import numpy as np

from mlp.seeing.graphs import Graph
from mlp.seeing.operations import Operation, add, computation, multiply


def product_of_sum(x, y, z, q=0, f=0):
    q += x + y
    f += q * z
    v = {"x": x, "y": y, "z": z, "q = x + y": q, "f = q z": f}
    df, dq, dz = 1, z, q
    return v, dict(zip(v, (dq, dq, dz, dq, df), strict=True))


def neuron(w0, x0, w1, x1, w2, a=0, b=0, s=0, n=0, e=0, u=0, f=0):
    a, b = a + w0 * x0, b + w1 * x1
    s += a + b + w2
    n -= s
    e += np.exp(n)
    u += 1 + e
    f += 1 / u
    v = {"w0": w0, "x0": x0, "w1": w1, "x1": x1, "w2": w2, "a = w0 x0": a, "b = w1 x1": b}
    v |= {"s = a + b + w2": s, "n = -s": n, "e = exp n": e, "u = 1 + e": u, "f = 1/u": f}
    du = -1 / u**2
    de = du  # 1 + e passes it on
    dn = de * e
    ds = -dn
    d = (ds * x0, ds * w0, ds * x1, ds * w1, ds, ds, ds, ds, dn, de, du, 1.0)
    return v, dict(zip(v, d, strict=True))


def branch(a, b, s=0, p=0, m=0, t=0):
    s, p = s + a + b, p + a * b
    m += s * p
    t += np.tanh(m)
    v = {"a": a, "b": b, "s = a + b": s, "p = a b": p, "m = s p": m, "t = tanh m": t}
    dm = 1 - np.tanh(m) ** 2
    ds, dp = dm * p, dm * s
    return v, dict(zip(v, (ds + dp * b, ds + dp * a, ds, dp, dm, 1.0), strict=True))


NEURON = [
    multiply("a", "w0", "x0"),
    multiply("b", "w1", "x1"),
    add("s", "a", "b", "w2"),
    Operation("n", "* -1", ["s"], lambda s: -s, lambda s: [-1], "-s", ["-1"]),
    Operation("e", "exp", ["n"], np.exp, lambda n: [np.exp(n)], "exp(n)", ["e"]),
    Operation("u", "+1", ["e"], lambda e: 1 + e, lambda e: [1], "1 + e", ["1"]),
    Operation("f", "1/u", ["u"], lambda u: 1 / u, lambda u: [-1 / u**2], "1 / u", ["-1 / u^2"]),
]
BRANCH = [
    add("s", "a", "b"),
    multiply("p", "a", "b"),
    multiply("m", "s", "p"),
    Operation("t", "tanh", ["m"], np.tanh, lambda m: [1 - np.tanh(m) ** 2], "tanh(m)", ["1 - t^2"]),
]
PRODUCT_OF_SUM = [add("q", "x", "y"), multiply("f", "q", "z")]
NODES = {
    product_of_sum: ("xyz", PRODUCT_OF_SUM),
    neuron: (("w0", "x0", "w1", "x1", "w2"), NEURON),
    branch: ("ab", BRANCH),
}


def drawn(graph, inputs) -> Graph:
    """The same graph once more, node by node with local derivatives, as it is drawn."""
    names, operations = NODES[graph]
    return computation(dict(zip(names, inputs, strict=True)), operations)
