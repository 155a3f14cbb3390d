"""The answers of the exercise sheets once more, from the statements alone.

Nothing here is derived: what is asked is written as a function of the given numbers, and its
slopes are taken by the complex step. Every route gives {letter: {name: value}} as the problem does.
"""

import numpy as np

from book.library import PROBLEMS, load
from book.sheets import has_sheet

ROUTES = {}


def route(stem):
    def keep(function):
        ROUTES[stem] = function
        return function

    return keep


def slope(f, x, h=1e-30):
    """df/dx: the axes of f(x) first, then those of x."""
    x = np.asarray(x, complex)
    columns = []
    for place in np.ndindex(x.shape):
        moved = x.copy()
        moved[place] += 1j * h
        columns.append(np.imag(np.asarray(f(moved), complex)) / h)
    stacked = np.stack(columns, axis=-1)
    return stacked.reshape((*stacked.shape[:-1], *x.shape))


def with_sheets():
    return [stem for stem in PROBLEMS if has_sheet(load(stem))]


@route("p01_derivatives")
def derivatives(x0, v, p, W, x, u):
    def g(p):
        return np.array([p[0] * p[1], p[0] + p[1], p[1] ** 2])

    def f(y):
        return np.array([y[0] * y[1], y[1] * y[2]])

    return {
        "a": {
            "dy/dx": slope(lambda x: x**2 - 1, x0),
            "dz/dy": slope(lambda y: y**2, x0**2 - 1),
            "dz/dx": slope(lambda x: (x**2 - 1) ** 2, x0),
        },
        "b": {"gradient of h": slope(lambda v: v[0] * v[1] + v[2] ** 2, v)},
        "c": {"Jacobian of f": slope(f, v)},
        "d": {"Jacobian of f(g(p))": slope(lambda p: f(g(p)), p)},
        "f": {
            "dq/dvec(W)": slope(lambda w: w.reshape(W.shape) @ x, W.ravel()),
            "dL/dW": slope(lambda W: u @ W @ x, W),
        },
    }


@route("p02_generalized_jacobian")
def generalized_jacobian(X, D):
    def z(X):
        Y = X @ X
        return np.array([Y[0, 0] * Y[1, 1] - Y[0, 1] * Y[1, 0], Y[0, 0] + Y[1, 1]])

    G, dz = slope(lambda X: X @ X, X), slope(z, X)
    names = {"dY_11/dX": (0, 0), "dY_12/dX": (0, 1), "dY_21/dX": (1, 0), "dY_22/dX": (1, 1)}
    return {
        "b": {name: G[place] for name, place in names.items()},
        "c": {"Delta Y": slope(lambda t: (X + t * D) @ (X + t * D), 0.0)},
        "d": {"dz_1/dX": dz[0], "dz_2/dX": dz[1], "Delta z": slope(lambda t: z(X + t * D), 0.0)},
    }


@route("p05_minibatch_product")
def minibatch_product(W, X, U):
    Y = [[sum(W[k, i] * X[i, n] for i in range(2)) for n in range(3)] for k in range(2)]
    return {
        "a": {"Y": np.array(Y)},
        "b": {"dL/dX": slope(lambda X: (U * (W @ X)).sum(), X)},
        "c": {"dL/dW": slope(lambda W: (U * (W @ X)).sum(), W)},
    }
