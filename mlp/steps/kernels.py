"""The layers' formulas once more, in arrays that the step owns and in as few calls as possible.

A kernel serves one layer and one batch size. Its arrays live as long as the step and are
overwritten by every batch, so they never leave it. Whatever a kernel is given, x or U, belongs
to the step too and may be overwritten.

    forward(x)      the output
    backward(U)     dL/dx from U = dL/dy
    update(..)      the optimizer's step for the layer's parameters, after all backwards
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mlp.layers import Affine, Flatten, Layer, ReLU, Scale, Sigmoid
from mlp.optim import SGD
from mlp.steps.blas import LARGE, Blas, in_place


class Kernel:
    """A layer without parameters, in the arrays of the step."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def update(self, optimizer: SGD, velocity: dict[str, np.ndarray], rate: float) -> None:
        """Nothing to move."""


class AffineKernel(Kernel):
    """z = x W + b; the gradients of W and b go straight into them, or into their velocities.

    Without momentum one product does it all,
             W <- (1 - rate decay) W - rate x^T U
    With momentum m it goes into the velocity,
             v <- m v + x^T U + decay W,     W <- W - rate v
    Nesterov's step, W <- W - rate (g + m v) with g = v - m v_old, is W + rate m v_old taken
    before and -rate (1 + m) v after; as the decay then finds that W, v starts from
    m (1 - rate decay) v_old.
    """

    def __init__(self, layer: Affine, names: dict[int, str], n: int, blas: Blas) -> None:
        super().__init__(layer)
        self.blas = blas
        self.names = names
        self.W, self.b, self.WT = layer.W, layer.b, layer.W.T
        self.z = np.empty((n, layer.out_features), layer.W.dtype)
        self.zT = self.z.T
        self.ones = np.ones(n, layer.W.dtype)
        self.dx: np.ndarray | None = None
        self.by_numpy = blas.one_thread and n * layer.W.size >= LARGE
        layer.forget()

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.xT = x.T
        if self.by_numpy:
            np.matmul(x, self.W, self.z)
        else:
            self.blas.gemm(1.0, self.WT, self.xT, 0.0, self.zT, 0, 0, 1)
        if self.b is not None:
            self.blas.ger(1.0, self.b, self.ones, 1, 1, self.zT, 1, 1, 1)
        return self.z

    def backward(self, U: np.ndarray) -> np.ndarray:
        self.UT = U.T
        if self.dx is None:
            self.dx = np.empty(self.xT.shape[::-1], self.W.dtype)
            self.dxT = self.dx.T
        self.blas.gemm(1.0, self.WT, self.UT, 0.0, self.dxT, 1, 0, 1)
        return self.dx

    def backward_first(self, U: np.ndarray) -> None:
        """As `backward`, where nobody asks for dL/dx."""
        self.UT = U.T

    def update(self, optimizer: SGD, velocity: dict[str, np.ndarray], rate: float) -> None:
        decay = optimizer.weight_decay
        if optimizer.momentum:
            v, keep = self._ahead(optimizer, velocity, rate, self.W, decay)
            self.blas.gemm(1.0, self.UT, self.xT, keep, v.T, 0, 1, 1)
            self._follow(optimizer, v, rate, self.W, decay)
            if self.b is not None:
                v, keep = self._ahead(optimizer, velocity, rate, self.b, 0.0)
                self.blas.gemv(1.0, self.UT, self.ones, keep, v, 0, 1, 0, 1, 0, 1)
                self._follow(optimizer, v, rate, self.b, 0.0)
            return
        self.blas.gemm(-rate, self.UT, self.xT, 1.0 - rate * decay, self.WT, 0, 1, 1)
        if self.b is not None:
            self.blas.gemv(-rate, self.UT, self.ones, 1.0, self.b, 0, 1, 0, 1, 0, 1)

    def _ahead(
        self, optimizer: SGD, velocity: dict, rate: float, w: np.ndarray, decay: float
    ) -> tuple[np.ndarray, float]:
        """The velocity of w and the part of it that stays, before the gradient is added."""
        v, m = velocity[self.names[id(w)]], optimizer.momentum
        if not optimizer.nesterov:
            return v, m
        self.blas.axpy(v.ravel(), w.ravel(), w.size, rate * m)
        return v, m * (1.0 - rate * decay)

    def _follow(
        self, optimizer: SGD, v: np.ndarray, rate: float, w: np.ndarray, decay: float
    ) -> None:
        if decay:
            self.blas.axpy(w.ravel(), v.ravel(), w.size, decay)
        factor = 1.0 + optimizer.momentum if optimizer.nesterov else 1.0
        self.blas.axpy(v.ravel(), w.ravel(), w.size, -rate * factor)


