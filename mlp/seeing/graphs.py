"""A computation graph as the decks draw it: forward values above the edges, gradients below.

One model for all: networks neuron by neuron, networks layer by layer, and expressions written by
hand as a list of named operations. `layout` places it, `drawing` draws it, `explaining` writes it
out.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(eq=False)
class Weight:
    """A parameter on an edge: its value, dL/dw, and its value after a step (None: unknown)."""

    name: str
    value: float
    gradient: float | None = None
    new: float | None = None


@dataclass(eq=False)
class Panel:
    """An array in a box, drawn as a heat map, with its gradient below it (None: unknown).

    Entries in `right`, as (row, column), get a frame: the output of the right class.
    """

    name: str
    values: np.ndarray
    gradient: np.ndarray | None
    right: list[tuple[int, int]] = field(default_factory=list)


@dataclass(eq=False)
class Node:
    """A number that was computed or given, or a whole layer.

    symbol    what stands in its circle
    gradient  d(goal)/d(this); None where it was not computed
    formula   in the names of other nodes and weights: "w1 * x1 + w2 * x2 + b1"; "" if given
    before    numbers that the formula needs and that are no nodes: (name, formula, value)
    left_out  how many units this one stands for, as an ellipsis in the column of `beside`
    constant  whether it is the 1 that a bias is multiplied with
    panels    the arrays of a whole layer
    wrong     the way ("forward" or "backward") on which two passes part here, and both values
    """

    name: str
    symbol: str
    value: float | None = None
    gradient: float | None = None
    formula: str = ""
    before: list[tuple[str, str, float]] = field(default_factory=list)
    left_out: int = 0
    beside: "Node | None" = None
    constant: bool = False
    panels: list[Panel] = field(default_factory=list)
    wrong: tuple[str, str] | None = None


@dataclass(eq=False)
class Edge:
    """The way of `source` into `target`.

    local    d(target)/d(source), and how it is written
    weight   the parameter that source is multiplied with on the way
    text     what stands above and below it, where layers are drawn as boxes
    wrong    as of a node
    """

    source: Node
    target: Node
    local: float | None = None
    local_formula: str = ""
    weight: Weight | None = None
    text: tuple[str, str] | None = None
    wrong: tuple[str, str] | None = None

    @property
    def gradient(self) -> float | None:
        """Of the weight, if it has one; else the part of the source's gradient that comes here."""
        if self.weight is not None:
            return self.weight.gradient
        if self.target.gradient is None or self.local is None:
            return None
        return self.target.gradient * self.local

    def formula(self, goal: str) -> str:
        """How its gradient follows from that of its target."""
        end, start = self.target.name, self.source.name
        if self.text is not None:
            return f"d{goal}/d(input of {end}) from d{goal}/d(output of {end})"
        if self.weight is not None:
            name = self.weight.name
            factor = "1" if self.source.constant else start
            return f"d{goal}/d{name} = d{goal}/d{end} * d{end}/d{name} = d{goal}/d{end} * {factor}"
        return (
            f"d{goal}/d{start} gets d{goal}/d{end} * d{end}/d{start}"
            f" = d{goal}/d{end} * {self.local_formula or f'd{end}/d{start}'}"
        )


