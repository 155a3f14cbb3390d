"""f(W, x) = |W x|^2 for a square W: the gradients in W and in x, three ways.

Deck 001 has x as a column and W from the left. Our rows are samples, z = x W, so our Affine
holds the deck's W^T, and its dW is the transpose of the deck's df/dW.
"""

import numpy as np

from book.page import Page
from book.sheets import whole
from problems.norms import by_multiply, by_squared_error, draw_arrays, graph_of_entries
from problems.numeric import central, complex_step

TITLE = "The squared norm of W x"
DECKS = "001"
NUMBERS = {
    "W": np.array([[1, -2], [3, 1]]),
    "x": np.array([3, -1]),
    "W_s": np.array([[0.1, 0.5], [-0.3, 0.8]]),
    "x_s": np.array([0.2, 0.4]),
}


def draw(rng):
    W, x = whole(rng, 2, 2), whole(rng, 2)
    while not (W @ x).all():
        W, x = whole(rng, 2, 2), whole(rng, 2)
    return {"W": W, "x": x, "W_s": whole(rng, 2, 2) / 10, "x_s": whole(rng, 2) / 10}


def ask(page: Page, W, x, W_s, x_s) -> None:
    page.given(
        "A square matrix `W`, a vector `x`, and the number `f = |W x|^2`, the sum of the squares "
        "of the entries of `y = W x`. For the graph, other numbers `W_s` and `x_s`.",
        W=W,
        x=x,
        W_s=W_s,
        x_s=x_s,
    )
    page.ask("a", "Write `f` in the entries of `W` and `x`. What is `df/dy_i`?")
    page.ask("b", "What is `df/dW_ij`? Write `df/dW` as a product of `y` and `x`.")
    page.ask("c", "What is `df/dx_j`? Write `df/dx` as a product.")
    page.ask(
        "d",
        "Draw the computation graph of `f` for `W_s` and `x_s`, with values and gradients. How "
        "large is `f`?",
    )


def squared_norm(W, x):
    y = W @ x
    return y, (y**2).sum()


def entry_by_entry(W, x):
    n = len(x)
    y = [sum(W[i, k] * x[k] for k in range(n)) for i in range(n)]
    dW, dx = np.zeros((n, n)), np.zeros(n)
    for i in range(n):
        for j in range(n):
            dW[i, j] = 2 * y[i] * x[j]
            dx[j] += 2 * y[i] * W[i, j]
    return dW, dx


def gradients(W, x):
    y = W @ x
    return 2 * np.outer(y, x), 2 * W.T @ y


def answers(W, x, W_s, x_s):
    y, f = squared_norm(W, x)
    dW, dx = gradients(W, x)
    y_s, f_s = squared_norm(W_s, x_s)
    dW_s, dx_s = gradients(W_s, x_s)
    return {
        "a": {"y": y, "f": f, "df/dy": 2 * y},
        "b": {"df/dW": dW},
        "c": {"df/dx": dx},
        "d": {"y": y_s, "f": f_s, "df/dW": dW_s, "df/dx": dx_s},
    }


def solve(page: Page) -> None:
    page.answer("a")
    page.formula(
        r"y_i = \sum_k W_{ik} x_k, \quad f = \sum_i y_i^2",
        "y_i = sum_k W_ik x_k,  f = sum_i y_i^2",
        "row `i` of `W` times `x`; the squared norm",
    )
    page.formula(
        r"\frac{\partial f}{\partial y_i} = 2 y_i",
        "df/dy_i = 2 y_i",
        "only one term of the sum holds `y_i`",
    )
    page.compute("y, f", squared_norm, "W, x")

    page.answer("b")
    page.formula(
        r"\frac{\partial f}{\partial W_{ij}} = \sum_k \frac{\partial f}{\partial y_k}"
        r" \frac{\partial y_k}{\partial W_{ij}} = 2 y_i x_j",
        "df/dW_ij = sum_k df/dy_k dy_k/dW_ij = 2 y_i x_j",
        "`W_ij` is in `y_i` alone, with the factor `x_j`: only `k = i` is left",
    )
    page.formula(
        r"\frac{\partial f}{\partial W} = 2 y x^\top",
        "df/dW = 2 y x^T",
        "entry (i, j) is `y_i x_j`, a column times a row; it has the shape of `W`",
    )

    page.answer("c")
    page.formula(
        r"\frac{\partial f}{\partial x_j} = \sum_k \frac{\partial f}{\partial y_k}"
        r" \frac{\partial y_k}{\partial x_j} = \sum_k 2 y_k W_{kj}",
        "df/dx_j = sum_k df/dy_k dy_k/dx_j = sum_k 2 y_k W_kj",
        "`x_j` is in every `y_k`, with the factor `W_kj`: the parts add up",
    )
    page.formula(
        r"\frac{\partial f}{\partial x} = 2 W^\top y",
        "df/dx = 2 W^T y",
        "`W_kj` is entry (j, k) of `W^T`; it has the shape of `x`",
    )
    page.say("For (b) and (c), first entry by entry and then as products:")
    entries = page.compute("entries_W, entries_x", entry_by_entry, "W, x")
    dW, dx = page.compute("df_dW, df_dx", gradients, "W, x")
    page.equal("df/dW, entry by entry", entries[0], dW, 0)
    page.equal("df/dx, entry by entry", entries[1], dx, 0)
    page.proof("entry by entry = as products")
    at_random(page)

    page.answer("d")
    y_s, f_s = page.compute("y_s, f_s", squared_norm, "W_s, x_s")
    dW_s, dx_s = page.compute("df_dW_s, df_dx_s", gradients, "W_s, x_s")
    W_s, x_s = page.values["W_s"], page.values["x_s"]
    page.figure(
        "arrays",
        lambda figure: draw_arrays(figure, W_s, x_s, y_s, f_s, dW_s, dx_s),
        "With arrays on the edges: each gradient has the shape of the value above it.",
    )
    graph = graph_of_entries(W_s, x_s)
    page.graph("entries", graph, "The same with one number on each edge.")
    found = {node.name: node.gradient for node in graph.nodes}
    page.equal("graph: f", graph["f"].value, f_s, 1e-15)
    page.equal("graph: df/dx", [found["x1"], found["x2"]], dx_s, 1e-15)
    by_graph = [[found["w11"], found["w12"]], [found["w21"], found["w22"]]]
    page.equal("graph: df/dW", by_graph, dW_s, 1e-15)
    page.proof("the graph, number by number = as products")


def at_random(page):
    """W 5 x 5 at random: by hand, by two networks of the engine, by numbers."""
    rng = np.random.default_rng(4)
    W, x = rng.normal(size=(5, 5)), rng.normal(size=5)
    by_hand = (squared_norm(W, x)[1], *gradients(W, x))
    for route in (by_multiply, by_squared_error):
        for name, a, b in zip(("f", "df/dW", "df/dx"), by_hand, route(W, x), strict=True):
            page.equal(f"engine, {route.__name__}: {name}", a, b, 1e-14)
    _, dW, dx = by_hand
    by_W = complex_step(lambda W: squared_norm(W, x)[1], W)
    page.equal("df/dW, complex step", dW, by_W, 1e-14)
    page.equal("df/dx, complex step", dx, complex_step(lambda x: squared_norm(W, x)[1], x), 1e-14)
    page.proof("for `W` 5 x 5 at random, by hand = engine (two ways) = complex step")
    page.equal("df/dx, differences", dx, central(lambda x: squared_norm(W, x)[1], x), 1e-9)
    page.proof("by hand = central differences")
