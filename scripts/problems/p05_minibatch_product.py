"""Y = W X for a mini-batch, m = 2, d = 2, n = 3, and a loss L = l(Y): dL/dX and dL/dW.

Deck 001 has one sample per column of X (d, n) and W (m, d) from the left. Our rows are samples:
its X is our x^T, its Y our z^T, its W our W^T, so its W^T dL/dY is our U W^T, transposed.
dL/dX has the shape of X; it is the contraction of dL/dY with the four-way dY/dX over kl.
"""

import numpy as np

from mlp import Affine
from problems.numeric import central, complex_step
from problems.report import Report

TITLE = "Y = W X for a mini-batch, by entries and matrices"
DECKS = "001"


def slope_of_entry(W: np.ndarray, a: int, b: int, n: int) -> np.ndarray:
    """dY/dx_ab: y_kl = sum_i w_ki x_il holds x_ab only in column b, with the factor w_ka."""
    slope = np.zeros((len(W), n), W.dtype)
    slope[:, b] = W[:, a]
    return slope


def entry_by_entry(W: np.ndarray, X: np.ndarray, U: np.ndarray) -> np.ndarray:
    """dL/dx_ab = sum_kl U_kl dy_kl/dx_ab with U = dL/dY."""
    d, n = X.shape
    return np.array([[(U * slope_of_entry(W, a, b, n)).sum() for b in range(n)] for a in range(d)])


def as_matrices(W: np.ndarray, X: np.ndarray, U: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dL/dX = W^T U and dL/dW = U X^T."""
    return W.T @ U, U @ X.T


def loss(Y: np.ndarray) -> complex:
    """Any smooth scalar of Y will do."""
    return np.sin(Y).sum() + (Y[0] * Y[1]).sum()


def upstream(Y: np.ndarray) -> np.ndarray:
    """dL/dY of that loss."""
    return np.cos(Y) + Y[::-1]


def solve(report: Report) -> None:
    report.claim("dL/dX = W^T dL/dY, which starts from single entries, and dL/dW = dL/dY X^T.")
    report.derive("""
        y_kl = sum_i w_ki x_il         dy_kl/dx_ab = w_ka [l = b]
        dL/dx_ab = sum_kl U_kl w_ka [l = b] = sum_k w_ka U_kb = (W^T U)_ab
        dL/dw_ab = sum_kl U_kl x_bl [k = a] = sum_l U_al x_bl = (U X^T)_ab
        """)
    W, X = np.array([[2, -1], [3, 5]]), np.array([[1, 4, -2], [0, 7, 3]])
    U = np.array([[1, -3, 2], [6, 0, -5]])
    report.show("W", W)
    report.show("X", X)
    report.show("U = dL/dY", U)
    report.show("dY/dx_11", slope_of_entry(W, 0, 0, 3))
    dX, dW = as_matrices(W, X, U)
    report.show("dL/dX", dX)
    report.show("dL/dW", dW)
    report.equal("entry by entry = W^T U, whole numbers", entry_by_entry(W, X, U), dX, 0)
    four_way = np.einsum("ka,lb->klab", W, np.eye(3))
    report.equal("dL/dX as a contraction over kl", np.einsum("kl,klab->ab", U, four_way), dX, 0)

    report.slip("""001 writes w12 x31 in y13 and w22 x31 in y23, but X has no third row: it must be
        x23. It names the last entry of Y y33; it must be y23.""")
    right = [W[0, 0] * X[0, 2] + W[0, 1] * X[1, 2], W[1, 0] * X[0, 2] + W[1, 1] * X[1, 2]]
    report.equal("y13 and y23 with x23", right, (W @ X)[:, 2], 0)
    report.slip("""001 has dL/dy_2j w12 + dL/dy_2j w22 in the second row of dL/dX; it must be
        dL/dy_1j w12 + dL/dy_2j w22. Its final W^T dL/dY is right, but as printed out its dL/dY has
        dL/dy_23 for dL/dy_13 and the second row (dL/dy_23, dL/dy_23).""")
    printed = U[1] * W[0, 1] + U[1] * W[1, 1]
    report.show("second row as printed, then as it is", np.array([printed, dX[1]]))
    report.equal("the difference is (U_2j - U_1j) w12", printed - dX[1], (U[1] - U[0]) * W[0, 1], 0)

    affine = Affine(2, 2, bias=False)
    affine.W = W.T
    report.equal("engine: Y", affine.forward(X.T).T, W @ X, 0)
    report.equal("engine: dL/dX", affine.backward(U.T).T, dX, 0)
    report.equal("engine: dL/dW", affine.dW.T, dW, 0)

    rng = np.random.default_rng(5)
    W, X = rng.normal(size=(2, 2)), rng.normal(size=(2, 3))
    U = upstream(W @ X)
    dX, dW = as_matrices(W, X, U)
    report.derive("Now at random with L = sum_kl sin y_kl + sum_l y_1l y_2l, by numbers.")
    report.equal("dL/dX, complex step", dX, complex_step(lambda X: loss(W @ X), X), 1e-14)
    report.equal("dL/dW, complex step", dW, complex_step(lambda W: loss(W @ X), W), 1e-14)
    report.equal("dL/dW, central differences", dW, central(lambda W: loss(W @ X), W), 1e-9)
