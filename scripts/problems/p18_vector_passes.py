"""Vector passes: forward and backward through a network of three layers, columns against rows.

As in deck 004, vectors are columns, z = W y + b, and derivatives are rows: nabla_z D is 1 x D, a
Jacobian has a row per output, nabla_W D has the shape of W^T. In our layers samples are rows and
our W is the deck's W^T, so our dW is its nabla_W D as it stands, not transposed.
"""

import numpy as np

from book.page import Page
from book.sheets import whole
from problems.numeric import complex_step
from problems.passes import compare_columns, compare_rows, draw_jacobians

TITLE = "Vector passes in columns and in rows"
DECKS = "004"
NUMBERS = {
    "x": np.array([1, 2]),
    "W1": np.array([[1, 1], [-2, 1]]),
    "b1": np.array([-2, 2]),
    "W2": np.array([[-1, 2], [-1, 1], [1, -1], [-1, -2]]),
    "b2": np.array([1, -1, 1, 2]),
    "W3": np.array([[-2, 2], [-1, 2], [-1, 1]]),
    "b3": np.array([-1, 1, 2]),
    "d": np.array([1, 0, 0]),
}


def draw(rng):
    drawn = {name: whole(rng, *value.shape, largest=2) for name, value in NUMBERS.items()}
    drawn["d"] = rng.permutation(NUMBERS["d"])
    outputs = forward(**{name: value for name, value in drawn.items() if name != "d"})[-1]
    return drawn if outputs.min() > 0.01 else draw(rng)  # else all slopes would be nearly 0


def ask(page: Page, x, W1, b1, W2, b2, W3, b3, d) -> None:
    page.given(
        """A network has three layers, `z_k = W_k y_(k-1) + b_k` and `y_k = f_k(z_k)`, where all
        vectors are columns, though printed lying, and `y_0 = x`. The activations are: `f_1` a
        sigmoid for each entry, `f_2` the products of neighbours, the first with the second and so
        on, `f_3` softmax. The divergence from the target d is `D = |y_3 - d|^2`.""",
        x=x,
        W1=W1,
        b1=b1,
        W2=W2,
        b2=b2,
        W3=W3,
        b3=b3,
        d=d,
    )
    page.ask("a", "Write the network as one nested formula and as an algorithm; run it.")
    page.ask("b", "What shapes have a gradient and a Jacobian? What is J of the three activations?")
    page.ask("c", "What are `nabla_y D`, `nabla_b D` and `nabla_W D` for z = W y + b?")
    page.ask("d", "Write the backward pass as an algorithm; run it.")
    page.ask("e", "What changes if samples are rows, many at once?")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def products(z):
    return z[0::2] * z[1::2]


def softmax(z):
    return np.exp(z) / np.exp(z).sum()


def forward(x, W1, b1, W2, b2, W3, b3):
    z1 = W1 @ x + b1
    y1 = sigmoid(z1)
    z2 = W2 @ y1 + b2
    y2 = products(z2)
    z3 = W3 @ y2 + b3
    y3 = softmax(z3)
    return z1, y1, z2, y2, z3, y3


