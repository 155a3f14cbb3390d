"""A 2 x 2 matrix in, a 2 x 2 matrix out: the generalized Jacobian has four axes.

Deck 001's X and Y are matrices of numbers, no batches; here Y = X X. G has the axes of Y first
(numerator layout), G[i,j,k,l] = dY_ij/dX_kl, and G dX contracts its last two axes. Then
z = (det Y, trace Y), and the tensor chain rule contracts dz/dY with dY/dX over the axes of Y.
"""

import numpy as np

from book.page import Page
from book.sheets import whole
from problems.numeric import complex_step
from problems.tensors import check_engine, draw_tensors

TITLE = "The generalized Jacobian and the tensor chain rule"
DECKS = "001"
NUMBERS = {
    "X": np.array([[1, 2], [3, -2]]),
    "D": np.array([[1, -2], [0, 3]]),
}


def draw(rng):
    return {"X": whole(rng, 2, 2, largest=4), "D": whole(rng, 2, 2, largest=3)}


def ask(page: Page, X, D) -> None:
    page.given(
        """A 2 x 2 matrix `X`, its square `Y = X X`, 2 x 2 too, and from that the vector `z = (det
        Y, trace Y)`. `D` is a change of `X`, written `Delta X` in formulas.""",
        X=X,
        D=D,
    )
    page.ask(
        "a",
        """What is a tensor? How many axes do a number, a vector, a matrix, a colour image and a
        colour video have? What shape has the derivative of a tensor in a tensor, and how many
        entries has it for an image in and an image out?""",
    )
    page.ask("b", "What is `dY_ij/dX_kl`? Write out all of `dY/dX`.")
    page.ask(
        "c",
        """What is the first-order change of `Y` for the change `D` of `X`, as a product of `dY/dX`
        with `D`?""",
    )
    page.ask("d", "What is `dz/dX` by the chain rule, and what the first-order change of `z`?")
    page.ask(
        "e",
        """Put beside each other what the derivative, the small change and the chain rule are for
        numbers, vectors and tensors.""",
    )


def square_jacobian(X):
    G = np.zeros((2, 2, 2, 2))
    for i, j, k, m in np.ndindex(G.shape):
        if k == i:  # X_km as first factor of X_im X_mj
            G[i, j, k, m] += X[m, j]
        if m == j:  # X_km as second factor of X_ik X_kj
            G[i, j, k, m] += X[i, k]
    return G


def change(G, D):
    return np.einsum("ijkl,kl->ij", G, D)


def features(Y):
    det = Y[0, 0] * Y[1, 1] - Y[0, 1] * Y[1, 0]
    return np.array([det, Y[0, 0] + Y[1, 1]])


def features_jacobian(Y):
    dz1 = [[Y[1, 1], -Y[1, 0]], [-Y[0, 1], Y[0, 0]]]
    dz2 = [[1, 0], [0, 1]]
    return np.array([dz1, dz2])


def chained(X, G):
    H = features_jacobian(X @ X)
    return H, np.einsum("aij,ijkl->akl", H, G)


def change_of_z(dz_dX, D):
    return np.einsum("akl,kl->a", dz_dX, D)


def answers(X, D):
    G = square_jacobian(X)
    dz_dX = chained(X, G)[1]
    return {
        "b": {"dY_11/dX": G[0, 0], "dY_12/dX": G[0, 1], "dY_21/dX": G[1, 0], "dY_22/dX": G[1, 1]},
        "c": {"Delta Y": change(G, D)},
        "d": {"dz_1/dX": dz_dX[0], "dz_2/dX": dz_dX[1], "Delta z": change_of_z(dz_dX, D)},
    }


def solve(page: Page) -> None:
    axes_and_shapes(page)
    four_axes(page)
    tensor_chain(page)
    summary(page)


