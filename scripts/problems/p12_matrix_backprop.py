"""Matrix backpropagation through three hidden layers, in both layouts of derivatives.

Deck 002 has columns and the denominator layout, (df/dh)_ij = df_j/dh_i, a row per input: factors of
the chain rule stand from the inside to the outside. In the numerator layout (the other decks) all
is transposed. Our rows are samples: W_k = Omega_k^T, b = beta.
"""

import sys

import numpy as np

from book.page import Page
from book.sheets import whole
from problems import deep, written_out
from problems.numeric import complex_step

TITLE = "Matrix backpropagation with Omega and beta"
DECKS = "002"
NUMBERS = {
    "x": np.array([1, 2]),
    "y": np.array([-3, -4]),
    "Omega0": np.array([[-1, 1], [2, -2], [-2, 1]]),
    "beta0": np.array([0, 0, 1]),
    "Omega1": np.array([[1, 2, -1], [-1, -1, 2]]),
    "beta1": np.array([1, 2]),
    "Omega2": np.array([[0, -2], [2, 1], [2, 2]]),
    "beta2": np.array([-2, 2, 1]),
    "Omega3": np.array([[2, 1, -1], [2, -2, 1]]),
    "beta3": np.array([0, 0]),
    **written_out.NUMBERS,
}
LAYERS = [*NUMBERS][2:10]


def draw(rng):
    while True:  # until each hidden layer has a unit that is on
        x, y = abs(whole(rng, 2, largest=2)), whole(rng, 2)
        layers = [whole(rng, *np.shape(NUMBERS[name]), largest=2) for name in LAYERS]
        f, h, _ = deep.forward(HERE, x, y, *layers)
        small = all((f_k != 0).all() and abs(f_k).max() < 10 for f_k in f)
        if small and all(h_k.any() for h_k in h) and (f[3] != y).all():
            break
    return {"x": x, "y": y, **dict(zip(LAYERS, layers, strict=True)), **written_out.draw(rng)}


def ask(page: Page, x, y, u, theta, psi, phi, **layers) -> None:
    page.given(
        """A network with two inputs x, three hidden layers of 3, 2 and 3 units with the activation
        a = ReLU, `a(f) = max(f, 0)` entry by entry, and two outputs:
        `f(x) = beta_3 + Omega_3 a(beta_2 + Omega_2 a(beta_1 + Omega_1 a(beta_0 + Omega_0 x)))`. The
        loss for one example (x, y) is `l = sum_j (f_j - y_j)^2`. All vectors are columns, though
        they are printed along a line; `Omega_k` has a row for each unit that it leads into.""",
        x=x,
        y=y,
        **layers,
    )
    page.ask(
        "a", "Write the forward pass as a series of steps: `f_0`, `h_1`, ..., `f_3`. Compute it."
    )
    page.ask(
        "b",
        """In the denominator layout, `df/dh` has a row for each entry of h and a column for each
        entry of f. For `f = beta + Omega h`, what are `df/dh` and `df/dbeta`, from single entries?
        How does the chain rule read in this layout, and how in the other one?""",
    )
    page.ask("c", "What is the derivative of ReLU, of one number and of a vector?")
    page.ask(
        "d",
        """Backward pass: what is `dl/df_k` for k = 3, 2, 1, 0? Give the rule that leads from
        one to the next, in both layouts, and the values.""",
    )
    page.ask("e", "What are `dl/dbeta_k` and `dl/dOmega_k`, from single entries and in numbers?")
    written_out.ask(page, u, theta, psi, phi)
    page.ask(
        "g",
        """What does the backward pass cost in time and memory, compared with the forward pass?
        What can be done in parallel: samples, batches, the layers, the machines?""",
    )


def relu(f):
    return f * (np.real(f) > 0)


def hidden_layer(h, Omega, beta):
    f = beta + Omega @ h
    return f, relu(f)


