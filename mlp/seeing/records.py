"""What is recorded of one pass forward and backward: by layer, and at its two ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np

from mlp.layers import Layer
from mlp.layers.container import Container
from mlp.losses import Loss
from mlp.seeing.statistics import Statistics, statistics_of
from mlp.sequential import Sequential


@dataclass(eq=False)
class LayerRecord:
    """What one layer did: shapes as they were in the pass, the batch axis first.

    name            its place: "2", or "2.0.1" within containers, as in the names of parameters
    input, output   x and y of its forward
    upstream        dL/dy, and downstream dL/dx; None where the pass did not get there
    parameters      copies of what it computed with; gradients under the same names, or None
    """

    name: str
    layer: Layer
    input: np.ndarray
    output: np.ndarray
    upstream: np.ndarray | None
    downstream: np.ndarray | None
    parameters: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray | None]
    learning_rate: float | None = None

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.input.shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        return self.output.shape

    @property
    def new_parameters(self) -> dict[str, np.ndarray] | None:
        """The parameters after one step of gradient descent; None without a learning rate."""
        rate = self.learning_rate
        if rate is None:
            return None
        pairs = {name: (p, self.gradients[name]) for name, p in self.parameters.items()}
        return {name: p if dp is None else p - rate * dp for name, (p, dp) in pairs.items()}

    @cached_property
    def statistics(self) -> Statistics:
        return statistics_of(
            self.layer, self.output, self.upstream, self.gradients, self.learning_rate
        )


class Ending(NamedTuple):
    """What a pass ends in: a loss, its value, and the gradient dL/dy that goes back from it."""

    loss: Loss
    target: np.ndarray
    value: float
    gradient: np.ndarray


@dataclass(eq=False, repr=False)
class Passed:
    """The records of the layers in the order of forward, and what stands at the two ends."""

    recorded: Sequential
    """The network that the pass went through, each layer in its recorder."""
    records: list[LayerRecord]
    x: np.ndarray
    output: np.ndarray
    target: np.ndarray | None = None
    loss: Loss | None = None
    loss_value: float | None = None
    upstream: np.ndarray | None = None
    downstream: np.ndarray | None = None
    learning_rate: float | None = None

    @cached_property
    def net(self) -> Sequential:
        """A copy of the network: the original keeps its parameters, gradients and caches."""
        return without_recorders(self.recorded)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[LayerRecord]:
        return iter(self.records)

    def __getitem__(self, place: int | str) -> LayerRecord:
        """A record by its number in the order of forward, or by its name."""
        if isinstance(place, str):
            try:
                return next(record for record in self.records if record.name == place)
            except StopIteration:
                names = ", ".join(record.name for record in self.records)
                raise KeyError(f"no layer {place!r}; there are {names}") from None
        return self.records[place]

    @property
    def ending(self) -> Ending | None:
        """The loss and all that belongs to it, where the pass has one."""
        loss, target, value, gradient = self.loss, self.target, self.loss_value, self.upstream
        if loss is None or target is None or value is None or gradient is None:
            return None
        return Ending(loss, target, value, gradient)


class Recorder(Layer):
    """Stands in the place of a layer, passes everything on to a copy of it, and takes notes."""

    x: np.ndarray
    y: np.ndarray
    upstream: np.ndarray | None = None
    downstream: np.ndarray | None = None

    def __init__(self, layer: Layer, name: str, lost: set[str]) -> None:
        self.name = name
        self.lost = lost  # the names of layers whose backward gave None, known to all recorders
        self.layer = layer.astype(layer.dtype or np.float64)
        self.input_shape = layer.input_shape

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        self.y = self.layer.forward(x)
        return self.y

    def backward(self, upstream: np.ndarray) -> np.ndarray:
        if not (self.lost and np.isnan(upstream).all()):
            self.upstream = upstream
            self.downstream = self.layer.backward(upstream)
        if self.downstream is None:  # NaN says so to the layers before
            self.lost.add(self.name)
            return np.full(self.x.shape, np.nan, self.y.dtype)
        return self.downstream

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.layer.output_shape(input_shape)

    def parameters(self) -> dict[str, np.ndarray]:
        return self.layer.parameters()

    @property
    def dtype(self) -> np.dtype | None:
        return self.layer.dtype

    def clear_cache(self) -> None:
        self.layer.clear_cache()

    def record(self, learning_rate: float | None) -> LayerRecord:
        return LayerRecord(
            self.name,
            self.layer,
            self.x,
            self.y,
            self.upstream,
            self.downstream,
            self.layer.parameters(),
            self.layer.gradients(),
            learning_rate,
        )

    def short_name(self) -> str:
        return self.layer.short_name()


AnyContainer = TypeVar("AnyContainer", bound=Container)


def with_recorders(
    net: AnyContainer, place: str, recorders: list[Recorder], lost: set[str]
) -> AnyContainer:
    """The same containers, with a recorder for each layer that is none."""
    parts: list[Layer] = []
    for i, layer in enumerate(net.layers):
        name = f"{place}{i}"
        if isinstance(layer, Container):
            parts.append(with_recorders(layer, f"{name}.", recorders, lost))
        else:
            recorders.append(Recorder(layer, name, lost))
            parts.append(recorders[-1])
    return type(net)(*parts)


def without_recorders(net: AnyContainer) -> AnyContainer:
    return type(net)(*map(_recorded, net.layers))


def _recorded(part: Layer) -> Layer:
    if isinstance(part, Container):
        return without_recorders(part)
    return part.layer if isinstance(part, Recorder) else part
