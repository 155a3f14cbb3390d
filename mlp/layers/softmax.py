import numpy as np

from mlp.layers.arrays import as_numbers
from mlp.layers.base import Changes, Layer


class Softmax(Layer):
    """y_i = exp(z_i) / sum_j exp(z_j) along the last axis: positive, and of sum 1.

    Shapes   z, y and upstream (..., C)
    Forward  y_i = exp(z_i - m) / sum_j exp(z_j - m) for every m; m = max_j z_j keeps each
             exponent at or below 0, so nothing overflows
    Backward with U = dL/dy: every z_i moves every y_j,
             dy_j/dz_i = y_j (delta_ij - y_i)
             dL/dz_i = sum_j U_j y_j (delta_ij - y_i) = y_i (U_i - sum_j U_j y_j)
             so the (C, C) Jacobian diag(y) - y y^T is never built
    Jvp      dy_i = y_i (dz_i - sum_j y_j dz_j): the Jacobian is symmetric
    Keeps    y
    Raises   ValueError if z has no last axis or it is empty, or upstream has another shape;
             RuntimeError if backward or jvp comes before forward
    Source   deck 004, special case 1: vector activations (same symbols)

    A row that holds NaN or +inf gives NaN.
    """

    def forward(self, z: np.ndarray) -> np.ndarray:
        z = as_numbers(z, self)
        if z.ndim == 0 or z.shape[-1] == 0:
            raise ValueError(f"{self!r}: expected x of shape (..., C) with C > 0, got {z.shape}")
        # inf - inf: the NaN says it; -1e308 - 1e308: -inf gives the right 0
        with np.errstate(invalid="ignore", over="ignore"):
            e = np.exp(z - z.real.max(axis=-1, keepdims=True))
        y = e / e.sum(axis=-1, keepdims=True)
        self._cache = y
        return y

    def backward(self, upstream: np.ndarray) -> np.ndarray:
        y = self.cached()
        U = self.checked("upstream", upstream, y.shape, y.dtype)
        return y * (U - (U * y).sum(axis=-1, keepdims=True))

    def jvp(self, dz: np.ndarray, dparameters: Changes = None) -> np.ndarray:
        y = self.cached()
        self.checked_changes(dparameters)
        dz = self.checked("dx", dz, y.shape, y.dtype)
        return y * (dz - (y * dz).sum(axis=-1, keepdims=True))
