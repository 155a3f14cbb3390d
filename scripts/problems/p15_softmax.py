"""Softmax as a vector activation: its Jacobian, and its marriage with the KL divergence.

y_i = exp(z_i) / sum_j exp(z_j): every z_i moves every y_j, the Jacobian is full. Wanted: dy_j/dz_i
in both cases and in the form with delta_ij; the sums of its rows; dDiv/dz for the KL divergence
from a target d. Deck 004's Jacobian has a row per output, J[j, i] = dy_j/dz_i; symbols as here.
"""

import numpy as np

from mlp import Affine, KLDivergence, Sequential, Softmax, SoftmaxCrossEntropy
from problems.engine import backpropagate, complex_step_gradient
from problems.numeric import complex_step
from problems.report import Report
from problems.softmax import kl, softmax, two_cases, with_delta

TITLE = "Softmax, and its KL divergence"
DECKS = "004"
PULLS = {  # on z of the right one of two classes
    "KL divergence: $1 - y$": lambda y: 1 - y,
    "squared error: $4 y (1 - y)^2$": lambda y: 4 * y * (1 - y) ** 2,
}


def solve(report: Report) -> None:
    report.claim("""dy_j/dz_i = y_j (delta_ij - y_i); rows sum to 0; behind a KL divergence all
        collapses to dDiv/dz = y - d.""")
    report.derive("""
        y_j = e_j / S   with e_j = exp z_j, S = sum_k e_k, dS/dz_i = e_i
        dy_j/dz_i = delta_ij e_i / S - e_j e_i / S^2 = y_j (delta_ij - y_i)
        sum_i dy_j/dz_i = y_j (1 - sum_i y_i) = 0: c added to all z changes nothing
        dDiv/dz_i = sum_j (-d_j / y_j) y_j (delta_ij - y_i) = y_i sum_j d_j - d_i
        """)
    z, d = np.array([1.2, -0.4, 0.3, 2.0]), np.array([0.1, 0.0, 0.6, 0.3])
    y = softmax(z)
    jacobian = with_delta(y)
    report.show("y", y)
    report.show("Jacobian", jacobian)
    report.equal("the two cases and diag y - y y^T", jacobian, two_cases(y), 1e-14)
    report.equal("complex step", jacobian, complex_step(softmax, z), 1e-14)
    sums = np.hstack([jacobian.sum(axis=0), jacobian.sum(axis=1)])
    report.check("rows sum to 0, and columns", abs(sums).max(), 1e-14)
    report.equal("softmax(z + c) = softmax(z), c = 1000", softmax(z + 1000), y, 1e-13)
    report.equal("-d/y times the Jacobian is y - d", (-d / y) @ jacobian, y - d, 1e-14)
    numeric = complex_step(lambda z: kl(softmax(z), d), z)
    report.equal("dDiv/dz by complex step", y - d, numeric, 1e-14)
    numeric = complex_step(lambda z: kl(softmax(z), 2 * d), z)
    report.equal("rows d of sum s: s y - d, here s = 2", 2 * y - 2 * d, numeric, 1e-14)

    report.claim("The pull -dDiv/dz on the right one of two classes, which has the output y:")
    report.derive("KL: 1 - y     |y - d|^2: (-2 (y - 1) + 2 (1 - y)) y (1 - y) = 4 y (1 - y)^2")
    y, d = softmax(np.array([-1.2, 0.4])), np.array([1.0, 0.0])
    pulls = -np.array([-d / y, 2 * (y - d)]) @ with_delta(y)
    report.equal("by the Jacobian", pulls[:, 0], [pull(y[0]) for pull in PULLS.values()], 1e-14)

    rng = np.random.default_rng(15)
    affine, x, rows = Affine(3, 4, rng=rng), rng.normal(size=(5, 3)), rng.dirichlet(np.ones(4), 5)
    z = x @ affine.W
    dz = (np.apply_along_axis(softmax, 1, z) - rows) / len(x)  # the mean over 5 rows
    gradient = np.concatenate([(x.T @ dz).ravel(), dz.sum(axis=0)])
    report.claim("The engine, layer by layer or in one formula from z, agrees with y - d by hand.")
    two_layers = (Sequential(affine, Softmax()), KLDivergence())
    for net, loss in (two_layers, (Sequential(affine), SoftmaxCrossEntropy())):
        _, dx, engine = backpropagate(net, loss, x, rows)
        report.equal(f"{loss}: dW, db", engine, gradient, 1e-14)
        report.equal(f"{loss}: dx", dx, dz @ affine.W.T, 1e-14)
        numeric = complex_step_gradient(net, loss, x, rows)
        report.equal(f"{loss}: complex step", engine, numeric, 1e-14)
    report.figure("jacobian", lambda figure: draw(figure, jacobian))


def draw(figure, jacobian) -> None:
    figure.set_size_inches(11, 4.5)
    left, right = figure.subplots(1, 2)
    image = left.imshow(jacobian, cmap="RdBu", vmin=-0.5, vmax=0.5, extent=(0.5, 4.5, 4.5, 0.5))
    for (j, i), value in np.ndenumerate(jacobian):
        left.text(i + 1, j + 1, f"{value:.3f}", ha="center", va="center")
    figure.colorbar(image, ax=left)
    left.grid(False)
    left.set(xlabel="input $i$", ylabel="output $j$", xticks=range(1, 5), yticks=range(1, 5))
    left.set_title("$\\partial y_j / \\partial z_i$ is full")
    margin = np.linspace(-8, 8, 161)
    y = 1 / (1 + np.exp(-margin))  # of the right class, out of two
    for (label, pull), line in zip(PULLS.items(), ("-", "--"), strict=True):
        right.plot(margin, pull(y), line, label=label)
    right.set(title="confidently wrong: only KL still pulls", ylim=(-0.05, 1.3))
    right.set(xlabel="$z$ of the right class minus $z$ of the wrong one")
    right.set(ylabel="pull $-\\partial Div / \\partial z$ on the right class")
    right.legend()
