"""The linear layer in row vectors, z = x W: dz/dx, and de/dW from single entries.

Deck 000 writes x (1, M) and W (M, N); z and its error signal de/dz are (1, N). This is our own
convention, with M for our in_features and N for our out_features; our e is summed over a batch
of rows, the deck has one. Jacobians have outputs as rows (numerator layout), so dz/dx is (N, M).
"""

import numpy as np

from book.page import Page
from book.sheets import whole
from problems.linear import check_at_random, engine, marked, products_of_shape
from problems.numeric import complex_step
from problems.schemes import draw_linear_layer

TITLE = "The linear layer in row vectors, from entries"
DECKS = "000"
NUMBERS = {
    "x": np.array([[1, -2, 3]]),
    "W": np.array([[2, 0], [1, -1], [4, 5]]),
    "u": np.array([[3, -2]]),
    "X": np.array([[1, -2, 3], [2, 0, -1]]),
    "U": np.array([[3, -2], [1, 4]]),
}


def draw(rng):
    X, U = whole(rng, 2, 3), whole(rng, 2, 2)
    return {"x": X[:1], "W": whole(rng, 3, 2), "u": U[:1], "X": X, "U": U}


def ask(page: Page, x, W, u, X, U) -> None:
    page.given(
        """A linear layer `z = x W`: `x` is a row of `M = 3` numbers, `W` is M x N with `N = 2`,
        and `z` a row of `N`. Behind it comes an error `e`, of which only `u = de/dz` is known, a
        row of `N`: the error signal, or upstream gradient. For question (d) `x` and `u` are the
        first rows of a batch `X` and its upstream gradient `U`.""",
        x=x,
        W=W,
        u=u,
        X=X,
        U=U,
    )
    page.ask(
        "a", "What is `dz_j/dx_i`? Where in the Jacobian `dz/dx` does it stand? What is `dz/dx`?"
    )
    page.ask("b", "What is `de/dx_i`? Write `de/dx` as a product.")
    page.ask("c", "What is `dz_k/dW_ij`, and how many entries has `dz/dW`? What is `de/dW`?")
    page.ask(
        "d", "A batch has one sample in each row. What is `de/dW`, if `e` is the sum over them?"
    )
    page.ask(
        "e",
        """Somebody remembers which arrays occur in (b) and (c), but not how they are
        multiplied. What do the shapes alone tell?""",
    )
    page.ask("f", "Sum up the backward pass of a layer. What are good habits for deriving one?")


def forward(x, W):
    return x @ W


def jacobian_of_inputs(W):
    M, N = W.shape
    J = np.zeros((N, M))
    for j in range(N):
        for i in range(M):
            J[j, i] = W[i, j]
    return J


def input_gradient(W, u):
    M, N = W.shape
    dx = np.zeros((1, M))
    for i in range(M):
        for j in range(N):
            dx[0, i] += u[0, j] * W[i, j]  # x_i moves every z_j
    return dx


def weight_gradient(x, u):
    M, N = x.shape[1], u.shape[1]
    dW = np.zeros((M, N))
    for i in range(M):
        for j in range(N):
            dW[i, j] = u[0, j] * x[0, i]  # W_ij moves z_j alone
    return dW


def whole_array(x, u):
    M, N = x.shape[1], u.shape[1]
    dz_dW = np.zeros((N, M, N))
    for k in range(N):
        dz_dW[k, :, k] = x[0]  # z_k holds column k of W
    return dz_dW


def of_batch(X, W, U):
    dX = U @ W.T
    dW = X.T @ U
    return dX, dW


def answers(x, W, u, X, U):
    dX, dW_batch = of_batch(X, W, U)
    return {
        "a": {"z": x @ W, "dz/dx": W.T},
        "b": {"de/dx": input_gradient(W, u)},
        "c": {"entries of dz/dW": W.size * W.shape[1], "de/dW": weight_gradient(x, u)},
        "d": {"de/dX": dX, "de/dW": dW_batch},
    }


