"""The layers' formulas once more, as lists of calls on arrays that the step owns.

A kernel serves one layer and one batch size. Its arrays stay the same from step to step, so the
calls can be put together once, arguments and all, and a step only makes them: small networks
spend their time between the calls and not in them.

    forward     calls that fill y from x
    backward    calls that fill dx = dL/dx from U = dL/dy; made by `go_back(U)`
    moves(..)   calls that step the layer's parameters, once all gradients are there

The arrays are overwritten by every batch, also by the next kernel, and never leave the step.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import numpy as np

from mlp.fused.blas import LARGE, Blas, in_place
from mlp.layers import Affine, Flatten, Layer, ReLU, Scale, Sigmoid
from mlp.optim import SGD, Settings

Call = Callable[[], object]


class Place(NamedTuple):
    """A layer of the network, and notes for errors in it that say where it is."""

    layer: Layer
    notes: tuple[str, ...]


class Scene(NamedTuple):
    """What all kernels share: the routines, the optimizer and, by the id of each parameter's
    array, its name in the network, under which `velocity` has its v."""

    blas: Blas
    optimizer: SGD
    velocity: dict[str, np.ndarray]
    names: dict[int, str]

    def velocity_of(self, w: np.ndarray) -> np.ndarray:
        return self.velocity[self.names[id(w)]]


class Kernel:
    """A layer without parameters that changes its input in place."""

    def __init__(self, layer: Layer, x: np.ndarray) -> None:
        self.layer = layer
        self.y = x
        self.forward: list[Call] = []
        self.backward: list[Call] = []

    def go_back(self, U: np.ndarray) -> None:
        self.dx = U

    def moves(self, settings: Settings) -> list[Call]:
        return []


class AffineKernel(Kernel):
    """z = x W + b; the gradients of W and b go straight into them, or into their velocities.

    Without momentum one product does it all,
             W <- (1 - rate decay) W - rate x^T U
    With momentum m it goes into the velocity,
             v <- m v + x^T U + decay W,     W <- W - rate v
    Nesterov's step, W <- W - rate (g + m v) with g = v - m v_old, is W + rate m v_old taken
    before and -rate (1 + m) v after; as the decay then finds that W, v starts from
    m (1 - rate decay) v_old.
    b goes the same way, with a column of ones for x.
    """

    scale = 1.0
    """A factor of U that is still to be taken."""

    def __init__(self, layer: Affine, x: np.ndarray, scene: Scene) -> None:
        super().__init__(layer, x)
        layer.clear_cache()
        self.scene, self.x = scene, x
        self.W, self.b = layer.W, layer.b
        self.y = z = np.empty((len(x), layer.out_features), x.dtype)
        self.ones = np.ones(len(x), x.dtype)
        blas = scene.blas
        if blas.one_thread and len(x) * self.W.size >= LARGE:
            self.forward.append(partial(np.matmul, x, self.W, z))
        else:
            self.forward.append(partial(blas.gemm, 1.0, self.W.T, x.T, 0.0, z.T, 0, 0, 1))
        if self.b is not None:
            self.forward.append(partial(blas.ger, 1.0, self.b, self.ones, 1, 1, z.T, 1, 1, 1))

    def go_back(self, U: np.ndarray) -> None:
        self.end(U)
        self.dx = np.empty_like(self.x)
        gemm = self.scene.blas.gemm
        self.backward = [partial(gemm, self.scale, self.W.T, U.T, 0.0, self.dx.T, 1, 0, 1)]

    def end(self, U: np.ndarray) -> None:
        """As `go_back`, where nobody asks for dx."""
        self.U = U

    def moves(self, settings: Settings) -> list[Call]:
        calls = self._moves(settings, self.W, settings[3], self._add_to_W)
        if self.b is not None:
            calls += self._moves(settings, self.b, 0.0, self._add_to_b)
        return calls

    def _add_to_W(self, alpha: float, beta: float, w: np.ndarray) -> Call:
        """w <- beta w + alpha x^T U, for W or its velocity."""
        gemm, alpha = self.scene.blas.gemm, alpha * self.scale
        return partial(gemm, alpha, self.U.T, self.x.T, beta, w.T, 0, 1, 1)

    def _add_to_b(self, alpha: float, beta: float, w: np.ndarray) -> Call:
        """w <- beta w + alpha 1^T U, for b or its velocity."""
        gemv, alpha = self.scene.blas.gemv, alpha * self.scale
        return partial(gemv, alpha, self.U.T, self.ones, beta, w, 0, 1, 0, 1, 0, 1)

    def _moves(
        self, settings: Settings, w: np.ndarray, decay: float, add: Callable[..., Call]
    ) -> list[Call]:
        rate, m, nesterov, _ = settings
        if not m:
            return [add(-rate, 1.0 - rate * decay, w)]
        v = self.scene.velocity_of(w)
        calls = [self._axpy(rate * m, v, w)] if nesterov else []
        calls.append(add(1.0, m * (1.0 - rate * decay) if nesterov else m, v))
        if decay:
            calls.append(self._axpy(decay, w, v))
        return [*calls, self._axpy(-rate * (1.0 + m) if nesterov else -rate, v, w)]

    def _axpy(self, alpha: float, a: np.ndarray, w: np.ndarray) -> Call:
        """w <- w + alpha a."""
        return partial(self.scene.blas.axpy, a.reshape(-1), w.reshape(-1), w.size, alpha)


class ReLUKernel(Kernel):
    """y = s z and dL/dz = s U with the slopes s, 1 or a, kept from forward as floats.

    A product with floats is several times faster than a choice by booleans, and than the larger
    of z and 0. (-infinity becomes NaN; FusedStep looks after that.)
    """

    def __init__(self, layer: ReLU, z: np.ndarray) -> None:
        super().__init__(layer, z)
        a = float(layer.negative_slope)
        is_one = np.greater if layer.at_zero in (None, a) else np.greater_equal
        ones, zero = np.empty(z.shape, bool), np.zeros((), z.dtype)
        self.s = s = np.empty_like(z)
        self.forward = [partial(is_one, z, zero, ones), partial(np.copyto, s, ones)]
        if a:
            self.forward.append(partial(np.maximum, s, a, out=s))
        self.forward.append(partial(np.multiply, z, s, z))

    def go_back(self, U: np.ndarray) -> None:
        super().go_back(U)
        self.backward = [partial(np.multiply, U, self.s, U)]


class SigmoidKernel(Kernel):
    """As Sigmoid, with e = exp(-|z|): y = (1 or e) / (1 + e), slope e / (1 + e)^2."""

    def __init__(self, layer: Sigmoid, z: np.ndarray) -> None:
        super().__init__(layer, z)
        self.e, self.d = e, d = np.empty_like(z), np.empty_like(z)
        zero, one = np.zeros((), z.dtype), np.ones((), z.dtype)
        self.forward = [
            partial(np.abs, z, e),
            partial(np.negative, e, e),
            partial(np.exp, e, e),
            partial(np.add, e, one, d),
            partial(np.greater, z, zero, out=z, casting="unsafe"),
            partial(np.maximum, z, e, out=z),  # 1 where z > 0, else e
            partial(np.divide, z, d, z),
        ]

    def go_back(self, U: np.ndarray) -> None:
        super().go_back(U)
        e, d = self.e, self.d
        self.backward = [partial(np.divide, e, d, e), partial(np.divide, e, d, e)]
        self.backward.append(partial(np.multiply, U, e, U))


class ScaleKernel(Kernel):
    """y = (x - shift) factor."""

    def __init__(self, layer: Scale, x: np.ndarray) -> None:
        super().__init__(layer, x)
        self.factor = layer.factor.astype(x.dtype)
        if layer.shift.any():
            self.forward.append(partial(np.subtract, x, layer.shift.astype(x.dtype), x))
        self.forward.append(partial(np.multiply, x, self.factor, x))

    def go_back(self, U: np.ndarray) -> None:
        super().go_back(U)
        self.backward = [partial(np.multiply, U, self.factor, U)]


class FlattenKernel(Kernel):
    """The same numbers in another shape."""

    def __init__(self, layer: Flatten, x: np.ndarray) -> None:
        super().__init__(layer, x)
        self.shape = x.shape
        self.y = x.reshape(len(x), -1)

    def go_back(self, U: np.ndarray) -> None:
        self.dx = U.reshape(self.shape)


class LayerKernel(Kernel):
    """Any other layer, by its own forward and backward and SGD's own rule.

    What the layer gets and gives is copied: it may keep all of it.
    """

    def __init__(self, place: Place, x: np.ndarray, scene: Scene) -> None:
        super().__init__(place.layer, x)
        self.place, self.x, self.scene = place, x, scene
        self.y = self.dx = None
        self.forward, self.backward = [self._forward], [self._backward]

    def go_back(self, U: np.ndarray) -> None:
        self.U = U

    end = go_back

    def moves(self, settings: Settings) -> list[Call]:
        return [partial(self._move, settings[0])]

    def _forward(self) -> None:
        self.y = self._filled(self.y, self.layer.forward, self.x)

    def _backward(self) -> None:
        self.dx = self._filled(self.dx, self.layer.backward, self.U)
        self.layer.check_gradients()

    def _move(self, rate: float) -> None:
        optimizer, velocity, names = self.scene[1:]
        gradients = self.layer.gradients()
        for name, w in self.layer.parameters().items():
            optimizer.update_parameter(names[id(w)], w, gradients[name], rate, velocity)

    def _filled(
        self, array: np.ndarray | None, method: Callable[[np.ndarray], np.ndarray], x: np.ndarray
    ) -> np.ndarray:
        """The array with the method's result in it; it is made the first time."""
        try:
            result = method(x.copy())
        except Exception as error:
            for note in self.place.notes:
                error.add_note(note)
            raise
        if array is None:
            return np.array(result, x.dtype, order="C")
        np.copyto(array, result)
        return array


