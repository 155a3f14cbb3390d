"""Networks as lectures draw them: a circle for a unit, a line for a weight."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlp.seeing import plots
from mlp.seeing.graphs import Graph, Node

POSITIVE, NEGATIVE = "#2166ac", "#b2182b"
"""The dark ends of the colour map of signed numbers: blue positive, red negative."""
MARKED, KNOWN = plots.ORANGE, plots.COLOURS[2]
Unit = tuple[int, int]
"""Column and row."""


def network(
    axes: Any,
    columns: Sequence[Sequence[str]],
    weights: Sequence[np.ndarray] = (),
    titles: Sequence[str] = (),
    marked: Collection[tuple[Unit, Unit]] = (),
    known: Collection[tuple[Unit, Unit]] = (),
    filled: Collection[Unit] = (),
    size: float = 26,
) -> None:
    """Columns of units, by their labels, and all lines between neighbours.

    weights  for each gap an array (to, from): its numbers stand on the lines
    titles   above the columns
    size     of the units, in points
    marked   lines in orange;  known: lines in green;  filled: units in pale green
    """
    high = max(map(len, columns))
    places = [_heights(len(column), high) for column in columns]
    for left in range(len(columns) - 1):
        for i, start in enumerate(places[left]):
            for j, end in enumerate(places[left + 1]):
                line = ((left, i), (left + 1, j))
                colour, wide = plots.PALE, 1.0
                if line in known:
                    colour, wide = KNOWN, 2.2
                if line in marked:
                    colour, wide = MARKED, 3.0
                if len(weights):
                    colour = signed(weights[left][j, i])
                axes.plot([left, left + 1], [start, end], color=colour, linewidth=wide, zorder=1)
                if len(weights):
                    number = f"{weights[left][j, i]:g}"
                    _on_line(axes, (left, start), (left + 1, end), number, colour)
    for x, (labels, heights) in enumerate(zip(columns, places, strict=True)):
        for row, (label, y) in enumerate(zip(labels, heights, strict=True)):
            inside = "#bfe6d9" if (x, row) in filled else "white"
            axes.plot(x, y, "o", markersize=size, color=inside, markeredgecolor=plots.INK, zorder=3)
            axes.text(x, y, label, ha="center", va="center", fontsize=size * 0.42, zorder=4)
    for x, title in enumerate(titles):
        axes.text(x, high / 2 + 0.15, title, ha="center", va="bottom", fontsize=11)
    axes.set(xlim=(-0.4, len(columns) - 0.6), ylim=(-high / 2 - 0.1, high / 2 + 0.5))
    axes.axis("off")


def signed(value: float) -> str:
    """The colour of a number: blue positive, red negative, grey zero."""
    return POSITIVE if value > 0 else NEGATIVE if value < 0 else plots.PALE


def renamed(graph: Graph, goal: str, names: Mapping[str, str]) -> Graph:
    """The graph with other names for its goal, its nodes and its weights."""
    graph.goal = goal
    for node in graph.nodes:
        name = names.get(node.name, node.name)
        if node.symbol == node.name:  # what is given bears its name in the circle
            node.symbol = name
        node.name = name
    for edge in graph.edges:
        if edge.weight is not None:
            edge.weight.name = names.get(edge.weight.name, edge.weight.name)
            edge.local_formula = edge.weight.name
    return graph


def cut(graph: Graph, *names: str) -> tuple[Graph, Graph]:
    """A long graph as two: up to these nodes, and from them on, where they stand as if given."""
    there = [graph[name] for name in names]
    at = max(graph.nodes.index(node) for node in there) + 1
    again = {node: Node(node.name, node.name, node.value, node.gradient) for node in there}
    before = [edge for edge in graph.edges if edge.target in graph.nodes[:at]]
    behind = [
        replace(edge, source=again.get(edge.source, edge.source))
        for edge in graph.edges
        if edge.target in graph.nodes[at:]
    ]
    return (
        replace(graph, nodes=graph.nodes[:at], edges=before),
        replace(graph, nodes=[*again.values(), *graph.nodes[at:]], edges=behind),
    )


def between(columns: Sequence[Sequence[str]], first: int, last: int) -> set[tuple[Unit, Unit]]:
    """All lines from column `first` to column `last`."""
    return {
        ((left, i), (left + 1, j))
        for left in range(first, last)
        for i in range(len(columns[left]))
        for j in range(len(columns[left + 1]))
    }


def _heights(count: int, high: int) -> np.ndarray:
    """The first unit on top; all columns take about the same height."""
    step = high / count
    return step * (np.arange(count)[::-1] - (count - 1) / 2)


def _on_line(axes: Any, start: Any, end: Any, text: str, colour: str) -> None:
    x, y = 0.7 * np.array(start) + 0.3 * np.array(end)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    axes.text(x, y, text, color=colour, fontsize=10, ha="center", va="center", bbox=box, zorder=2)
