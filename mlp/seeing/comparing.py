"""Where two passes through a network part: the first layer, way and entry."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlp.seeing.drawing import draw
from mlp.seeing.graphs import Graph
from mlp.seeing.notation import short
from mlp.seeing.rounding import Bounds
from mlp.seeing.traces import Trace


@dataclass
class Difference:
    """The first entry that differs by more than rounding explains.

    layer       the name of its record; "" for the input, the loss and the gradient of the loss
    direction   "forward" or "backward"
    quantity    "x", "y", "W", "loss", "upstream", "dx", "dz", "dW", "db", ...
    index       of the entry; () for a number
    yours, reference   the two values; None where a gradient was not computed
    tolerance   what rounding can explain
    """

    layer: str
    direction: str
    quantity: str
    index: tuple[int, ...]
    yours: float | None
    reference: float | None
    tolerance: float

    def __str__(self) -> str:
        where = f"layer {self.layer}, {self.direction}, " if self.layer else f"{self.direction}, "
        at = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        if self.yours is None or self.reference is None:
            whose = "you have" if self.yours is None else "the reference has"
            return f"yours and the reference part at {where}{self.quantity}: {whose} none"
        return (
            f"yours and the reference part at {where}{self.quantity}{at}: "
            f"{self.yours:.6g} and {self.reference:.6g}"
            + (f" (rounding explains {self.tolerance:.1e})" if self.tolerance else "")
        )


@dataclass(repr=False)
class Comparison:
    """Two passes and the first difference between them, None if they agree."""

    yours: Trace
    reference: Trace
    first: Difference | None

    @property
    def same(self) -> bool:
        return self.first is None

    def __repr__(self) -> str:
        return "the passes agree" if self.first is None else str(self.first)

    def graph(self, detail: str = "auto", units: int = 8) -> Graph:
        """Your pass as a graph, the first wrong edge marked."""
        graph = self.yours.graph(detail, units)
        graph.title = repr(self)
        if self.first is not None:
            _mark(graph, self.first, self.yours, self.reference)
        return graph

    def draw(
        self, path: str | os.PathLike | None = None, *, detail: str = "auto", units: int = 8
    ) -> Any:
        """Draw your pass with the first wrong edge red and both values on it, and what has no
        gradient dashed; write it to path, and return the figure."""
        return draw(self.graph(detail, units), path)


def compare_traces(a: Trace, b: Trace) -> Comparison:
    """Find the first entry in which a (yours) differs from b (the reference).

    It goes the way of the computation: the input, then forward each layer's parameters and
    output, the loss, its gradient, and backward each layer's gradients of its parameters and of
    its input. Two right ways to compute a layer round differently, so up to a bound that is
    derived from the numbers of the reference (see mlp.seeing.rounding) entries count as equal.
    Raises TypeError for what is no trace, ValueError for passes through different networks.
    """
    for name, value in (("a", a), ("b", b)):
        if not isinstance(value, Trace):
            raise TypeError(f"compare_traces: expected {name} to be a trace, got {value!r}")
    names = [[record.name for record in trace] for trace in (a, b)]
    if names[0] != names[1]:
        raise ValueError(
            "compare_traces: expected passes through the same layers, got "
            + " and ".join(f"{len(n)} ({', '.join(n)})" for n in names)
        )
    first = next((found for found in _differences(a, b)), None)
    return Comparison(a, b, first)


def _differences(a: Trace, b: Trace) -> Iterator[Difference]:
    """What differs, in the order of the computation."""
    bounds = Bounds(b, max(_eps(a.output), _eps(b.output)))
    yield from _entries("", "forward", "x", a.x, b.x, 0.0)
    pairs = [*zip(a, b, strict=True)]
    for mine, right in pairs:
        name = right.name
        for key, value in right.parameters.items():
            yield from _entries(name, "forward", key, mine.parameters.get(key), value, 0.0)
        yield from _entries(name, "forward", "y", mine.output, right.output, bounds.outputs[name])
    yield from _entries("", "forward", "loss", a.loss_value, b.loss_value, bounds.loss)
    yield from _entries("", "backward", "upstream", a.upstream, b.upstream, bounds.upstream)
    for mine, right in reversed(pairs):
        name = right.name
        limits = bounds.gradients.get(name, {})
        for key, gradient in right.gradients.items():
            found, limit = mine.gradients.get(key), limits.get(key, 0.0)
            yield from _entries(name, "backward", f"d{key}", found, gradient, limit)
        inside, limit = "dx" if right.parameters else "dz", bounds.downstreams.get(name, 0.0)
        yield from _entries(name, "backward", inside, mine.downstream, right.downstream, limit)


def _eps(values: np.ndarray) -> float:
    return float(np.finfo(values.dtype).eps)


def _entries(
    layer: str,
    direction: str,
    quantity: str,
    yours: Any,
    reference: Any,
    tolerance: float | np.ndarray,
) -> Iterator[Difference]:
    """The first entry, in row-major order, that differs by more than the tolerance."""
    if yours is None and reference is None:
        return
    if yours is None or reference is None:
        mine, right = (None if v is None else np.ravel(v)[0].item() for v in (yours, reference))
        yield Difference(layer, direction, quantity, (), mine, right, 0.0)
        return
    yours, reference = np.asarray(yours), np.asarray(reference)
    if yours.shape != reference.shape:
        where = f"layer {layer}, {quantity}" if layer else quantity
        raise ValueError(
            f"compare_traces: {where}: expected the shape {reference.shape} of the reference, "
            f"got {yours.shape}"
        )
    with np.errstate(invalid="ignore"):  # inf - inf; equal infinities are equal
        apart = np.abs(yours - reference) > np.nan_to_num(tolerance, nan=0.0, posinf=np.inf)
    apart |= np.isnan(yours) != np.isnan(reference)
    apart |= np.isinf(yours) & (yours != reference)
    if apart.any():
        index = tuple(int(i) for i in np.unravel_index(np.argmax(apart), apart.shape))
        limit = float(np.broadcast_to(tolerance, apart.shape)[index])
        values = float(yours[index]), float(reference[index])
        yield Difference(layer, direction, quantity, index, *values, limit)


def _mark(graph: Graph, first: Difference, yours: Trace, reference: Trace) -> None:
    """Put both values where the passes part, if that is in the picture."""
    kind = {"dx": "x", "dz": "x", "upstream": "y", "dW": "W", "db": "b"}
    places = graph.places.get((first.layer, kind.get(first.quantity, first.quantity)), {})
    if () in places:  # a layer as a whole
        at = f"[{', '.join(map(str, first.index))}]" if first.index else ""
        for place in places[()]:
            place.wrong = (
                first.direction,
                f"{first.quantity}{at}: {_both(first.yours, first.reference)}",
            )
        return
    found, right = (_array(trace, first) for trace in (yours, reference))
    for index, place in places.items():
        values = [None if a is None else _at(a, index, first.quantity) for a in (found, right)]
        if not first.index or index == _in_sample(first, right):
            place.wrong = (first.direction, _both(*values))


def _both(yours: float | None, reference: float | None) -> str:
    return " ≠ ".join("none" if v is None else short(v) for v in (yours, reference))


def _array(trace: Trace, first: Difference) -> Any:
    """The whole of what a difference is an entry of."""
    if not first.layer:
        ends = {"x": trace.x, "loss": trace.loss_value, "upstream": trace.upstream}
        return ends[first.quantity]
    record = trace[first.layer]
    if first.quantity in record.parameters:
        return record.parameters[first.quantity]
    if first.quantity == "y":
        return record.output
    if first.quantity in ("dx", "dz"):
        return record.downstream
    return record.gradients[first.quantity[1:]]


def _in_sample(first: Difference, array: Any) -> tuple[int, ...]:
    """The index in the picture, where the values of a sample are numbered one after another."""
    if first.quantity in ("x", "y", "dx", "dz", "upstream"):
        return (int(np.ravel_multi_index(first.index, np.shape(array))),)
    return first.index


def _at(array: Any, index: tuple[int, ...], quantity: str) -> float:
    array = np.asarray(array)
    one_by_one = quantity in ("x", "y", "dx", "dz", "upstream", "loss")
    return float(array.flat[index[0]] if one_by_one else array[index])
