from typing import Any

import numpy as np

from mlp.layers.arrays import as_numbers
from mlp.layers.base import Changes, Layer


class Scale(Layer):
    """y = (x - shift) factor with fixed numbers: brings raw inputs to a size that trains well.

    Shapes   x, y and upstream are equal, (N, ...); shift and factor are numbers, or arrays of
             the shape of one sample
    Forward  y_ni = (x_ni - shift_i) factor_i
    Backward with U = dL/dy: dL/dx_ni = U_ni factor_i; shift and factor are no parameters
    Jvp      dy = dx factor
    Keeps    the shape and dtype of x
    Raises   ValueError if shift or factor is not finite or does not fit x, or upstream has
             another shape than x; RuntimeError if backward or jvp comes before forward
    Source   decks 000 to 004 leave it out: they start from inputs of order 1

    As the first layer it lets a network take what is in the file, such as pixels 0..255.
    """

    def __init__(self, shift: float | np.ndarray = 0.0, factor: float | np.ndarray = 1.0) -> None:
        self.shift = as_numbers(shift, "Scale shift")
        self.factor = as_numbers(factor, "Scale factor")
        for name, constant in (("shift", self.shift), ("factor", self.factor)):
            if constant.dtype.kind == "c" or not np.isfinite(constant).all():
                raise ValueError(f"Scale: expected a finite real {name}, got {constant}")

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = as_numbers(x, self)
        for constant in (self.shift, self.factor):
            if constant.ndim and constant.shape != x.shape[1:]:
                raise ValueError(
                    f"{self!r}: expected samples of shape {constant.shape}, got {x.shape[1:]}"
                )
        self._cache = x.shape, x.dtype
        return (x - self.shift.astype(x.dtype)) * self.factor.astype(x.dtype)

    def backward(self, upstream: np.ndarray) -> np.ndarray:
        shape, dtype = self.cached()
        return self.checked("upstream", upstream, shape, dtype) * self.factor.astype(dtype)

    def jvp(self, dx: np.ndarray, dparameters: Changes = None) -> np.ndarray:
        shape, dtype = self.cached()
        self.checked_changes(dparameters)
        return self.checked("dx", dx, shape, dtype) * self.factor.astype(dtype)

    def constructor_arguments(self) -> tuple[tuple, dict[str, Any]]:
        return tuple(a if a.ndim else a.item() for a in (self.shift, self.factor)), {}
