"""f(W, x) = ||W x||^2 for a square W: the gradients in W and in x, three ways.

Deck 001 has x as a column and W from the left. Our rows are samples, z = x W, so our Affine
holds the deck's W^T and its dW is the transpose of the deck's df/dW.

With y = W x and f = sum_i y_i^2:  df/dy = 2 y,  so  df/dW = 2 y x^T  and  df/dx = 2 W^T y.
"""

from fractions import Fraction

import numpy as np

from problems.numeric import central, complex_step
from problems.report import Report

TITLE = "The squared norm of W x"
DECKS = "001"


def norm(W: np.ndarray, x: np.ndarray) -> np.ndarray:
    """||W x||^2, also for exact or complex entries."""
    return ((W @ x) ** 2).sum()


def gradients(W: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """df/dW = 2 (W x) x^T and df/dx = 2 W^T (W x)."""
    y = W @ x
    return 2 * np.outer(y, x), 2 * W.T @ y


def solve(report: Report) -> None:
    report.claim("With y = W x: df/dW = 2 y x^T, of the shape of W, and df/dx = 2 W^T y.")
    report.derive("""
        y_i = sum_k W_ik x_k        f = sum_i y_i^2        df/dy_i = 2 y_i
        df/dW_ij = sum_k 2 y_k dy_k/dW_ij = 2 y_i x_j          (only k = i holds W_ij)
        df/dx_j  = sum_k 2 y_k dy_k/dx_j  = sum_k 2 y_k W_kj
        """)
    W, x = np.array([[0.1, 0.5], [-0.3, 0.8]]), np.array([0.2, 0.4])
    dW, dx = gradients(W, x)
    report.show("f", norm(W, x))
    report.show("df/dW", dW)
    report.show("df/dx", dx)
    exact = gradients(*(np.vectorize(lambda v: Fraction(str(v)))(a) for a in (W, x)))
    report.equal("df/dW against fractions", dW, exact[0].astype(float), 1e-15)
    report.equal("df/dx against fractions", dx, exact[1].astype(float), 1e-15)

    rng = np.random.default_rng(4)
    W, x = rng.normal(size=(5, 5)), rng.normal(size=5)
    dW, dx = gradients(W, x)
    report.equal(
        "df/dW, 5 x 5, against the complex step", dW, complex_step(lambda W: norm(W, x), W), 1e-14
    )
    report.equal(
        "df/dx, 5, against central differences", dx, central(lambda x: norm(W, x), x), 1e-9
    )
