"""Softmax as a vector activation: its Jacobian, and its marriage with the KL divergence.

Deck 004's Jacobian has a row per output, J[j, i] = dy_j/dz_i, as has this problem; softmax's is
symmetric. Our layers have samples as rows: dDiv/dz is a row times J.
"""

import numpy as np

from book.page import Page
from book.sheets import whole
from mlp import Affine, KLDivergence, Sequential, Softmax, SoftmaxCrossEntropy
from problems.engine import backpropagate, complex_step_gradient
from problems.influence import draw_influence, draw_jacobian, draw_pulls
from problems.numeric import complex_step
from problems.softmax import kl

TITLE = "Softmax, and its KL divergence"
DECKS = "004"
NUMBERS = {
    "e": np.array([1, 2, 5]),
    "u": np.array([8, 16, -8]),
    "d": np.array([0.5, 0.5, 0.0]),
}


def draw(rng):
    e = rng.permutation([1, rng.integers(1, 4), 0])
    e[e == 0] = 10 - e.sum()  # the sum is 10
    return {"e": e, "u": 10 * whole(rng, 3), "d": rng.permutation([0.5, 0.5, 0.0])}


def ask(page: Page, e, u, d) -> None:
    page.given(
        """A layer of three units gets z and gives y = softmax(z):
        `y_j = exp(z_j) / sum_k exp(z_k)`. The inputs are logarithms, `z_j = log(e_j)`, so that
        `exp(z_j) = e_j` is whole. Behind it comes a divergence Div, of which `u_j = dDiv/dy_j` is
        known; from question (d) on it is the KL divergence from the target d,
        `Div = sum_j d_j log(d_j / y_j)`, where 0 log 0 counts as 0.""",
        e=e,
        u=u,
        d=d,
    )
    page.ask(
        "a",
        """In which layers does `z_i` influence `y_i` alone, and in which all `y_j`? What is
        `dDiv/dz_i` in both cases?""",
    )
    page.ask(
        "b", "What is `dy_j/dz_i` for softmax, if `j = i` and if `j != i`, and in one formula?"
    )
    page.ask("c", "What is `dDiv/dz_i` for the u above?")
    page.ask("d", "What is `dDiv/dz_i` for the KL divergence from d?")
    page.ask("e", "Why does one take that divergence behind a softmax, not the squared error?")


def softmax(z):
    return np.exp(z) / np.exp(z).sum()


def outputs(e):
    z = np.log(e)
    y = softmax(z)
    return z, y


def two_cases(y):
    J = np.zeros((len(y), len(y)))
    for j in range(len(y)):
        for i in range(len(y)):
            if i == j:
                J[j, i] = y[i] * (1 - y[i])
            else:
                J[j, i] = -y[i] * y[j]
    return J


def with_delta(y):
    delta = np.eye(len(y))
    return y[:, None] * (delta - y)


def summed(u, J):
    dz = np.zeros(len(u))
    for i in range(len(u)):
        for j in range(len(u)):
            dz[i] += u[j] * J[j, i]
    return dz


def without_jacobian(u, y):
    return y * (u - u @ y)


def kl_slope(y, d):
    return y - d


def answers(e, u, d):
    _, y = outputs(e)
    return {
        "b": {"y": y, "dy/dz": two_cases(y)},
        "c": {"dDiv/dz": without_jacobian(u, y)},
        "d": {"dDiv/dz": kl_slope(y, d)},
    }


