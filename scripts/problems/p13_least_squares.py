"""Least squares by gradient descent: a line with two parameters, its gradient, its descent.

f[x, phi] = phi_0 + phi_1 x and L = sum_i (f[x_i, phi] - y_i)^2 over I samples. Wanted: dL/dphi; the
descent with all samples, a mini-batch, one sample per step; what the sum over the batch, which deck
002 uses, changes against the mean. The deck writes alpha for the learning rate and dL/dphi as a
column; phi_0 is our b, phi_1 our W. With rows (1, x_i) in A: L = |A phi - y|^2.
"""

from itertools import combinations

import numpy as np

from mlp import Affine, Sequential, SquaredError
from problems.engine import backpropagate
from problems.numeric import EPS, complex_step
from problems.report import Report

TITLE = "Least squares by gradient descent"
DECKS = "002"


def loss(phi, A, y):
    return ((A @ phi - y) ** 2).sum()


def gradient(phi, A, y):
    return 2 * A.T @ (A @ phi - y)


def descend(phi, A, y, alpha, batches):  # batches: lists of sample numbers
    path = [phi]
    for batch in batches:
        path.append(path[-1] - alpha * gradient(path[-1], A[batch], y[batch]))
    return np.array(path)


def by_engine(phi, x, y, alpha, batches, reduction):
    net, squares, path = Sequential(Affine(1, 1)), SquaredError(reduction=reduction), [phi]
    net.load_vector(phi[::-1])  # (W, b)
    for batch in batches:
        backpropagate(net, squares, x[batch, None], y[batch, None])
        net.update(alpha)
        path.append(net.parameter_vector()[::-1])
    return np.array(path)


def solve(report: Report) -> None:
    report.claim("dL/dphi = 2 A^T (A phi - y); descent reaches the normal equations' phi*.")
    report.derive("""
        dL/dphi = sum 2 r_i (1, x_i)   with r_i = phi_0 + phi_1 x_i - y_i
        dL/dphi = H (phi - phi*)   with H = 2 A^T A   and   A^T A phi* = A^T y
        phi' - phi* = (1 - alpha H) (phi - phi*): shrinks if alpha < 2 / max eig
        """)
    rng, x = np.random.default_rng(13), np.linspace(0, 2, 12)
    y = 0.4 + 0.6 * x + 0.15 * rng.normal(size=12)
    A, start, every = np.column_stack([np.ones(12), x]), np.array([1.6, 1.3]), np.arange(12)
    best, h = np.linalg.solve(A.T @ A, A.T @ y), np.linalg.eigvalsh(2 * A.T @ A)
    numeric = complex_step(lambda phi: loss(phi, A, y), start)
    report.equal("gradient by complex step", gradient(start, A, y), numeric, 1e-14)
    limit = 2 / h[-1]
    report.show("phi*, eigenvalues of H, the largest alpha", np.array([*best, *h, limit]))
    full = descend(start, A, y, 0.5 * limit, [every] * 400)
    report.equal("400 steps of the full batch reach phi*", full[-1], best, 1e-12)
    above, left = (loss(phi, A, y) - loss(best, A, y) for phi in full[10:12])
    report.equal("L - L* shrinks by (1 - alpha h)^2", left / above, (1 - h[0] / h[1]) ** 2, 1e-13)
    for c, fate in ((0.99, "converges"), (1.01, "diverges")):
        away = descend(start, A, y, c * limit, [every] * 1000) - best
        report.show(f"{c} of that: distance after 1000 steps", abs(away[-1]).max())
        v, w = away[120:122]  # the slow part has gone; two points, 16 operations, cond(H)
        rounding = 32 * EPS * h[1] / h[0] * (1 + 1 / abs(v).max())
        report.check(f"it {fate}: 1 - {2 * c} a step", abs(v @ w / (v @ v) - 1 + 2 * c), rounding)
    report.slip("the gradient in phi is also written grad_w L; grad_phi L is meant.")
    report.claim("""B of I samples give B/I of the gradient on average; a mean takes B-fold alpha.
        At constant alpha small batches hover around phi*.""")
    mean = np.mean([gradient(start, A[[*i]], y[[*i]]) for i in combinations(range(12), 3)], axis=0)
    report.equal("mean of all 220 batches of 3, times 4", 4 * mean, gradient(start, A, y), 1e-14)
    paths = {}
    for size, alpha in ((12, 0.9), (3, 1.5), (1, 2.5)):
        order = np.concatenate([rng.permutation(12) for _ in range(20)]).reshape(-1, size)
        path = descend(start, A, y, alpha * limit, order)
        for rate, reduction in ((alpha * limit, "sum"), (size * alpha * limit, "mean")):
            engine = by_engine(start, x, y, rate, order, reduction)
            report.equal(f"batches of {size}: engine, {reduction}", engine, path, 1e-13)
        paths[f"{size} a step, {len(order)} steps, alpha {alpha * limit:.3f}"] = path
    report.figure("loss_surface", lambda figure: draw(figure, A, y, best, paths))


def draw(figure, A, y, best, paths) -> None:
    figure.set_size_inches(11, 4.2)
    grid = np.stack(np.meshgrid(np.linspace(-0.5, 2, 120), np.linspace(-0.6, 1.6, 120)), axis=-1)
    surface = ((grid @ A.T - y) ** 2).sum(axis=-1)
    levels = np.geomspace(surface.min(), surface.max(), 13)
    for axis, (name, path) in zip(figure.subplots(1, 3, sharey=True), paths.items(), strict=True):
        axis.contourf(*grid.T, surface.T, levels, cmap="Blues")
        axis.plot(*path.T, "o-", linewidth=1, markersize=3, color="#D55E00")
        axis.plot(*best, "k*", markersize=12)
        axis.set(title=name, xlabel="$\\phi_0$", ylabel="$\\phi_1$")
        axis.label_outer()
    figure.suptitle("The loss (the darker, the larger), the path of descent, and its goal (star)")
