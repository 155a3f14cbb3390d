"""Derivatives of scalars, vectors and matrices, and what the chain rule needs.

The derivative J at x is the linear map with f(x + dx) = f(x) + J dx + terms of second order: an
array with the axes of f first, then those of x (numerator layout, decks 001 and 003). J dx
contracts the axes of x. The engine's rows are samples: its x W is the decks' W x, W transposed.
"""

import numpy as np

from mlp import Affine, Multiply, ReLU, Sequential, Sigmoid, jacobian
from problems.numeric import central, complex_step
from problems.report import Report

TITLE = "Derivatives, Jacobians, vec(W) and the chain rule"
DECKS = "001, 003"
STEPS = 2.0 ** -np.arange(4, 16)


def solve(report: Report) -> None:
    rng = np.random.default_rng(1)
    first_order(report, rng)
    chain(report, rng.normal(size=(3, 4)), rng.normal(size=4))
    matrix_argument(report, rng.normal(size=(3, 4)), rng.normal(size=4))


def first_order(report, rng):
    report.claim("f(x + dx) = f(x) + J dx only up to terms of order |dx|^2; 001 writes =.")
    report.derive("""
        f(x + dx) - f(x) - J dx = dx^T f'' dx / 2 + ...: half dx, a quarter of it
        f = X^T X: df = dX^T X + X^T dX, df_ij/dX_kl = [i = l] X_kj + X_ki [j = l]
        """)
    v, X, errors = np.array([2.0, -1.0, 3.0]), rng.normal(size=(2, 3)), {}
    report.show("J of (x1 x2, x2 x3) at x = (2, -1, 3)", pairs_jacobian(v))
    XtX = np.einsum("il,kj->ijkl", np.eye(3), X) + np.einsum("ki,jl->ijkl", X, np.eye(3))
    cases = {
        "sin x": (np.sin, np.array(0.7), np.cos(0.7)),
        "log sum exp x": (lambda v: np.log(np.exp(v).sum()), v, np.exp(v) / np.exp(v).sum()),
        "(x1 x2, x2 x3)": (pairs, v, pairs_jacobian(v)),
        "X^T X": (lambda X: X.T @ X, X, XtX),
    }
    for name, (f, x, J) in cases.items():
        report.equal(f"J of {name}, complex step", J, complex_step(f, x), 1e-14)
        d = rng.normal(size=x.shape)
        Jd = np.tensordot(J, d, x.ndim)
        errors[name] = [np.abs(f(x + h * d) - f(x) - h * Jd).max() for h in STEPS]
        slope = np.polyfit(np.log(STEPS[4:]), np.log(errors[name][4:]), 1)[0]
        report.check(f"slope {slope:.3f} of {name}, from 2", abs(slope - 2), 0.002)
    labels = {"xlabel": "step h", "ylabel": "error of h J d, largest entry"}
    labels["title"] = "Halve the step, and the error of the first-order change is a quarter"
    report.curves("slope", STEPS, errors, {"slope 2": 3 * STEPS**2}, log="xy", **labels)
    report.slip("""001's gradient is a quotient by |h|: one number, g.h/|h|, and each direction of
        h has another; g itself is defined by f(x + h) - f(x) - g.h vanishing faster than |h|. 003's
        gradient is a row by its own rule, yet nabla^T f_i, a row of its J, makes it a column.""")
    f, x, g = cases["log sum exp x"]
    directions = np.vstack([np.eye(3), [0.6, 0, 0.8]])
    quotients = [(f(x + 1e-7 * e) - f(x)) / 1e-7 for e in directions]
    report.equal("quotients in four directions are g.h/|h|", quotients, directions @ g, 1e-6)


def pairs(v):
    return np.array([v[0] * v[1], v[1] * v[2]])


def pairs_jacobian(v):
    return np.array([[v[1], v[0], 0], [0, v[2], v[1]]])


def chain(report, A, x):
    report.claim("J of f(g(x)) is J_f(g(x)) J_g(x), (m, l) = (m, n)(n, l) in this order only.")
    report.slip('001 names the inner step "g = f(x)"; it must be y = f(x).')
    y = 1 / (1 + np.exp(-A @ x))
    J = pairs_jacobian(y) @ np.diag(y * (1 - y)) @ A
    f_of_g = complex_step(lambda x: pairs(1 / (1 + np.exp(-A @ x))), x)
    report.equal("product of Jacobians, complex step", J, f_of_g, 1e-14)
    net = Sequential(Affine(4, 3, bias=False), Sigmoid(), Multiply([[0, 1], [1, 2]]))
    net[0].W = A.T
    report.equal("engine: J, row by row", J, jacobian(net, x[None])[0, :, 0], 1e-14)
    report.equal("by column", J, jacobian(net, x[None], route="jvp")[0, :, 0], 1e-14)
    report.claim("Both need a derivative: relu(x) - relu(-x) = x, but at 0 the rule says 2 s.")
    slope = central(lambda x: np.maximum(x, 0) - np.maximum(-x, 0), np.array(0.0))
    report.check("true slope 1, central difference", abs(slope - 1), 1e-9)
    for s in (0.0, 0.5, 1.0):
        net = Sequential(Affine(1, 2), ReLU(at_zero=s), Affine(2, 1))
        net[0].W, net[2].W = [[1, -1]], [[1], [-1]]
        report.equal(f"engine: 2 s, relu'(0) = s = {s}", jacobian(net, [[0.0]]).item(), 2 * s, 0)


def matrix_argument(report, W, x):
    report.claim("""For g(W) = W x, dg_k/dW_ij = [k = i] x_j has three axes; dg/dvec(W) = I kron x^T
        (vec row by row, as ravel does; column by column it is x^T kron I).""")
    three, flat = np.einsum("ki,j->kij", np.eye(3), x), np.kron(np.eye(3), x)
    report.equal("three-way array, complex step", three, complex_step(lambda W: W @ x, W), 1e-14)
    report.equal("dg/dvec(W) = I kron x^T", three.reshape(3, 12), flat, 0)
    by_columns = three.swapaxes(1, 2).reshape(3, 12)
    report.equal("column by column x^T kron I", by_columns, np.kron(x, np.eye(3)), 0)
    engine = jacobian(Affine(4, 3, bias=False), x[None], wrt="W")[0].swapaxes(1, 2)
    report.equal("engine: dg/dW, un-flattened", engine, flat.reshape(3, 3, 4), 0)
