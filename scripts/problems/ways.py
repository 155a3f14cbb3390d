"""Five ways to the gradient of one output, for problem 10: each as short as it can be.

The network of deck 003: y = W1 z + b1, z = sigmoid(x W0 + b0), as a function of its n = 4 h + 1
parameters in one vector t. x is a row (the deck: a column), so that t has the order of the
engine's parameter_vector: W0 (2, h), b0 (h,), W1 (h,), b1.
"""

import timeit
import tracemalloc

import numpy as np

from mlp import Affine, Sequential, Sigmoid
from problems.numeric import gradient_vector

X = np.array([0.8, -1.3])


def unpack(t):
    h = len(t) // 4
    return t[: 2 * h].reshape(2, h), t[2 * h : 3 * h], t[3 * h : 4 * h], t[-1]


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def output(t):
    W0, b0, W1, b1 = unpack(t)
    return sigmoid(X @ W0 + b0) @ W1 + b1


def closed_form(t, sigmoid=sigmoid):
    """A formula for every entry, each evaluated on its own."""
    W0, b0, W1, _ = unpack(t)
    z = [lambda i=i: sigmoid(X @ W0[:, i] + b0[i]) for i in range(len(b0))]
    db0 = [lambda i=i: W1[i] * z[i]() * (1 - z[i]()) for i in range(len(b0))]
    dW0 = [slope() * x for x in X for slope in db0]
    return np.array([*dW0, *(slope() for slope in db0), *(z_i() for z_i in z), 1])


def reverse_mode(t, sigmoid=sigmoid):
    """The closed form with z and delta computed once: backpropagation."""
    W0, b0, W1, _ = unpack(t)
    z = sigmoid(X @ W0 + b0)
    delta = W1 * z * (1 - z)
    return np.concatenate([np.outer(X, delta).ravel(), delta, z, [1]])


def forward_mode(t, sigmoid=sigmoid):
    """A pass per parameter: with each value goes its change, and nothing is kept for later."""
    (W0, b0, W1, _), slopes = unpack(t), []
    for dW0, db0, dW1, db1 in map(unpack, np.eye(len(t))):
        z, dv = sigmoid(X @ W0 + b0), X @ dW0 + db0
        slopes.append((z * (1 - z) * dv) @ W1 + z @ dW1 + db1)
    return np.array(slopes)


def jacobian_products(t):
    """dy/dz dz/dv dv/dvec(W0) with v = x W0 + b0, multiplied from the left and from the right."""
    W0, b0, dy_dz, _ = unpack(t)
    z = sigmoid(X @ W0 + b0)
    dz_dv, dv_dW0 = np.diag(z * (1 - z)), np.kron(X, np.eye(len(z)))
    return dy_dz @ dz_dv @ dv_dW0, dy_dz @ (dz_dv @ dv_dW0)


def engine(t):
    """The gradient by backward, and by jvp once per parameter."""
    net = Sequential(Affine(2, len(t) // 4), Sigmoid(), Affine(len(t) // 4, 1))
    net.load_vector(t)
    net.backward(np.ones_like(net.forward(X[None, :])))
    slopes = []
    for W0, b0, W1, b1 in map(unpack, np.eye(len(t))):
        changes = {"0.W": W0, "0.b": b0, "2.W": W1[:, None], "2.b": b1[None]}
        slopes.append(net.jvp(np.zeros((1, 2)), changes).item())
    return gradient_vector(net), np.array(slopes)


def deep_slopes(x, depth, keep):
    """Slopes of sigmoid(... sigmoid(x)): reverse mode keeps every layer, forward mode none."""
    slope, kept = np.ones_like(x), []
    for _ in range(depth):
        x = sigmoid(x)
        if keep:
            kept.append(x)
        else:
            slope = x * (1 - x) * slope
    for y in reversed(kept):
        slope = slope * y * (1 - y)
    return slope


def peak(x, depth, keep):
    """The most memory that deep_slopes holds at once, in arrays of the size of x."""
    tracemalloc.start()
    deep_slopes(x, depth, keep)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / x.nbytes


def sizes_of_calls(f, use):
    """The sizes of the arguments with which use(f) calls f."""
    sizes = []
    use(lambda v: sizes.append(np.size(v)) or f(v))
    return sizes


def milliseconds(way, *arguments):
    """The best of three runs."""
    return 1e3 * min(timeit.repeat(lambda: way(*arguments), number=1, repeat=3))
