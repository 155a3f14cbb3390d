"""Computation graphs: a value on every edge forward, a gradient on every edge backward.

Deck 000 draws a chain of layers, a general graph, and toy graphs without naming them; these are
the classic ones, (x + y) z and a sigmoid neuron. Deck 002's notebook differentiates such graphs
of numbers automatically; here it is done by hand. All is scalar, so layouts do not matter.
"""

import numpy as np

from book.page import Page
from book.sheets import whole
from mlp import MaxPool, Multiply
from problems import chain_of_layers, graphs
from problems.graphs import adding, check_edges, check_network, check_node, copying, edges

TITLE = "Computation graphs: values and gradients everywhere"
DECKS = "000, 002"
NUMBERS = {
    "h0": 1,
    "w": np.array([2, -1, 3]),
    "t": -4,
    "eta": 0.01,
    "x": -2,
    "y": 5,
    "z": -4,
    "w0": 2,
    "x0": -1,
    "w1": -3,
    "x1": -2,
    "w2": -3,
    "a": 0.5,
    "b": -1.5,
}


def draw(rng):
    w = whole(rng, 3, largest=3)
    t = int(w.prod() + whole(rng, largest=3))  # so that there is an error
    numbers = {"h0": 1, "w": w, "t": t, "eta": 0.01}
    numbers |= {name: int(whole(rng)) for name in "xyz"}
    numbers |= {name: int(whole(rng, largest=2)) for name in ("w0", "x0", "w1", "x1")}
    products = numbers["w0"] * numbers["x0"] + numbers["w1"] * numbers["x1"]
    numbers["w2"] = int(whole(rng, largest=2)) - products  # so that the sigmoid still has a slope
    return numbers | {name: 0.5 * int(whole(rng, largest=2)) for name in "ab"}


def ask(page: Page, h0, w, t, eta, x, y, z, w0, x0, w1, x1, w2, a, b) -> None:
    page.given(
        """A chain of `K` layers, `h_k = f_k(h_(k-1), w_k)`, from `h_0 = x` to `h_K`, and an error
        `e` that is computed from `h_K`. For the numbers: `K = 3`, `h_k = w_k h_(k-1)` and `e =
        (h_3 - t)^2`, with the learning rate `eta`.""",
        h0=h0,
        w=w,
        t=t,
        eta=eta,
    )
    page.given("The graph of `(x + y) z`: `q = x + y`, `f = q z`.", x=x, y=y, z=z)
    page.given(
        "A neuron, `f = sigma(w_0 x_0 + w_1 x_1 + w_2)` with `sigma(s) = 1 / (1 + exp(-s))`.",
        w0=w0,
        x0=x0,
        w1=w1,
        x1=x1,
        w2=w2,
    )
    page.given("A graph with branches, `s = a + b`, `p = a b`, `m = s p`, `r = tanh m`.", a=a, b=b)
    page.ask(
        "a",
        """What is `de/dw_k` in the chain? Which part of it is the upstream gradient, and which the
        local one?""",
    )
    page.ask("b", "Write the backpropagation algorithm as steps, and do one of training by hand.")
    page.ask("c", "Value and gradient of `f` on every edge of `(x + y) z`.")
    page.ask(
        "d", "The same for the neuron, operation by operation. What is `df/ds` in terms of `f`?"
    )
    page.ask(
        "e",
        """What changes in a general graph, where a value is used in several places? Value and
        gradient of `r` on every edge of the graph with branches.""",
    )
    page.ask(
        "f",
        """A gradient 7 arrives from above at a node with the inputs 3 and 5. What do the inputs
        get if the node adds, multiplies or takes the larger? And a value that was copied, if 7
        and 4 arrive at the copies?""",
    )


def product_of_sum(x, y, z):
    q = x + y
    f = q * z
    df = 1
    dq = df * z  # multiply: times the other factor
    dz = df * q
    dx = dq  # add: the same to both
    dy = dq
    return np.array([x, y, z, q, f]), np.array([dx, dy, dz, dq, df])


def neuron(w0, x0, w1, x1, w2):
    a = w0 * x0
    b = w1 * x1
    s = a + b + w2
    n = -s
    e = np.exp(n)
    u = 1 + e
    f = 1 / u
    df = 1.0
    du = df * (-1 / u**2)
    de = du  # 1 + e passes it on
    dn = de * e
    ds = -dn
    da = db = dw2 = ds  # add: the same to all
    dw0, dx0 = da * x0, da * w0
    dw1, dx1 = db * x1, db * w1
    values = [w0, x0, w1, x1, w2, a, b, s, n, e, u, f]
    gradients = [dw0, dx0, dw1, dx1, dw2, da, db, ds, dn, de, du, df]
    return np.array(values), np.array(gradients)


