"""A layer as plain functions: what an oracle needs, and all it may use."""

from collections.abc import Callable, Mapping

import numpy as np

from mlp.checking.oracles import STEP, Function
from mlp.layers import Layer
from mlp.layers.container import Container
from mlp.sequential import Sequential


class Forwards:
    """A layer or network as a function of one array, its input or a parameter; the rest stays.

    The functions take real arrays (and run `layer`) and complex ones (and run a converted copy),
    and leave the parameters as they were. `after` is applied to the output, a loss for example;
    `twin` may be a complex copy of the layer that is at hand.
    """

    def __init__(
        self,
        layer: Layer,
        x: np.ndarray,
        after: Callable[[np.ndarray], np.ndarray] | None = None,
        twin: Layer | None = None,
    ) -> None:
        self.twins = {"f": layer, "c": layer.astype(complex) if twin is None else twin}
        self.x = x
        self.inputs: dict[str, list[np.ndarray]] = {}
        self.after = after or (lambda y: y)

    def of(self, name: str) -> Function:
        """The output as a function of the input ("x") or of a parameter, by its name."""
        return lambda value: self.at({name: value})

    def at(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """The output where these arrays are replaced."""
        kind = "c" if any(map(np.iscomplexobj, values.values())) else "f"
        twin = self.twins[kind]
        places = {name: name.split(".") for name in values if name != "x"}
        start = 0 if "x" in values else min(_first_part(twin, path) for path in places.values())
        inputs = [] if "x" in values else self._inputs(kind)
        homes = {name: vars(_owner(twin, path)) for name, path in places.items()}
        saved = {name: homes[name][path[-1]] for name, path in places.items()}
        try:
            for name, path in places.items():  # as astype does: assigning would copy the value
                homes[name][path[-1]] = values[name]
            y = values["x"] if "x" in values else inputs[start]
            for part in _parts(twin)[start:]:
                y = part.forward(y)
        finally:
            for name, path in places.items():
                homes[name][path[-1]] = saved[name]
        return self.after(y)

    def tilted(self, directions: Mapping[str, np.ndarray]) -> np.ndarray:
        """The output, before `after`, where i STEP v is added to several arrays at once."""
        twin, inputs = self.twins["c"], self._inputs("c")
        points = {"x": inputs[0]} | twin.parameters()
        for name, v in directions.items():  # in place: large new arrays cost more than sums
            np.multiply(v, STEP, out=points[name].imag)
        y = np.array(twin.forward(inputs[0]))
        for name in directions:
            points[name].imag = 0
        return y

    def _inputs(self, kind: str) -> list[np.ndarray]:
        """The input of every part: a change of a late one leaves the early ones as they are."""
        if kind not in self.inputs:
            inputs = [self.x.astype(complex) if kind == "c" else self.x]
            for part in _parts(self.twins[kind])[:-1]:
                inputs.append(part.forward(inputs[-1]))
            self.inputs[kind] = inputs
        return self.inputs[kind]


def _first_part(layer: Layer, path: list[str]) -> int:
    return int(path[0]) if type(layer) is Sequential else 0


def _owner(layer: Layer, path: list[str]) -> Layer:
    for i in path[:-1]:
        if not isinstance(layer, Container):
            raise TypeError(f"expected a layer made of layers at {path}, got {layer!r}")
        layer = layer.layers[int(i)]
    return layer


def _parts(layer: Layer) -> tuple[Layer, ...]:
    return layer.layers if type(layer) is Sequential else (layer,)
