"""A computation graph as the decks draw it: forward values above the edges, gradients below.

One model for all: networks neuron by neuron, networks layer by layer, and expressions written by
hand as a list of named operations. `layout` places it, `drawing` draws it, `explaining` writes it
out.
"""

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