def branch(a, b):
    s = a + b
    p = a * b
    m = s * p
    r = np.tanh(m)
    dr = 1.0
    dm = dr * (1 - r**2)
    ds = dm * p
    dp = dm * s
    da = ds + dp * b  # a is used twice: the parts add up
    db = ds + dp * a
    return np.array([a, b, s, p, m, r]), np.array([da, db, ds, dp, dm, dr])


def answers(h0, w, t, eta, x, y, z, w0, x0, w1, x1, w2, a, b):
    h, e = chain_of_layers.forward(h0, w, t)
    dw, dh = chain_of_layers.backward(h, w, t)
    new = chain_of_layers.update(w, dw, eta)
    toy, sigmoid = product_of_sum(x, y, z), neuron(w0, x0, w1, x1, w2)
    branches = branch(a, b)
    return {
        "b": {"h": h, "e": e, "de/dw": dw, "de/dh": dh, "new w": new},
        "c": {"values of x, y, z, q, f": toy[0], "gradients": toy[1]},
        "d": {"values of w0, x0, w1, x1, w2, a, ... f": sigmoid[0], "gradients": sigmoid[1]},
        "e": {"values of a, b, s, p, m, r": branches[0], "gradients": branches[1]},
        "f": {"add": [7, 7], "multiply": [35, 21], "larger": [0, 7], "copied": 11},
    }


def solve(page: Page) -> None:
    chain_of_layers.chain_rule(page)
    chain_of_layers.algorithm(page)
    toy_graphs(page)
    general_graph(page)
    patterns(page)


def toy_graphs(page):
    page.answer("c")
    page.formula(
        r"\frac{\partial f}{\partial q} = z, \quad \frac{\partial f}{\partial z} = q",
        "df/dq = z,  df/dz = q",
        "a factor's slope is the other factor",
    )
    page.formula(
        r"\frac{\partial f}{\partial x} = \frac{\partial f}{\partial q}"
        r" \frac{\partial q}{\partial x} = z \cdot 1, \quad"
        r" \frac{\partial f}{\partial y} = z \cdot 1",
        "df/dx = df/dq dq/dx = z * 1,  df/dy = z * 1",
        "upstream times local; a sum has the slope 1 in each term",
    )
    v, d = page.compute("v, d", product_of_sum, "x, y, z")
    page.table(("edge", "value", "gradient"), edges(graphs.TOY_EDGES, v, d))
    inputs = {name: page.values[name] for name in "xyz"}
    graph = check_edges(page, inputs, graphs.PRODUCT_OF_SUM, v, d)
    check_network(page, graphs.product_of_sum_network(), [*inputs.values()], v, d)
    page.graph("product_of_sum", graph, "`(x + y) z`: values above, gradients below.")
    page.proof("every edge by hand = complex step = node by node = engine")

    page.answer("d")
    page.say("The neuron in single operations, from the end:")
    page.formula(
        r"\frac{\partial f}{\partial u} = -\frac{1}{u^2} = \frac{\partial f}{\partial e}, \quad"
        r" \frac{\partial f}{\partial n} = e \frac{\partial f}{\partial e}, \quad"
        r" \frac{\partial f}{\partial s} = -\frac{\partial f}{\partial n}",
        "df/du = -1/u^2 = df/de,  df/dn = e df/de,  df/ds = -df/dn",
        "`f = 1/u`; `u = 1 + e` has slope 1; `e = exp n` is its own slope; `n = -s`",
    )
    page.formula(
        r"\frac{\partial f}{\partial s} = \frac{e}{u^2} = \frac{1}{u} \cdot \frac{u - 1}{u}"
        r" = f (1 - f)",
        "df/ds = e/u^2 = 1/u * (u - 1)/u = f (1 - f)",
        "`e = u - 1`: the four operations as one node",
    )
    page.formula(
        r"\frac{\partial f}{\partial w_i} = x_i \frac{\partial f}{\partial s}, \quad"
        r" \frac{\partial f}{\partial x_i} = w_i \frac{\partial f}{\partial s}, \quad"
        r" \frac{\partial f}{\partial w_2} = \frac{\partial f}{\partial s}",
        "df/dw_i = x_i df/ds,  df/dx_i = w_i df/ds,  df/dw_2 = df/ds",
        "the sum hands on what it gets, each product multiplies by the other factor; i = 0, 1",
    )
    v, d = page.compute("v, d", neuron, "w0, x0, w1, x1, w2")
    page.table(("edge", "value", "gradient"), edges(graphs.NEURON_EDGES, v, d))
    inputs = {name: page.values[name] for name in ("w0", "x0", "w1", "x1", "w2")}
    graph = check_edges(page, inputs, graphs.NEURON, v, d)
    check_network(page, graphs.neuron_network(), [*inputs.values()], v, d)
    page.equal("df/ds = f (1 - f)", d[7], v[11] * (1 - v[11]), 1e-15)
    page.graph("neuron", graph, "The neuron, operation by operation.")
    page.proof("every edge by hand = complex step = node by node = engine; `df/ds = f (1 - f)`")