def solve(page: Page) -> None:
    x, W, u = (page.values[name] for name in "xWu")
    page.answer("a")
    page.formula(
        r"z_j = \sum_i x_i W_{ij}", "z_j = sum_i x_i W_ij", "the row `x` times column `j` of `W`"
    )
    page.formula(
        r"\frac{\partial z_j}{\partial x_i} = W_{ij}",
        "dz_j/dx_i = W_ij",
        "`z_j` holds `x_i` with the factor `W_ij`; outputs are rows of a Jacobian, inputs columns, "
        "so this is row `j`, column `i`",
    )
    page.formula(
        r"\frac{\partial z}{\partial x} = W^\top",
        "dz/dx = W^T",
        "an N x M matrix with `W_ij` in row `j` and column `i`",
    )
    page.compute("z", forward, "x, W")
    J = page.compute("dz_dx", jacobian_of_inputs, "W")
    page.equal("complex step", J, complex_step(lambda x: (x @ W)[0], x)[:, 0], 0)
    page.proof("entry by entry = complex step")

    page.answer("b")
    page.formula(
        r"\frac{\partial e}{\partial x_i} = \sum_j \frac{\partial e}{\partial z_j}"
        r" \frac{\partial z_j}{\partial x_i} = \sum_j u_j W_{ij} = (u W^\top)_i",
        "de/dx_i = sum_j de/dz_j dz_j/dx_i = sum_j u_j W_ij = (u W^T)_i",
        "`x_i` moves every `z_j`, and the parts add up; `W_ij` is entry (j, i) of `W^T`",
    )
    dx = page.compute("de_dx", input_gradient, "W, u")
    page.equal("entries = u W^T", dx, u @ W.T, 0)
    affine = engine(W)
    affine.forward(x)
    page.equal("engine: de/dx", affine.backward(u), dx, 0)
    page.proof("entry by entry = `u W^T` = engine")

    page.answer("c")
    page.formula(
        r"\frac{\partial z_k}{\partial W_{ij}} = [k = j] \, x_i",
        "dz_k/dW_ij = [k = j] x_i",
        "`z_k` holds column `k` of `W` alone, and there `W_ik` with the factor `x_i`",
    )
    page.formula(
        r"\frac{\partial e}{\partial W_{ij}} = \sum_k \frac{\partial e}{\partial z_k}"
        r" \frac{\partial z_k}{\partial W_{ij}} = \sum_k u_k [k = j] \, x_i",
        "de/dW_ij = sum_k de/dz_k dz_k/dW_ij = sum_k u_k [k = j] x_i",
        "the chain rule over all of `z`",
    )
    page.formula(
        r"= u_j x_i = (x^\top u)_{ij}",
        "         = u_j x_i = (x^T u)_ij",
        "only `k = j` is left: for every weight, upstream of its output times its input",
    )
    dW = page.compute("de_dW", weight_gradient, "x, u")
    page.equal("entries = x^T u", dW, x.T @ u, 0)
    page.say(
        """`dz/dW` has the axes `k`, `i` and `j`: N x (M x N) = 12 numbers, of which half are
        zeros. `de/dW` has 6. For 784 inputs and 100 outputs it would be 7840000 numbers for the
        sake of 78400."""
    )
    three = page.compute("dz_dW", whole_array, "x, u")
    page.equal("contracted over k", np.einsum("k,kij->ij", u[0], three), dW, 0)
    page.equal("engine: de/dW", affine.dW, dW, 0)
    page.proof("entry by entry = `x^T u` = all of `dz/dW`, contracted = engine")
    check_at_random(page, input_gradient, weight_gradient)

    page.answer("d")
    page.formula(
        r"\frac{\partial e}{\partial W_{ij}} = \sum_n X_{ni} U_{nj} = (X^\top U)_{ij}",
        "de/dW_ij = sum_n X_ni U_nj = (X^T U)_ij",
        "all rows use the same `W`, so their parts add up; each row of `X` has its own gradient",
    )
    X, U = page.values["X"], page.values["U"]
    dX, dW = page.compute("de_dX, de_dW_batch", of_batch, "X, W, U")
    rows = range(len(X))
    row_by_row = np.vstack([input_gradient(W, U[[n]]) for n in rows])
    page.equal("de/dX, row by row", dX, row_by_row, 0)
    page.equal("de/dW, sum over rows", dW, sum(weight_gradient(X[[n]], U[[n]]) for n in rows), 0)
    affine.forward(X)
    page.equal("engine: de/dX", affine.backward(U), dX, 0)
    page.equal("engine: de/dW", affine.dW, dW, 0)
    page.proof("row by row = engine")
    dimensions(page)
    summary(page)


def dimensions(page):
    x, W, u = (page.values[name] for name in "xWu")
    page.answer("e")
    page.say(
        """A gradient of a number has the shape of what it belongs to. So `de/dx` must be 1 x M,
        made of `u`, 1 x N, and `W`, M x N; and `de/dW` must be M x N, made of `u` and `x`, 1 x
        M. Of all products of two of the arrays, transposed or not, these have such a shape:"""
    )
    arrays = {"x": x, "W": W, "u": u}
    for_x, for_W = products_of_shape(*x.shape, arrays), products_of_shape(*W.shape, arrays)
    page.table(("wanted", "shape", "products"), [
        ("`de/dx`", "1 x M = 1 x 3", marked(for_x)), ("`de/dW`", "M x N = 3 x 2", marked(for_W)),
    ])  # fmt: skip
    page.check("only u W^T and x^T u", (for_x, for_W) != (["u W^T"], ["x^T u"]), 0)
    square = {"x": x, "W": np.eye(3), "u": np.ones((1, 3))}
    for_x = products_of_shape(1, 3, square)
    page.say(
        """One each. That is dimension analysis: a check of every formula, and a help for memory.
        But it is no derivation: with `M = N` there are, for `de/dx`, """
        + marked(for_x)
        + """, and the shapes of `u W` and `u W^T` do not tell which is right."""
    )
    page.check("u W fits too where M = N", "u W" not in for_x, 0)
    page.proof("all products were tried")


def summary(page):
    page.answer("f")
    page.figure(
        "summary",
        draw_linear_layer,
        "The layer gets `x` and hands on `z`; it gets `de/dz`, hands on `de/dx` and keeps `de/dW`.",
    )
    page.table(
        ("", "gets", "gives", "needs"),
        [
            ("forward", "`x`", "`z = x W`", "`W`"),
            ("back", "`de/dz`", "`de/dx = de/dz W^T`", "`W`"),
            ("for the update", "`de/dz`", "`de/dW = x^T de/dz`", "`x`, kept on the way forward"),
        ],
    )
    page.say(
        """First habit: derive what the layer hands on, upstream times local, as one expression; do
        not build huge local derivatives such as `dz/dW`, to multiply them afterwards."""
    )
    page.say(
        """Second: write out one entry, `de/dW_ij`, with its sum; then read off which product of
        arrays has these entries."""
    )
    page.say(
        """Third: keep to one convention of indices and one order of factors. Here rows are
        samples, `i` counts inputs and `j` outputs, outputs are the rows of a Jacobian, and
        upstream comes first."""
    )
    page.say("Fourth: use dimension analysis, as in (e), on every line.")