def axes_and_shapes(page):
    page.answer("a")
    page.say(
        """A tensor is a grid of numbers with any number of axes: an entry is named by one index
        for each axis. An image has three axes because each of its pixels is three numbers."""
    )
    page.table(
        ("what", "axes", "shape, for example", "its axes are", "numbers"),
        [
            ("number", 0, "()", "", 1),
            ("vector", 1, "(3)", "entries", 3),
            ("grey image", 2, "(28, 28)", "rows, columns", 28 * 28),
            ("colour image", 3, "(32, 32, 3)", "rows, columns, colours", 32 * 32 * 3),
            ("video", 4, "(10, 32, 32, 3)", "times, and those", 10 * 32 * 32 * 3),
        ],
    )
    page.figure("tensors", draw_tensors, "Tensors with one to four axes.")
    page.say(
        """The derivative of `Y` in `X` has one entry for each entry of `Y` and each of `X`: the
        axes of `Y` first, then those of `X`. It is called the generalized Jacobian."""
    )
    page.formula(
        r"\left( \frac{\partial Y}{\partial X} \right)_{i,j} = \frac{\partial Y_i}{\partial X_j}",
        "(dY/dX)_i,j = dY_i/dX_j",
        "`i` stands for all indices of an entry of `Y`, `j` for all of `X`: each entry is a number",
    )
    page.formula(
        r"(M_1 \times \dots \times M_a) \times (N_1 \times \dots \times N_b)",
        "(M_1 x ... x M_a) x (N_1 x ... x N_b)",
        "its shape, for `Y` with `a` axes of these lengths and `X` with `b`",
    )
    page.show("image in, image out, 32 x 32 x 3 each: entries", (32 * 32 * 3) ** 2)
    page.say(
        """Nine million for one small image: such arrays are for the derivation, and no program
        makes them."""
    )


def four_axes(page):
    X, D = page.values["X"], page.values["D"]
    page.answer("b")
    page.formula(
        r"Y_{ij} = \sum_m X_{im} X_{mj}",
        "Y_ij = sum_m X_im X_mj",
        "row `i` of `X` times column `j` of `X`",
    )
    page.formula(
        r"G_{ijkl} = \frac{\partial Y_{ij}}{\partial X_{kl}} = [i = k] \, X_{lj} + X_{ik} [l = j]",
        "G_ijkl = dY_ij/dX_kl = [i = k] X_lj + X_ik [l = j]",
        "`X_kl` is the first factor where `i = k` (then `m = l`), with `X_lj` beside it, and the "
        "second where `l = j` (then `m = k`), with `X_ik` beside it",
    )
    G = page.compute("G", square_jacobian, "X")
    for i, j in np.ndindex(2, 2):
        page.show(f"dY_{i + 1}{j + 1}/dX", G[i, j])
    page.say(
        "Each of the four is 2 x 2, in the place of an entry of `Y`: a (2 x 2) x (2 x 2) array."
    )
    page.equal("G against the complex step", G, complex_step(lambda X: X @ X, X), 1e-14)
    page.proof("by hand = complex step")

    page.answer("c")
    page.formula(
        r"\Delta Y_{ij} = \sum_{k,l} G_{ijkl} \, \Delta X_{kl}",
        "Delta Y_ij = sum_kl G_ijkl Delta X_kl",
        "all entries of `X` move, and what they do to `Y_ij` adds up: each entry of `Delta Y` is a "
        "dot product of two 2 x 2 arrays",
    )
    page.formula(
        r"= \sum_l \Delta X_{il} X_{lj} + \sum_k X_{ik} \Delta X_{kj}"
        r" = (\Delta X \, X + X \, \Delta X)_{ij}",
        "           = sum_l Delta X_il X_lj + sum_k X_ik Delta X_kj\n"
        "           = (Delta X X + X Delta X)_ij",
        "`G` put in; `k = i` is left in the first part, `l = j` in the second: the product rule",
    )
    dY = page.compute("dY", change, "G, D")
    page.equal("G D = D X + X D, in whole numbers", dY, D @ X + X @ D, 0)
    page.proof("the contraction = `D X + X D`")
    page.slip("""001 puts `y`'s axes first, then `x`'s; its product sums over `i` in
        (dy/dx)_ij, `x` first, and on the same line writes row (j,:), `y` first, as its
        chain rule does. Either order will do if the sum runs over the axes of `x`. Its indices
        `i` in `Z^(D_y)`, `j` in `Z^(D_x)` have `K_y` and `K_x` entries. It writes
        its example first as blocks `dY/dx_kl` in the places of X, then as blocks `dy_ij/dX` in the
        places of Y: the same 16 numbers, arranged in two ways.""")
    by_X = np.block([[G[:, :, k, m] for m in range(2)] for k in range(2)])
    by_Y = np.block([[G[i, j] for j in range(2)] for i in range(2)])
    page.equal("the same 16 numbers", np.sort(by_X, None), np.sort(by_Y, None), 0)
    other = G.transpose(2, 3, 0, 1)
    page.equal("other order, sum over its first pair", np.einsum("klij,kl->ij", other, D), dY, 0)
    mixed = np.einsum("ijkl,ij->kl", G, D)
    page.show("the orders mixed, a sum over the axes of Y", mixed)
    page.equal("that is X^T D + D X^T: another map", mixed, X.T @ D + D @ X.T, 0)
    page.proof("`x` first, summed over `x`, gives the same; summed over `y`, `X^T D + D X^T`")


