"""First weights.

Why random: equal weights give equal gradients, so equal units stay equal for ever (deck 003).
Why these variances: with x_i and W_ij independent and of mean 0,
Var z_j = sum_i Var(x_i W_ij) = D Var(x) Var(W).

    glorot  Var W = 2/(D+M): between 1/D, which keeps the variance on the way forward,
            and 1/M, which keeps that of the gradients on the way back (Glorot and Bengio 2010)
    he      Var W = 2/D: ReLU lets half of the signal through (He et al. 2015)

Numbers are drawn in float64 and then rounded, so a float32 network starts at the same point.
"""

from __future__ import annotations  # naming np.random.Generator would load numpy.random

import numbers
from collections.abc import Callable

import numpy as np

Initializer = Callable[["np.random.Generator", tuple[int, int], np.dtype], np.ndarray]


def he(rng: np.random.Generator, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """N(0, 2/D) weights of shape (D, M)."""
    return rng.normal(0.0, np.sqrt(2.0 / shape[0]), shape).astype(dtype)


def glorot(rng: np.random.Generator, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """N(0, 2/(D+M)) weights of shape (D, M)."""
    return rng.normal(0.0, np.sqrt(2.0 / sum(shape)), shape).astype(dtype)


def zeros(rng: np.random.Generator, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """All weights 0."""
    return np.zeros(shape, dtype)


INITIALIZERS: dict[str, Initializer] = {"he": he, "glorot": glorot, "zeros": zeros}


def first_weights(
    init: str | float | Initializer,
    rng: np.random.Generator | int | None,
    shape: tuple[int, int],
    dtype: np.dtype,
) -> np.ndarray:
    """Weights (D, M) by name, from a number (all equal to it) or from a callable.

    Raises ValueError for an unknown name, another shape and what is not finite; TypeError for
    complex weights where dtype is real, and what is no number (or too large for one).
    """
    if isinstance(init, numbers.Complex) and not isinstance(init, bool):
        W = np.full(shape, init)
    else:
        rule = INITIALIZERS.get(init) if isinstance(init, str) else init
        if not callable(rule):
            raise ValueError(
                f"Affine: expected init to be one of {[*INITIALIZERS]}, a number or a callable "
                f"(rng, shape, dtype) -> array, got {init!r}"
            )
        W = np.asarray(rule(np.random.default_rng(rng), shape, dtype))
    if W.dtype.kind not in "biufc":
        raise TypeError(f"Affine: expected numbers from init, got dtype {W.dtype}")
    if W.dtype.kind == "c" and dtype.kind != "c":
        raise TypeError(f"Affine: expected real weights from init, got {W.dtype}; choose the dtype")
    W = np.array(W, dtype)
    if W.shape != shape or not np.isfinite(W).all():
        raise ValueError(
            f"Affine: expected finite weights of shape {shape}, got {W.shape} from {init!r}"
        )
    return W
