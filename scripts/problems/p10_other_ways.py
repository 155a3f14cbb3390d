"""Other ways to a gradient: differences, a closed form, forward mode; why reverse mode wins.

Deck 003, 3.3, for the output y of problem 8's network as a function f(t) of its n = 4 h + 1
parameters. Columns and the numerator layout, as in the deck: x (2,), W0 (h, 2) row by row in t,
then b0 (h,), W1 (h,), b1. The engine holds W0 transposed.
"""

import sys

import numpy as np

from book.page import Page
from book.sheets import whole
from problems import ways
from problems.numeric import complex_step

TITLE = "Other ways to the gradient, and what they cost (3.3)"
DECKS = "003"
NUMBERS = {
    "x": np.array([1, 2]),
    "W0": np.array([[1, -1], [2, -1]]),
    "b0": np.array([1, 1]),
    "W1": np.array([2, -1]),
    "b1": 1,
    "step": 0.01,
}


def draw(rng):
    x, W0 = whole(rng, 2, largest=3), whole(rng, 2, 2, largest=3)
    b0 = rng.integers(-2, 3, 2) - W0 @ x  # so that the sums are between -2 and 2
    W1, b1 = whole(rng, 2, largest=3), int(whole(rng, 1)[0])
    return {"x": x, "W0": W0, "b0": b0, "W1": W1, "b1": b1, "step": 0.01}


def ask(page: Page, x, W0, b0, W1, b1, step) -> None:
    page.given(
        """The output y of a network with two inputs x and h hidden sigmoid units is a function f
        of its n = 4 h + 1 parameters: `W0` (h x 2), `b0` and `W1` (h numbers each) and `b1`. They
        stand in this order, `W0` row by row, in one vector t. With
        `sigma(v) = 1/(1 + exp(-v))`, `y = W1 z + b1` and `z = sigma(v)` for
        `v = W0 x + b0`. Here h = 2, so n = 9. Backpropagation, or reverse mode, is the usual way
        to the gradient of f. There are three others.""",
        x=x,
        W0=W0,
        b0=b0,
        W1=W1,
        b1=b1,
        step=step,
    )
    page.ask(
        "a",
        """Finite differences: move one parameter by a small step and see how f changes. What are
        two disadvantages? Compute the gradient so, with the given step.""",
    )
    page.ask(
        "b",
        """A closed formula: write y out as one formula, differentiate it on paper, and program
        the result. What are two disadvantages? What do the entries share?""",
    )
    page.ask(
        "c",
        """The gradient in `W0`, flattened, is a product of three Jacobians: `dy/dz` times `dz/dv`
        times `dv/dW0`. Reverse mode multiplies from the left, forward mode from the right. Write
        the three factors and compute both products. What do both modes cost in time and in
        memory, and why is reverse mode used?""",
    )


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def flatten(W0, b0, W1, b1):
    return np.concatenate([W0.ravel(), b0, W1, [b1]])


def unpack(t):
    h = len(t) // 4
    W0, b0 = t[: 2 * h].reshape(h, 2), t[2 * h : 3 * h]
    W1, b1 = t[3 * h : 4 * h], t[4 * h]
    return W0, b0, W1, b1


def f(x, t):
    W0, b0, W1, b1 = unpack(t)
    return W1 @ sigmoid(W0 @ x + b0) + b1


def one_sided_differences(x, t, step):
    here = f(x, t)
    slopes = np.zeros(len(t))
    for i in range(len(t)):
        moved = t.astype(float)
        moved[i] += step  # parameter i alone
        slopes[i] = (f(x, moved) - here) / step
    return slopes


def central_differences(x, t, step):
    slopes = np.zeros(len(t))
    for i in range(len(t)):
        change = np.zeros(len(t))
        change[i] = step
        slopes[i] = (f(x, t + change) - f(x, t - change)) / (2 * step)
    return slopes