def kernel_for(place: Place, x: np.ndarray, scene: Scene) -> Kernel:
    """The fastest kernel that gives what the layer gives for x.

    Only the package's own layers are known well enough to be replaced, not their subclasses.
    """
    layer = place.layer
    if type(layer) is Affine and _in_place(layer, x.dtype):
        return AffineKernel(layer, x, scene)
    if type(layer) is ReLU and _has_plain_slopes(layer):
        return ReLUKernel(layer, x)
    for kind, kernel in ((Sigmoid, SigmoidKernel), (Scale, ScaleKernel), (Flatten, FlattenKernel)):
        if type(layer) is kind:
            return kernel(layer, x)
    return LayerKernel(place, x, scene)


def changes_input(places: Iterable[Place]) -> bool:
    """Whether the kernel of the first layer (Flatten apart) works in place."""
    first = next(layer for layer, _ in places if type(layer) is not Flatten)
    return type(first) in (ReLU, Sigmoid, Scale)


def _in_place(layer: Affine, dtype: np.dtype) -> bool:
    return all(in_place(p, dtype) for p in layer.parameters().values())


def _has_plain_slopes(layer: ReLU) -> bool:
    a = layer.negative_slope
    return np.ndim(a) == 0 and 0 <= a <= 1 and layer.at_zero in (None, a, 1)