def general_graph(page):
    page.answer("e")
    page.say(
        "If `h` is used in `v_1`, `v_2`, ..., a small change of `h` moves all of them, and `e` by"
    )
    page.formula(
        r"\Delta e \approx \sum_j \frac{\partial e}{\partial v_j} \Delta v_j \approx \sum_j"
        r" \frac{\partial e}{\partial v_j} \frac{\partial v_j}{\partial h} \Delta h",
        "Delta e ~ sum_j de/dv_j Delta v_j ~ sum_j de/dv_j dv_j/dh Delta h",
        "small changes add up",
    )
    page.formula(
        r"\frac{\partial e}{\partial h} = \sum_j \frac{\partial e}{\partial v_j}"
        r" \frac{\partial v_j}{\partial h}, \quad \frac{\partial e}{\partial u_i}"
        r" = \frac{\partial e}{\partial h} \frac{\partial h}{\partial u_i}",
        "de/dh = sum_j de/dv_j dv_j/dh,  de/du_i = de/dh dh/du_i",
        "what comes back on all branches is added; then it goes on, to every input `u_i` of `h`",
    )
    page.figure(
        "branches",
        graphs.draw_branches,
        "Where a value branches, the gradients that come back are added up.",
    )
    page.say("In the given graph `a` and `b` reach the end on two ways each, through `s` and `p`:")
    page.formula(
        r"\frac{\partial r}{\partial m} = 1 - r^2, \quad"
        r" \frac{\partial r}{\partial s} = p \frac{\partial r}{\partial m}, \quad"
        r" \frac{\partial r}{\partial p} = s \frac{\partial r}{\partial m}",
        "dr/dm = 1 - r^2,  dr/ds = p dr/dm,  dr/dp = s dr/dm",
        "the slope of tanh; a product",
    )
    page.formula(
        r"\frac{\partial r}{\partial a} = \frac{\partial r}{\partial s}"
        r" + b \frac{\partial r}{\partial p}, \quad"
        r" \frac{\partial r}{\partial b} = \frac{\partial r}{\partial s}"
        r" + a \frac{\partial r}{\partial p}",
        "dr/da = dr/ds + b dr/dp,  dr/db = dr/ds + a dr/dp",
        "one term for each way",
    )
    v, d = page.compute("v, d", branch, "a, b")
    page.table(("edge", "value", "gradient"), edges(graphs.BRANCH_EDGES, v, d))
    inputs = {name: page.values[name] for name in "ab"}
    graph = check_edges(page, inputs, graphs.BRANCH, v, d)
    check_network(page, graphs.branch_network(), [*inputs.values()], v, d)
    page.graph("branch", graph, "`a` and `b` are used twice.")
    page.proof("every edge by hand = complex step = node by node = engine")
    page.say(
        """A program can do this for any graph, as the notebook of deck 002 does: every value keeps
        which values it was made of and the local slopes; at the end all values are visited in
        reverse order, and each adds upstream times local to what its inputs have got so far.
        Here, visit by visit:"""
    )
    rows, got = graphs.visits(inputs, graphs.BRANCH)
    page.table(("visited", "upstream", "local", "input", "has got"), rows)
    page.equal("visit by visit", [got[name] for name in ("a", "b", *"spmr")], d, 1e-15)
    page.proof("what `a` and `b`, and all others, have got in the end = by hand")


def patterns(page):
    page.answer("f")
    page.table(
        ("node", "what it does", "7 becomes"),
        [
            ("add", "distributor: the same to all", "7, 7"),
            ("multiply", "switcher: times the other one", "7 * 5 = 35, 7 * 3 = 21"),
            ("max", "router: all to the larger", "0, 7"),
            ("copy", "adder: what comes back is added", "7 + 4 = 11"),
        ],
    )
    check_node(page, "add", adding(), [3, 5], [7], [7, 7])
    check_node(page, "multiply", Multiply(), [3, 5], [7], [35, 21])
    check_node(page, "max", MaxPool(2), [3, 5], [7], [0, 7])
    check_node(page, "copy", copying(), [3], [7, 4], [11])
    page.proof("engine: the four layers that do this")
