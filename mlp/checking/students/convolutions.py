"""The convolution of images, which no layer of ours is, as a reference.

    y_nfkl = sum_cij x_nc(sk+i)(sl+j) W_fcij + b_f       with x padded by zeros, s the stride
    dL/dW_fcij = sum_nkl U_nfkl x_nc(sk+i)(sl+j)         dL/db_f = sum_nkl U_nfkl
    dL/dx_nc(sk+i)(sl+j) gets U_nfkl W_fcij from every f, k, l, i, j: the sum of them all

Images are (C, H, W) with filters (F, C, h, w), or (H, W, C) with filters (h, w, C, F).
"""

import itertools

import numpy as np

from mlp.checking.students.references import Reference
from mlp.checking.students.trials import Arrays


class ConvolutionReference(Reference):
    """A convolution with one of the usual orders of axes, strides and paddings."""

    def __init__(self, channels_first: bool, stride: int, pad: int) -> None:
        self.channels_first, self.stride, self.pad = channels_first, stride, pad
        axes = "(C, H, W)" if channels_first else "(H, W, C)"
        self.label = f"a convolution of images {axes} with stride {stride} and padding {pad}"

    def forward(self, arrays: Arrays) -> np.ndarray:
        x, W, b = self._plain(arrays)
        y = np.einsum("ncklij,fcij->nfkl", self._windows(x, W), W) + b[:, None, None]
        return y if self.channels_first else y.transpose(0, 2, 3, 1)

    def gradients(self, arrays: Arrays, upstream: np.ndarray) -> Arrays:
        x, W, _ = self._plain(arrays)
        U = upstream if self.channels_first else upstream.transpose(0, 3, 1, 2)
        dW = np.einsum("ncklij,nfkl->fcij", self._windows(x, W), U)
        dx, s = np.zeros(self._padded(x).shape), self.stride
        rows, columns = (s * n for n in U.shape[2:])
        for i, j in np.ndindex(*W.shape[2:]):
            dx[:, :, i : i + rows : s, j : j + columns : s] += np.einsum(
                "nfkl,fc->nckl", U, W[:, :, i, j]
            )
        H, width = (self.pad + n for n in x.shape[2:])
        dx = dx[:, :, self.pad : H, self.pad : width]
        if not self.channels_first:
            dx, dW = dx.transpose(0, 2, 3, 1), dW.transpose(2, 3, 1, 0)
        found = {"x": dx, "W": dW}
        if "b" in arrays:
            found["b"] = U.sum(axis=(0, 2, 3)).reshape(arrays["b"].shape)
        return found

    def _plain(self, arrays: Arrays) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x (N, C, H, W), W (F, C, h, w) and b (F,); raises ValueError for any other arrays."""
        x, W = arrays["x"], arrays["W"]
        if x.ndim != 4 or W.ndim != 4 or set(arrays) - {"x", "W", "b"}:
            raise ValueError("expected images and filters")
        if not self.channels_first:
            x, W = x.transpose(0, 3, 1, 2), W.transpose(3, 2, 0, 1)
        return x, W, arrays["b"].reshape(-1) if "b" in arrays else np.zeros(len(W))

    def _padded(self, x: np.ndarray) -> np.ndarray:
        return np.pad(x, [(0, 0), (0, 0), (self.pad, self.pad), (self.pad, self.pad)])

    def _windows(self, x: np.ndarray, W: np.ndarray) -> np.ndarray:
        """(N, C, k, l, i, j): what the filters see at each place (k, l)."""
        views = np.lib.stride_tricks.sliding_window_view(self._padded(x), W.shape[2:], (2, 3))
        return views[:, :, :: self.stride, :: self.stride]


def convolutions() -> list[Reference]:
    """Convolutions with the usual settings, the likeliest first."""
    settings = itertools.product((True, False), (1, 2), (1, 0, 2))
    return [ConvolutionReference(*setting) for setting in settings]
