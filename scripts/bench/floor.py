"""The matrix products of a step and nothing else: what no NumPy program can be faster than.

Each product is done by the faster of `np.matmul(out=)` and SciPy's gemm, or all of them by one,
if that is faster (two thread pools in turn are not).
"""

import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import scipy
from scipy.linalg.blas import sgemm

from bench.work import Cell, first_weights

VERSION = f"numpy {np.__version__}, scipy {scipy.__version__}"
Product = Callable[[], object]


class Contender:
    def __init__(self, cell: Cell) -> None:
        rng = np.random.default_rng(0)
        arrays = [rng.random((cell.batch, d), dtype=np.float32) for d in cell.sizes]
        pairs = []
        for k, ((x, z), W) in enumerate(zip(pairwise(arrays), first_weights(cell), strict=True)):
            pairs += [_product(x, W), _product(x.T, z)]  # z = x W, dW = x^T U
            if k:
                pairs.append(_product(z, W.T))  # dx = U W^T
        by_numpy, by_scipy = zip(*pairs, strict=True)
        mixed = [min(pair, key=_duration) for pair in pairs]
        self.products = min((by_numpy, by_scipy, mixed), key=lambda p: _duration(_all(p)))

    def step(self) -> float:
        for product in self.products:
            product()
        return float("nan")


def _product(a: np.ndarray, b: np.ndarray) -> tuple[Product, Product]:
    """a b by NumPy and by SciPy, both without any copy: every array is C-ordered or a .T."""
    out = np.empty((len(a), b.shape[1]), np.float32)
    bT, flip_b = (b.T, 0) if b.flags.c_contiguous else (b, 1)
    aT, flip_a = (a.T, 0) if a.flags.c_contiguous else (a, 1)
    outT = out.T
    return (
        lambda: np.matmul(a, b, out),
        lambda: sgemm(1.0, bT, aT, 0.0, outT, flip_b, flip_a, 1),
    )


def _all(products: Sequence[Product]) -> Product:
    def run() -> None:
        for product in products:
            product()

    return run


def _duration(call: Product) -> float:
    call()
    times = []
    repeat = max(1, int(0.002 / _once(call, 1)))
    for _ in range(9):
        times.append(_once(call, repeat))
    return min(times)


def _once(call: Product, repeat: int) -> float:
    start = time.perf_counter()
    for _ in range(repeat):
        call()
    return (time.perf_counter() - start) / repeat