def output_layer(h, Omega, beta, y):
    f = beta + Omega @ h
    loss = ((f - y) ** 2).sum()
    return f, loss


def slopes_of_layer(Omega):
    df_dh = Omega.T  # (df/dh)_ij = df_j/dh_i = Omega_ji
    df_dbeta = np.eye(len(Omega))
    return df_dh, df_dbeta


def slope_of_relu(f):
    return np.diag(1.0 * (f > 0))


def slope_of_loss(f, y):
    return 2 * (f - y)


def one_layer_back(dl_df, Omega, f_before):
    return (f_before > 0) * (Omega.T @ dl_df)


def one_layer_back_in_rows(row, Omega, f_before):
    return row @ Omega @ slope_of_relu(f_before)


def slope_in_weights(dl_df, h):
    return np.outer(dl_df, h)  # dl/df h^T


def answers(x, y, u, theta, psi, phi, **layers):
    f, h, loss = deep.forward(HERE, x, y, *layers.values())
    df = deep.backward(HERE, y, f, [layers[f"Omega{k}"] for k in range(4)])
    inner = [step for k in range(3) for step in ((f"f{k}", f[k]), (f"h{k + 1}", h[k + 1]))]
    return {
        "a": dict(inner) | {"f3": f[3], "loss": loss},
        "b": {"df3/dh3": slopes_of_layer(layers["Omega3"])[0]},
        "c": {"dh3/df2": slope_of_relu(f[2])},
        "d": {f"dl/df{k}": df[k] for k in (3, 2, 1, 0)},
        "e": {f"dl/dOmega{k}": slope_in_weights(df[k], h[k]) for k in range(4)}
        | {f"dl/dbeta{k}": df[k] for k in range(4)},
        "f": {"output": written_out.formula(u, theta, psi, phi)},
    }


