"""The BLAS routines that the fused step calls, and through which library.

NumPy and SciPy each bring a BLAS with threads of its own, and two pools that take turns slow
each other down threefold. So all products go through SciPy's, which can accumulate (gemm with
beta and c); only where there is one thread may NumPy's take those it is faster at.

BLAS thinks in columns: a C-ordered (N, M) array is to it the transpose, an (M, N) one. Hence
every operand is handed over as its `.T`, which costs no copy, and z = x W reads z^T = W^T x^T.
"""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

LARGE = 1_000_000
"""Multiplications from which on NumPy's product is the faster one on one thread."""


class Blas(NamedTuple):
    """SciPy's routines for one dtype, and whether there is only one thread."""

    gemm: Callable[..., Any]
    gemv: Callable[..., Any]
    ger: Callable[..., Any]
    axpy: Callable[..., Any]
    dot: Callable[..., Any]
    one_thread: bool


def blas_for(dtype: np.dtype) -> Blas:
    """The routines for float32 or float64; SciPy is loaded here and not before."""
    from scipy.linalg import blas

    letter = {"f": "s", "d": "d"}[dtype.char]
    routines = {
        name: getattr(blas, letter + name) for name in ("gemm", "gemv", "ger", "axpy", "dot")
    }
    return Blas(**routines, one_thread=one_thread())


def one_thread() -> bool:
    """Whether OpenBLAS was told to use one thread (the rule it follows itself when it starts)."""
    for name in ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name]) == 1
    return os.cpu_count() == 1


def in_place(array: np.ndarray, dtype: np.dtype) -> bool:
    """Whether BLAS can write into this array (or its transpose) without a copy."""
    flags = array.flags
    return array.dtype == dtype and flags.c_contiguous and flags.aligned and flags.writeable
