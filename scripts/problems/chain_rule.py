"""Problem 1, questions (d) and (e): the chain rule for vectors, and what it needs."""

import numpy as np

from mlp import Affine, ReLU, Sequential, jacobian
from problems.calculus import check_sigmoid_chain
from problems.numeric import central, complex_step


def f(y):
    return np.array([y[0] * y[1], y[1] * y[2]])


def f_jacobian(y):
    return np.array([[y[1], y[0], 0], [0, y[2], y[1]]])


def g(p):
    return np.array([p[0] * p[1], p[0] + p[1], p[1] ** 2])


def g_jacobian(p):
    return np.array([[p[1], p[0]], [1, 1], [0, 2 * p[1]]])


def chain(p):
    at_g = f_jacobian(g(p))  # 2 x 3
    at_p = g_jacobian(p)  # 3 x 2
    return at_g, at_p, at_g @ at_p


def vectors(page):
    page.answer("d")
    page.say("With `y = g(p)`, `M` entries from `N`, and `z = f(y)`, `K` entries from `M`:")
    page.formula(
        r"\Delta y_m \approx \sum_n \frac{\partial y_m}{\partial p_n} \Delta p_n",
        "Delta y_m ~ sum_n dy_m/dp_n Delta p_n",
        "every entry of `p` moves `y_m`, and the changes add up",
    )
    page.formula(
        r"\Delta z_k \approx \sum_m \frac{\partial z_k}{\partial y_m} \Delta y_m \approx \sum_n"
        r" \left( \sum_m \frac{\partial z_k}{\partial y_m} \frac{\partial y_m}{\partial p_n}"
        r" \right) \Delta p_n",
        "Delta z_k ~ sum_m dz_k/dy_m Delta y_m\n"
        "          ~ sum_n (sum_m dz_k/dy_m dy_m/dp_n) Delta p_n",
        "the same for `z`, with the line above put in and the sums exchanged",
    )
    page.formula(
        r"\frac{\partial z_k}{\partial p_n} = \sum_m \frac{\partial z_k}{\partial y_m}"
        r" \frac{\partial y_m}{\partial p_n}",
        "dz_k/dp_n = sum_m dz_k/dy_m dy_m/dp_n",
        "what stands before `Delta p_n`: a sum over every way from `p_n` to `z_k`; it is row `k` "
        "of `dz/dy` times column `n` of `dy/dp`",
    )
    page.formula(
        r"\frac{\partial z}{\partial p} = \frac{\partial z}{\partial y}"
        r" \frac{\partial y}{\partial p}",
        "dz/dp = dz/dy dy/dp",
        "a product of matrices, (K x M)(M x N) = K x N; in the other order the shapes do not fit",
    )
    *_, J = page.compute("F, G, J", chain, "p")
    page.equal("complex step", J, complex_step(lambda p: f(g(p)), page.values["p"]), 1e-14)
    check_sigmoid_chain(page, f_jacobian)
    page.proof("by hand = complex step; at random points = engine, by rows and by columns")


def conditions(page):
    page.answer("e")
    page.say(
        """`g` must be differentiable at `p`, and `f` at `g(p)`: only these two points matter, and
        the Jacobian of `f` is taken at `g(p)`. Proof. Differentiable means that the rest is small,
        so with `G` the Jacobian of `g` at `p`, and `F` that of `f` at `y = g(p)`,"""
    )
    page.formula(
        r"g(p + h) = y + k, \quad k = G h + r, \quad \lVert r \rVert / \lVert h \rVert \to 0",
        "g(p + h) = y + k,  k = G h + r,  |r|/|h| -> 0",
        "`g` is differentiable at `p`",
    )
    page.formula(
        r"f(y + k) = f(y) + F k + s, \quad \lVert s \rVert / \lVert k \rVert \to 0",
        "f(y + k) = f(y) + F k + s,  |s|/|k| -> 0",
        "`f` is differentiable at `y = g(p)`; `s` is 0 where `k` is 0",
    )
    page.formula(
        r"f(g(p + h)) = f(g(p)) + F G h + (F r + s)",
        "f(g(p + h)) = f(g(p)) + F G h + (F r + s)",
        "the first line put into the second",
    )
    page.say(
        """The rest `F r + s` is small beside `h`: `|F r| <= |F| |r|`, and
        `|k| <= (|G| + 1) |h|` for small `h`, so that `s`, small beside `k`, is small beside `h`
        too. So `F G` is the Jacobian of `f(g(p))`. What `f` does elsewhere, or `g`,
        does not matter."""
    )
    x0, dy_dx = (page.values[name] for name in ("x0", "dy_dx"))
    page.show("(a) with dz/dy taken at x0, which is wrong", 2 * x0 * dy_dx)
    page.show("(a) with dz/dy taken at y", page.values["dz_dx"])
    page.say(
        """Without the condition the formula may fail: `relu(x) - relu(-x) = x` has the slope 1
        everywhere. But at 0 relu has no derivative, and if `s` is put in its place the formula
        says `2 s`: right for `s = 1/2` alone."""
    )
    by_numbers = central(lambda x: np.maximum(x, 0) - np.maximum(-x, 0), np.array(0.0))
    page.check("true slope 1, central difference", abs(by_numbers - 1), 1e-9)
    for s in (0.0, 0.5, 1.0):
        net = Sequential(Affine(1, 2), ReLU(at_zero=s), Affine(2, 1))
        net[0].W, net[2].W = [[1, -1]], [[1], [-1]]
        page.equal(f"engine: 2 s, relu'(0) = s = {s}", jacobian(net, [[0.0]]).item(), 2 * s, 0)
    page.proof("the true slope is 1, the engine's with relu'(0) = 0, 1/2, 1 is 0, 1, 2")
