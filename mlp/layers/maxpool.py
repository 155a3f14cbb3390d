import operator
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from mlp.layers.arrays import as_numbers, remedy_for_rows
from mlp.layers.base import Changes, Layer


class MaxPool(Layer):
    """y_j = max of x_l over l in S_j: each output takes the largest of a subset of the inputs.

    Shapes   window k (int): x (N, D), the subsets are k neighbours
             window (k,), (k, k), ...: x (N, ..., H, W), the last len(window) axes are pooled
             subsets [[..], [..], ..]: x (N, D), any index sets, which may overlap
             y and upstream: the pooled axes become (n - k) // stride + 1, or the number of subsets
    Forward  w_j = argmax over l in S_j of x_l, the winner;  y_j = x_(w_j)
    Backward with U = dL/dy: only the winner moves its output,
             dy_j/dx_l = 1 if l = w_j, else 0
             dL/dx_l = sum_j U_j [w_j = l]: an input that wins in several subsets gets the sum
             A tie is a kink; the first of the largest wins: in row-major order of the window, or
             in the order in which the subset is listed
    Jvp      dy_j = dx_(w_j)
    Keeps    the winners w_j
    Raises   ValueError for a window, stride or subset that is no positive number or does not fit
             x, or upstream of another shape than y; RuntimeError if backward or jvp comes first
    Source   deck 004, subgradients and the max (z for x, delta_j for S_j)

    `stride` (an int, or one per pooled axis) defaults to the window. Windows that do not fit
    entirely are dropped.
    """

    def __init__(
        self,
        window: int | tuple[int, ...] | None = None,
        stride: int | tuple[int, ...] | None = None,
        *,
        subsets: Sequence[Sequence[int]] | None = None,
    ) -> None:
        if (window is None) == (subsets is None) or (subsets is not None and stride is not None):
            raise ValueError("MaxPool: expected a window (with an optional stride) or subsets")
        self.window = () if window is None else _sizes("window", window)
        self.stride = self.window if stride is None else _sizes("stride", stride)
        self.vector = not isinstance(window, Sequence)
        if len(self.stride) == 1:
            self.stride = self.stride * len(self.window)
        if len(self.stride) != len(self.window):
            raise ValueError(
                f"MaxPool: expected as many strides as pooled axes, {len(self.window)}, "
                f"got {stride!r}"
            )
        self.subsets = None if subsets is None else _index_sets(subsets)

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = as_numbers(x, self)
        self._check_axes(x.ndim, x.shape)
        lead, pooled, out = self._shapes(x.shape)
        subsets = self._subsets(pooled)
        rows = x.reshape(prod(lead), prod(pooled))
        place = rows[:, subsets].real.argmax(axis=-1)
        winners = subsets[np.arange(len(subsets)), place]
        self._cache = winners, x.shape, x.dtype
        return np.take_along_axis(rows, winners, axis=1).reshape(lead + out)

    def backward(self, upstream: np.ndarray) -> np.ndarray:
        winners, x_shape, dtype = self.cached()
        lead, pooled, out = self._shapes(x_shape)
        U = self.checked("upstream", upstream, lead + out, dtype).reshape(winners.shape)
        dx = np.zeros((len(winners), prod(pooled)), U.dtype)
        rows = np.arange(len(winners))[:, None]
        np.add.at(dx, (rows, winners), U)  # unlike +=, adds where a winner repeats
        return dx.reshape(x_shape)

    def jvp(self, dx: np.ndarray, dparameters: Changes = None) -> np.ndarray:
        winners, x_shape, dtype = self.cached()
        self.checked_changes(dparameters)
        lead, pooled, out = self._shapes(x_shape)
        rows = self.checked("dx", dx, x_shape, dtype).reshape(prod(lead), prod(pooled))
        return np.take_along_axis(rows, winners, axis=1).reshape(lead + out)

    def kinks(self, x: np.ndarray) -> np.ndarray:
        x = as_numbers(x, self)
        self._check_axes(x.ndim, x.shape)
        lead, pooled, _ = self._shapes(x.shape)
        subsets = self._subsets(pooled)
        rows = x.reshape(prod(lead), prod(pooled))
        values = rows[:, subsets].real
        largest = values == values.max(axis=-1, keepdims=True)
        winners = subsets[np.arange(len(subsets)), largest.argmax(axis=-1)]
        tie = (largest & (subsets != winners[..., None])).any(axis=-1, keepdims=True)
        row, subset, place = np.nonzero(largest & tie)
        tied = np.zeros(rows.shape, bool)
        tied[row, subsets[subset, place]] = True
        return tied.reshape(x.shape)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self._check_axes(len(input_shape) + 1, ("N", *input_shape))
        lead, _, out = self._shapes((1, *input_shape))
        return lead[1:] + out

    def constructor_arguments(self) -> tuple[tuple, dict[str, Any]]:
        if self.subsets is not None:
            return (), {"subsets": [list(s) for s in self.subsets]}
        options: dict[str, Any] = {}
        if self.stride != self.window:
            options["stride"] = self.stride[0] if self.vector else self.stride
        return (self.window[0] if self.vector else self.window,), options

    def _check_axes(self, ndim: int, shape: tuple) -> None:
        if self.vector and ndim != 2:
            hint = remedy_for_rows(shape)
            if self.window and ndim > 2:
                hint = f"; for images use ({self.window[0]}, {self.window[0]})"
            raise ValueError(f"{self!r}: expected x of shape (N, D), got {shape}{hint}")
        if not self.vector and ndim <= len(self.window):
            axes = ", ".join("DHW"[-len(self.window) :])
            raise ValueError(f"{self!r}: expected x of shape (N, ..., {axes}), got {shape}")

    def _shapes(self, shape: tuple[int, ...]) -> tuple[tuple, tuple, tuple]:
        """The axes before the pooled ones, the pooled ones, and what they become."""
        if self.subsets is not None:
            if shape[-1] <= (largest := max(map(max, self.subsets))):
                raise ValueError(
                    f"{self!r}: expected at least {largest + 1} features, got {shape[-1]}"
                )
            return shape[:1], shape[1:], (len(self.subsets),)
        split = len(shape) - len(self.window)
        lead, pooled = tuple(shape[:split]), tuple(shape[split:])
        if any(n < k for n, k in zip(pooled, self.window, strict=True)):
            raise ValueError(f"{self!r}: the window is larger than the pooled axes {pooled}")
        sizes = zip(pooled, self.window, self.stride, strict=True)
        return lead, pooled, tuple((n - k) // s + 1 for n, k, s in sizes)

    def _subsets(self, pooled: tuple[int, ...]) -> np.ndarray:
        """The S_j as rows of flat positions; short ones repeat their first, which changes no max
        and no winner."""
        if self.subsets is not None:
            longest = max(map(len, self.subsets))
            return np.array([s + s[:1] * (longest - len(s)) for s in self.subsets])
        positions = np.arange(prod(pooled)).reshape(pooled)
        windows = np.lib.stride_tricks.sliding_window_view(positions, self.window)
        steps = tuple(slice(None, None, s) for s in self.stride)
        return windows[steps].reshape(-1, prod(self.window))


def _sizes(name: str, value: int | tuple[int, ...]) -> tuple[int, ...]:
    try:
        sizes = tuple(map(operator.index, value if isinstance(value, Sequence) else (value,)))
    except TypeError:
        sizes = ()
    if not sizes or min(sizes) < 1 or isinstance(value, bool):
        raise ValueError(
            f"MaxPool: expected {name} to be a whole number above 0 or a tuple of them, "
            f"got {value!r}"
        )
    return sizes


def _index_sets(subsets: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    try:
        sets = [tuple(map(operator.index, subset)) for subset in subsets]
    except TypeError:
        sets = []
    if not sets or not all(sets) or min(map(min, sets)) < 0:
        raise ValueError(
            "MaxPool: expected subsets to be non-empty lists of whole numbers from 0 up, "
            f"got {subsets!r}"
        )
    return sets