def jacobians(y1, z2, y3):
    J1 = np.diag(y1 * (1 - y1))
    J2 = np.zeros((len(z2) // 2, len(z2)))
    for i in range(len(J2)):
        J2[i, 2 * i] = z2[2 * i + 1]
        J2[i, 2 * i + 1] = z2[2 * i]
    J3 = np.diag(y3) - np.outer(y3, y3)
    return J1, J2, J3


def slope_of_divergence(y3, d):
    return 2 * (y3 - d)


def backward(u, J1, W1, J2, W2, J3, W3):
    grad_z3 = u @ J3
    grad_z2 = grad_z3 @ W3 @ J2
    grad_z1 = grad_z2 @ W2 @ J1
    grad_x = grad_z1 @ W1
    return grad_z3, grad_z2, grad_z1, grad_x


def weight_gradient(y, grad_z):
    return np.outer(y, grad_z)  # entry (i, j) is y_i dD/dz_j


def as_rows(x, d):
    """The sample and a second one: both the other way round."""
    return np.array([x, x[::-1]]), np.array([d, d[::-1]])


def in_rows(X, D, W1, b1, W2, b2, W3, b3):
    """Forward and backward for rows of X and D; dW and db are sums over the rows."""
    Y1 = sigmoid(X @ W1.T + b1)
    Z2 = Y1 @ W2.T + b2
    Y2 = Z2[:, 0::2] * Z2[:, 1::2]
    E = np.exp(Y2 @ W3.T + b3)
    Y3 = E / E.sum(axis=1, keepdims=True)
    dY3 = 2 * (Y3 - D)
    dZ3 = Y3 * (dY3 - (dY3 * Y3).sum(axis=1, keepdims=True))
    dY2 = dZ3 @ W3
    dZ2 = np.zeros(Z2.shape)
    dZ2[:, 0::2] = dY2 * Z2[:, 1::2]
    dZ2[:, 1::2] = dY2 * Z2[:, 0::2]
    dZ1 = dZ2 @ W2 * Y1 * (1 - Y1)
    dX = dZ1 @ W1
    db1, db2, db3 = dZ1.sum(axis=0), dZ2.sum(axis=0), dZ3.sum(axis=0)
    return X.T @ dZ1, db1, Y1.T @ dZ2, db2, Y2.T @ dZ3, db3, dX


def both_passes(x, W1, b1, W2, b2, W3, b3, d):
    """All values, and all gradients by name."""
    _, y1, z2, y2, _, y3 = values = forward(x, W1, b1, W2, b2, W3, b3)
    J1, J2, J3 = jacobians(y1, z2, y3)
    in_z = backward(slope_of_divergence(y3, d), J1, W1, J2, W2, J3, W3)
    found = dict(zip(("grad_z3", "grad_z2", "grad_z1", "grad_x"), in_z, strict=True))
    for k, y in ((3, y2), (2, y1), (1, x)):
        found[f"grad_W{k}"] = weight_gradient(y, found[f"grad_z{k}"])
    return values, found


def answers(x, W1, b1, W2, b2, W3, b3, d):
    values, gradients = both_passes(x, W1, b1, W2, b2, W3, b3, d)
    J1, J2, J3 = jacobians(values[1], values[2], values[5])
    return {
        "a": dict(zip(("z1", "y1", "z2", "y2", "z3", "y3"), values, strict=True)),
        "b": {"J1": J1, "J2": J2, "J3": J3},
        "d": gradients,
    }


def solve(page: Page) -> None:
    page.answer("a")
    page.formula(
        r"z_j^{(k)} = \sum_i w_{ij}^{(k)} y_i^{(k-1)} + b_j^{(k)}, \quad z_k = W_k y_{k-1} + b_k",
        "z_j^(k) = sum_i w_ij^(k) y_i^(k-1) + b_j^(k),   z_k = W_k y_(k-1) + b_k",
        "the sums of all neurons of a layer one below the other: row j of `W_k` holds the weights "
        "`w_ij` into neuron j, so its entry (j, i) is `w_ij`",
    )
    page.formula(
        r"y_3 = f_3(W_3 f_2(W_2 f_1(W_1 x + b_1) + b_2) + b_3)",
        "y_3 = f_3(W_3 f_2(W_2 f_1(W_1 x + b_1) + b_2) + b_3)",
        "`y_1 = f_1(W_1 x + b_1)` put into `y_2 = f_2(W_2 y_1 + b_2)`, and that into `y_3`",
    )
    page.show(
        "forward pass",
        "y_0 = x\nfor k = 1 to N:\n    z_k = W_k y_(k-1) + b_k\n    y_k = f_k(z_k)\nY = y_N",
    )
    parameters = "W1, b1, W2, b2, W3, b3"
    page.compute("z1, y1, z2, y2, z3, y3", forward, f"x, {parameters}")
    page.slip("N counts the samples on one slide of 004 and the layers on all others.")

    page.answer("b")
    page.formula(
        r"\Delta y = (\nabla_z y) \, \Delta z",
        "Delta y = (nabla_z y) Delta z",
        "what the derivative is for. With z a column of D and y one of M entries it must be M x D: "
        "the Jacobian J. For a number y it is 1 x D, a row: the transpose of z's shape.",
    )
    page.formula(
        r"J_{ji} = \frac{\partial y_j}{\partial z_i}",
        "J_ji = dy_j/dz_i",
        "row j holds the slopes of output j",
    )
    page.formula(
        r"J_1 = \operatorname{diag}(y_i (1 - y_i))",
        "J_1 = diag(y_i (1 - y_i))",
        "a scalar activation: `y_j` depends on `z_j` alone, so all else is 0",
    )
    page.formula(
        r"J_2 = \begin{pmatrix} z_2 & z_1 & 0 & 0 \\ 0 & 0 & z_4 & z_3 \end{pmatrix}",
        "J_2 = (z_2 z_1  0   0 )\n      ( 0   0  z_4 z_3)",
        "`y_1 = z_1 z_2` and `y_2 = z_3 z_4`, problem 16",
    )
    page.formula(
        r"J_3 = \operatorname{diag}(y) - y y^\top",
        "J_3 = diag(y) - y y^T",
        "softmax, problem 15: a vector activation, and a full matrix",
    )
    page.formula(
        r"\frac{\partial z_j}{\partial y_i} = W_{ji}",
        "dz_j/dy_i = W_ji",
        "the affine function `z_j = sum_i W_ji y_i + b_j`: its Jacobian is W itself",
    )
    J = page.compute("J1, J2, J3", jacobians, "y1, z2, y3")
    z = [page.values[name] for name in ("z1", "z2", "z3")]
    for f, z_k, J_k in zip((sigmoid, products, softmax), z, J, strict=True):
        page.equal(f"Jacobian of {f.__name__}", J_k, complex_step(f, z_k), 1e-14)
    page.proof("each = complex step")

    page.answer("c")
    page.formula(
        r"\nabla_y D = (\nabla_z D) \, W",
        "nabla_y D = (nabla_z D) W",
        "the chain rule, the outer function first: a row times the Jacobian of z in y",
    )
    page.formula(
        r"\nabla_b D = \nabla_z D",
        "nabla_b D = nabla_z D",
        "the Jacobian of z in b is I: `b_j` stands in `z_j` alone, with the factor 1",
    )
    page.formula(
        r"\frac{\partial D}{\partial W_{ji}}"
        r" = \sum_k \frac{\partial D}{\partial z_k} \frac{\partial z_k}{\partial W_{ji}}"
        r" = \frac{\partial D}{\partial z_j} y_i",
        "dD/dW_ji = sum_k dD/dz_k dz_k/dW_ji = dD/dz_j y_i",
        "`W_ji` stands in `z_j` alone, with the factor `y_i`",
    )
    page.formula(
        r"(\nabla_W D)_{ij} = y_i \frac{\partial D}{\partial z_j}",
        "(nabla_W D)_ij = y_i dD/dz_j",
        "derivatives have the transpose of the shape, so `dD/dW_ji` stands in row i, column j",
    )
    page.formula(
        r"\nabla_W D = y \, \nabla_z D",
        "nabla_W D = y nabla_z D",
        "a column times a row: entry (i, j) is entry i of the one times entry j of the other. The "
        "step is `W <- W - eta (nabla_W D)^T`.",
    )
    page.slip("""004 gets there by a chain rule with the derivative of `z^T` in `W^T`, and puts
        `y^T` for it. That derivative has three indices, `dz_k/dW_ji = [k = j] y_i`, and `y^T` is
        short for it: what is left once the sum over k is done.""")

    page.answer("d")
    page.show(
        "backward pass",
        "nabla_yN D: the slope of D in the output, here 2 (Y - d)^T\n"
        "for k = N down to 1:\n"
        "    nabla_zk D = (nabla_yk D) J_k(z_k)\n"
        "    nabla_Wk D = y_(k-1) nabla_zk D\n"
        "    nabla_bk D = nabla_zk D\n"
        "    nabla_y(k-1) D = (nabla_zk D) W_k",
    )
    page.say("""From the last layer to the first a row is multiplied with one matrix after the
        other. The gradients in b are those in z:""")
    page.compute("u", slope_of_divergence, "y3, d")
    names = "grad_z3, grad_z2, grad_z1, grad_x"
    page.compute(names, backward, "u, J1, W1, J2, W2, J3, W3")
    page.compute("grad_W3", weight_gradient, "y2, grad_z3")
    page.compute("grad_W2", weight_gradient, "y1, grad_z2")
    page.compute("grad_W1", weight_gradient, "x, grad_z1")
    compare_columns(page, forward)
    page.proof("all gradients by hand = complex step")
    chain = [page.values[name] for name in ("J3", "W3", "J2", "W2", "J1", "W1")]
    parameters_and_x = {name: page.values[name] for name in ("x", *parameters.split(", "))}
    numeric = complex_step(lambda v: forward(**parameters_and_x | {"x": v})[-1], page.values["x"])
    page.equal("product of Jacobians", np.linalg.multi_dot(chain), numeric, 1e-14)
    page.proof("the product of all six Jacobians = complex step of `y_3` in x")
    page.figure(
        "jacobians",
        lambda figure: draw_jacobians(figure, chain),
        "The slope of `y_3` in x, a product of six Jacobians (blue positive, red negative, each on "
        "its own scale).",
    )

    page.answer("e")
    page.formula(
        r"Z = Y W^\top + b, \quad dY = dZ \, W, \quad \nabla_W D = Y^\top dZ",
        "Z = Y W^T + b,   dY = dZ W,   nabla_W D = Y^T dZ",
        "each sample a row, and so each row of dZ a gradient; b is added to every row. `Y^T dZ` "
        "adds up column times row over the samples, and db is the sum of the rows of dZ.",
    )
    page.formula(
        r"dZ_n = dY_n J_n",
        "dZ_n = dY_n J_n",
        "a Jacobian for each row n, which is never built: a scalar activation multiplies entry by "
        "entry, and softmax needs one sum a row",
    )
    page.compute("X, D", as_rows, "x, d")
    names = "dW1, db1, dW2, db2, dW3, db3, dX"
    rows = page.compute(names, in_rows, f"X, D, {parameters}")
    page.say("""Here `dW1` is `nabla_W D` of layer 1, added up over both samples, and so on. It has
        the shape of `W1^T`, so the step is `W1 <- W1 - eta dW1^T`.""")
    compare_rows(page, [*rows], both_passes)
    page.proof("in rows = in columns, both samples added up = engine = complex step")