def solve(page: Page) -> None:
    u, d = page.values["u"], page.values["d"]
    page.answer("a")
    page.say("""In a layer with a scalar activation, `y_i = f(z_i)`, every `z_i` influences one
        `y_i`: a sigmoid, a ReLU. In one with a vector activation all outputs are functions of all
        inputs: softmax divides each `exp(z_j)` by the sum of all.""")
    page.figure("influence", draw_influence, "Who influences whom, in four units.")
    page.formula(
        r"\frac{\partial \mathrm{Div}}{\partial z_i}"
        r" = \sum_j \frac{\partial y_j}{\partial z_i} \frac{\partial \mathrm{Div}}{\partial y_j}",
        "dDiv/dz_i = sum_j dy_j/dz_i dDiv/dy_j",
        "a vector activation: `z_i` reaches Div through every `y_j`, and the ways add up",
    )
    page.formula(
        r"\frac{\partial \mathrm{Div}}{\partial z_i}"
        r" = \frac{\partial y_i}{\partial z_i} \frac{\partial \mathrm{Div}}{\partial y_i}",
        "dDiv/dz_i = dy_i/dz_i dDiv/dy_i",
        "a scalar activation is the special case with `dy_j/dz_i = 0` for `j != i`: one term is "
        "left",
    )

    page.answer("b")
    page.formula(
        r"y_j = \frac{e_j}{S}, \quad e_j = \exp(z_j), \quad S = \sum_k e_k",
        "y_j = e_j / S,   e_j = exp(z_j),   S = sum_k e_k",
        "`z_i` stands in `e_i` and in S: `de_i/dz_i = e_i` and `dS/dz_i = e_i`",
    )
    page.formula(
        r"\frac{\partial y_i}{\partial z_i} = \frac{e_i S - e_i e_i}{S^2} = y_i (1 - y_i)",
        "dy_i/dz_i = (e_i S - e_i e_i) / S^2 = y_i (1 - y_i)",
        "the quotient rule, `j = i`: both the top and the bottom change",
    )
    page.formula(
        r"\frac{\partial y_j}{\partial z_i} = \frac{0 - e_j e_i}{S^2} = -y_i y_j"
        r" \quad \text{for } j \ne i",
        "dy_j/dz_i = (0 - e_j e_i) / S^2 = -y_i y_j   for j != i",
        "the same with `j != i`: only the bottom changes",
    )
    page.formula(
        r"\frac{\partial y_j}{\partial z_i} = y_j (\delta_{ij} - y_i)",
        "dy_j/dz_i = y_j (delta_ij - y_i)",
        "both in one, `delta_ij = 1` for `i = j` and 0 elsewhere. Another way to it: "
        "`log(y_j) = z_j - log(S)`, of which the slope in `z_i` is `delta_ij - y_i`; times `y_j`.",
    )
    z, y = page.compute("z, y", outputs, "e")
    J = page.compute("J", two_cases, "y")
    page.compute("J_delta", with_delta, "y")
    page.figure(
        "jacobian",
        lambda figure: draw_jacobian(figure, J),
        "Every entry of the Jacobian differs from 0 (blue positive, red negative).",
    )
    page.equal("two cases = delta", J, with_delta(y), 1e-14)
    page.equal("diag y - y y^T", J, np.diag(y) - np.outer(y, y), 1e-14)
    page.equal("complex step", J, complex_step(softmax, z), 1e-14)
    page.proof("two cases = delta = diag(y) - `y y^T` = complex step")
    page.say("""Rows and columns sum to 0: the outputs always sum to 1, so their changes sum to 0;
        and adding c to all z changes nothing, for `exp(c)` cancels. Programs use that: they take
        the largest z off all before exp, which then cannot overflow.""")
    page.check("sums", abs(np.hstack([J.sum(axis=0), J.sum(axis=1)])).max(), 1e-14)
    page.equal("softmax(z + 100) = softmax(z)", softmax(z + 100), y, 1e-13)
    page.proof("rows and columns of J sum to 0, and softmax(z + 100) = softmax(z)")

    page.answer("c")
    page.formula(
        r"\frac{\partial \mathrm{Div}}{\partial z_i} = \sum_j u_j y_j (\delta_{ij} - y_i)"
        r" = y_i (u_i - \sum_j u_j y_j)",
        "dDiv/dz_i = sum_j u_j y_j (delta_ij - y_i) = y_i (u_i - sum_j u_j y_j)",
        "only j = i is left of the first part; the sum of the second is the same for all i, so "
        "that the Jacobian need not be built. In the numbers, dz is `dDiv/dz`.",
    )
    dz = page.compute("dz", summed, "u, J")
    short = page.compute("dz_short", without_jacobian, "u, y")
    page.equal("the sum = the row u times J", dz, u @ J, 1e-14)
    page.equal("without the Jacobian", dz, short, 1e-14)
    page.equal("complex step", dz, complex_step(lambda z: u @ softmax(z), z), 1e-14)
    layer = Softmax()
    layer.forward(z[None])
    page.equal("engine", layer.backward(1.0 * u[None])[0], dz, 1e-14)
    page.proof("the sum = the row u times J = engine = complex step of `sum_j u_j y_j`")

    page.answer("d")
    page.formula(
        r"u_j = \frac{\partial \mathrm{Div}}{\partial y_j} = -\frac{d_j}{y_j}",
        "u_j = dDiv/dy_j = -d_j / y_j",
        "`d_j log(d_j / y_j) = d_j log(d_j) - d_j log(y_j)`, and the first part is fixed",
    )
    page.formula(
        r"\frac{\partial \mathrm{Div}}{\partial z_i}"
        r" = y_i (-\frac{d_i}{y_i} + \sum_j \frac{d_j}{y_j} y_j)"
        r" = y_i \sum_j d_j - d_i = y_i - d_i",
        "dDiv/dz_i = y_i (-d_i / y_i + sum_j d_j / y_j y_j)\n"
        "          = y_i sum_j d_j - d_i = y_i - d_i",
        "the formula of (c) with this u; the targets sum to 1",
    )
    dz = page.compute("dz_simple", kl_slope, "y, d")
    page.equal("-d/y times the Jacobian", (-d / y) @ J, dz, 1e-14)
    page.equal("complex step", dz, complex_step(lambda z: kl(softmax(z), d), z), 1e-14)
    numeric = complex_step(lambda z: kl(softmax(z), 2 * d), z)
    page.equal("targets with the sum s = 2: s y - d", 2 * y - 2 * d, numeric, 1e-14)
    page.proof("y - d = the row -d/y times J = complex step; targets that sum to s give s y - d")
    against_the_engine(page)

    page.answer("e")
    page.say("""Take two classes, the right one with the output y. What draws its z up is
        `-dDiv/dz`: for the KL divergence `1 - y`. For the squared error the formula of (c) gives
        `4 y (1 - y)^2`: where y is near 0, confidently wrong, hardly anything.""")
    y, d = softmax(np.array([-1.2, 0.4])), np.array([1.0, 0.0])
    pulls = -np.array([-d / y, 2 * (y - d)]) @ with_delta(y)
    page.equal("by J", pulls[:, 0], [1 - y[0], 4 * y[0] * (1 - y[0]) ** 2], 1e-14)
    page.proof("both pulls = the row u times J")
    page.figure("pulls", draw_pulls, "Confidently wrong on the left: only KL still pulls.")


def against_the_engine(page: Page) -> None:
    """Behind a linear layer, for a batch: its gradients by y - d and by the engine."""
    rng = np.random.default_rng(15)
    affine, x, d = Affine(3, 4, rng=rng), rng.normal(size=(5, 3)), rng.dirichlet(np.ones(4), 5)
    y = np.apply_along_axis(softmax, 1, x @ affine.W)
    dz = kl_slope(y, d) / len(x)  # the mean over 5 rows
    gradient = np.concatenate([(x.T @ dz).ravel(), dz.sum(axis=0)])
    two_layers = (Sequential(affine, Softmax()), KLDivergence())
    for net, loss in (two_layers, (Sequential(affine), SoftmaxCrossEntropy())):
        _, dx, engine = backpropagate(net, loss, x, d)
        page.equal(f"{loss}: dW, db", engine, gradient, 1e-14)
        page.equal(f"{loss}: dx", dx, dz @ affine.W.T, 1e-14)
        numeric = complex_step_gradient(net, loss, x, d)
        page.equal(f"{loss}: complex step", engine, numeric, 1e-14)
    page.proof("""behind a linear layer, 5 samples: y - d by hand = engine, as two layers and as one
        formula in z, = complex step""")
