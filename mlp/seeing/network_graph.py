"""A trace as a graph: neuron by neuron for small networks and one sample.

Units are named as one does by hand: inputs x1, x2; hidden units h1 (h2.1 in the second of several
layers) with their sums net_h1; outputs o1 with their sums net1; weights w1, w2, ... in the order
of the units that they lead into, and biases b1, b2, ... likewise; targets t1.
"""

from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from mlp.layers import (
    Concat,
    Elementwise,
    Flatten,
    Layer,
    MaxPool,
    Multiply,
    ReLU,
    Scale,
    Sigmoid,
    Softmax,
)
from mlp.layers.container import Container
from mlp.seeing.graphs import Edge, Graph, Node, Weight
from mlp.seeing.layer_graph import graph_of_layers
from mlp.seeing.loss_nodes import add_loss
from mlp.sequential import Sequential

if TYPE_CHECKING:
    from mlp.seeing.records import LayerRecord, Passed

DETAILS = ("auto", "neurons", "layers")
WIDEST, DEEPEST = 16, 20
"""Where "auto" still draws neurons: units in a layer, and layers."""
SYMBOLS = {ReLU: "ReLU", Sigmoid: "σ", Softmax: "soft\nmax", Multiply: "×", MaxPool: "max"}


def graph_of(trace: "Passed", detail: str = "auto", units: int = 8) -> Graph:
    """The graph of a trace, see Passed.draw."""
    if detail not in DETAILS:
        raise ValueError(f"draw: expected detail to be one of {', '.join(DETAILS)}, got {detail!r}")
    if units < 3:
        raise ValueError(f"draw: expected units from 3 up, got {units!r}")
    if detail == "auto":
        detail = "neurons" if is_small(trace) else "layers"
    if detail == "layers":
        return graph_of_layers(trace)
    if len(trace.x) != 1:
        raise ValueError(
            f"draw: neurons show one sample, got {len(trace.x)}; trace one of them, x[:1] and "
            'target[:1], or take detail="layers"'
        )
    return _Neurons(trace, units).graph


def is_small(trace: "Passed") -> bool:
    """Whether its neurons can be drawn and written out one by one."""
    widths = [trace.x[:1].size, *(record.output[:1].size for record in trace)]
    return len(trace.x) == 1 and max(widths) <= WIDEST and len(trace) <= DEEPEST


