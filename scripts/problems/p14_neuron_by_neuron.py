"""Forward and backward pass neuron by neuron, in loops, against the same in matrices.

z_j^(k) = sum_i w_ij^(k) y_i^(k-1) and y_j^(k) = f(z_j^(k)), y^(0) = x; w_0j is the bias, as
y_0 = 1 joins each layer's input. Wanted: the derivatives of Div by loops and by matrices, and their
time. One sample, a flat vector (matrices: a row); Jacobians have a row per output. Deck 004's w_ij
have our indices. Div is the squared error here, f the sigmoid.
"""

from timeit import repeat
from typing import Any

import numpy as np

from mlp import Affine, Sequential, Sigmoid, SquaredError
from problems.engine import backpropagate, complex_step_gradient
from problems.report import Report

TITLE = "Neuron by neuron, and as matrices"
DECKS = "004"


def f(z):
    return 1 / (1 + np.exp(-z))


def loops(weights, x, d):
    """Div of one sample, dDiv/dw and dDiv/dx."""
    y, z, dw = [[1.0, *x]], [], []
    for w in weights:
        units = range(len(w[0]))
        z.append([sum(w[i][j] * y[-1][i] for i in range(len(w))) for j in units])
        y.append([1.0] + [f(z[-1][j]) for j in units])
    div = sum((y[-1][j + 1] - d[j]) ** 2 for j in units)
    dy = [2 * (y[-1][j + 1] - d[j]) for j in units]
    for k in reversed(range(len(weights))):
        inputs, units = range(len(y[k])), range(len(z[k]))
        dz = [f(z[k][j]) * (1 - f(z[k][j])) * dy[j] for j in units]
        dw.insert(0, [[y[k][i] * dz[j] for j in units] for i in inputs])
        dy = [sum(weights[k][i][j] * dz[j] for j in units) for i in inputs[1:]]
    return div, dw, dy


def matrices(weights, x, d):  # the same for rows of x and d, summed over them
    y, z, dw = [x], [], []
    for w in weights:
        y[-1] = np.hstack([np.ones((len(x), 1)), y[-1]])
        z.append(y[-1] @ w)
        y.append(f(z[-1]))
    dy = 2 * (y[-1] - d)
    for k in reversed(range(len(weights))):
        dz = f(z[k]) * (1 - f(z[k])) * dy
        dw.insert(0, y[k].T @ dz)
        dy = dz @ weights[k][1:].T  # nothing goes back to the constant 1
    return ((y[-1] - d) ** 2).sum(), dw, dy


def flat(div, dw, dx):  # as one vector; each dw as ours, W, then b
    return np.hstack([div, *(np.ravel([*w[1:], w[0]]) for w in dw), np.ravel(dx)])


def solve(report: Report) -> None:
    report.claim("The loops and the matrices are one computation in two notations.")
    report.derive("""
        z_j = sum_i w_ij y_i', y_j = f(z_j)         y' is the layer before
        dDiv/dz_j  = f'(z_j) dDiv/dy_j              dDiv/dw_ij = y_i' dDiv/dz_j
        dDiv/dy_i' = sum_j w_ij dDiv/dz_j           all z_j that y_i' goes into
        """)
    net = Sequential(Affine(3, 5, rng=1), Sigmoid(), Affine(5, 3, rng=2), Sigmoid())
    weights = [np.vstack([affine.b, affine.W]) for affine in (net[0], net[2])]
    x, d = np.random.default_rng(14).random((2, 1, 3))
    by_loops = flat(*loops([w.tolist() for w in weights], x[0], d[0]))
    report.equal("loops and matrices", by_loops, flat(*matrices(weights, x, d)), 1e-14)
    div, dx, dw = backpropagate(net, SquaredError(), x, d)
    report.equal("loops and engine", by_loops, np.hstack([div, dw, dx[0]]), 1e-14)
    numeric = complex_step_gradient(net, SquaredError(), x, d)
    report.equal("dDiv/dw, complex step", by_loops[1:-3], numeric, 1e-14)
    report.slip("y_0^(k) = 1 for k = 0 ... N - 1, not 1 ... N; dDiv/dy_1^(1) has w_ij for w_1j.")
    rows = np.array([times(2**n) for n in range(1, 7)])
    columns = ("units", "loops, us", "matrices, 1 sample", "times slower", "16 at once, per sample")
    report.table(columns, rows)
    width, slow, one, ratio, sixteen = rows.T
    curves = {"loops over neurons": slow, "matrices, one sample": one}
    curves["matrices, 16 samples at once"] = sixteen
    labels: dict[str, Any] = {
        "xlabel": "units per layer",
        "ylabel": "forward and backward, \u00b5s per sample",
    }
    labels |= {"xticks": np.log2(width), "xticklabels": [f"{w:.0f}" for w in width]}
    labels["title"] = f"Sample by sample, loops are up to {ratio[-1]:.0f} times slower"
    report.curves("time", np.log2(width), curves, log="y", **labels)


def times(width):  # and microseconds per sample, of a network of two layers
    p, (x, d) = np.ones((2, width + 1, width)) / width, np.ones((2, 16, width))
    w, row = p.tolist(), (x[0].tolist(), d[0].tolist())
    calls = [lambda: loops(w, *row), lambda: matrices(p, x[:1], d[:1]), lambda: matrices(p, x, d)]
    slow, one, sixteen = (min(repeat(call, number=2, repeat=9)) / 2e-6 for call in calls)
    return width, slow, one, slow / one, sixteen / 16
