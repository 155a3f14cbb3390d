"""Expressions as graphs, from operations whose derivatives are written by hand (no autograd)."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlp.seeing.drawing import draw
from mlp.seeing.explaining import explanation_of_graph
from mlp.seeing.graphs import Edge, Graph, Node


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


class Computation(Graph):
    """The graph of an expression, which can be drawn and written out."""

    def draw(self, path: str | os.PathLike | None = None) -> Any:
        """Draw it, write it to path (.svg, .png or .pdf), and return the figure."""
        return draw(self, path)

    def explain(self, style: str = "text", *, blanks: bool = False, decimals: int = 4) -> str:
        """All of it written out step by step, see mlp.seeing.explaining."""
        return explanation_of_graph(self, style, blanks=blanks, decimals=decimals)


def computation(
    inputs: Mapping[str, float], operations: Sequence[Operation], *, backward: bool = True
) -> Computation:
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
    graph = Computation([*nodes.values()], edges, goal=[*nodes][-1], backward=backward)
    if backward:
        graph.nodes[-1].gradient = 1.0
        for node in reversed(graph.nodes[:-1]):
            parts = [edge.gradient for edge in graph.out_of(node)]
            known = [part for part in parts if part is not None]
            node.gradient = sum(known) if known else None
    return graph