class _Neurons:
    """Builds the graph layer by layer; `wires` are the nodes that carry the current values."""

    def __init__(self, trace: "Passed", units: int) -> None:
        self.units = units
        self.records = {record.name: record for record in trace}
        self.weights, self.biases = count(1), count(1)
        self.graph = Graph(
            [], [], backward=trace.upstream is not None, learning_rate=trace.learning_rate
        )
        self.units_of = _unit_names(trace)
        wires = self._inputs(trace)
        self._note("", "x", wires)
        wires = self._through(trace.net, "", wires)
        self._note("", "y", wires)
        if trace.ending is not None:
            add_loss(self.graph, trace.ending, trace.output, wires, self._term)

    def _inputs(self, trace: "Passed") -> list[Node | None]:
        values = trace.x.ravel()
        names = [f"x{i + 1}" for i in range(values.size)]
        return self._column(names, values, trace.downstream, [""] * len(names), names)

    def _through(self, net: Container, place: str, wires: list[Node | None]) -> list[Node | None]:
        """The wires behind a container."""
        if isinstance(net, Concat):
            parts = enumerate(net.layers)
            return [wire for k, part in parts for wire in self._layer(part, f"{place}{k}", wires)]
        for i, layer in enumerate(net.layers):
            wires = self._layer(layer, f"{place}{i}", wires)
        return wires

    def _layer(self, layer: Layer, name: str, wires: list[Node | None]) -> list[Node | None]:
        if isinstance(layer, Container):
            return self._through(layer, f"{name}.", wires)
        record = self.records[name]
        if isinstance(layer, Flatten):
            return wires
        out = (self._affine if is_affine(record) else self._activation)(record, wires)
        self._note(name, "x", wires)
        self._note(name, "y", out)
        return out

    def _note(self, layer: str, kind: str, wires: list[Node | None]) -> None:
        """Where the entries of this quantity are."""
        self.graph.places[layer, kind] = {
            (i,): wire for i, wire in enumerate(wires) if wire is not None
        }

    def _affine(self, record: "LayerRecord", wires: list[Node | None]) -> list[Node | None]:
        W, dW = record.parameters["W"], record.gradients["W"]
        new = record.new_parameters
        names = self.units_of[record.name]
        numbers = np.array([[next(self.weights) for _ in W] for _ in names]).T
        bias = record.parameters.get("b")
        offsets = [next(self.biases) for _ in names] if bias is not None else []
        formulas = []
        for j in range(len(names)):
            terms = [f"w{numbers[i, j]} * {self._term(wires, i)}" for i in self._shown(len(W))]
            terms = _with_gap(terms, len(W))
            formulas.append(" + ".join(terms + [f"b{k}" for k in offsets[j : j + 1]]))
        out = self._column(
            names, record.output.ravel(), record.upstream, formulas, ["+"] * len(names)
        )
        for j, node in enumerate(out):
            if node is None:
                continue
            for i, wire in enumerate(wires):
                if wire is not None:
                    weight = Weight(
                        f"w{numbers[i, j]}",
                        float(W[i, j]),
                        _entry(dW, i, j),
                        None if new is None else float(new["W"][i, j]),
                    )
                    edge = Edge(wire, node, float(W[i, j]), weight.name, weight)
                    self.graph.edges.append(edge)
                    self.graph.places.setdefault((record.name, "W"), {})[i, j] = edge
            if bias is not None:
                one = Node("1", "1", 1.0, constant=True)
                weight = Weight(
                    f"b{offsets[j]}",
                    float(bias[j]),
                    _entry(record.gradients["b"], j),
                    None if new is None else float(new["b"][j]),
                )
                self.graph.nodes.insert(self.graph.nodes.index(node), one)
                edge = Edge(one, node, float(bias[j]), weight.name, weight)
                self.graph.edges.append(edge)
                self.graph.places.setdefault((record.name, "b"), {})[j,] = edge
        return out

    def _activation(self, record: "LayerRecord", wires: list[Node | None]) -> list[Node | None]:
        names = self.units_of[record.name]
        J = local_derivatives(record)
        sources = wiring(record, J)
        inside = [self._term(wires, i) for i in range(len(wires))]
        formulas = [_formula(record, inside, j, sources[j]) for j in range(len(names))]
        symbol = SYMBOLS.get(type(record.layer), _called(record.layer)[:7])
        out = self._column(
            names, record.output.ravel(), record.upstream, formulas, [symbol] * len(names)
        )
        for j, node in enumerate(out):
            if node is None:
                continue
            for i in sources[j]:
                if (wire := wires[i]) is not None:
                    slope = _slope(record, inside, names, i, j)
                    local = (
                        None if record.downstream is None and np.isnan(J[j, i]) else float(J[j, i])
                    )
                    self.graph.edges.append(Edge(wire, node, local, slope))
        return out

    def _column(
        self,
        names: list[str],
        values: np.ndarray,
        gradient: np.ndarray | None,
        formulas: list[str],
        symbols: list[str],
    ) -> list[Node | None]:
        """A node for each unit that is shown, None for those left out, and an ellipsis for them."""
        shown = self._shown(len(names))
        nodes: list[Node | None] = [None] * len(names)
        for i in shown:
            slope = None if gradient is None else float(gradient.ravel()[i])
            node = Node(names[i], symbols[i], float(values[i]), slope, formulas[i])
            nodes[i] = node
            if i == shown[-1] and len(shown) < len(names):
                left = len(names) - len(shown)
                self.graph.nodes.append(
                    Node(f"{names[0]}...", "⋮", left_out=left, beside=nodes[shown[-2]])
                )
            self.graph.nodes.append(node)
        return nodes

    def _shown(self, size: int) -> list[int]:
        """All units, or the first ones and the last one: with the ellipsis as many as allowed."""
        if size <= self.units:
            return [*range(size)]
        return [*range(self.units - 2), size - 1]

    def _term(self, wires: list[Node | None], i: int) -> str:
        wire = wires[i]
        return "..." if wire is None else wire.name


def is_affine(record: "LayerRecord") -> bool:
    """Whether it is x W + b, also where somebody else wrote it."""
    W = record.parameters.get("W")
    sizes = (record.input[:1].size, record.output[:1].size)
    return W is not None and W.shape == sizes and {*record.parameters} <= {"W", "b"}


def local_derivatives(record: "LayerRecord") -> np.ndarray:
    """dy/dx (outputs, inputs) of one sample, by the backward of the layer itself."""
    twin = record.layer.astype(record.layer.dtype or np.float64)
    y = twin.forward(record.input)
    J = np.full((y.size, record.input.size), np.nan)
    for j, row in enumerate(J):
        unit = np.zeros(y.shape, y.dtype)
        unit.flat[j] = 1
        if (dx := twin.backward(unit)) is not None:
            row[:] = np.ravel(dx)
    return J


def wiring(record: "LayerRecord", J: np.ndarray) -> list[list[int]]:
    """Which inputs each output is made of."""
    layer, (outputs, inputs) = record.layer, J.shape
    if isinstance(layer, Multiply):
        return [
            [*dict.fromkeys(map(int, pair))] for pair in zip(*layer._wiring(inputs), strict=True)
        ]
    if isinstance(layer, MaxPool):
        positions = np.arange(inputs, dtype=float).reshape(record.input.shape)
        _, pooled, _ = layer._shapes(record.input.shape)
        rows = positions.reshape(-1, int(np.prod(pooled)))
        subsets = layer._subsets(pooled)
        return [[*dict.fromkeys(map(int, row[s]))] for row in rows for s in subsets]
    off = np.nan_to_num(J)
    np.fill_diagonal(off, 0)
    by_entry = isinstance(layer, ReLU | Sigmoid | Elementwise | Scale)
    if by_entry or (outputs == inputs and not isinstance(layer, Softmax) and not off.any()):
        return [[i] for i in range(outputs)]
    return [[*range(inputs)] for _ in range(outputs)]


