"""Derivatives of scalars, vectors and matrices, and what the chain rule needs.

The derivative J at x is the linear map with f(x + dx) = f(x) + J dx + terms of second order: an
array with the axes of f first, then those of x (numerator layout, decks 001 and 003). J dx
contracts the axes of x. The engine's rows are samples: its x W is the decks' W x, W transposed.
"""

import numpy as np

from book.page import Page
from book.sheets import whole
from mlp import Affine, jacobian
from mlp.seeing.operations import Operation, computation
from problems import chain_rule
from problems.calculus import FUNCTIONS, errors_of_first_order
from problems.numeric import central, complex_step

TITLE = "Derivatives, Jacobians, vec(W) and the chain rule"
DECKS = "001, 003"
STEPS = 2.0 ** -np.arange(4, 16)
NUMBERS = {
    "x0": 2,
    "v": np.array([2, -1, 3]),
    "p": np.array([2, -1]),
    "W": np.array([[1, -2, 0], [3, 1, -1]]),
    "x": np.array([2, -1, 4]),
    "u": np.array([3, -2]),
}


def draw(rng):
    numbers = {"x0": int(rng.integers(2, 6)), "v": whole(rng, 3), "p": whole(rng, 2)}
    return numbers | {"W": whole(rng, 2, 3), "x": whole(rng, 3), "u": whole(rng, 2)}


def ask(page: Page, x0, v, p, W, x, u) -> None:
    page.given(
        """The functions `y = x^2 - 1` and `z = y^2` of one number, at `x0`. The functions `h(v)
        = v_1 v_2 + v_3^2` (a vector in, a number out), `g(p) = (p_1 p_2, p_1 + p_2, p_2^2)` and
        `f(y) = (y_1 y_2, y_2 y_3)` (vectors in and out), at `v` and `p`. A matrix `W`, 2 x 3,
        that multiplies a fixed vector `x`: `q = W x`; and behind `q` a loss `L` with `u_k =
        dL/dq_k`.""",
        x0=x0,
        v=v,
        p=p,
        W=W,
        x=x,
        u=u,
    )
    page.ask(
        "a",
        """What is the derivative of a function of one number, and what does it say about a small
        change of its argument? Derive the chain rule from small changes. What are `dy/dx`, `dz/dy`
        and `dz/dx` at `x0`?""",
    )
    page.ask("b", "The same for `h`: a vector in, a number out. What is its gradient at `v`?")
    page.ask("c", "The same for `f`: a vector in, a vector out. What is its Jacobian at `v`?")
    page.ask(
        "d",
        """Derive the chain rule for `f(g(p))` entry by entry, with all shapes. What is the
        Jacobian of `f(g(p))` in `p`?""",
    )
    page.ask(
        "e",
        """Which conditions does the chain rule need, and at which points are its factors taken?
        Prove it, or argue for it.""",
    )
    page.ask(
        "f",
        """The argument is now a matrix: `q` as a function of `W`. Can the derivative be written as
        a matrix? What is `dL/dW`?""",
    )


def composed(x):
    y = x**2 - 1
    return y**2


def slopes(x0):
    y = x0**2 - 1
    dy_dx = 2 * x0
    dz_dy = 2 * y
    return y, dy_dx, dz_dy, dz_dy * dy_dx


def h(v):
    return v[0] * v[1] + v[2] ** 2


def gradient(v):
    return np.array([v[1], v[0], 2 * v[2]])


def flattened(W, x):
    """dq/dvec(W): row k has x in the places of row k of W."""
    J = np.zeros((len(W), W.size))
    for k in range(len(W)):
        J[k, k * len(x) : (k + 1) * len(x)] = x
    return J


def unflattened(u, J, W):
    flat = u @ J
    return flat, flat.reshape(W.shape)


def answers(x0, v, p, W, x, u):
    _, dy_dx, dz_dy, dz_dx = slopes(x0)
    J = flattened(W, x)
    return {
        "a": {"dy/dx": dy_dx, "dz/dy": dz_dy, "dz/dx": dz_dx},
        "b": {"gradient of h": gradient(v)},
        "c": {"Jacobian of f": chain_rule.f_jacobian(v)},
        "d": {"Jacobian of f(g(p))": chain_rule.chain(p)[2]},
        "f": {"dq/dvec(W)": J, "dL/dW": unflattened(u, J, W)[1]},
    }


def solve(page: Page) -> None:
    one_number(page)
    gradient_and_jacobian(page)
    chain_rule.vectors(page)
    chain_rule.conditions(page)
    matrix_argument(page)