def closed_form(x, t):
    W0, b0, W1, _ = unpack(t)
    h = len(b0)
    dW0, db0, dW1 = np.zeros((h, 2)), np.zeros(h), np.zeros(h)
    for i in range(h):
        v = W0[i] @ x + b0[i]
        dW0[i, 0] = W1[i] * sigmoid(v) * (1 - sigmoid(v)) * x[0]
        dW0[i, 1] = W1[i] * sigmoid(v) * (1 - sigmoid(v)) * x[1]
        db0[i] = W1[i] * sigmoid(v) * (1 - sigmoid(v))
        dW1[i] = sigmoid(v)
    return flatten(dW0, db0, dW1, 1.0)


def reverse_mode(x, t):
    W0, b0, W1, _ = unpack(t)
    z = sigmoid(W0 @ x + b0)  # once
    delta = W1 * z * (1 - z)  # once
    return flatten(np.outer(delta, x), delta, z, 1.0)


def forward_mode(x, t):
    W0, b0, W1, _ = unpack(t)
    slopes = np.zeros(len(t))
    for i in range(len(t)):
        change = np.zeros(len(t))
        change[i] = 1  # parameter i alone
        dW0, db0, dW1, db1 = unpack(change)
        z, dv = sigmoid(W0 @ x + b0), dW0 @ x + db0
        dz = z * (1 - z) * dv
        slopes[i] = W1 @ dz + dW1 @ z + db1
    return slopes


def factors(x, t):
    W0, b0, W1, _ = unpack(t)
    z = sigmoid(W0 @ x + b0)
    dy_dz = W1[None, :]
    dz_dv = np.diag(z * (1 - z))
    dv_dW0 = np.kron(np.eye(len(z)), x)  # row i: x where row i of W0 is
    return dy_dz, dz_dv, dv_dW0


def both_orders(dy_dz, dz_dv, dv_dW0):
    reverse = (dy_dz @ dz_dv) @ dv_dW0
    forward = dy_dz @ (dz_dv @ dv_dW0)
    return reverse, forward


def answers(x, W0, b0, W1, b1, step):
    t = flatten(W0, b0, W1, b1)
    dy_dz, dz_dv, dv_dW0 = factors(x, t)
    reverse, _ = both_orders(dy_dz, dz_dv, dv_dW0)
    return {
        "a": {"one-sided": one_sided_differences(x, t, step)},
        "b": {"exact": closed_form(x, t)},
        "c": {"dy/dz": dy_dz, "dz/dv": dz_dv, "dv/dW0": dv_dW0, "both products": reverse},
    }


