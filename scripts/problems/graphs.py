"""The graphs of problem 3 as operations and as networks of the engine, and its schemes.

An operation carries its local derivatives, written by hand; what problem 3 derives edge by edge is
compared with the sweep over these, with numbers (the complex step), and with the engine.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from mlp import Affine, Concat, Elementwise, Layer, MaxPool, Multiply, Sequential, Sigmoid
from mlp.seeing.drawing import BACKWARD
from mlp.seeing.graphs import Graph
from mlp.seeing.operations import Operation, add, computation, multiply
from problems.numeric import complex_step
from problems.schemes import back, box, canvas, forward, legend, note


def square_distance(name: str, a: str, b: str) -> Operation:
    return Operation(
        name,
        "(a-b)²",
        [a, b],
        lambda a, b: (a - b) ** 2,
        lambda a, b: [2 * (a - b), -2 * (a - b)],
        f"({a} - {b})^2",
        [f"2 ({a} - {b})", f"-2 ({a} - {b})"],
    )


CHAIN = [
    multiply("h1", "w1", "h0"),
    multiply("h2", "w2", "h1"),
    multiply("h3", "w3", "h2"),
    square_distance("e", "h3", "t"),
]
PRODUCT_OF_SUM = [add("q", "x", "y"), multiply("f", "q", "z")]
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
    Operation("r", "tanh", ["m"], np.tanh, lambda m: [1 - np.tanh(m) ** 2], "tanh(m)", ["1 - r^2"]),
]

TOY_EDGES = ("x", "y", "z", "q = x + y", "f = q z")
NEURON_EDGES = (
    "w0", "x0", "w1", "x1", "w2", "a = w0 x0", "b = w1 x1", "s = a + b + w2",
    "n = -s", "e = exp n", "u = 1 + e", "f = 1/u",
)  # fmt: skip
BRANCH_EDGES = ("a", "b", "s = a + b", "p = a b", "m = s p", "r = tanh m")


def select(*inputs: int) -> Layer:
    """The layer that passes on these inputs: each the largest of itself."""
    return MaxPool(subsets=[[i] for i in inputs])


def adding(inputs: int = 2) -> Layer:
    return Affine(inputs, 1, init=1, bias=False)


def copying(outputs: int = 2) -> Layer:
    return Affine(1, outputs, init=1, bias=False)


def product_of_sum_network() -> Sequential:
    return Sequential(Concat(Sequential(select(0, 1), adding()), select(2)), Multiply())


def neuron_network() -> Sequential:
    products = Sequential(Multiply([[0, 1], [2, 3]]), adding())
    return Sequential(Concat(products, select(4)), adding(), Sigmoid())


def branch_network() -> Sequential:
    tanh = Elementwise(np.tanh, lambda z, y: 1 - y * y)
    return Sequential(Concat(adding(), Multiply()), Multiply(), tanh)


def edges(names, values, gradients):
    """The rows of a table: every edge, its value and its gradient."""
    marked = [f"`{name}`" for name in names]
    return zip(marked, values, gradients, strict=True)


def visits(inputs: Mapping[str, float], operations: Sequence[Operation]):
    """The way back, visit by visit: rows of a table, and what every node has got in the end."""
    values = dict(inputs)
    for operation in operations:
        values[operation.name] = operation.forward(*(values[name] for name in operation.inputs))
    got, rows = dict.fromkeys(values, 0.0) | {operations[-1].name: 1.0}, []
    for operation in reversed(operations):
        upstream = got[operation.name]
        locals_ = operation.derivatives(*(values[name] for name in operation.inputs))
        for name, local in zip(operation.inputs, locals_, strict=True):
            got[name] += upstream * local
            rows.append((f"`{operation.name}`", upstream, local, f"`{name}`", got[name]))
    return rows, got


def evaluated(
    inputs: Mapping[str, float], operations: Sequence[Operation], changes: np.ndarray
) -> complex:
    """The last value, if a change is added to the value on every edge."""
    nodes = {}
    for (name, value), change in zip(inputs.items(), changes, strict=False):
        nodes[name] = value + change
    for operation, change in zip(operations, changes[len(inputs) :], strict=True):
        values = [nodes[name] for name in operation.inputs]
        nodes[operation.name] = operation.forward(*values) + change
    return nodes[operations[-1].name]


def check_edges(
    page, inputs: Mapping[str, float], operations: Sequence[Operation], values, gradients
) -> Graph:
    """Every edge by numbers and by the sweep over the nodes; the graph, to be drawn."""
    still = np.zeros(len(inputs) + len(operations))
    numbers = complex_step(lambda changes: evaluated(inputs, operations, changes), still)
    page.equal("every edge, complex step", gradients, numbers, 1e-14)
    graph = computation(inputs, operations)
    page.equal("node by node: values", [n.value for n in graph.nodes], values, 1e-15)
    page.equal("node by node: gradients", [n.gradient for n in graph.nodes], gradients, 1e-15)
    return graph


def check_network(page, net: Sequential, inputs: Sequence[float], values, gradients) -> None:
    """The engine's value, and its gradients in the inputs."""
    row = np.array([inputs], float)
    page.equal("engine: value", net.forward(row).item(), values[-1], 1e-15)
    page.equal(
        "engine: gradients", net.backward(np.ones((1, 1)))[0], gradients[: len(inputs)], 1e-15
    )


