"""A 2 x 2 matrix in, a 2 x 2 matrix out: the generalized Jacobian has four axes.

Deck 001's X and Y are matrices of numbers, no batches; here Y = X X. G has the axes of Y first
(numerator layout), G[i,j,k,l] = dY_ij/dX_kl, and G dX contracts its last two axes. Then
z = (det Y, trace Y), and the tensor chain rule contracts dZ/dY with dY/dX over the axes of Y.
For the engine a matrix is one row of four numbers, (x11, x12, x21, x22).
"""

import numpy as np

from mlp import Affine, Concat, Multiply, Sequential
from problems.numeric import complex_step
from problems.report import Report

TITLE = "The generalized Jacobian and the tensor chain rule"
DECKS = "001"


def square_jacobian(X: np.ndarray) -> np.ndarray:
    """dY_ij/dX_kl of Y = X X, entry by entry: X_kl is in X_im X_mj as first or second factor."""
    G = np.zeros((2, 2, 2, 2))
    for i, j, k, l in np.ndindex(G.shape):  # noqa: E741
        G[i, j, k, l] = (i == k) * X[l, j] + X[i, k] * (j == l)
    return G


def features(Y: np.ndarray) -> np.ndarray:
    """z = (det Y, trace Y)."""
    return np.array([Y[0, 0] * Y[1, 1] - Y[0, 1] * Y[1, 0], Y[0, 0] + Y[1, 1]])


def features_jacobian(Y: np.ndarray) -> np.ndarray:
    """dz_a/dY_ij: the cofactors of Y, and the identity."""
    return np.array([[[Y[1, 1], -Y[1, 0]], [-Y[0, 1], Y[0, 0]]], np.eye(2)])


def engine() -> tuple[Sequential, Sequential]:
    """X -> X X and Y -> (det Y, trace Y) from products of entries and fixed sums."""
    products = [[0, 0], [1, 2], [0, 1], [1, 3], [2, 0], [3, 2], [2, 1], [3, 3]]
    square = Sequential(Multiply(products), Affine(8, 4, bias=False))
    square[1].W = np.repeat(np.eye(4), 2, axis=0)
    det = Sequential(Multiply([[0, 3], [1, 2]]), Affine(2, 1, bias=False))
    det[1].W = [[1], [-1]]
    trace = Affine(4, 1, bias=False)
    trace.W = np.array([[1], [0], [0], [1]])
    return square, Sequential(Concat(det, trace))


def solve(report: Report) -> None:
    X, dX = np.array([[1.0, 2.0], [3.0, -2.0]]), np.array([[1.0, -2.0], [0.0, 3.0]])
    Y, G = X @ X, square_jacobian(X)
    report.claim("For Y = X X, dY/dX is a 2 x 2 x 2 x 2 array, and its product with dX is 2 x 2.")
    report.derive("""
        Y_ij = sum_m X_im X_mj      dY_ij/dX_kl = [i = k] X_lj + X_ik [l = j]
        dY_ij = sum_kl G[i,j,k,l] dX_kl = (dX X + X dX)_ij     the product rule
        """)
    report.show("X, then dX", np.hstack([X, dX]))
    report.show("dY_11/dX, dY_12/dX, dY_21/dX, dY_22/dX side by side", np.hstack([*G[0], *G[1]]))
    report.equal("G against the complex step", G, complex_step(lambda X: X @ X, X), 1e-14)
    dY = np.einsum("ijkl,kl->ij", G, dX)
    report.show("G dX", dY)
    report.equal("G dX = dX X + X dX, in whole numbers", dY, dX @ X + X @ dX, 0)
    report.slip("""001 puts y's axes first, then x's; its product sums over i in (dy/dx)_ij, x
        first, and on the same line writes row (j,:), y first, as its chain rule does. Either order
        will do if the sum runs over the axes of x. Its indices i in Z^(D_y), j in Z^(D_x) have K_y
        and K_x entries. Its summary multiplies Delta x by dz/dy; it must be dy/dx.""")
    other = G.transpose(2, 3, 0, 1)
    report.equal("other order, sum over its first pair", np.einsum("klij,kl->ij", other, dX), dY, 0)
    mixed = np.einsum("ijkl,ij->kl", G, dX)
    report.show("mixed orders, sum over the axes of Y", mixed)
    report.equal("that is X^T dX + dX X^T: another map", mixed, X.T @ dX + dX @ X.T, 0)

    report.claim("With z = (det Y, trace Y), dZ = dZ/dY dY/dX dX, in whichever order it is taken.")
    report.derive("""
        (dZ/dX)[a,k,l] = sum_ij (dZ/dY)[a,i,j] (dY/dX)[i,j,k,l]
        z1 = det(X)^2           dz1/dX = 2 det(X) cof(X)
        z2 = sum_ij X_ij X_ji   dz2/dX = 2 X^T
        """)
    H = features_jacobian(Y)
    dZ_dX = np.einsum("aij,ijkl->akl", H, G)
    report.show("dz1/dX, dz2/dX side by side", np.hstack([*dZ_dX]))
    cofactors = np.array([[X[1, 1], -X[1, 0]], [-X[0, 1], X[0, 0]]])
    closed = np.array([2 * (X[0, 0] * X[1, 1] - X[0, 1] * X[1, 0]) * cofactors, 2 * X.T])
    report.equal("contraction against closed form", dZ_dX, closed, 0)
    dZ = np.einsum("akl,kl->a", dZ_dX, dX)
    report.show("dZ", dZ)
    report.equal("(dZ/dY dY/dX) dX = dZ/dY (dY/dX dX)", dZ, np.einsum("aij,ij->a", H, dY), 0)
    report.equal("dZ/dX, complex step", dZ_dX, complex_step(lambda X: features(X @ X), X), 1e-14)

    square, det_and_trace = engine()
    net = Sequential(square, det_and_trace)
    net.forward(X.reshape(1, 4))
    report.equal("engine: dZ by jvp", net.jvp(dX.reshape(1, 4))[0], dZ, 0)
    net.forward(np.tile(X.reshape(1, 4), (2, 1)))
    report.equal("engine: dZ/dX by backward", net.backward(np.eye(2)).reshape(2, 2, 2), dZ_dX, 0)
    square.forward(np.tile(X.reshape(1, 4), (4, 1)))
    report.equal("engine: G by backward", square.backward(np.eye(4)).reshape(G.shape), G, 0)
