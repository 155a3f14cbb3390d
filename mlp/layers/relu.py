from numbers import Real
from typing import Any

import numpy as np

from mlp.layers.arrays import as_numbers
from mlp.layers.base import Changes, Layer

LARGEST_INT = 10**300
"""Larger ones cannot be compared with a float."""


class ReLU(Layer):
    """y = max(z, 0) + a min(z, 0), elementwise: the rectifier (a = 0) and its leaky variants.

    Shapes   z, y and upstream are equal, any shape; a is a number or an array that broadcasts
             to z (one slope per unit, or per unit and sample: randomized leaky ReLU)
    Forward  y_i = z_i if z_i > 0 else a z_i
    Backward with U = dL/dy: the Jacobian is diagonal, s_i = dy_i/dz_i = 1 if z_i > 0 else a
             dL/dz_i = s_i U_i               dL/dz = s * U, entry by entry
             Where z_i = 0 there is a kink, and every slope between a and 1 is a subgradient
             (the line through 0 with that slope lies nowhere above the graph, for a <= 1):
             `at_zero` chooses it, None meaning a
    Jvp      dy = s * dz
    Keeps    s
    Raises   ValueError if upstream has another shape than z, or a does not broadcast to z;
             RuntimeError if backward or jvp comes before forward
    Source   deck 000, ReLU layer (x for z, z for y, 0 at the kink); deck 002, indicator I[z > 0]
             (0 at the kink); deck 004, non-differentiable activations (1 at the kink)

    A unit whose z_i is never positive gets no gradient for a = 0: deck 000's dead ReLU.
    """

    def __init__(
        self, *, negative_slope: float | np.ndarray = 0.0, at_zero: float | None = None
    ) -> None:
        slope = as_numbers(negative_slope, "ReLU negative_slope")
        if slope.dtype.kind == "c" or not np.isfinite(slope).all():
            raise ValueError(f"ReLU: expected a finite real negative_slope, got {negative_slope!r}")
        low, high = np.minimum(slope, 1), np.maximum(slope, 1)
        if at_zero is not None and not (
            isinstance(at_zero, Real)
            and not (isinstance(at_zero, int) and abs(at_zero) > LARGEST_INT)
            and np.all((low <= at_zero) & (at_zero <= high))
        ):
            raise ValueError(
                f"ReLU: expected at_zero between negative_slope and 1, got {at_zero!r}"
            )
        self.negative_slope: float | np.ndarray = slope if slope.ndim else slope.item()
        self.at_zero = None if at_zero is None else float(at_zero)

    def forward(self, z: np.ndarray) -> np.ndarray:
        z = as_numbers(z, self)
        a = self._slope_for(z)
        s = np.where(z.real > 0, z.dtype.type(1), a)
        if self.at_zero is not None:
            s[z.real == 0] = self.at_zero
        self._cache = s
        y = np.maximum(z, 0)
        if np.any(a):  # where a is 0, 0 * -inf must not be NaN
            y += a * np.where(np.equal(a, 0), 0, np.minimum(z, 0))
        return y

    def backward(self, upstream: np.ndarray) -> np.ndarray:
        s = self.cached()
        return s * self.checked("upstream", upstream, s.shape, s.dtype)

    def jvp(self, dz: np.ndarray, dparameters: Changes = None) -> np.ndarray:
        s = self.cached()
        self.checked_changes(dparameters)
        return s * self.checked("dx", dz, s.shape, s.dtype)

    def kinks(self, z: np.ndarray) -> np.ndarray:
        z = as_numbers(z, self)
        return (z == 0) & (self._slope_for(z) != 1)

    def constructor_arguments(self) -> tuple[tuple, dict[str, Any]]:
        options = {"negative_slope": self.negative_slope} if np.any(self.negative_slope) else {}
        return (), options if self.at_zero is None else options | {"at_zero": self.at_zero}

    def _slope_for(self, z: np.ndarray) -> float | np.ndarray:
        if np.ndim(self.negative_slope) == 0:
            return float(self.negative_slope)
        try:
            return np.broadcast_to(self.negative_slope, z.shape).astype(z.dtype)
        except ValueError:
            raise ValueError(
                f"{self!r}: expected x that negative_slope of shape "
                f"{np.shape(self.negative_slope)} broadcasts to, got {z.shape}"
            ) from None
