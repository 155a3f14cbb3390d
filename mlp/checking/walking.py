"""Through a network layer by layer, from its output to its input."""

from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np

from mlp.checking.kinks import Kink
from mlp.layers import Concat, Layer
from mlp.layers.container import Container
from mlp.sequential import Sequential


class Flow(NamedTuple):
    """dL/dy on its way down through the layers."""

    value: np.ndarray
    tolerance: np.ndarray | float = 0.0
    floor: float = 0.0
    terms: np.ndarray | float = 0.0
    """Of the same shape: the size of what was added up to the value."""
    method: str = "complex step"
    kinks: tuple[Kink, ...] = ()

    def cut(self, cuts: np.ndarray) -> list[Self]:
        tolerance = np.broadcast_to(self.tolerance, self.value.shape)
        values = np.split(self.value, cuts, axis=-1), np.split(tolerance, cuts, axis=-1)
        return [
            self._replace(value=v, tolerance=t, terms=0.0) for v, t in zip(*values, strict=True)
        ]

    def plus(self, other: "Flow") -> "Flow":
        return Flow(
            self.value + other.value,
            self.tolerance + other.tolerance,
            self.floor + other.floor,
            self.terms + other.terms,
            min(self.method, other.method),  # "central differences" before "complex step"
            self.kinks + tuple(k for k in other.kinks if k not in self.kinks),
        )


Through = Callable[[Layer, np.ndarray, Flow, str], Flow]


def walk(layer: Layer, x: np.ndarray, flow: Flow, through: Through, place: str = "") -> Flow:
    """Take flow from the output of layer to its input, one `through` per layer that is no joint."""
    if type(layer) is Sequential:
        inputs = [x]
        for part in layer.layers:
            inputs.append(part.forward(inputs[-1]))
        for i in reversed(range(len(layer))):
            flow = walk(layer[i], inputs[i], flow, through, f"{place}{i}.")
        return flow
    if type(layer) is Concat:
        widths = [branch.forward(x).shape[-1] for branch in layer.layers]
        parts = zip(layer.layers, flow.cut(np.cumsum(widths)[:-1]), strict=True)
        flows = [walk(b, x, part, through, f"{place}{i}.") for i, (b, part) in enumerate(parts)]
        total = flows[0]
        for other in flows[1:]:
            total = total.plus(other)
        return total
    return through(layer, x, flow, place)


def all_layers(layer: Layer) -> list[Layer]:
    """The layer and all layers in it."""
    parts = layer.layers if isinstance(layer, Container) else ()
    return [layer, *(found for part in parts for found in all_layers(part))]


def one_line(layer: Layer) -> str:
    """One line for a layer."""
    if isinstance(layer, Container):
        return f"{type(layer).__name__}({', '.join(map(one_line, layer.layers))})"
    return repr(layer)