def _formula(record: "LayerRecord", inside: list[str], j: int, sources: list[int]) -> str:
    layer, z = record.layer, [inside[i] for i in sources]
    if isinstance(layer, Sigmoid):
        return f"1 / (1 + exp(-{z[0]}))"
    if isinstance(layer, ReLU):
        a = _of_unit(layer.negative_slope, j)
        return f"max({z[0]}, 0)" + (f" + {a:g} * min({z[0]}, 0)" if a else "")
    if isinstance(layer, Scale):
        shift, factor = _of_unit(layer.shift, j), _of_unit(layer.factor, j)
        return f"({z[0]} - {shift:g}) * {factor:g}"
    if isinstance(layer, Softmax):
        return f"exp({inside[j]}) / ({' + '.join(f'exp({name})' for name in z)})"
    if isinstance(layer, Multiply):
        return " * ".join(z if len(z) == 2 else z * 2)
    if isinstance(layer, MaxPool):
        return f"max({', '.join(z)})"
    return f"{_called(layer)}({', '.join(z)})"


def _slope(record: "LayerRecord", inside: list[str], names: list[str], i: int, j: int) -> str:
    layer, y, z = record.layer, names[j], inside[i]
    if isinstance(layer, Sigmoid):
        return f"{y} * (1 - {y})"
    if isinstance(layer, ReLU):
        a = _of_unit(layer.negative_slope, j)
        return f"I[{z} > 0]" + (f" + {a:g} * I[{z} <= 0]" if a else "")
    if isinstance(layer, Scale):
        return f"{_of_unit(layer.factor, j):g}"
    if isinstance(layer, Softmax):
        return f"{y} * (1 - {y})" if i == j else f"-{y} * {names[i]}"
    if isinstance(layer, Multiply):
        first, second = (int(w[j]) for w in layer._wiring(len(inside)))
        return inside[second if first == i else first] if first != second else f"2 * {z}"
    if isinstance(layer, MaxPool):
        return f"I[{z} is the largest]"
    if isinstance(layer, Elementwise):
        return f"{_called(layer)}'({z})"
    return f"d{y}/d{z}"


def _called(layer: Layer) -> str:
    if isinstance(layer, Elementwise):
        name = getattr(layer.function, "__name__", "f")
        return name if name.isidentifier() else "f"
    return type(layer).__name__


def _of_unit(value: float | np.ndarray, j: int) -> float:
    flat = np.ravel(value)
    return float(flat[j % flat.size])


def _entry(gradient: np.ndarray | None, *index: int) -> float | None:
    return None if gradient is None else float(gradient[index])


def _with_gap(terms: list[str], size: int) -> list[str]:
    """The terms, with dots where some are left out."""
    return terms if len(terms) == size else [*terms[:-1], "...", terms[-1]]


def _unit_names(trace: "Passed") -> dict[str, list[str]]:
    """The names of the units of each layer, by the name of its record."""
    records = trace.records
    stages: list[list] = []
    for record in records:
        if isinstance(record.layer, Flatten):
            continue
        joins = stages and len(stages[-1]) == 1 and is_affine(stages[-1][0])
        same = joins and _follows(trace.net, stages[-1][0], record)
        if same and not is_affine(record):
            stages[-1].append(record)
        else:
            stages.append([record])
    last = stages[-1][-1].name if stages and _is_end(trace.net, stages[-1][-1].name) else None
    hidden = len(stages) - (last is not None)
    names = {}
    for number, stage in enumerate(stages, 1):
        out = stage[-1].name == last
        size = stage[-1].output[:1].size
        ends = [f"{j + 1}" for j in range(size)]
        units = [f"o{j}" if out else f"h{j}" if hidden == 1 else f"h{number}.{j}" for j in ends]
        sums = [f"net{j}" if out else f"net_{u}" for j, u in zip(ends, units, strict=True)]
        names[stage[-1].name] = units
        if len(stage) == 2:
            names[stage[0].name] = sums
    return names


def _follows(net: Sequential, first: "LayerRecord", second: "LayerRecord") -> bool:
    """Whether the second takes just what the first gives, unit by unit."""
    return second.input is first.output and second.input.shape == second.output.shape


def _is_end(net: Sequential, name: str) -> bool:
    """Whether this layer gives the outputs of the whole network."""
    end = ""
    while isinstance(net, Sequential):
        end += f"{len(net) - 1}"
        net = net[-1]
        end += "." if isinstance(net, Container) else ""
    return end == name