def one_number(page):
    page.answer("a")
    page.formula(
        r"f'(x) = \lim_{h \to 0} \frac{f(x + h) - f(x)}{h}",
        "f'(x) = lim_(h -> 0) (f(x + h) - f(x))/h",
        "the definition: the slope of the secants, as their ends come together",
    )
    page.formula(
        r"f(x + \Delta x) \approx f(x) + f'(x) \, \Delta x",
        "f(x + Delta x) ~ f(x) + f'(x) Delta x",
        "the same without a limit: for a small step the quotient is nearly `f'(x)`; what is left "
        "out vanishes faster than the step",
    )
    page.say("In other words: if `x` changes by `Delta x`, then `y = f(x)` changes by about")
    page.formula(
        r"\Delta y \approx \frac{\partial y}{\partial x} \Delta x",
        "Delta y ~ dy/dx Delta x",
        "the slope says how many times larger the change comes out",
    )
    page.formula(
        r"\Delta z \approx \frac{\partial z}{\partial y} \Delta y"
        r" \approx \frac{\partial z}{\partial y} \frac{\partial y}{\partial x} \Delta x",
        "Delta z ~ dz/dy Delta y ~ dz/dy dy/dx Delta x",
        "the change of `y` is the step that `z` sees, so the two factors multiply",
    )
    page.formula(
        r"\frac{\partial z}{\partial x} = \frac{\partial z}{\partial y}"
        r" \frac{\partial y}{\partial x}",
        "dz/dx = dz/dy dy/dx",
        "the chain rule; `dz/dy` is taken at `y`, where the second function stands, and not at `x`",
    )
    y, _, _, dz_dx = page.compute("y, dy_dx, dz_dy, dz_dx", slopes, "x0")
    x0 = page.values["x0"]
    at = np.array(float(x0))
    page.equal("dz/dx, complex step", dz_dx, complex_step(composed, at), 1e-14)
    page.equal("dz/dx, central differences", dz_dx, central(composed, at), 1e-9)
    page.proof("`dz/dx` by hand = complex step = central differences")
    steps = (0.1, 0.01, 0.001)
    rows = [(dx, composed(x0 + dx) - y**2, dz_dx * dx) for dx in steps]
    page.say("How good the small change is: a tenth of the step, a hundredth of the error.")
    columns = ("`Delta x`", "true `Delta z`", "`dz/dx Delta x`", "error")
    page.table(columns, [(*row, row[1] - row[2]) for row in rows])
    picture = computation(
        {"x": x0},
        [
            Operation("y", "x²-1", ["x"], lambda x: x**2 - 1, lambda x: [2 * x]),
            Operation("z", "y²", ["y"], lambda y: y**2, lambda y: [2 * y]),
        ],
    )
    page.graph(
        "chain",
        picture,
        "Forward, the values: first `y`, then `z`. Back, the slopes: first `dz/dy` at `y`, then "
        "times `dy/dx` at `x`.",
    )
    page.equal("the graph's dz/dx", picture["x"].gradient, dz_dx, 0)
    page.slip('001 names the inner step "`g = f(x)`"; it must be `y = f(x)`.')