def solve(page: Page) -> None:
    given = [page.values[name] for name in [*NUMBERS][:10]]
    page.answer("a")
    page.formula(
        r"f_k = \beta_k + \Omega_k h_k, \quad h_0 = x",
        "f_k = beta_k + Omega_k h_k,  h_0 = x",
        "k = 0, 1, 2, 3: what enters the activations",
    )
    page.formula(r"h_k = a(f_{k-1})", "h_k = a(f_k-1)", "k = 1, 2, 3: what leaves them")
    page.formula(
        r"l = \sum_j (f_{3,j} - y_j)^2",
        "l = sum_j (f_3,j - y_j)^2",
        "a loss says in one number how bad the output is; it is what descent makes smaller",
    )
    page.compute("f0, h1", hidden_layer, "x, Omega0, beta0")
    page.compute("f1, h2", hidden_layer, "h1, Omega1, beta1")
    page.compute("f2, h3", hidden_layer, "h2, Omega2, beta2")
    page.compute("f3, loss", output_layer, "h3, Omega3, beta3, y")
    f, h, _ = deep.forward(HERE, *given)
    page.equal("engine: l", deep.engine(*given)[1], float(page.values["loss"]), 0)
    page.proof("by hand = engine")

    page.answer("b")
    page.say("""The derivative of a number in a vector or a matrix has the shape of that vector or
        matrix: entry (i, j) of `dl/dOmega` is `dl/dOmega_ij`. The derivative of a vector in a
        vector needs a choice. Denominator layout (deck 002): a row for each entry of what one
        differentiates by. Numerator layout (the other decks): a row for each entry of what is
        differentiated, the transpose.""")
    page.formula(
        r"f_j = \beta_j + \sum_i \Omega_{ji} h_i",
        "f_j = beta_j + sum_i Omega_ji h_i",
        "row j of `Omega` leads into unit j",
    )
    page.formula(
        r"\left(\frac{\partial f}{\partial h}\right)_{ij} = \frac{\partial f_j}{\partial h_i}"
        r" = \Omega_{ji} = (\Omega^\top)_{ij}",
        "(df/dh)_ij = df_j/dh_i = Omega_ji = (Omega^T)_ij",
        "`f_j` holds `h_i` with the factor `Omega_ji`: `df/dh` is the transpose of `Omega`",
    )
    page.formula(
        r"\left(\frac{\partial f}{\partial \beta}\right)_{ij}"
        r" = \frac{\partial f_j}{\partial \beta_i} = [i = j]",
        "(df/dbeta)_ij = df_j/dbeta_i = [i = j]",
        "`f_j` holds `beta_j` as it is and no other bias: the identity matrix I",
    )
    page.say("Of one number, with `f = beta + omega h`, these are the slopes `omega` and 1.")
    dh, dbeta = page.compute("df3_dh3, df3_dbeta3", slopes_of_layer, "Omega3")
    deep.check_layer(page, given[8], given[9], h[3], dh, dbeta)
    page.formula(
        r"\frac{\partial l}{\partial h_i}"
        r" = \sum_j \frac{\partial f_j}{\partial h_i} \frac{\partial l}{\partial f_j}",
        "dl/dh_i = sum_j df_j/dh_i dl/df_j",
        "`h_i` changes l through every `f_j`",
    )
    page.formula(
        r"\frac{\partial l}{\partial h} = \frac{\partial f}{\partial h}"
        r" \frac{\partial l}{\partial f} = \Omega^\top \frac{\partial l}{\partial f}",
        "dl/dh = df/dh dl/df = Omega^T dl/df",
        "denominator layout: a matrix times a column, the inner function first",
    )
    page.formula(
        r"\frac{\partial l}{\partial h} = \frac{\partial l}{\partial f}"
        r" \frac{\partial f}{\partial h} = \frac{\partial l}{\partial f} \Omega",
        "dl/dh = dl/df df/dh = dl/df Omega",
        "numerator layout: a row times a matrix, the outer function first",
    )
    page.slip("""002's table of `df/da` for 3 functions of 4 variables ends in `df_4/da_4`; there is
        no `f_4`, it is `df_3/da_4`. It begins `df_3/dbeta_3` of
        numbers with the derivative in `omega_3`; it must be that in `beta_3`.""")

    page.answer("c")
    page.formula(
        r"a(z) = \begin{cases} z & \text{if } z > 0 \\ 0 & \text{if } z \le 0 \end{cases}",
        "a(z) = z if z > 0\n       0 if z <= 0",
        "ReLU",
    )
    page.formula(
        r"a'(z) = \begin{cases} 1 & \text{if } z > 0 \\ 0 & \text{if } z < 0 \end{cases}",
        "a'(z) = 1 if z > 0\n        0 if z < 0",
        "written I[z > 0], the indicator; at z = 0 there is no slope, and one takes 0",
    )
    page.figure("relu", deep.draw_relu, "ReLU and its derivative, with its gap at 0.")
    page.formula(
        r"\frac{\partial a_j}{\partial b_i} = [i = j] \, I[b_i > 0]",
        "da_j/db_i = [i = j] I[b_i > 0]",
        "for `a_j = ReLU(b_j)`: no other entry reaches `a_j`, so the Jacobian is diagonal",
    )
    page.formula(
        r"\operatorname{diag}(I[b > 0]) \, v = I[b > 0] \odot v",
        "diag(I[b > 0]) v = I[b > 0] o v",
        "a diagonal matrix multiplies entry by entry (the circle): no program forms it",
    )
    page.compute("dh3_df2", slope_of_relu, "f2")
    page.equal("complex step: dh3/df2", complex_step(relu, f[2]).T, page.values["dh3_df2"], 0)
    page.proof("by hand = complex step")
    page.answer("d")
    page.formula(
        r"\frac{\partial l}{\partial f_3} = 2 (f_3 - y)",
        "dl/df_3 = 2 (f_3 - y)",
        "entry j of the sum of squares alone holds `f_j`",
    )
    page.formula(
        r"\frac{\partial l}{\partial f_{k-1}} = \frac{\partial h_k}{\partial f_{k-1}}"
        r" \frac{\partial f_k}{\partial h_k} \frac{\partial l}{\partial f_k}"
        r" = I[f_{k-1} > 0] \odot \left(\Omega_k^\top \frac{\partial l}{\partial f_k}\right)",
        "dl/df_k-1 = dh_k/df_k-1 df_k/dh_k dl/df_k\n          = I[f_k-1 > 0] o (Omega_k^T dl/df_k)",
        "k = 3, 2, 1, with (b) and (c): only `dl/df_k` travels back",
    )
    page.formula(
        r"\frac{\partial l}{\partial f_{k-1}} = \frac{\partial l}{\partial f_k} \Omega_k"
        r" \operatorname{diag}(I[f_{k-1} > 0])",
        "dl/df_k-1 = dl/df_k Omega_k diag(I[f_k-1 > 0])",
        "the same in the numerator layout: rows, and all factors the other way round",
    )
    page.compute("dl_df3", slope_of_loss, "f3, y")
    for k in (3, 2, 1):
        page.compute(f"dl_df{k - 1}", one_layer_back, f"dl_df{k}, Omega{k}, f{k - 1}")
    page.say("In the numerator layout, with the Jacobians of ReLU written out, the same in rows:")
    page.compute("row3", slope_of_loss, "f3, y")
    for k in (3, 2, 1):
        page.compute(f"row{k - 1}", one_layer_back_in_rows, f"row{k}, Omega{k}, f{k - 1}")
    deep.check_back(page, given, [page.values[f"dl_df{k}"] for k in range(4)])
    deep.graphs(page, given)

    page.answer("e")
    page.formula(
        r"\frac{\partial l}{\partial \beta_k} = \frac{\partial f_k}{\partial \beta_k}"
        r" \frac{\partial l}{\partial f_k} = I \frac{\partial l}{\partial f_k}"
        r" = \frac{\partial l}{\partial f_k}",
        "dl/dbeta_k = df_k/dbeta_k dl/df_k = I dl/df_k = dl/df_k",
        "with (b), so these are the numbers of (d)",
    )
    page.formula(
        r"\frac{\partial f_j}{\partial \Omega_{ab}} = [j = a] \, h_b",
        "df_j/dOmega_ab = [j = a] h_b",
        "for one layer: `Omega_ab` stands in `f_a` alone, with the factor `h_b`; a three-way array",
    )
    page.formula(
        r"\frac{\partial l}{\partial \Omega_{ab}} = \sum_j [j = a] \, h_b"
        r" \frac{\partial l}{\partial f_j} = \frac{\partial l}{\partial f_a} h_b",
        "dl/dOmega_ab = sum_j [j = a] h_b dl/df_j = dl/df_a h_b",
        "only j = a is left: entry (a, b) of a column times a row",
    )
    page.formula(
        r"\frac{\partial l}{\partial \Omega_k} = \frac{\partial l}{\partial f_k} h_k^\top",
        "dl/dOmega_k = dl/df_k h_k^T",
        "k = 0, 1, 2, 3, with `h_0 = x`; in the numerator layout its transpose, `h_k dl/df_k`",
    )
    for k, h_k in enumerate(("x", "h1", "h2", "h3")):
        page.compute(f"dl_dOmega{k}", slope_in_weights, f"dl_df{k}, {h_k}")
    deep.check_parameters(page, given, HERE)
    deep.at_random(page, HERE)
    page.slip("""002 gives `dl/dOmega_k = dl/df_k h_k^T` for every k without saying what `h_0` is:
        it is x. And it multiplies the derivative of `Omega_k h_k` in `Omega_k` by `dl/df_k` as if
        that were a product of matrices; the first factor is a three-way array, the result is
        right.""")

    page.answer("f")
    written_out.answer(page)

    page.answer("g")
    deep.cost(page, given, HERE)


HERE = sys.modules[__name__]
