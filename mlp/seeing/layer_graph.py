"""A trace as a graph of whole layers: boxes with heat maps of values and gradients."""

from collections.abc import Callable
from math import isqrt, prod
from typing import TYPE_CHECKING

import numpy as np

from mlp.layers import Concat, Layer
from mlp.layers.container import Container
from mlp.seeing.graphs import Edge, Graph, Node, Panel
from mlp.seeing.notation import short
from mlp.seeing.statistics import norm

if TYPE_CHECKING:
    from mlp.seeing.records import Ending, Passed

ROWS = 32
"""A heat map shows the first samples of a batch, no more than these."""


def graph_of_layers(trace: "Passed") -> Graph:
    """One box for the input, for each layer and for the loss."""
    graph = Graph([], [], backward=trace.upstream is not None)
    records = {record.name: record for record in trace}
    boxes: dict[str, Node] = {}
    start = Node(f"input {_size(trace.x.shape)}", "x")
    start.panels = [Panel("x", _seen(trace.x), _if_known(_seen, trace.downstream))]
    graph.nodes.append(start)

    def through(layer: Layer, name: str, before: list[Node]) -> list[Node]:
        """Add the boxes of this layer; those that its output comes from."""
        if isinstance(layer, Container):
            parts = [
                (part, f"{name}.{i}" if name else f"{i}") for i, part in enumerate(layer.layers)
            ]
            if isinstance(layer, Concat):
                return [node for part in parts for node in through(*part, before)]
            for part in parts:
                before = through(*part, before)
            return before
        record = records[name]
        node = Node(f"{name}  {layer!r}", name)
        node.panels = [Panel("y", _seen(record.output), _if_known(_seen, record.upstream))]
        for key, value in record.parameters.items():
            node.panels.append(
                Panel(
                    f"{key} {_size(value.shape)}",
                    _matrix(value),
                    _if_known(_matrix, record.gradients[key]),
                )
            )
        graph.nodes.append(node)
        boxes[name] = node
        for source in before:
            given = records.get(source.symbol)
            if given is None or given.output.shape == record.input.shape:
                text = _carried(record.input, record.downstream)
            else:  # it is one of several that are joined
                text = _carried(given.output, given.upstream)
            graph.edges.append(Edge(source, node, text=text))
        return [node]

    ends = through(trace.net, "", [start])
    graph.places["", "x"] = {(): [start]}
    if trace.ending is not None:
        goal = Node("L", "L", trace.ending.value, 1.0)
        goal.formula = f"{trace.ending.loss!r}"
        graph.nodes.append(goal)
        text = _carried(trace.output, trace.upstream)
        edges = [Edge(end, goal, text=text) for end in ends]
        graph.edges += edges
        graph.places["", "loss"] = {(): [goal]}
        graph.places["", "y"] = {(): edges}
    for record in trace:
        node = boxes[record.name]
        graph.places[record.name, "x"] = {(): graph.into(node)}
        graph.places[record.name, "y"] = {(): graph.out_of(node) or [node]}
        if trace.ending is not None and record.output is trace.output:
            node.panels[0].right = _right_classes(trace.ending, trace.output)
        for key in record.parameters:
            graph.places[record.name, key] = {(): [node]}
    return graph


def _right_classes(ending: "Ending", y: np.ndarray) -> list[tuple[int, int]]:
    """(row, column) of the right class of each sample that is shown; none for other targets."""
    loss, target = ending.loss, ending.target
    if loss.accuracy(y, target) is None or y.shape[1] == 1:
        return []
    rows = loss._target_rows(target, y)[:ROWS]
    if len(rows) == 1 and _seen(y).shape != y.shape:
        return [divmod(int(rows[0].argmax()), _seen(y).shape[1])]
    return [(i, int(row.argmax())) for i, row in enumerate(rows)]


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _carried(values: np.ndarray, gradient: np.ndarray | None) -> tuple[str, str]:
    """What stands on an edge between layers: the shape, and the size of the gradient."""
    return _size(values.shape), "" if gradient is None else f"norm {short(norm(gradient))}"


def _if_known(
    shown: Callable[[np.ndarray], np.ndarray], values: np.ndarray | None
) -> np.ndarray | None:
    return None if values is None else shown(values)


def _seen(batch: np.ndarray) -> np.ndarray:
    """A batch as rows of samples; a single sample as an image, or folded into one if it is long."""
    batch = np.asarray(batch, float)
    if len(batch) > 1:
        return batch[:ROWS].reshape(min(len(batch), ROWS), -1)
    sample = batch[0]
    if sample.ndim == 2:
        return sample
    flat = sample.ravel()
    side = isqrt(max(flat.size - 1, 0)) + 1
    if flat.size <= 16:
        return flat[None]
    rows = -(-flat.size // side)
    return np.pad(flat, (0, rows * side - flat.size), constant_values=np.nan).reshape(rows, side)


def _matrix(parameter: np.ndarray) -> np.ndarray:
    return np.atleast_2d(parameter.reshape(prod(parameter.shape[:-1]), -1))
