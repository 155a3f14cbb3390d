from collections.abc import Callable
from typing import Any

import numpy as np

from mlp.layers.arrays import as_numbers
from mlp.layers.base import Changes, Layer


class Elementwise(Layer):
    """y = f(z), entry by entry, for any f with a known derivative.

    Shapes   z, y and upstream are equal, any shape
    Forward  y_i = f(z_i)
    Backward with U = dL/dy: the Jacobian is diagonal, dy_i/dz_i = f'(z_i)
             dL/dz_i = f'(z_i) U_i           dL/dz = f'(z) * U, entry by entry
    Jvp      dy = f'(z) * dz
    Keeps    z and y
    Raises   ValueError if f or f' changes the shape, or upstream has another shape than z;
             RuntimeError if backward or jvp comes before forward
    Source   deck 000, elementwise operation (x for z, z for y)

    `function(z)` gives y; `derivative(z, y)` gives f'(z) and may use y, as in
    `Elementwise(np.tanh, lambda z, y: 1 - y * y)`; it may be a plain number.
    """

    def __init__(
        self,
        function: Callable[[np.ndarray], np.ndarray],
        derivative: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ) -> None:
        if not (callable(function) and callable(derivative)):
            raise TypeError("Elementwise: expected two callables, function(z), derivative(z, y)")
        self.function = function
        self.derivative = derivative

    def forward(self, z: np.ndarray) -> np.ndarray:
        z = as_numbers(z, self)
        y = self.checked("function(z)", self.function(z), z.shape, z.dtype)
        self._cache = z, y
        return y

    def backward(self, upstream: np.ndarray) -> np.ndarray:
        z, y = self.cached()
        return self._slope(z, y) * self.checked("upstream", upstream, z.shape, z.dtype)

    def jvp(self, dz: np.ndarray, dparameters: Changes = None) -> np.ndarray:
        z, y = self.cached()
        self.checked_changes(dparameters)
        return self._slope(z, y) * self.checked("dx", dz, z.shape, z.dtype)

    def constructor_arguments(self) -> tuple[tuple, dict[str, Any]]:
        return (self.function, self.derivative), {}

    def _slope(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        slope = as_numbers(self.derivative(z, y), self, z.dtype)
        if slope.ndim:
            self.check_shape("derivative(z, y)", slope, z.shape)
        return slope
