from math import prod

import numpy as np

from mlp.layers.arrays import as_numbers
from mlp.layers.base import Changes, Layer


class Flatten(Layer):
    """Each sample as one row: images (N, H, W) become vectors (N, H W), in row-major order.

    Shapes   x (N, ...)   y and upstream (N, D) with D the product of the rest
    Forward  y = x in another shape: the Jacobian is the identity
    Backward dL/dx is upstream in the shape of x
    Jvp      dy is dx in the shape of y
    Keeps    the shape of x
    Raises   ValueError if x has no batch axis or upstream another shape than y; RuntimeError if
             backward or jvp comes before forward
    Source   deck 003, 1b: vec(W) and its un-flattening
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = as_numbers(x, self)
        if x.ndim == 0:
            raise ValueError(f"{self!r}: expected x of shape (N, ...), got a single number")
        self._cache = x.shape, x.dtype
        return x.reshape(len(x), prod(x.shape[1:]))

    def backward(self, upstream: np.ndarray) -> np.ndarray:
        shape, dtype = self.cached()
        flat = (shape[0], prod(shape[1:]))
        return self.checked("upstream", upstream, flat, dtype).reshape(shape)

    def jvp(self, dx: np.ndarray, dparameters: Changes = None) -> np.ndarray:
        shape, dtype = self.cached()
        self.checked_changes(dparameters)
        return self.checked("dx", dx, shape, dtype).reshape(shape[0], prod(shape[1:]))

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (prod(input_shape),)
