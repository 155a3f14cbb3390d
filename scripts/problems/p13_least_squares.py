"""Least squares by gradient descent: a line with two parameters, its gradient, its descent.

f[x, phi] = phi_0 + phi_1 x and L = sum_i (f[x_i, phi] - y_i)^2 over I samples. Wanted: dL/dphi;
the descent with all samples, with a mini-batch, with one sample per step; what the sum over the
batch, which deck 002 uses, changes against the mean.

Deck 002 writes alpha for the learning rate and dL/dphi as a column; phi_0 is our b and phi_1 our W.
In matrix form, with rows (1, x_i) in A: L = |A phi - y|^2 and dL/dphi = 2 A^T (A phi - y).
"""

from itertools import combinations

import numpy as np

from mlp import SGD, Affine, Sequential, SquaredError, fit
from problems.numeric import complex_step
from problems.report import Report

TITLE = "Least squares by gradient descent"
DECKS = "002"


def loss(phi, A, y):
    return ((A @ phi - y) ** 2).sum()


def gradient(phi, A, y):
    """The sums of 2 (phi_0 + phi_1 x_i - y_i) and of 2 x_i (phi_0 + phi_1 x_i - y_i)."""
    return 2 * A.T @ (A @ phi - y)


def descend(phi, A, y, alpha, batches):
    """phi after each step; `batches` are lists of sample numbers."""
    path = [phi]
    for batch in batches:
        path.append(path[-1] - alpha * gradient(path[-1], A[batch], y[batch]))
    return np.array(path)


def by_engine(phi, x, y, alpha, batches, reduction):
    """The same with Affine(1, 1) and SquaredError."""
    net, squares = Sequential(Affine(1, 1)), SquaredError(reduction=reduction)
    net.load_vector(phi[::-1])  # ours is (W, b)
    path = [phi]
    for batch in batches:
        squares.forward(net.forward(x[batch, None]), y[batch, None])
        net.backward(squares.backward())
        net.update(alpha)
        path.append(net.parameter_vector()[::-1])
    return np.array(path)


def solve(report: Report) -> None:
    report.claim("""dL/dphi = (sum 2 (phi_0 + phi_1 x_i - y_i), sum 2 x_i (phi_0 + phi_1 x_i - y_i)),
        and descent along it reaches the solution of the normal equations.""")
    report.derive("""
        dL/dphi = 2 A^T (A phi - y) = H (phi - phi*)       H = 2 A^T A, A^T A phi* = A^T y
        phi' - phi* = (1 - alpha H) (phi - phi*)           smaller iff alpha < 2 / largest eigenvalue
        the mean over I samples divides H by I: the same path with I times the learning rate
        """)
    rng = np.random.default_rng(13)
    x = np.linspace(0, 2, 12)
    y = 0.4 + 0.6 * x + 0.15 * rng.normal(size=12)
    A, start = np.column_stack([np.ones(12), x]), np.array([2.0, -0.9])
    best = np.linalg.solve(A.T @ A, A.T @ y)
    numeric = complex_step(lambda phi: loss(phi, A, y), start)
    report.show("phi* by the normal equations", best)
    report.equal("gradient: complex step", gradient(start, A, y), numeric, 1e-15)
    every = [list(range(12))]
    eigenvalues = np.linalg.eigvalsh(2 * A.T @ A)
    limit = 2 / eigenvalues[-1]
    report.show("eigenvalues of H", eigenvalues)
    report.show("largest learning rate, sum and mean", np.array([limit, 12 * limit]))
    alpha = 0.5 * limit
    full = descend(start, A, y, alpha, every * 400)
    report.equal("full batch reaches phi*", full[-1], best, 1e-12)
    rate = loss(full[101], A, y) - loss(best, A, y), loss(full[100], A, y) - loss(best, A, y)
    slow = (1 - alpha * eigenvalues[0]) ** 2
    report.equal("the excess loss shrinks by (1 - alpha h)^2", rate[0] / rate[1], slow, 1e-6)
    for factor, sign in ((0.99, "converges"), (1.01, "diverges")):
        far = abs(descend(start, A, y, factor * limit, every * 1000)[-1] - best).max()
        report.show(f"|phi - phi*| after 1000 steps, {factor} of the limit", f"{far:.2g}, {sign}")
        report.check(f"{factor} of the limit {sign}", far if factor < 1 else 1 / far, 1e-6)