def check_node(page, name: str, layer: Layer, values, upstream, expected) -> None:
    layer.forward(np.array([values], float))
    page.equal(name, layer.backward(np.array([upstream], float)), [expected], 0)


def draw_chain(figure) -> None:
    """Layers in a row: values and errors between them, parameters and their update below."""
    axes, y = canvas(figure, 10, 3.5), 2.6
    names = ("f_1", "f_2", "f_K")
    places = (2.2, 4.5, 7.4)
    for name, x in zip(names, places, strict=True):
        box(axes, (x, y), f"${name}$")
        k = name[2]
        forward(axes, (x - 0.2, 1.3), (x - 0.2, y - 0.35), f"$w_{k}$",
                ha="right", va="center", shift=(-0.08, 0))  # fmt: skip
        back(axes, (x + 0.2, y - 0.35), (x + 0.2, 1.3), rf"$\partial e/\partial w_{k}$",
             ha="left", va="center", shift=(0.08, 0))  # fmt: skip
        update = rf"$w_{k} \leftarrow w_{k} - \eta\,\partial e/\partial w_{k}$"
        note(axes, (x, 1.05), update, 10)
    labels = {(0.6, 1.65): "0", (2.75, 3.95): "1", (5.05, 5.75): "2", (7.95, 9.0): "K"}
    labels[6.2, 6.85] = ""
    for (left, right), k in labels.items():
        value, error = (f"$h_{k}$", rf"$\partial e/\partial h_{k}$") if k else ("", "")
        forward(axes, (left, y + 0.12), (right, y + 0.12), value)
        back(axes, (right, y - 0.12), (left, y - 0.12), error)
    note(axes, (5.97, y), "...", 15)
    note(axes, (0.35, y), "$x$", 14)
    box(axes, (9.45, y), "$e$", 0.6)
    legend(axes, (2.9, 0.35))


def draw_branches(figure) -> None:
    """One node of a general graph: several inputs, and several that use its value."""
    axes, y = canvas(figure, 9, 4.2), 2.4
    box(axes, (4.3, y), "$h$", 0.9)
    for i, height in ((1, 3.4), (2, 1.4)):
        box(axes, (1.1, height), f"$u_{i}$", 0.8)
        lean = 0.1 if i == 1 else -0.1
        forward(axes, (1.5, height + 0.05), (3.85, y + 2.5 * lean + 0.05))
        back(axes, (3.85, y + 2.5 * lean - 0.1), (1.5, height - 0.1))
        text = rf"$\frac{{\partial e}}{{\partial h}}\,\frac{{\partial h}}{{\partial u_{i}}}$"
        note(axes, (2.6, 3.55 if i == 1 else 1.2), text, 15, color=BACKWARD)
    for j, height in ((1, 3.7), (2, 2.4), (3, 1.1)):
        box(axes, (7.9, height), f"$v_{j}$", 0.8)
        end = y + 0.2 * (2 - j)
        forward(axes, (4.75, end + 0.07), (7.5, height + 0.07))
        back(axes, (7.5, height - 0.08), (4.75, end - 0.08))
        place = {1: (5.7, 3.6), 2: (6.5, 2.02), 3: (5.7, 1.2)}[j]
        text = rf"$\frac{{\partial e}}{{\partial v_{j}}}\,\frac{{\partial v_{j}}}{{\partial h}}$"
        note(axes, place, text, 15, color=BACKWARD)
    legend(axes, (2.3, 0.3))
