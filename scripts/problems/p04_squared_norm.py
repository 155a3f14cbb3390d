"""f(W, x) = ||W x||^2 for a square W: the gradients in W and in x, three ways.

Deck 001 has x as a column and W from the left. Our rows are samples, z = x W, so our Affine
holds the deck's W^T, and its dW is the transpose of the deck's df/dW.

With y = W x and f = sum_i y_i^2:  df/dy = 2 y,  so  df/dW = 2 y x^T  and  df/dx = 2 W^T y.
"""

from fractions import Fraction

import numpy as np

from mlp import Affine, Multiply, Sequential, SquaredError
from problems.numeric import central, complex_step
from problems.report import Report

TITLE = "The squared norm of W x"
DECKS = "001"


def squared_norm(W: np.ndarray, x: np.ndarray) -> float:
    return ((W @ x) ** 2).sum()


def gradients(W: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """df/dW = 2 y x^T and df/dx = 2 W^T y with y = W x."""
    y = W @ x
    return 2 * np.outer(y, x), 2 * W.T @ y


def by_multiply(W: np.ndarray, x: np.ndarray) -> tuple[complex, np.ndarray, np.ndarray]:
    """f, df/dW, df/dx with y_i^2 as the product of the pair (i, i); its gradient is 2 y_i."""
    affine = Affine(*W.T.shape, bias=False)
    affine.W = W.T
    net = Sequential(affine, Multiply([[i, i] for i in range(len(W))]))
    squares = net.forward(x[None, :])
    dx = net.backward(np.ones_like(squares))  # f is the sum of the squares
    return squares.sum(), affine.dW.T, dx[0]


def by_squared_error(W: np.ndarray, x: np.ndarray) -> tuple[complex, np.ndarray, np.ndarray]:
    """f, df/dW, df/dx as the squared distance of y from 0."""
    affine, loss = Affine(*W.T.shape, bias=False), SquaredError()
    affine.W = W.T
    f = loss.forward(affine.forward(x[None, :]), np.zeros((1, len(W))))
    dx = affine.backward(loss.backward())
    return f, affine.dW.T, dx[0]


def solve(report: Report) -> None:
    report.claim("With y = W x: df/dW = 2 y x^T, of the shape of W, and df/dx = 2 W^T y.")
    report.derive("""
        y_i = sum_k W_ik x_k        f = sum_i y_i^2        df/dy_i = 2 y_i
        df/dW_ij = sum_k 2 y_k dy_k/dW_ij = 2 y_i x_j     only y_i holds W_ij
        df/dx_j  = sum_k 2 y_k dy_k/dx_j  = sum_k 2 y_k W_kj
        """)
    W, x = np.array([[0.7, -0.2], [0.4, 1.5]]), np.array([-0.6, 0.9])
    dW, dx = gradients(W, x)
    report.show("W", W)
    report.show("x", x)
    report.show("f", squared_norm(W, x))
    report.show("df/dW", dW)
    report.show("df/dx", dx)
    as_fractions = np.vectorize(lambda v: Fraction(str(v)))
    W_exact, x_exact = as_fractions(W), as_fractions(x)
    y = [sum(w * v for w, v in zip(row, x_exact, strict=True)) for row in W_exact]
    by_entries = [[2 * y_i * x_j for x_j in x_exact] for y_i in y]
    report.equal("df/dW, entry by entry in fractions", dW, np.array(by_entries, float), 1e-15)
    by_entries = [sum(2 * y[k] * W_exact[k, j] for k in range(2)) for j in range(2)]
    report.equal("df/dx, entry by entry in fractions", dx, np.array(by_entries, float), 1e-15)

    rng = np.random.default_rng(4)
    W, x = rng.normal(size=(5, 5)), rng.normal(size=5)
    f, (dW, dx) = squared_norm(W, x), gradients(W, x)
    report.derive("Now W 5 x 5 at random, by hand, by the engine and by numbers.")
    labels = ("f", "df/dW", "df/dx")
    routes = {"Affine + Multiply": by_multiply, "Affine + SquaredError": by_squared_error}
    for name, route in routes.items():
        for label, by_hand, by_engine in zip(labels, (f, dW, dx), route(W, x), strict=True):
            report.equal(f"{label} by {name}", by_hand, by_engine, 1e-14)
    report.equal("df/dW, complex step", dW, complex_step(lambda W: squared_norm(W, x), W), 1e-14)
    report.equal("df/dx, complex step", dx, complex_step(lambda x: squared_norm(W, x), x), 1e-14)
    report.equal("df/dx, central differences", dx, central(lambda x: squared_norm(W, x), x), 1e-9)
