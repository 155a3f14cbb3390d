"""A layer as plain functions: what an oracle needs, and all it may use."""

from collections.abc import Callable

import numpy as np

from mlp.layers import Layer
from mlp.oracles import Function
from mlp.sequential import Sequential


class Forwards:
    """A layer or network as a function of one array, its input or a parameter; the rest stays.

    The functions take real arrays (and run `layer`) and complex ones (and run a converted copy),
    and leave the parameters as they were. `after` is applied to the output, a loss for example.
    """

    def __init__(
        self, layer: Layer, x: np.ndarray, after: Callable[[np.ndarray], np.ndarray] | None = None
    ) -> None:
        self.twins = {"f": layer, "c": layer.astype(complex)}
        self.inputs = {"f": _inputs(layer, x), "c": _inputs(self.twins["c"], x.astype(complex))}
        self.after = after or (lambda y: y)

    def of(self, name: str) -> Function:
        """The output as a function of the input ("x") or of a parameter, by its name."""
        if name == "x":
            return lambda x: self.after(self.twins[_kind(x)].forward(x))
        start = int(name.split(".")[0]) if type(self.twins["f"]) is Sequential else 0
        parameters = {kind: twin.parameters()[name] for kind, twin in self.twins.items()}

        def f(value: np.ndarray) -> np.ndarray:
            kind = _kind(value)
            parameter = parameters[kind]
            saved = parameter.copy()
            parameter[...] = value
            y = self.inputs[kind][start]
            for part in _parts(self.twins[kind])[start:]:
                y = part.forward(y)
            parameter[...] = saved
            return self.after(y)

        return f


def _kind(value: np.ndarray) -> str:
    return "c" if np.iscomplexobj(value) else "f"


def _parts(layer: Layer) -> tuple[Layer, ...]:
    return layer.layers if type(layer) is Sequential else (layer,)


def _inputs(layer: Layer, x: np.ndarray) -> list[np.ndarray]:
    """The input of every part: a change of a late parameter leaves the early parts as they are."""
    inputs = [x]
    for part in _parts(layer)[:-1]:
        inputs.append(part.forward(inputs[-1]))
    return inputs