def tensor_chain(page):
    X, D, G, dY = (page.values[name] for name in ("X", "D", "G", "dY"))
    page.answer("d")
    page.formula(
        r"\frac{\partial z_a}{\partial X_{kl}} = \sum_{i,j} \frac{\partial z_a}{\partial Y_{ij}}"
        r" \frac{\partial Y_{ij}}{\partial X_{kl}}",
        "dz_a/dX_kl = sum_ij dz_a/dY_ij dY_ij/dX_kl",
        "`X_kl` reaches `z_a` through every entry of `Y`: the axes of `Y` are summed over",
    )
    page.formula(
        r"z_1 = Y_{11} Y_{22} - Y_{12} Y_{21}, \quad z_2 = Y_{11} + Y_{22}",
        "z_1 = Y_11 Y_22 - Y_12 Y_21,  z_2 = Y_11 + Y_22",
        "determinant and trace",
    )
    page.formula(
        r"\frac{\partial z_1}{\partial Y}"
        r" = \begin{pmatrix} Y_{22} & -Y_{21} \\ -Y_{12} & Y_{11} \end{pmatrix}, \quad"
        r" \frac{\partial z_2}{\partial Y} = \begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}",
        "dz_1/dY = (Y_22, -Y_21; -Y_12, Y_11),  dz_2/dY = (1, 0; 0, 1)",
        "what each entry of `Y` is multiplied with",
    )
    H, dz_dX = page.compute("dz_dY, dz_dX", chained, "X, G")
    page.show("dz_1/dX", dz_dX[0])
    page.show("dz_2/dX", dz_dX[1])
    dz = page.compute("dz", change_of_z, "dz_dX, D")
    page.say("In closed form, for `det(X X)` is `det(X)^2`, and `trace(X X)` a sum of `X_ij X_ji`:")
    page.formula(
        r"\frac{\partial z_1}{\partial X_{11}} = 2 \det(X) \, X_{22}, \quad"
        r" \frac{\partial z_2}{\partial X_{ij}} = 2 X_{ji}",
        "dz_1/dX_11 = 2 det(X) X_22,  dz_2/dX_ij = 2 X_ji",
        "and so on: `2 det(X)` times the cofactors of `X`, and `2 X^T`",
    )
    cofactors = np.array([[X[1, 1], -X[1, 0]], [-X[0, 1], X[0, 0]]])
    closed = np.array([2 * (X[0, 0] * X[1, 1] - X[0, 1] * X[1, 0]) * cofactors, 2 * X.T])
    page.equal("contraction against closed form", dz_dX, closed, 0)
    page.equal("dz/dX, complex step", dz_dX, complex_step(lambda X: features(X @ X), X), 1e-14)
    check_engine(page, X, D, G, dz_dX, dz)
    page.proof("the contraction = closed form = complex step = engine, forward and backward")
    page.equal("(dz/dY dY/dX) D = dz/dY (dY/dX D)", dz, np.einsum("aij,ij->a", H, dY), 0)
    page.proof("`dz` is the same in whichever order `dz/dY`, `dY/dX` and `D` are multiplied")


def summary(page):
    page.answer("e")
    page.table(
        ("in -> out", "derivative", "small change", "chain rule"),
        [
            ("number -> number", "a number", "product", "product"),
            ("vector -> number", "gradient, N", "dot product", "row x matrix"),
            ("vector -> vector", "Jacobian, M x N", "matrix x vector", "matrix x matrix"),
            ("tensor -> tensor", "all of y x all of x", "sum over x", "sum over y"),
        ],
    )
    page.say("All four are the same two lines, in which products become sums of products:")
    page.formula(
        r"\Delta y_i = \sum_j \frac{\partial y_i}{\partial x_j} \Delta x_j",
        "Delta y_i = sum_j dy_i/dx_j Delta x_j",
        "to first order; `j` runs over all entries of `x`",
    )
    page.formula(
        r"\frac{\partial z_i}{\partial x_j} = \sum_k \frac{\partial z_i}{\partial y_k}"
        r" \frac{\partial y_k}{\partial x_j}",
        "dz_i/dx_j = sum_k dz_i/dy_k dy_k/dx_j",
        "`k` runs over all entries of what is between",
    )
    page.say(
        """Backpropagation is the second line with a number for `z`: only gradients, which have the
        shapes of what they belong to, ever stand in memory."""
    )
    page.slip("001's summary multiplies `Delta x` by `dz/dy` in its last row; it must be `dy/dx`.")
