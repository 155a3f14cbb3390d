from collections.abc import Sequence
from typing import Any

import numpy as np

from mlp.layers.arrays import as_numbers, remedy_for_rows
from mlp.layers.base import Changes, Layer


class Multiply(Layer):
    """y_i = z_j z_k with (j, k) the pair i: products of pairs of inputs, a vector activation.

    Shapes   z (N, D)   y and upstream (N, M)   pairs (M, 2), row i is (j, k);
             without `pairs`, D = 2M and neighbours are multiplied: (0, 1), (2, 3), ...
    Forward  y_ni = z_nj z_nk
    Backward with U = dL/dy: each factor gets the other one,
             dy_ni/dz_nd = z_nk [j = d] + z_nj [k = d]
             dL/dz_nd = sum_i U_ni (z_nk [j = d] + z_nj [k = d]), where j and k belong to i
             The sum matters: an input in several pairs collects a gradient from each, a pair
             (j, j) gives 2 z_j U_i, an input in none gets 0
    Jvp      dy_i = dz_j z_k + z_j dz_k, the product rule
    Keeps    z
    Raises   ValueError if z is not (N, D) with D fitting the pairs, or upstream is not (N, M);
             RuntimeError if backward or jvp comes before forward
    Source   deck 004, special case 2: multiplicative networks (o_i for y_i; it counts from 1)
    """

    def __init__(self, pairs: Sequence[Sequence[int]] | np.ndarray | None = None) -> None:
        self.pairs = None if pairs is None else _checked_pairs(pairs)

    def forward(self, z: np.ndarray) -> np.ndarray:
        z = as_numbers(z, self)
        if z.ndim != 2:
            raise ValueError(
                f"{self!r}: expected x of shape (N, D), got {z.shape}{remedy_for_rows(z.shape)}"
            )
        j, k = self._wiring(z.shape[1])
        self._cache = z
        return z[:, j] * z[:, k]

    def backward(self, upstream: np.ndarray) -> np.ndarray:
        z = self.cached()
        j, k = self._wiring(z.shape[1])
        U = self.checked("upstream", upstream, (len(z), len(j)), z.dtype)
        dz = np.zeros(z.shape, U.dtype)
        np.add.at(dz.T, j, (U * z[:, k]).T)  # unlike +=, adds where an index repeats
        np.add.at(dz.T, k, (U * z[:, j]).T)
        return dz

    def jvp(self, dz: np.ndarray, dparameters: Changes = None) -> np.ndarray:
        z = self.cached()
        self.checked_changes(dparameters)
        j, k = self._wiring(z.shape[1])
        dz = self.checked("dx", dz, z.shape, z.dtype)
        return dz[:, j] * z[:, k] + z[:, j] * dz[:, k]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != 1:
            raise ValueError(f"{self!r}: expected samples of shape (D,), got {tuple(input_shape)}")
        return (len(self._wiring(*input_shape)[0]),)

    def constructor_arguments(self) -> tuple[tuple, dict[str, Any]]:
        return (() if self.pairs is None else (self.pairs.tolist(),)), {}

    def _wiring(self, width: int) -> tuple[np.ndarray, np.ndarray]:
        """j and k for inputs of this width."""
        if self.pairs is None:
            if width == 0 or width % 2:
                raise ValueError(
                    f"Multiply(): expected an even number of features above 0, got {width}; "
                    "give pairs for any other wiring"
                )
            return np.arange(0, width, 2), np.arange(1, width, 2)
        if (needed := self.pairs.max() + 1) > width:
            raise ValueError(f"{self!r}: expected at least {needed} features, got {width}")
        return self.pairs[:, 0], self.pairs[:, 1]


def _checked_pairs(pairs: Sequence[Sequence[int]] | np.ndarray) -> np.ndarray:
    array = as_numbers(pairs, "Multiply pairs")
    if array.ndim != 2 or array.shape[1] != 2 or len(array) == 0:
        raise ValueError(f"Multiply: expected pairs of shape (M, 2), got {array.shape}")
    with np.errstate(invalid="ignore"):  # NaN becomes some integer, and so is refused
        whole = array.real.astype(np.intp)
    if (whole != array).any() or (whole < 0).any():
        raise ValueError(f"Multiply: expected pairs of whole numbers from 0 up, got {pairs!r}")
    return whole
