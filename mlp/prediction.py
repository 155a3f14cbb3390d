"""The forward pass alone: the layers' own values, in fewer calls and in arrays used again.

Predictions keep nothing for a backward pass. So a layer may write over what the layer before it
made, and every batch fills the arrays of the one before. The operations are those of the layers'
`forward`, in the same order: the results are the same, bit by bit.
"""

from collections.abc import Callable, Iterable

import numpy as np

from mlp.layers import Affine, Layer, ReLU, Sigmoid
from mlp.layers.arrays import is_plain

Call = Callable[[np.ndarray], np.ndarray]
GROUP = 64
"""Rows to which a bias is added at once: NumPy is slow at repeating a short one."""


class Forward:
    """y = f_K(... f_1(x)) for one batch after the other. The next call may overwrite the result.

    Only the package's own layers are known well enough to be replaced, not their subclasses, and
    only for contiguous real arrays; all else, errors included, is the layers' own forward.
    """

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.calls: list[Call] = []
        ours = False
        for layer in layers:
            make = _OwnForward if "forward" in vars(layer) else KNOWN.get(type(layer), _OwnForward)
            self.calls.append(make(layer, ours))
            ours = make is not _OwnForward
        self.ours = ours
        """Whether the result is an array of these calls, and not something that a layer keeps."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        for call in self.calls:
            x = call(x)
        return x


class _OwnForward:
    """Any other layer, by its own forward; it may keep what it gets."""

    def __init__(self, layer: Layer, ours: bool) -> None:
        self.layer, self.ours = layer, ours

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.layer.forward(x.copy() if self.ours else x)


class _Affine:
    """z = x W + b, in the array of the batch before if that had as many rows."""

    def __init__(self, layer: Affine, ours: bool) -> None:
        self.layer, self.W, self.b = layer, layer.W, layer.b
        self.z: np.ndarray | None = None
        self.repeated: np.ndarray | None = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        W, z = self.W, self.z
        if x.ndim != 2 or x.dtype != W.dtype or not is_plain(x):
            return self.layer.forward(x)
        if z is None or len(z) != len(x):
            z = self.z = x @ W
        else:
            np.matmul(x, W, z)
        if self.b is not None:
            self._add_bias(z, self.b)
        return z

    def _add_bias(self, z: np.ndarray, b: np.ndarray) -> None:
        if len(z) < GROUP:
            z += b
            return
        if self.repeated is None:
            self.repeated = np.tile(b, GROUP)
        grouped = len(z) // GROUP * GROUP
        long_rows = z[:grouped].reshape(-1, self.repeated.size)
        long_rows += self.repeated
        z[grouped:] += b


class _ReLU:
    """y = max(z, 0)."""

    def __init__(self, layer: ReLU, ours: bool) -> None:
        self.layer, self.ours = layer, ours
        self.plain = isinstance(layer.negative_slope, float) and layer.negative_slope == 0

    def __call__(self, z: np.ndarray) -> np.ndarray:
        if not self.plain or not is_plain(z):
            return self.layer.forward(z)
        return np.maximum(z, 0, out=z if self.ours else None)


class _Sigmoid:
    """With e = exp(-|z|), y = 1 / (1 + e) where z > 0, else e / (1 + e)."""

    def __init__(self, layer: Sigmoid, ours: bool) -> None:
        self.layer, self.ours = layer, ours

    def __call__(self, z: np.ndarray) -> np.ndarray:
        if not is_plain(z):
            return self.layer.forward(z)
        positive = z > 0
        e = np.abs(z, out=z if self.ours else None)
        np.negative(e, out=e)
        np.exp(e, out=e)
        d = 1 + e
        np.copyto(e, 1, where=positive)
        return np.divide(e, d, out=e)


KNOWN: dict[type[Layer], Callable[..., Call]] = {Affine: _Affine, ReLU: _ReLU, Sigmoid: _Sigmoid}
