"""One hidden sigmoid layer and one linear output, d = 2, h = 4: all derivatives of y.

Deck 003 (3.1) has columns: x (d,), W0 (h, d), b0 and z (h,), W1 (1, h), b1 a number. Derivatives
of the scalar y are rows (numerator layout), those in a matrix have its shape. Our W is the
deck's W transposed, so our net[0].dW is (d, h) and the deck's dy/dW0 is its transpose.
"""

from fractions import Fraction as F

import numpy as np

from mlp import Affine, Sequential, Sigmoid
from problems.numeric import central, gradient_vector, of_parameters
from problems.report import Report

TITLE = "One hidden layer: y and its derivatives (3.1 a to d)"
DECKS = "003"
NAMES = "y", "dy/dW1", "dy/db1", "dy/dz", "dy/dW0", "dy/db0"


def solution(x, W0, b0, W1, b1):
    """y, dy/dW1, dy/db1, dy/dz, dy/dW0, dy/db0 for x (d,)."""
    z = 1 / (1 + np.exp(-(W0 @ x + b0)))
    y = W1[0] @ z + b1
    delta = W1[0] * z * (1 - z)  # dy/dv with v = W0 x + b0, (h,)
    return y, z[None, :], 1.0, W1, np.outer(delta, x), delta[None, :]


def exact(x, z, W1, b1):
    """The same from single entries, in fractions, where the hidden outputs z are known."""
    h = range(len(z))
    delta = [W1[i] * z[i] * (1 - z[i]) for i in h]
    y = sum(W1[i] * z[i] for i in h) + b1
    return y, [z], 1, [W1], [[d * x_j for x_j in x] for d in delta], [delta]


def engine(x, W0, b0, W1, b1):
    """The same by Sequential, and the network."""
    net = Sequential(Affine(2, 4), Sigmoid(), Affine(4, 1))
    net[0].W, net[0].b, net[2].W, net[2].b = W0.T, b0, W1.T, [b1]
    y = net.forward(x[None, :])
    net.backward(np.ones_like(y))
    dz = net[2].backward(np.ones_like(y))
    return net, (y.item(), net[2].dW.T, net[2].db.item(), dz, net[0].dW.T, net[0].db[None, :])


def solve(report: Report) -> None:
    report.claim("a) y = W1 z + b1 with z = sigmoid(v), v = W0 x + b0.")
    report.derive("""
        b) dy/dW1 = z^T, a row like W1           dy/db1 = 1
        c) dy/dz = W1
        d) dz_i/dv_i = z_i (1 - z_i), dv_i/dW0_ij = x_j, dv_i/db0_i = 1, so with
           delta_i = W1_i z_i (1 - z_i):  dy/dW0 = delta x^T,  dy/db0 = delta^T
        """)
    x, W1, b1 = np.array([1.0, 2.0]), np.array([[1.0, 2.0, -1.0, 4.0]]), np.array(0.5)
    W0 = np.array([[1.0, -1.0], [0.0, 2.0], [-3.0, 1.0], [2.0, 2.0]])
    b0 = np.array([0, np.log(3), -np.log(3), 0]) - W0 @ x  # so that z = 1/2, 3/4, 1/4, 1/2
    by_hand = solution(x, W0, b0, W1, b1)
    in_fractions = exact([1, 2], [F(1, 2), F(3, 4), F(1, 4), F(1, 2)], [1, 2, -1, 4], F(1, 2))
    net, by_engine = engine(x, W0, b0, W1, b1)
    for name, value, fraction, other in zip(NAMES, by_hand, in_fractions, by_engine, strict=True):
        report.show(name, value)
        report.equal(f"{name} in fractions", value, np.array(fraction, float), 1e-15)
        report.equal(f"{name} by the engine", value, other, 1e-15)

    report.derive("Now at random: by numbers.")
    rng = np.random.default_rng(8)
    shapes = ((2,), (4, 2), (4,), (1, 4), ())
    x, W0, b0, W1, b1 = (rng.normal(size=shape) for shape in shapes)
    _, dW1, db1, dz, dW0, db0 = solution(x, W0, b0, W1, b1)
    net = engine(x, W0, b0, W1, b1)[0]
    numbers = of_parameters(net, lambda net: net.forward(x[None, :]).item())
    by_hand = np.concatenate([dW0.T.ravel(), db0.ravel(), dW1.ravel(), [db1]])
    report.equal("all 17 by hand, complex step", by_hand, numbers, 1e-14)
    report.equal("all 17 by the engine, complex step", gradient_vector(net), numbers, 1e-14)
    slopes = central(lambda W: solution(x, W, b0, W1, b1)[0], W0)
    report.equal("dy/dW0, central differences", dW0, slopes, 1e-9)
    z = dW1[0]
    report.equal("dy/dz, central differences", dz[0], central(lambda z: W1[0] @ z + b1, z), 1e-9)

    report.slip("""003 gives dy/dW1 = z, a column; by its own rule that derivatives of a scalar
        are rows, and for the shape of W1, it is z^T.""")
    report.slip("""003 writes W1 o z o (1 - z) with W1 (1, h) and z (h, 1); it means W1^T, and for
        dy/db0 the row. Taken literally, NumPy broadcasts to (h, h) without a word.""")
    literal = W1 * z[:, None] * (1 - z[:, None])
    report.show(
        "shape taken literally, then of delta", f"{literal.shape}, {(W1.T * z[:, None]).shape}"
    )
    report.equal("its diagonal is delta", np.diag(literal), db0[0], 1e-15)