def solve(page: Page) -> None:
    page.answer("a")
    page.formula(
        r"\frac{\partial f}{\partial t_i} \approx \frac{f(t + \epsilon e_i) - f(t)}{\epsilon}",
        "df/dt_i ~ (f(t + epsilon e_i) - f(t)) / epsilon",
        "`e_i` is 1 at place i and 0 elsewhere, `epsilon` is the step",
    )
    t = page.compute("t", flatten, "W0, b0, W1, b1")
    page.compute("g_onesided", one_sided_differences, "x, t, step")
    exact = reverse_mode(x := page.values["x"], t)
    page.show("for comparison, the exact gradient", exact)
    page.say("""First, this is an approximation, and easy to get wrong: the step must be chosen
        with care. A long one leaves out much of Taylor's series along parameter i:""")
    page.formula(
        r"f(t + \epsilon e_i) = f(t) + \epsilon f' + \frac{\epsilon^2}{2} f'' + \dots",
        "f(t + epsilon e_i) = f(t) + epsilon f' + epsilon^2/2 f'' + ...",
        "the quotient above leaves out `epsilon f''/2` and more",
    )
    page.formula(
        r"\frac{f(t + \epsilon e_i) - f(t - \epsilon e_i)}{2 \epsilon}"
        r" = f' + \frac{\epsilon^2}{6} f''' + \dots",
        "(f(t + epsilon e_i) - f(t - epsilon e_i)) / (2 epsilon)"
        "\n    = f' + epsilon^2/6 f''' + ...",
        "central differences: the even terms fall out, so less is left out",
    )
    page.say("""A short step rounds: f is known to about 1e-16 of itself, two nearly equal numbers
        are subtracted, and what is left, rounding included, is divided by the step.""")
    page.compute("g_central", central_differences, "x, t, step")
    ways.errors_over_steps(page, one_sided_differences, central_differences, x, t, exact)
    page.say("""Second, it is expensive: f must be computed anew for every parameter. But it needs
        only f itself, so it is how the other ways are checked.""")
    for way, expected in ((one_sided_differences, len(t) + 1), (central_differences, 2 * len(t))):
        passes = len(ways.counted(HERE, "f", way, x, t, 1e-6))
        page.check(f"{way.__name__}: {passes}", abs(passes - expected), 0)
    page.proof(f"counted for n = {len(t)}: {len(t) + 1} passes one-sided, {2 * len(t)} central")
    page.slip("003 says at least n passes for one-sided ones; with f(x) itself it is n + 1.")

    page.answer("b")
    page.formula(
        r"y = \sum_i W_{1,i} \, \sigma(W_{0,i1} x_1 + W_{0,i2} x_2 + b_{0,i}) + b_1",
        "y = sum_i W1_i sigma(W0_i1 x_1 + W0_i2 x_2 + b0_i) + b1",
        "all of f in one formula",
    )
    page.formula(
        r"\frac{\partial y}{\partial W_{0,ij}}"
        r" = W_{1,i} \, \sigma(W_{0,i1} x_1 + W_{0,i2} x_2 + b_{0,i})"
        r" \, (1 - \sigma(W_{0,i1} x_1 + W_{0,i2} x_2 + b_{0,i})) \, x_j",
        "dy/dW0_ij = W1_i sigma(W0_i1 x_1 + W0_i2 x_2 + b0_i)\n"
        "            (1 - sigma(W0_i1 x_1 + W0_i2 x_2 + b0_i)) x_j",
        "`sigma' = sigma (1 - sigma)`, times what multiplies `W0_ij` inside",
    )
    page.formula(
        r"\frac{\partial y}{\partial b_{0,i}}"
        r" = W_{1,i} \, \sigma(W_{0,i1} x_1 + W_{0,i2} x_2 + b_{0,i})"
        r" \, (1 - \sigma(W_{0,i1} x_1 + W_{0,i2} x_2 + b_{0,i}))",
        "dy/db0_i = W1_i sigma(W0_i1 x_1 + W0_i2 x_2 + b0_i)\n"
        "           (1 - sigma(W0_i1 x_1 + W0_i2 x_2 + b0_i))",
        "the same without `x_j`",
    )
    page.formula(
        r"\frac{\partial y}{\partial W_{1,i}} = \sigma(W_{0,i1} x_1 + W_{0,i2} x_2 + b_{0,i}),"
        r" \quad \frac{\partial y}{\partial b_1} = 1",
        "dy/dW1_i = sigma(W0_i1 x_1 + W0_i2 x_2 + b0_i),  dy/db1 = 1",
        "the factors of `W1_i` and of `b1`",
    )
    closed = page.compute("g_closed", closed_form, "x, t")
    page.equal("closed form, reverse mode", closed, exact, 1e-15)
    page.equal("closed form, complex step", closed, complex_step(lambda t: f(x, t), t), 1e-14)
    page.proof("closed form = complex step = reverse mode")
    page.say("""First, it is error-prone: people forget a factor or a term, the more so the deeper
        the network is. Without the factor `1 - sigma`, for example, the numbers look as good as
        the right ones, and only a comparison tells, such as one with differences:""")
    mistaken = page.compute("g_mistaken", ways.with_a_mistake, "x, t")
    found = np.abs(mistaken - central_differences(x, t, 1e-5)).max()
    page.check("central differences show the mistake", 0 if found > 0.01 else 1, 0)
    page.proof(f"central differences part from the mistaken formula by {found:.2g}; checked")
    page.say("""Second, it is wasteful: the entries share the sigmoid of their unit, which the
        formulas write out 7 times for each (4 in `W0`, 2 in `b0`, 1 in `W1`), and the whole
        product `W1_i sigma (1 - sigma)`. Whoever computes what is shared once and keeps it has
        invented reverse mode again:""")
    page.compute("g_reverse", reverse_mode, "x, t")
    for solution, sigmoids in ((closed_form, 7 * 2), (reverse_mode, 2)):
        count = sum(ways.counted(HERE, "sigmoid", solution, x, t))
        page.check(f"{solution.__name__}: {count} sigmoids", abs(count - sigmoids), 0)
    page.equal("engine: backward", exact, ways.engine(x, *unpack(t))[0], 1e-14)
    page.proof("counted: 7 h sigmoids in the closed form, h in reverse mode; the latter = engine")

    page.answer("c")
    page.formula(
        r"\frac{\partial y}{\partial \operatorname{vec}(W_0)} = \frac{\partial y}{\partial z}"
        r" \frac{\partial z}{\partial v} \frac{\partial v}{\partial \operatorname{vec}(W_0)}",
        "dy/dvec(W0) = dy/dz dz/dv dv/dvec(W0)",
        "1 x h times h x h times h x 2h; vec puts row behind row",
    )
    page.compute("dy_dz, dz_dv, dv_dW0", factors, "x, t")
    both = page.compute("dy_dW0, dy_dW0_again", both_orders, "dy_dz, dz_dv, dv_dW0")
    page.equal("reverse order, forward order", both[0], both[1], 1e-15)
    page.equal("the product, by reverse mode", both[0][0], exact[:4], 1e-15)
    page.proof("the two orders agree with each other and with (b)")
    page.formula(
        r"\left(\frac{\partial y}{\partial z} \frac{\partial z}{\partial v}\right)"
        r" \frac{\partial v}{\partial \operatorname{vec}(W_0)}: \quad h^2 + 2 h^2",
        "(dy/dz dz/dv) dv/dvec(W0):  h^2 + 2 h^2",
        "reverse: a row times a matrix, twice; counted are the multiplications",
    )
    page.formula(
        r"\frac{\partial y}{\partial z} \left(\frac{\partial z}{\partial v}"
        r" \frac{\partial v}{\partial \operatorname{vec}(W_0)}\right): \quad 2 h^3 + 2 h^2",
        "dy/dz (dz/dv dv/dvec(W0)):  2 h^3 + 2 h^2",
        "forward: first a matrix times a matrix, with a column for every parameter in `W0`",
    )
    page.say("""A program forms none of these matrices. Forward mode takes one column at a time:
        beside every value goes its change with one parameter, so n passes give n entries:""")
    forward = page.compute("g_forward", forward_mode, "x, t")
    passes = len(ways.counted(HERE, "sigmoid", forward_mode, x, t))
    page.check(f"forward mode: {passes} passes", abs(passes - len(t)), 0)
    page.equal("forward mode, reverse mode", forward, exact, 1e-15)
    page.equal("engine: jvp, one parameter at a time", ways.engine(x, *unpack(t))[1], exact, 1e-14)
    page.proof(f"forward mode takes {passes} passes and = reverse mode = the engine's jvp")
    page.say("""Time: a loss is one number, and a network has millions of parameters. Reverse mode
        takes one pass back for all of them, forward mode a pass for each; it would win with few
        inputs and many outputs. Memory: forward mode needs only the current values, reverse mode
        keeps all layers, usually the smaller worry (see problem 20).""")
    ways.memory(page)
    page.slip("""003 says that forward mode multiplies matrices by matrices, and that it saves
        memory. It is one or the other: n passes that keep nothing, or one pass that carries n
        changes beside every value, which takes more memory, not less.""")
    ways.at_random(page, HERE)
    ways.times(page, HERE)


HERE = sys.modules[__name__]
