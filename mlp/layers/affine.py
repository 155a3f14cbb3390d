from __future__ import annotations  # naming np.random.Generator would load numpy.random

from math import prod
from typing import Any

import numpy as np

from mlp.arguments import checked_whole
from mlp.init import Initializer, first_weights
from mlp.layers.arrays import as_numbers, floating_dtype
from mlp.layers.base import Changes, Layer


class Affine(Layer):
    """z = x W + b, the same affine map for every row of x.

    Shapes   x (N, D)   W (D, M)   b (M,)   z and upstream (N, M)
    Forward  z_nj = sum_i x_ni W_ij + b_j
    Backward with U = dL/dz:
             dL/dx_ni = sum_j U_nj W_ij      dL/dx = U W^T
             dL/dW_ij = sum_n x_ni U_nj      dL/dW = x^T U
             dL/db_j  = sum_n U_nj           dL/db = column sums of U
             since z_nj holds x_ni with the factor W_ij, W_ij with x_ni, and b_j with 1
    Jvp      dz = dx W + x dW + db, the product rule
    Keeps    x
    Raises   ValueError if x is not (N, D) or upstream is not (N, M); RuntimeError if backward
             or jvp comes before forward
    Source   deck 000, linear layer (row vectors, as here); deck 001 has samples as columns,
             Y = W X, so its W and X are our W^T and x^T; deck 002 writes Omega for W^T and beta
             for b; deck 003 `W^(0)` for W^T; deck 004 sums w_ij y_i with our indices, and then
             writes W_k for W^T

    Parameters: `in_features` D, `out_features` M, `bias`, and `init`: "he" N(0, 2/D), "glorot"
    N(0, 2/(D+M)), "zeros", a number, or a callable (rng, shape, dtype) -> array. b starts at 0.
    `rng` is a seed or a NumPy Generator. Without bias, b and db are None.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        init: str | float | Initializer = "he",
        rng: np.random.Generator | int | None = None,
        dtype: Any = np.float64,
    ) -> None:
        self.in_features = checked_whole(in_features, "in_features", "Affine")
        self.out_features = checked_whole(out_features, "out_features", "Affine")
        self.input_shape = (self.in_features,)
        self.parameter_names = ("W", "b") if bias else ("W",)
        dtype = floating_dtype(dtype, "Affine")
        self.W = first_weights(init, rng, (self.in_features, self.out_features), dtype)
        self.b: np.ndarray | None = np.zeros(self.out_features, dtype) if bias else None
        self.dW: np.ndarray | None = None
        self.db: np.ndarray | None = None

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = as_numbers(x, self, self.W.dtype)
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise ValueError(
                f"{self!r}: expected x of shape (N, {self.in_features}), got {x.shape}"
                f"{_remedy(x.shape, self.in_features)}"
            )
        self._cache = x
        z = x @ self.W
        if self.b is not None:
            z += self.b
        return z

    def backward(self, upstream: np.ndarray) -> np.ndarray:
        x = self.cached()
        U = self.checked("upstream", upstream, (len(x), self.out_features), x.dtype)
        self.dW = x.T @ U
        if self.b is not None:
            self.db = U.sum(axis=0)
        return U @ self.W.T

    def jvp(self, dx: np.ndarray, dparameters: Changes = None) -> np.ndarray:
        x = self.cached()
        changes = self.checked_changes(dparameters)
        dz = self.checked("dx", dx, x.shape, x.dtype) @ self.W
        if "W" in changes:
            dz = dz + x @ changes["W"]
        if "b" in changes:
            dz = dz + changes["b"]
        return dz

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        super().output_shape(input_shape)
        return (self.out_features,)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("in_features", "out_features", "input_shape") and name in vars(self):
            raise AttributeError(f"{self!r}: {name} follows from W; make a new Affine instead")
        if name == "b" and value is not None and "b" not in self.parameter_names:
            raise ValueError(f"{self!r}: has no b; make it with bias=True")
        super().__setattr__(name, value)

    def constructor_arguments(self) -> tuple[tuple, dict[str, Any]]:
        options: dict[str, Any] = {} if self.b is not None else {"bias": False}
        if self.W.dtype != np.float64:
            options["dtype"] = self.W.dtype.name
        return (self.in_features, self.out_features), options


def _remedy(shape: tuple[int, ...], in_features: int) -> str:
    if shape == (in_features,):
        return "; for one sample use x[None, :]"
    if len(shape) > 2 and prod(shape[1:]) == in_features:
        return "; add Flatten() before it"
    if len(shape) > 1 and prod(shape) == in_features:
        return "; for one sample use x[None]"
    if len(shape) == 2 and shape[0] == in_features:
        return "; rows are samples: transpose x"
    return ""
