"""Problem 6's checks at random, and all products of two arrays that have a given shape."""

from itertools import permutations

import numpy as np

from mlp import Affine
from problems.numeric import central, complex_step


def marked(names):
    return ", ".join(f"`{name}`" for name in names)


def error(z):
    """Any smooth number made of z will do."""
    return np.log(np.exp(z).sum()) + (z**2).sum()


def error_signal(z):
    """de/dz of that error."""
    return np.exp(z) / np.exp(z).sum() + 2 * z


def engine(W):
    affine = Affine(*W.shape, bias=False)
    affine.W = W
    return affine


def check_at_random(page, input_gradient, weight_gradient):
    """With e = log sum exp z + sum z^2, by numbers; and a batch of five rows."""
    rng = np.random.default_rng(6)
    X, W = rng.normal(size=(5, 4)), rng.normal(size=(4, 3))
    x = X[:1]
    u = error_signal(x @ W)
    dx, dW = input_gradient(W, u), weight_gradient(x, u)
    page.equal("de/dx, complex step", dx, complex_step(lambda x: error(x @ W), x), 1e-14)
    page.equal("de/dW, complex step", dW, complex_step(lambda W: error(x @ W), W), 1e-14)
    U = np.vstack([error_signal(row @ W) for row in X])
    rows = sum(weight_gradient(X[[n]], U[[n]]) for n in range(5))
    affine = engine(W)
    affine.forward(X)
    affine.backward(U)
    page.equal("engine: de/dW, sum over five rows", affine.dW, rows, 1e-14)
    page.proof("at random with e = log sum exp z + sum of squares: by hand = complex step = engine")
    page.equal("de/dW, central differences", dW, central(lambda W: error(x @ W), W), 1e-9)
    page.proof("by hand = central differences")


def products_of_shape(rows, columns, arrays):
    """Which products of two of the arrays, transposed or not, have this shape?"""
    found = []
    for a, b in permutations(arrays, 2):
        for left, left_name in ((arrays[a], a), (arrays[a].T, f"{a}^T")):
            for right, right_name in ((arrays[b], b), (arrays[b].T, f"{b}^T")):
                fits = left.shape[1] == right.shape[0]
                if fits and (left.shape[0], right.shape[1]) == (rows, columns):
                    found.append(f"{left_name} {right_name}")
    return found