def gradient_and_jacobian(page):
    page.answer("b")
    page.formula(
        r"\nabla h = \left( \frac{\partial h}{\partial v_1}, \frac{\partial h}{\partial v_2},"
        r" \frac{\partial h}{\partial v_3} \right)",
        "nabla h = (dh/dv_1, dh/dv_2, dh/dv_3)",
        "one slope for each entry, the others held fixed; as for a loss, or the one output of a "
        "classifier of two classes",
    )
    page.formula(
        r"\Delta h \approx \sum_n \frac{\partial h}{\partial v_n} \Delta v_n"
        r" = \nabla h \cdot \Delta v",
        "Delta h ~ sum_n dh/dv_n Delta v_n = nabla h * Delta v",
        "the small changes of the entries add up: a dot product, a number again",
    )
    by_hand = page.compute("dh_dv", gradient, "v")
    page.equal("gradient of h, complex step", by_hand, complex_step(h, page.values["v"]), 1e-14)
    page.proof("by hand = complex step")
    page.slip("""001's gradient is a quotient by `|h|`: one number, `g.h/|h|`, and each
        direction of `h` has another; `g` itself is defined by `f(x + h) - f(x) - g.h` vanishing
        faster than `|h|`.""")
    function, at, slope = FUNCTIONS["log sum exp x"]
    directions = np.vstack([np.eye(3), [0.6, 0, 0.8]])
    quotients = [(function(at + 1e-7 * e) - function(at)) / 1e-7 for e in directions]
    page.equal("quotients in four directions are g.h/|h|", quotients, directions @ slope, 1e-6)

    page.answer("c")
    page.formula(
        r"J_{ij} = \frac{\partial f_i}{\partial y_j}",
        "J_ij = df_i/dy_j",
        "one row for each output, one column for each input: row `i` is the gradient of `f_i`; as "
        "for a classifier of many classes",
    )
    page.formula(
        r"\Delta f_i \approx \sum_j \frac{\partial f_i}{\partial y_j} \Delta y_j"
        r" = (J \, \Delta y)_i",
        "Delta f_i ~ sum_j df_i/dy_j Delta y_j = (J Delta y)_i",
        "what (b) says of one output holds for each: matrix times vector, m x n times n",
    )
    J = page.compute("df_dy", chain_rule.f_jacobian, "v")
    page.equal(
        "Jacobian of f, complex step", J, complex_step(chain_rule.f, page.values["v"]), 1e-14
    )
    page.proof("by hand = complex step")
    page.slip("""003's gradient is a row by its own rule, yet `nabla^T f_i`, a row of its `J`,
        makes it a column. 001 writes the small changes with = ; they hold up to terms of second
        order.""")
    errors = {}
    for name, (function, at, slope) in FUNCTIONS.items():
        page.equal(f"J of {name}", slope, complex_step(function, at), 1e-14)
        errors[name] = errors_of_first_order(function, at, slope, STEPS)
        order = np.polyfit(np.log(STEPS[4:]), np.log(errors[name][4:]), 1)[0]
        page.check(f"slope {order:.3f} of {name}, from 2", abs(order - 2), 0.002)
    page.proof("for four functions, matrices among them, halving the step quarters the error")
    labels = {"xlabel": "step h", "ylabel": "error of h J d, largest entry"}
    labels["title"] = "Halve the step, and the error of the first-order change is a quarter"
    caption = """By how much `f(x + h d)` misses `f(x) + h J d`, for a direction `d` and ever
        shorter steps `h`: a number in and out, a vector in and a number out, vectors, matrices."""
    guide = {"slope 2": 3 * STEPS**2}
    page.curves("slope", STEPS, errors, guide, log="xy", caption=caption, **labels)


def matrix_argument(page):
    page.answer("f")
    page.formula(
        r"q_k = \sum_j W_{kj} x_j",
        "q_k = sum_j W_kj x_j",
        "row `k` of `W` times `x`",
    )
    page.formula(
        r"\frac{\partial q_k}{\partial W_{ij}} = [k = i] \, x_j",
        "dq_k/dW_ij = [k = i] x_j",
        "`W_ij` is in row `i` alone, with the factor `x_j`; `[k = i]` is 1 where `k = i`, else 0",
    )
    page.say(
        """That has three axes, `k`, `i` and `j`: 2 x 2 x 3, no matrix. But `W` can be written as
        one long vector `vec(W)`, row after row, and then the derivative is a Jacobian, 2 x 6,
        that repeats `x`: it is the Kronecker product of `I` and `x^T`, each entry of `I` times the
        row `x^T`. (With the columns of `W` one after the other it is that of `x^T` and `I`.)"""
    )
    J = page.compute("J_flat", flattened, "W, x")
    page.formula(
        r"\frac{\partial L}{\partial \operatorname{vec}(W)}"
        r" = u \, \frac{\partial q}{\partial \operatorname{vec}(W)}",
        "dL/dvec(W) = u dq/dvec(W)",
        "the chain rule of (d): a row, 1 x 2, times a matrix, 2 x 6",
    )
    page.say(
        """At the end the gradient in `vec(W)`, below `g_flat`, must be folded back into the shape
        of `W`, or it cannot be subtracted from it."""
    )
    _, dW = page.compute("g_flat, dL_dW", unflattened, "u, J_flat, W")
    W, x, u = (page.values[name] for name in "Wxu")
    three = np.einsum("ki,j->kij", np.eye(2), x)
    page.equal("three axes, complex step", three, complex_step(lambda W: W @ x, W), 1e-14)
    page.equal("dq/dvec(W) = I kron x^T", J, np.kron(np.eye(2), x), 0)
    page.equal("un-flattened", J.reshape(2, 2, 3), three, 0)
    by_columns = three.swapaxes(1, 2).reshape(2, 6)
    page.equal("column by column x^T kron I", by_columns, np.kron(x, np.eye(2)), 0)
    engine = jacobian(Affine(3, 2, bias=False), x[None], wrt="W")[0].swapaxes(1, 2)
    page.equal("engine: dq/dW, un-flattened", engine, three, 0)
    page.equal("dL/dW = u x^T", dW, np.outer(u, x), 0)
    page.proof("by hand = complex step = engine, and `dL/dW` is `u x^T`")
