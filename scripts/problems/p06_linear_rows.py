"""The linear layer in row vectors, z = x W: dz/dx, and de/dW from single entries.

Deck 000 writes x (1, M) and W (M, N); z and its error signal de/dz are (1, N). This is our own
convention, with M for our in_features and N for our out_features; our e is summed over a batch
of rows, the deck has one. Jacobians have outputs as rows (numerator layout), so dz/dx is (N, M).
"""

import numpy as np

from mlp import Affine
from problems.numeric import central, complex_step
from problems.report import Report

TITLE = "The linear layer in row vectors, from entries"
DECKS = "000"


def error(z: np.ndarray) -> complex:
    """Any smooth scalar of z will do."""
    return np.log(np.exp(z).sum()) + (z**2).sum()


def error_signal(z: np.ndarray) -> np.ndarray:
    """de/dz of that error."""
    return np.exp(z) / np.exp(z).sum() + 2 * z


def backward(x: np.ndarray, W: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """de/dx and de/dW from u = de/dz, entry by entry as in the derivation."""
    M, N = W.shape
    dx = [[sum(u[0, j] * W[i, j] for j in range(N)) for i in range(M)]]
    dW = [[u[0, j] * x[0, i] for j in range(N)] for i in range(M)]
    return np.array(dx), np.array(dW)


def solve(report: Report) -> None:
    report.claim("dz/dx = W^T, so de/dx = de/dz W^T; and de/dW = x^T de/dz, of the shape of W.")
    report.derive("""
        z_j = sum_i x_i W_ij
        dz_j/dx_i = W_ij, in row j and column i of the Jacobian: dz/dx = W^T
        dz_k/dW_ij = [k = j] x_i: a three-way array, N x (M x N), nearly all zeros
        de/dW_ij = sum_k de/dz_k [k = j] x_i = x_i de/dz_j = (x^T de/dz)_ij
        """)
    x, W = np.array([[1, -2, 3]]), np.array([[2, 0], [1, -1], [4, 5]])
    u = np.array([[3, -2]])
    dx, dW = backward(x, W, u)
    report.show("x", x)
    report.show("W", W)
    report.show("de/dz", u)
    report.show("de/dx", dx)
    report.show("de/dW", dW)
    report.equal("entries = de/dz W^T, whole numbers", dx, u @ W.T, 0)
    report.equal("entries = x^T de/dz, whole numbers", dW, x.T @ u, 0)
    three = np.einsum("kj,i->kij", np.eye(2), x[0])
    report.equal("by the whole three-way array", np.einsum("k,kij->ij", u[0], three), dW, 0)
    report.show("entries of the array, then of x^T de/dz", f"{three.size}, {dW.size}")

    affine = Affine(3, 2, bias=False)
    affine.W = W
    affine.forward(x)
    report.equal("engine: de/dx", affine.backward(u), dx, 0)
    report.equal("engine: de/dW", affine.dW, dW, 0)

    report.derive("Now at random with e = log sum exp z + sum z^2, by numbers.")
    rng = np.random.default_rng(6)
    x, W = rng.normal(size=(1, 4)), rng.normal(size=(4, 3))
    dx, dW = backward(x, W, error_signal(x @ W))
    J = complex_step(lambda x: (x @ W)[0], x)[:, 0]
    report.equal("dz/dx = W^T, complex step", J, W.T, 1e-15)
    report.equal("de/dx, complex step", dx, complex_step(lambda x: error(x @ W), x), 1e-14)
    report.equal("de/dW, complex step", dW, complex_step(lambda W: error(x @ W), W), 1e-14)
    report.equal("de/dW, central differences", dW, central(lambda W: error(x @ W), W), 1e-9)

    report.claim("For a batch, W is shared by all rows, so its gradients add up: still x^T de/dz.")
    x = rng.normal(size=(5, 4))
    u = np.vstack([error_signal(row @ W) for row in x])
    rows = sum(backward(row[None, :], W, up[None, :])[1] for row, up in zip(x, u, strict=True))
    affine = Affine(4, 3, bias=False)
    affine.W = W
    affine.forward(x)
    affine.backward(u)
    report.equal("engine: de/dW, sum over five rows", affine.dW, rows, 1e-14)
    report.slip("""000's first slide on the chain rule ends the product for de/dw_k with
        dh_(k+1)/dh_k; the local factor dh_k/dw_k is missing and comes on the next slide.""")
