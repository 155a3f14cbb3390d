"""The layers' formulas once more, as lists of calls on arrays that the step owns.

A kernel serves one layer and one batch size. Its arrays stay the same from step to step, so the
calls can be put together once, arguments and all, and a step only makes them: small networks
spend their time between the calls and not in them.

    forward      calls that fill y from x
    backward     calls that fill dx = dL/dx from U = dL/dy; put together by `prepare_backward(U)`
    updates(..)  calls that step the layer's parameters, once all gradients are there
    gathering()  calls that leave the gradients in arrays instead, for a batch that is divided

The arrays are overwritten by every batch, also by the next kernel, and never leave the step.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from mlp.fused.blas import LARGE, Blas, in_place
from mlp.layers import Affine, Flatten, Layer, ReLU, Scale, Sigmoid
from mlp.optim import SGD, Settings, is_bias

Call = Callable[[], object]
Add = Callable[[float, float, np.ndarray], list[Call]]


class PlacedLayer(NamedTuple):
    """A layer of the network, and notes for errors in it that say where it is."""

    layer: Layer
    notes: tuple[str, ...]


class Shared(NamedTuple):
    """What all kernels share: the routines, the optimizer and, by the id of each parameter's
    array, its name in the network, under which `velocity` has its v, and `gradients` the array
    that its gradient is to be left in, if this is only a part of a batch."""

    blas: Blas
    optimizer: SGD
    velocity: dict[str, np.ndarray]
    names: dict[int, str]
    gradients: Mapping[str, np.ndarray] | None = None

    def velocity_of(self, w: np.ndarray) -> np.ndarray:
        return self.velocity[self.names[id(w)]]


class Kernel:
    """A layer without parameters that changes its input in place."""

    def __init__(self, layer: Layer, x: np.ndarray) -> None:
        self.layer = layer
        self.y = x
        self.forward: list[Call] = []
        self.backward: list[Call] = []

    def prepare_backward(self, U: np.ndarray, needs_dx: bool = True) -> None:
        """Put together the calls of `backward`; without `needs_dx` nobody will ask for dx."""
        self.dx = U

    def updates(self, settings: Settings) -> list[Call]:
        return []

    def gathering(self, gradients: Mapping[str, np.ndarray]) -> list[Call]:
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

    def __init__(self, layer: Affine, x: np.ndarray, shared: Shared) -> None:
        super().__init__(layer, x)
        layer.clear_cache()
        self.shared, self.x = shared, x
        self.W, self.b = layer.W, layer.b
        self.y = z = np.empty((len(x), layer.out_features), x.dtype)
        self.ones = np.ones(len(x), x.dtype)
        blas = shared.blas
        # z = x W: to BLAS, which thinks in columns, z^T = W^T x^T
        if blas.one_thread and len(x) * self.W.size >= LARGE:
            self.forward.append(partial(np.matmul, x, self.W, z))
        else:
            self.forward.append(partial(blas.gemm, 1.0, self.W.T, x.T, 0.0, z.T, 0, 0, 1))
        # z <- z + 1 b^T: the bias in every row, as an outer product with a column of ones
        if self.b is not None:
            self.forward.append(partial(blas.ger, 1.0, self.b, self.ones, 1, 1, z.T, 1, 1, 1))

    def prepare_backward(self, U: np.ndarray, needs_dx: bool = True) -> None:
        self.U = U
        if not needs_dx:
            return
        self.dx = np.empty_like(self.x)
        # dL/dx = U W^T, with the factor of U that is still to be taken: dx^T = scale W U^T
        gemm = self.shared.blas.gemm
        self.backward = [partial(gemm, self.scale, self.W.T, U.T, 0.0, self.dx.T, 1, 0, 1)]

    def updates(self, settings: Settings) -> list[Call]:
        calls = descent(self.shared, settings, self.W, settings.weight_decay, self._add_to_W)
        if self.b is not None:
            calls += descent(self.shared, settings, self.b, 0.0, self._add_to_b)
        return calls

    def gathering(self, gradients: Mapping[str, np.ndarray]) -> list[Call]:
        names = self.shared.names
        calls = self._add_to_W(1.0, 0.0, gradients[names[id(self.W)]])
        if self.b is not None:
            calls += self._add_to_b(1.0, 0.0, gradients[names[id(self.b)]])
        return calls

    def _add_to_W(self, alpha: float, beta: float, w: np.ndarray) -> list[Call]:
        """Gradient contribution to W, or its velocity: w <- beta w + alpha x^T U."""
        gemm, alpha = self.shared.blas.gemm, alpha * self.scale
        return [partial(gemm, alpha, self.U.T, self.x.T, beta, w.T, 0, 1, 1)]

    def _add_to_b(self, alpha: float, beta: float, w: np.ndarray) -> list[Call]:
        """Gradient contribution to b, or its velocity: w <- beta w + alpha 1^T U."""
        gemv, alpha = self.shared.blas.gemv, alpha * self.scale
        return [partial(gemv, alpha, self.U.T, self.ones, beta, w, 0, 1, 0, 1, 0, 1)]


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
        if a:  # s = 0 where z is negative so far; the larger of that and a is a
            self.forward.append(partial(np.maximum, s, a, out=s))
        self.forward.append(partial(np.multiply, z, s, z))

    def prepare_backward(self, U: np.ndarray, needs_dx: bool = True) -> None:
        self.dx = U
        self.backward = [partial(np.multiply, U, self.s, U)]


class SigmoidKernel(Kernel):
    """As Sigmoid, with e = exp(-|z|): y = (1 or e) / (1 + e), slope e / (1 + e)^2."""

    def __init__(self, layer: Sigmoid, z: np.ndarray) -> None:
        super().__init__(layer, z)
        self.e, self.d = e, d = np.empty_like(z), np.empty_like(z)
        zero, one = np.zeros((), z.dtype), np.ones((), z.dtype)
        self.forward = [
            # e = exp(-|z|), which cannot overflow
            partial(np.abs, z, e),
            partial(np.negative, e, e),
            partial(np.exp, e, e),
            # d = 1 + e
            partial(np.add, e, one, d),
            # y = 1 / d where z > 0, else e / d
            partial(np.greater, z, zero, out=z, casting="unsafe"),
            partial(np.maximum, z, e, out=z),
            partial(np.divide, z, d, z),
        ]

    def prepare_backward(self, U: np.ndarray, needs_dx: bool = True) -> None:
        self.dx, e, d = U, self.e, self.d
        # the slope e / d^2 into e, then dL/dz = U times the slope
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

    def prepare_backward(self, U: np.ndarray, needs_dx: bool = True) -> None:
        self.dx = U
        self.backward = [partial(np.multiply, U, self.factor, U)]


class FlattenKernel(Kernel):
    """The same numbers in another shape."""

    def __init__(self, layer: Flatten, x: np.ndarray) -> None:
        super().__init__(layer, x)
        self.shape = x.shape
        self.y = x.reshape(len(x), -1)

    def prepare_backward(self, U: np.ndarray, needs_dx: bool = True) -> None:
        self.dx = U.reshape(self.shape)


class LayerKernel(Kernel):
    """Any other layer, by its own forward and backward and SGD's own rule.

    What the layer gets and gives is copied: it may keep all of it.
    """

    def __init__(self, placed: PlacedLayer, x: np.ndarray, shared: Shared) -> None:
        super().__init__(placed.layer, x)
        self.notes, self.x, self.shared = placed.notes, x, shared
        self.forward, self.backward = [self._first_forward], [self._first_backward]

    def prepare_backward(self, U: np.ndarray, needs_dx: bool = True) -> None:
        self.U = U

    def updates(self, settings: Settings) -> list[Call]:
        return [partial(self._update, settings.learning_rate)]

    def gathering(self, gradients: Mapping[str, np.ndarray]) -> list[Call]:
        return [partial(self._gather, gradients)]

    def _first_forward(self) -> None:
        self.y = np.array(self._result(self.layer.forward, self.x), self.x.dtype, order="C")
        self.forward[0] = self._forward

    def _forward(self) -> None:
        np.copyto(self.y, self._result(self.layer.forward, self.x))

    def _first_backward(self) -> None:
        self.dx = np.array(self._result(self.layer.backward, self.U), self.x.dtype, order="C")
        self.layer.checked_gradients()
        self.backward[0] = self._backward

    def _backward(self) -> None:
        np.copyto(self.dx, self._result(self.layer.backward, self.U))
        self.layer.checked_gradients()  # an error must come before any weight has moved

    def _update(self, rate: float) -> None:
        names, velocity = self.shared.names, self.shared.velocity
        gradients = self.layer.checked_gradients()
        for name, w in self.layer.parameters().items():
            self.shared.optimizer.update_parameter(names[id(w)], w, gradients[name], rate, velocity)

    def _gather(self, arrays: Mapping[str, np.ndarray]) -> None:
        gradients = self.layer.checked_gradients()
        for name, w in self.layer.parameters().items():
            np.copyto(arrays[self.shared.names[id(w)]], gradients[name])

    def _result(self, method: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
        try:
            return method(x.copy())
        except Exception as error:
            for note in self.notes:
                error.add_note(note)
            raise


def descent(
    shared: Shared, settings: Settings, w: np.ndarray, decay: float, add: Add
) -> list[Call]:
    """The step of W or b; `add(alpha, beta, w)` makes w <- beta w + alpha g."""
    rate, m, nesterov, _ = settings
    if not m:
        return add(-rate, 1.0 - rate * decay, w)
    v = shared.velocity_of(w)
    calls: list[Call] = []
    if nesterov:  # the part of the step that looks ahead along the old velocity
        calls.append(_axpy(shared, rate * m, v, w))
    # v <- m v + g
    calls += add(1.0, m * (1.0 - rate * decay) if nesterov else m, v)
    if decay:  # the decay's part of g
        calls.append(_axpy(shared, decay, w, v))
    # w <- w - rate v, and what Nesterov's step still lacks
    calls.append(_axpy(shared, -rate * (1.0 + m) if nesterov else -rate, v, w))
    return calls


def updates_from(
    gradients: Mapping[str, np.ndarray],
    parameters: Mapping[str, np.ndarray],
    settings: Settings,
    shared: Shared,
) -> list[Call]:
    """Calls that step all parameters by gradients that stand in arrays."""
    calls: list[Call] = []
    for name, w in parameters.items():
        g, decay = gradients[name], 0.0 if is_bias(name) else settings.weight_decay
        if in_place(w, g.dtype):
            calls += descent(shared, settings, w, decay, partial(_add, shared, g))
        else:
            rate, velocity = settings.learning_rate, shared.velocity
            update = shared.optimizer.update_parameter
            calls.append(partial(update, name, w, g, rate, velocity))
    return calls


def _add(shared: Shared, g: np.ndarray, alpha: float, beta: float, w: np.ndarray) -> list[Call]:
    """w <- beta w + alpha g."""
    calls: list[Call] = [] if beta == 1 else [partial(np.multiply, w, beta, w)]
    return [*calls, _axpy(shared, alpha, g, w)]


def _axpy(shared: Shared, alpha: float, a: np.ndarray, w: np.ndarray) -> Call:
    """w <- w + alpha a."""
    return partial(shared.blas.axpy, a.reshape(-1), w.reshape(-1), w.size, alpha)


def kernel_for(placed: PlacedLayer, x: np.ndarray, shared: Shared) -> Kernel:
    """The fastest kernel that gives what the layer gives for x.

    Only the package's own layers are known well enough to be replaced, not their subclasses.
    """
    layer = placed.layer
    if type(layer) is Affine and _in_place(layer, x.dtype):
        return AffineKernel(layer, x, shared)
    if type(layer) is ReLU and _has_plain_slopes(layer):
        return ReLUKernel(layer, x)
    if type(layer) is Sigmoid:
        return SigmoidKernel(layer, x)
    if type(layer) is Scale:
        return ScaleKernel(layer, x)
    if type(layer) is Flatten:
        return FlattenKernel(layer, x)
    return LayerKernel(placed, x, shared)


def changes_input(layers: Iterable[PlacedLayer]) -> bool:
    """Whether the kernel of the first layer (Flatten apart) works in place."""
    first = next(placed.layer for placed in layers if type(placed.layer) is not Flatten)
    return type(first) in (ReLU, Sigmoid, Scale)


def _in_place(layer: Affine, dtype: np.dtype) -> bool:
    return all(in_place(p, dtype) for p in layer.parameters().values())


def _has_plain_slopes(layer: ReLU) -> bool:
    a = layer.negative_slope
    return isinstance(a, float) and 0 <= a <= 1 and layer.at_zero in (None, a, 1)
