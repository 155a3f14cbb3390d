"""The checks of problem 1 at random points: four functions with their derivatives, and a chain."""

import numpy as np

from mlp import Affine, Multiply, Sequential, Sigmoid, jacobian
from problems.numeric import complex_step


def pairs(v):
    return np.array([v[0] * v[1], v[1] * v[2]])


def log_sum_exp(v):
    return np.log(np.exp(v).sum())


def gram(X):
    return X.T @ X


def gram_jacobian(X):
    """d(X^T X)_ij/dX_kl = [i = l] X_kj + X_ki [j = l]."""
    return np.einsum("il,kj->ijkl", np.eye(3), X) + np.einsum("ki,jl->ijkl", X, np.eye(3))


POINT = np.array([2.0, -1.0, 3.0])
MATRIX = np.array([[0.3, 0.8, 0.3], [-1.3, 0.9, 0.4]])
FUNCTIONS = {  # name: the function, a point, the derivative there
    "sin x": (np.sin, np.array(0.7), np.cos(0.7)),
    "log sum exp x": (log_sum_exp, POINT, np.exp(POINT) / np.exp(POINT).sum()),
    "(x1 x2, x2 x3)": (pairs, POINT, np.array([[-1.0, 2, 0], [0, 3, -1]])),
    "X^T X": (gram, MATRIX, gram_jacobian(MATRIX)),
}


def errors_of_first_order(function, at, slope, steps):
    """The largest entry of f(x + h d) - f(x) - h J d for every step h, in a random direction d."""
    d = np.random.default_rng(1).normal(size=at.shape)
    change = np.tensordot(slope, d, at.ndim)
    return [np.abs(function(at + h * d) - function(at) - h * change).max() for h in steps]


def check_sigmoid_chain(page, f_jacobian):
    """J of (y1 y2, y2 y3) with y = sigmoid(A x), at random: by hand, by numbers, by the engine."""
    rng = np.random.default_rng(1)
    A, x = rng.normal(size=(3, 4)), rng.normal(size=4)
    y = 1 / (1 + np.exp(-A @ x))
    J = f_jacobian(y) @ np.diag(y * (1 - y)) @ A
    by_numbers = complex_step(lambda x: pairs(1 / (1 + np.exp(-A @ x))), x)
    page.equal("product of three Jacobians, complex step", J, by_numbers, 1e-14)
    net = Sequential(Affine(4, 3, bias=False), Sigmoid(), Multiply([[0, 1], [1, 2]]))
    net[0].W = A.T
    page.equal("engine: J, row by row", J, jacobian(net, x[None])[0, :, 0], 1e-14)
    page.equal("by column", J, jacobian(net, x[None], route="jvp")[0, :, 0], 1e-14)