class ReLUKernel(Kernel):
    """y = s z and dL/dz = s U with the slopes s, 1 or a, kept from forward as floats.

    A product with floats is several times faster than a choice by booleans, and the larger of
    two arrays several times faster to find than that of an array and a number.
    """

    def __init__(self, layer: ReLU) -> None:
        super().__init__(layer)
        self.a = float(layer.negative_slope)
        self.is_one = np.greater if layer.at_zero in (None, self.a) else np.greater_equal
        self.s: np.ndarray | None = None

    def forward(self, z: np.ndarray) -> np.ndarray:
        if self.s is None:
            self.s, self.ones, self.zero = (
                np.empty_like(z),
                np.empty(z.shape, bool),
                z.dtype.type(0),
            )
            self.zeros = np.zeros_like(z)
        self.is_one(z, self.zero, self.ones)
        np.copyto(self.s, self.ones)
        if self.a:
            np.maximum(self.s, self.a, out=self.s)
            return np.multiply(z, self.s, z)
        return np.maximum(z, self.zeros, out=z)

    def backward(self, U: np.ndarray) -> np.ndarray:
        return np.multiply(U, self.s, U)


class SigmoidKernel(Kernel):
    """As Sigmoid, with e = exp(-|z|): y = (1 or e) / (1 + e), slope e / (1 + e)^2."""

    def __init__(self, layer: Sigmoid) -> None:
        super().__init__(layer)
        self.e: np.ndarray | None = None

    def forward(self, z: np.ndarray) -> np.ndarray:
        if self.e is None:
            self.e, self.d = np.empty_like(z), np.empty_like(z)
        e, d = self.e, self.d
        np.exp(np.negative(np.abs(z, e), e), e)
        np.add(e, 1.0, d)
        np.greater(z, 0.0, out=z, casting="unsafe")
        return np.divide(np.maximum(z, e, out=z), d, z)

    def backward(self, U: np.ndarray) -> np.ndarray:
        e, d = self.e, self.d
        np.divide(np.divide(e, d, e), d, e)
        return np.multiply(U, e, U)


class ScaleKernel(Kernel):
    """y = (x - shift) factor, in place."""

    def __init__(self, layer: Scale, dtype: np.dtype) -> None:
        super().__init__(layer)
        self.shift, self.factor = layer.shift.astype(dtype), layer.factor.astype(dtype)

    def forward(self, x: np.ndarray) -> np.ndarray:
        if self.shift.any():
            np.subtract(x, self.shift, x)
        return np.multiply(x, self.factor, x)

    def backward(self, U: np.ndarray) -> np.ndarray:
        return np.multiply(U, self.factor, U)


class FlattenKernel(Kernel):
    """The same numbers in another shape."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, U: np.ndarray) -> np.ndarray:
        return U.reshape(self.shape)


class LayerKernel(Kernel):
    """Any other layer, by its own forward and backward and SGD's own rule.

    What the layer gets and gives is copied: it may keep all of it.
    """

    def __init__(
        self, layer: Layer, notes: tuple[str, ...], names: dict[int, str], dtype: np.dtype
    ) -> None:
        super().__init__(layer)
        self.notes, self.names, self.dtype = notes, names, dtype

    def forward(self, x: np.ndarray) -> np.ndarray:
        return self._call(self.layer.forward, x)

    def backward(self, U: np.ndarray) -> np.ndarray:
        dx = self._call(self.layer.backward, U)
        self.layer.check_gradients()
        return dx

    backward_first = backward

    def update(self, optimizer: SGD, velocity: dict[str, np.ndarray], rate: float) -> None:
        gradients = self.layer.gradients()
        for name, w in self.layer.parameters().items():
            optimizer.move(self.names[id(w)], w, gradients[name], rate, velocity)

    def _call(self, method: Callable[[np.ndarray], np.ndarray], given: np.ndarray) -> np.ndarray:
        try:
            return np.array(method(given.copy()), self.dtype, order="C")
        except Exception as error:
            for note in self.notes:
                error.add_note(note)
            raise


class Place(NamedTuple):
    """A layer of the network, and notes for errors in it that say where it is."""

    layer: Layer
    notes: tuple[str, ...]


def kernel_for(place: Place, names: dict[int, str], n: int, dtype: np.dtype, blas: Blas) -> Kernel:
    """The fastest kernel that gives what the layer gives; `names` as in Plan.

    Only the package's own layers are known well enough to be replaced, not their subclasses.
    """
    layer = place.layer
    if type(layer) is Affine and all(in_place(p, dtype) for p in layer.parameters().values()):
        return AffineKernel(layer, names, n, blas)
    if type(layer) is ReLU and _has_plain_slopes(layer):
        return ReLUKernel(layer)
    if type(layer) is Sigmoid:
        return SigmoidKernel(layer)
    if type(layer) is Scale:
        return ScaleKernel(layer, dtype)
    if type(layer) is Flatten:
        return FlattenKernel(layer)
    return LayerKernel(layer, place.notes, names, dtype)


def _has_plain_slopes(layer: ReLU) -> bool:
    a = layer.negative_slope
    return np.ndim(a) == 0 and 0 <= a <= 1 and layer.at_zero in (None, a, 1)
