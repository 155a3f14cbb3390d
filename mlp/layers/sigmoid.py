import numpy as np

from mlp.layers.arrays import as_numbers
from mlp.layers.base import Changes, Layer


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-z)), elementwise.

    Shapes   z, y and upstream are equal, any shape
    Forward  with e = exp(-|z|), which lies in [0, 1] and cannot overflow:
             y_i = 1 / (1 + e_i) for z_i > 0;  y_i = e_i / (1 + e_i) otherwise (expand by exp z)
    Backward with U = dL/dy: the Jacobian is diagonal,
             dy_i/dz_i = exp(-z_i) / (1 + exp(-z_i))^2 = e_i / (1 + e_i)^2, even in z
             dL/dz_i = U_i e_i / (1 + e_i)^2
             This equals y (1 - y), but 1 - y cancels: for z > 37 it is 0, the truth exp(-z)
    Jvp      dy = dz * e / (1 + e)^2
    Keeps    e
    Raises   ValueError if upstream has another shape than z; RuntimeError if backward or jvp
             comes before forward
    Source   deck 000, "what about sigmoid?" (x for z, z for y); deck 003, 3.1 (z for y)

    -|z| is written as a choice by the sign of the real part, so that y stays analytic and the
    complex step can differentiate it; |z| itself is not analytic.
    """

    def forward(self, z: np.ndarray) -> np.ndarray:
        z = as_numbers(z, self)
        positive = z.real > 0
        e = np.exp(np.where(positive, -z, z))
        self._cache = e
        return np.where(positive, 1, e) / (1 + e)

    def backward(self, upstream: np.ndarray) -> np.ndarray:
        e = self.cached()
        return self.checked("upstream", upstream, e.shape, e.dtype) * (e / (1 + e) ** 2)

    def jvp(self, dz: np.ndarray, dparameters: Changes = None) -> np.ndarray:
        e = self.cached()
        self.checked_changes(dparameters)
        return self.checked("dx", dz, e.shape, e.dtype) * (e / (1 + e) ** 2)
