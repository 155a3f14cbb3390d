"""Vector passes: forward and backward through an N-layer network, columns against rows.

z_k = W_k y_k-1 + b_k and y_k = f_k(z_k), k = 1 ... N, y_0 = x, all columns. Derivatives are rows:
grad_z Div is 1 x D, a Jacobian has a row per output, grad_W Div has the shape of W^T. Wanted: the
whole pass in these terms, with scalar and vector activations, and in ours: rows are samples and our
W is deck 004's W_k^T, so our dW is its grad_W Div as it stands, not transposed.
"""

import numpy as np

from mlp import Affine, Multiply, Sequential, Sigmoid, Softmax, SquaredError
from problems.engine import backpropagate, complex_step_gradient
from problems.numeric import complex_step
from problems.passes import (
    ACTIVATIONS,
    backward_columns,
    backward_rows,
    forward_columns,
    forward_rows,
)
from problems.report import Report

TITLE = "Vector passes in columns and in rows"
DECKS = "004"


def solve(report: Report) -> None:
    report.claim("Row times matrix, from the loss to x, is all; so too for a batch of rows.")
    report.derive("""
        grad_zk = grad_yk J_yk(z_k)     J is diagonal for scalar activations
        grad_bk = grad_zk               grad_yk-1 = grad_zk W_k
        grad_Wk = y_k-1 grad_zk         the step is W_k <- W_k - eta (grad_Wk)^T
        rows: Z = Y W + b, dZ_n = dY_n J_n for each row n, dY = dZ W^T,
              dW = Y^T dZ, db = column sums of dZ
        """)
    report.slip("""the derivative of z^T in W^T is a three-way array, and y^T is short for it; N
        counts samples on one slide, layers on all others.""")
    rng, shapes = np.random.default_rng(18), [(6, 4), (8, 6), (5, 4)]
    layers = [(rng.normal(size=shape), rng.normal(size=shape[0])) for shape in shapes]
    x, d, results = rng.normal(size=(3, 4)), rng.random((3, 5)), []
    for x_n, d_n in zip(x, d, strict=True):
        y, z, J = forward_columns(layers, x_n)
        gradients, dx = backward_columns(layers, y, J, 2 * (y[-1] - d_n))
        results.append(np.hstack([*(g.ravel() for g in gradients), dx]))
    for f, z_k, J_k in zip(ACTIVATIONS, z, J, strict=True):
        numeric = complex_step(lambda v, f=f: f(v)[0], z_k)
        report.equal(f"Jacobian of {f.__name__}: complex step", J_k, numeric, 1e-14)
    chain = [matrix for (W, _), J_k in zip(layers, J, strict=True) for matrix in (W, J_k)][::-1]
    product = np.linalg.multi_dot(chain)
    numeric = complex_step(lambda v: forward_columns(layers, v)[0][-1], x[-1])
    report.equal("product of Jacobians: complex step", product, numeric, 1e-14)
    transposed = [(W.T, b) for W, b in layers]
    Y, J_rows = forward_rows(transposed, x)
    in_rows, dx_rows = backward_rows(transposed, Y, J_rows, 2 * (Y[-1] - d))
    ours, ours_dx = np.split(np.array(results), [-4], axis=1)
    in_rows = np.hstack([part.ravel() for part in in_rows])
    report.equal("rows, by hand: dW, db", in_rows, ours.sum(axis=0), 1e-14)
    report.equal("rows, by hand: dx", dx_rows, ours_dx, 1e-14)
    parts = (Affine(4, 6), Sigmoid(), Affine(6, 8), Multiply(), Affine(4, 5), Softmax())
    net, loss = Sequential(*parts), SquaredError(reduction="sum")
    net.load_vector(np.hstack([part.ravel() for pair in transposed for part in pair]))
    _, dx, gradient = backpropagate(net, loss, x, d)
    report.equal("dW = grad_W, db: engine, 3 rows", gradient, ours.sum(axis=0), 1e-14)
    report.equal("dx: engine, 3 rows", dx, ours_dx, 1e-14)
    numeric = complex_step_gradient(net, loss, x, d)
    report.equal("dW, db: complex step", ours.sum(axis=0), numeric, 1e-14)
    report.figure("jacobians", lambda figure: draw(figure, chain))


def draw(figure, chain) -> None:
    figure.set_size_inches(12, 4)
    titles = ["softmax", "$W_3$", "products", "$W_2$", "sigmoid", "$W_1$"]
    axes = figure.subplots(1, 6, width_ratios=[matrix.shape[1] for matrix in chain])
    for axis, matrix, title in zip(axes, chain, titles, strict=True):
        axis.imshow(matrix, cmap="RdBu", vmin=-abs(matrix).max(), vmax=abs(matrix).max())
        axis.set(title=f"{title}\n{matrix.shape[0]} x {matrix.shape[1]}", xticks=[], yticks=[])
    axes[0].set(xlabel="input", ylabel="output")
    figure.suptitle("dy/dx, a product of six Jacobians (blue +, red -, each on its own scale)")