@dataclass(eq=False)
class Graph:
    """Nodes in an order in which they can be computed, and the edges between them.

    goal      the name of what is differentiated
    backward  whether there was a way back at all
    given     numbers without a node: targets
    places    by layer and quantity ("y", "W", ...), by index: the node or edge that shows it
    """

    nodes: list[Node]
    edges: list[Edge]
    goal: str = "L"
    backward: bool = True
    given: dict[str, float] = field(default_factory=dict)
    learning_rate: float | None = None
    title: str = ""
    places: dict[tuple[str, str], dict[tuple[int, ...], Any]] = field(default_factory=dict)

    def into(self, node: Node) -> list[Edge]:
        return [edge for edge in self.edges if edge.target is node]

    def out_of(self, node: Node) -> list[Edge]:
        return [edge for edge in self.edges if edge.source is node]

    def __getitem__(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    @property
    def weights(self) -> list[Weight]:
        return [edge.weight for edge in self.edges if edge.weight is not None]

    def numbers(self) -> dict[str, float]:
        """The value behind every name in a formula."""
        known = dict(self.given)
        for node in self.nodes:
            known |= {name: value for name, _, value in node.before}
            if node.value is not None:
                known[node.name] = node.value
        return known | {weight.name: weight.value for weight in self.weights}

    def draw(self, path: str | os.PathLike | None = None) -> Any:
        """Draw it, write it to path (.svg, .png or .pdf), and return the figure."""
        from mlp.seeing.drawing import draw

        return draw(self, path)

    def explain(self, format: str = "text", *, blanks: bool = False, decimals: int = 4) -> str:  # noqa: A002
        """All of it written out step by step, see mlp.seeing.explaining."""
        from mlp.seeing.explaining import explanation_of_graph

        return explanation_of_graph(self, format, blanks=blanks, decimals=decimals)


@dataclass(frozen=True)
class Operation:
    """One node of an expression, with its local derivatives written by hand.

    forward(*inputs) gives the value, derivatives(*inputs) one d(value)/d(input) for each input.
    `formula` and `slopes` say the same in the names of nodes; without slopes the text writes dq/dx.
    """

    name: str
    symbol: str
    inputs: Sequence[str]
    forward: Callable[..., float]
    derivatives: Callable[..., Sequence[float]]
    formula: str = ""
    slopes: Sequence[str] = ()


def add(name: str, *inputs: str) -> Operation:
    """name = the sum of the inputs, which all get the same gradient."""
    return Operation(
        name,
        "+",
        inputs,
        lambda *v: sum(v),
        lambda *v: [1.0] * len(v),
        " + ".join(inputs),
        ["1"] * len(inputs),
    )


def multiply(name: str, a: str, b: str) -> Operation:
    """name = a * b: each factor gets the other one times the gradient."""
    return Operation(
        name, "×", (a, b), lambda x, y: x * y, lambda x, y: (y, x), f"{a} * {b}", (b, a)
    )


def computation(
    inputs: Mapping[str, float], operations: Sequence[Operation], *, backward: bool = True
) -> Graph:
    """The graph of operations on named inputs, computed forward and, by the chain rule, back.

    The goal is the last operation. Each takes inputs and operations before it; ValueError for a
    name that is not there yet or is taken.
    """
    nodes = {name: Node(name, name, float(value)) for name, value in inputs.items()}
    edges: list[Edge] = []
    for op in operations:
        unknown = [name for name in op.inputs if name not in nodes]
        if unknown or op.name in nodes:
            what = f"{unknown[0]!r} is not computed yet" if unknown else "its name is taken"
            raise ValueError(f"computation: {op.name}: {what}; there are {', '.join(nodes)}")
        values = [nodes[name].value for name in op.inputs]
        formula = op.formula or f"{op.symbol}({', '.join(op.inputs)})"
        node = Node(op.name, op.symbol, float(op.forward(*values)), formula=formula)
        slopes = op.slopes or [f"d{op.name}/d{name}" for name in op.inputs]
        locals_ = op.derivatives(*values)
        for name, local, slope in zip(op.inputs, locals_, slopes, strict=True):
            edges.append(Edge(nodes[name], node, float(local), slope))
        nodes[op.name] = node
    graph = Graph([*nodes.values()], edges, goal=[*nodes][-1], backward=backward)
    if backward:
        graph.nodes[-1].gradient = 1.0
        for node in reversed(graph.nodes[:-1]):
            parts = [edge.gradient for edge in graph.out_of(node)]
            known = [part for part in parts if part is not None]
            node.gradient = sum(known) if known else None
    return graph


def with_numbers(formula: str, numbers: Mapping[str, str]) -> str:
    """The formula with every name that has a number replaced by it."""

    def number(match: re.Match) -> str:
        text = numbers.get(match[0], match[0])
        before = formula[: match.start()].rstrip()
        bare = (
            not before or before[-1] in "(,[" or (before[-1] == "=" and match.end() == len(formula))
        )
        return f"({text})" if text.startswith("-") and not bare else text

    return re.sub(r"[A-Za-z_][A-Za-z_0-9.]*", number, formula)


def short(value: float) -> str:
    """Three significant digits: -2.00, 0.731, 0.000439, 1.23e-07."""
    value = float(value)
    if value == 0:
        return "0.00"
    if not np.isfinite(value):
        return str(value)
    text = f"{value:#.3g}"
    mantissa, _, exponent = text.partition("e")
    return mantissa.rstrip(".") + (f"e{int(exponent)}" if exponent else "")
