"""What a student's layer is compared with: our own layers, or its own forward pass.

A reference gives the right output, and the right gradients of <upstream, output>, in the shapes
and conventions of the student.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from mlp import losses
from mlp.checking.oracles import one_sided
from mlp.checking.slopes import Gradient, by_differences
from mlp.checking.students.adapters import Subject
from mlp.checking.students.trials import Arrays, forward
from mlp.layers import Affine, Layer, MaxPool, Multiply, ReLU, Sigmoid, Softmax

PLAIN = {"ReLU": ReLU, "Sigmoid": Sigmoid, "Softmax": Softmax}


class Reference:
    """Base of the references; `label` says what it is in a report."""

    oracle = "reference layer"
    label = ""
    tolerance = 1e-9
    layer: Layer | None = None
    """The one of ours that it is, where it is one without parameters."""
    kind: str | None = None
    """The name of the loss that it is."""

    def forward(self, arrays: Arrays) -> np.ndarray:
        """The right output."""
        raise NotImplementedError

    def gradients(self, arrays: Arrays, upstream: np.ndarray) -> Arrays:
        """The right gradients by name."""
        raise NotImplementedError

    def excuses(
        self, name: str, arrays: Arrays, upstream: np.ndarray, gradient: np.ndarray, at: int
    ) -> bool:
        """Whether a gradient that differs at one entry may be right all the same."""
        return False

    def also_right(self, name: str, arrays: Arrays, upstream: np.ndarray) -> list[np.ndarray]:
        """Other gradients that are as right, if there are any."""
        return []


class LayerReference(Reference):
    """One of our layers without parameters, on one input."""

    layer: Layer

    def __init__(self, layer: Layer) -> None:
        self.layer, self.label = layer, repr(layer)

    def forward(self, arrays: Arrays) -> np.ndarray:
        return self.layer.forward(arrays["x"])

    def gradients(self, arrays: Arrays, upstream: np.ndarray) -> Arrays:
        self.layer.forward(arrays["x"])
        return {"x": self.layer.backward(upstream)}


class PoolReference(LayerReference):
    """MaxPool with windows of one size, `window` cells along each axis, `stride` apart."""

    def __init__(self, layer: MaxPool) -> None:
        super().__init__(layer)
        if layer.window is None or layer.stride is None:
            raise TypeError(f"expected a MaxPool with windows, got {layer!r}")
        self.window, self.stride = layer.window, layer.stride

    def windows(self, shape: tuple[int, ...]) -> np.ndarray:
        """The flat positions (of the pooled axes) that each window covers, in row-major order."""
        pooled = shape[-len(self.window) :]
        positions = np.arange(int(np.prod(pooled))).reshape(pooled)
        views = np.lib.stride_tricks.sliding_window_view(positions, self.window)
        steps = tuple(slice(None, None, step) for step in self.stride)
        return views[steps].reshape(-1, int(np.prod(self.window)))


class ChannelsLast(Reference):
    """A pool of images (N, H, W, C)."""

    def __init__(self, inner: Reference) -> None:
        self.inner, self.label = inner, f"{inner.label} of images (N, H, W, C)"

    def forward(self, arrays: Arrays) -> np.ndarray:
        return np.moveaxis(self.inner.forward(self._turned(arrays)), 1, -1)

    def gradients(self, arrays: Arrays, upstream: np.ndarray) -> Arrays:
        found = self.inner.gradients(self._turned(arrays), np.moveaxis(upstream, -1, 1))
        return {"x": np.moveaxis(found["x"], 1, -1)}

    def _turned(self, arrays: Arrays) -> Arrays:
        return {"x": np.ascontiguousarray(np.moveaxis(arrays["x"], -1, 1))}


class AffineReference(Reference):
    """x W + b, or x W^T + b for weights (M, D); b of any shape with M entries, or absent."""

    def __init__(self, flipped: bool) -> None:
        self.flipped = flipped
        self.label = "Affine, W (out, in)" if flipped else "Affine"

    def forward(self, arrays: Arrays) -> np.ndarray:
        return self._layer(arrays).forward(arrays["x"])

    def gradients(self, arrays: Arrays, upstream: np.ndarray) -> Arrays:
        layer = self._layer(arrays)
        layer.forward(arrays["x"])
        found = {"x": layer.backward(upstream)}
        gradients = {name: np.asarray(g) for name, g in layer.gradients().items()}
        found["W"] = gradients["W"].T if self.flipped else gradients["W"]
        if "b" in arrays:
            found["b"] = gradients["b"].reshape(arrays["b"].shape)
        return found

    def _layer(self, arrays: Arrays) -> Affine:
        W = arrays["W"].T if self.flipped else arrays["W"]
        layer = Affine(*W.shape, bias="b" in arrays, init="zeros", dtype=W.dtype)
        layer.W = W
        if "b" in arrays:
            layer.b = arrays["b"].reshape(-1)
        return layer


class Flattening(Reference):
    """Another reference on samples of more axes, which become one."""

    def __init__(self, inner: Reference) -> None:
        self.inner, self.label = inner, f"{inner.label} of each sample as a vector"

    def forward(self, arrays: Arrays) -> np.ndarray:
        return self.inner.forward(self._flat(arrays))

    def gradients(self, arrays: Arrays, upstream: np.ndarray) -> Arrays:
        found = self.inner.gradients(self._flat(arrays), upstream)
        return found | {"x": found["x"].reshape(arrays["x"].shape)}

    def _flat(self, arrays: Arrays) -> Arrays:
        return arrays | {"x": arrays["x"].reshape(len(arrays["x"]), -1)}


class ProductReference(Reference):
    """x * y of two inputs: our Multiply on both side by side."""

    label = "Multiply of two inputs"

    def forward(self, arrays: Arrays) -> np.ndarray:
        return self._layer(arrays).forward(self._joined(arrays)).reshape(arrays["x"].shape)

    def gradients(self, arrays: Arrays, upstream: np.ndarray) -> Arrays:
        layer, joined = self._layer(arrays), self._joined(arrays)
        layer.forward(joined)
        both = layer.backward(upstream.reshape(len(joined), -1))
        dx, dy = np.split(both, 2, axis=1)
        shape = arrays["x"].shape
        return {"x": dx.reshape(shape), "y": dy.reshape(shape)}

    def _joined(self, arrays: Arrays) -> np.ndarray:
        n = len(arrays["x"])
        return np.hstack([arrays["x"].reshape(n, -1), arrays["y"].reshape(n, -1)])

    def _layer(self, arrays: Arrays) -> Multiply:
        width = arrays["x"][0].size
        return Multiply([(i, width + i) for i in range(width)])


SHARES: dict[str, Callable[[int, int], float]] = {
    "summed over the batch": lambda n, c: 1.0,
    "averaged over the samples": lambda n, c: 1 / n,
    "averaged over all entries": lambda n, c: 1 / (n * c),
}


EPSILONS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
"""Added to the probability in a logarithm; smaller ones do not show in six digits."""


class LossReference(Reference):
    """One of our losses, with the student's way of averaging.

    With an epsilon the logarithms in its value are log(p + epsilon). Its gradient may be that of
    the loss without it, or that of the value as it is.
    """

    kind: str

    def __init__(self, kind: str, share: str, factor: float = 1.0, epsilon: float = 0.0) -> None:
        self.kind, self.share, self.factor, self.epsilon = kind, share, factor, epsilon
        half = ", with one half" if factor == 0.5 else ""
        self.label = f"{kind}, {share}{half}"

    @property
    def divides(self) -> bool:
        """Whether the loss is an average."""
        return self.share != "summed over the batch"

    def forward(self, arrays: Arrays) -> np.ndarray:
        x, target = arrays["x"], arrays["target"]
        value = self._lowered(x, target) if self.epsilon else self._loss().forward(x, target)
        return np.asarray(value * self._part(arrays))

    def gradients(self, arrays: Arrays, upstream: np.ndarray) -> Arrays:
        loss = self._loss()
        loss.forward(arrays["x"], arrays["target"])
        return {"x": loss.backward() * self._part(arrays)}

    def also_right(self, name: str, arrays: Arrays, upstream: np.ndarray) -> list[np.ndarray]:
        if not self.epsilon or name != "x":
            return []
        slopes = by_differences(lambda x: self.forward(arrays | {"x": x}), arrays["x"])
        return [slopes(np.asarray(upstream))]

    def _lowered(self, x: np.ndarray, target: np.ndarray) -> float:
        """The sum over the batch with the epsilon in its logarithms; targets are 0 and 1."""
        p = x if self.kind == "KLDivergence" else np.asarray(self._loss().probabilities(x))
        rows = target if target.shape == x.shape else np.eye(x.shape[1])[target]
        terms = -rows * np.log(p + self.epsilon)
        if self.kind == "SigmoidCrossEntropy":
            terms -= (1 - rows) * np.log(1 - p + self.epsilon)
        return float(terms.sum())

    def _loss(self) -> Any:
        return getattr(losses, self.kind)(reduction="sum")

    def _part(self, arrays: Arrays) -> float:
        n, c = arrays["x"].shape
        return SHARES[self.share](n, c) * self.factor


def loss_references(kind: str) -> list[LossReference]:
    """All accepted ways to average a loss of that kind."""
    if kind == "SquaredError":
        return [LossReference(kind, share, factor) for factor in (1.0, 0.5) for share in SHARES]
    return [LossReference(kind, share, 1.0, e) for e in (0.0, *EPSILONS) for share in SHARES]


KEPT = 12
"""Gradients that are kept for further upstreams: six arrays at two points."""


class OwnForward(Reference):
    """The student's own forward pass, with its gradients by Richardson's central differences."""

    oracle = "central differences"
    label = "its own forward pass"
    tolerance = 1e-6

    def __init__(self, make: Callable[[], Subject], names: tuple[str, ...] | None = None) -> None:
        """`names`: the arrays whose gradients are wanted; all but the target, if None."""
        self.make, self.names = make, names
        self._kept: dict[tuple, Gradient] = {}

    def forward(self, arrays: Arrays) -> np.ndarray:
        return forward(self.make(), arrays)

    def gradients(self, arrays: Arrays, upstream: np.ndarray) -> Arrays:
        upstream = np.asarray(upstream, np.float64)
        return {
            name: self._gradient(name, arrays)(upstream)
            for name in self.names or arrays
            if name != "target" and arrays[name].dtype.kind == "f"
        }

    def _gradient(self, name: str, arrays: Arrays) -> Gradient:
        """As a function of the upstream; those at the last points are kept."""
        key = name, *(value.tobytes() for value in arrays.values())
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = by_differences(self.along(name, arrays), arrays[name])
        return self._kept[key]

    def also_right(self, name: str, arrays: Arrays, upstream: np.ndarray) -> list[np.ndarray]:
        """A loss that is a number of each sample may have the gradient of their mean."""
        if "target" not in arrays or np.ndim(upstream) == 0:
            return []
        return [self._gradient(name, arrays)(np.asarray(upstream)) / len(arrays["x"])]

    def along(self, name: str, arrays: Arrays) -> Callable[[np.ndarray], np.ndarray]:
        """The output as a function of one array alone."""
        subject = self.make()
        return lambda value: forward(subject, arrays | {name: value}).astype(np.float64)

    def excuses(
        self, name: str, arrays: Arrays, upstream: np.ndarray, gradient: np.ndarray, at: int
    ) -> bool:
        """Whether one entry lies between the one-sided slopes: x is on or near a kink."""
        f = self.along(name, arrays)
        low, high, _ = one_sided(f, arrays[name], np.asarray(upstream), at)
        slack = 1e-6 * max(1.0, abs(low), abs(high))
        return low - slack <= gradient.flat[at] <= high + slack
