"""Elementwise layers: diagonal Jacobians, dead ReLUs, and sigmoids whose gradients vanish.

Deck 000 calls the input x and the output z; we say z and y. The Jacobian (outputs as rows) is
diagonal, so layouts agree: dL/dz = f'(z) * U entry by entry, with U = dL/dy from above.
"""

import numpy as np

from book.page import Page
from book.sheets import whole
from mlp import ReLU, Sigmoid
from problems.elementwise import check_stacks, draw_functions, draw_vanishing, trained
from problems.numeric import complex_step

TITLE = "Elementwise layers, dead ReLU, vanishing gradients"
DECKS = "000"
NUMBERS = {
    "z": np.array([-2, 1, 3, -1]),
    "U": np.array([4, -3, 5, 2]),
    "x": np.array([0.1, 0.3, 0.5, 0.7, 0.9]),
    "w": 1,
    "b": 1,
    "rate": 0.7,
}


def draw(rng):
    numbers = {"z": whole(rng, 4, largest=3), "U": whole(rng, 4), "x": NUMBERS["x"]}
    return numbers | {"w": 1, "b": int(rng.integers(1, 4)), "rate": int(rng.integers(7, 10)) / 10}


def ask(page: Page, z, U, x, w, b, rate) -> None:
    page.given(
        """An elementwise layer computes `y_i = f(z_i)`, each output from its own input, with the
        same `f`. The upstream gradient is `U_i = dL/dy_i`.""",
        z=z,
        U=U,
    )
    page.given(
        """For question (d): a single ReLU with one weight, `y_n = relu(w x_n + b)`, for five
        inputs `x_n`, starts from `w` and `b`. It shall learn `y_n = x_n`: the loss is the mean of
        `(y_n - x_n)^2`, and `rate` is the learning rate of gradient descent.""",
        x=x,
        w=w,
        b=b,
        rate=rate,
    )
    page.ask("a", "What is `dy_i/dz_j`? How does the Jacobian look, and what is `dL/dz_j`?")
    page.ask("b", "What is all this for ReLU, `f(z) = max(z, 0)`?")
    page.ask(
        "c",
        """And for the sigmoid `sigma(z) = 1 / (1 + exp(-z))`? Express its slope by its value. Where
        is it largest, and how large is it far from 0?""",
    )
    page.ask(
        "d",
        """What happens to a ReLU whose input is negative for every sample? Do the first step of the
        training by hand, and then the second. What helps?""",
    )
    page.ask(
        "e",
        """A deep network has such a layer after each linear one. What does that do to the gradients
        of the first layers, for sigmoid and for ReLU?""",
    )


def relu_backward(z, U):
    slope = np.where(z > 0, 1, 0)
    return slope, U * slope


def sigmoid_backward(z, U):
    y = 1 / (1 + np.exp(-z))
    slope = y * (1 - y)
    return y, slope, U * slope


def one_step(x, w, b, rate):
    z = w * x + b
    y = np.maximum(z, 0)
    dz = 2 * (y - x) / len(x) * (z > 0)
    dw, db = (dz * x).sum(), dz.sum()
    return z, dw, db, w - rate * dw, b - rate * db


def answers(z, U, x, w, b, rate):
    y, slope, dz = sigmoid_backward(z, U)
    z_1, dw, db, w_1, b_1 = one_step(x, w, b, rate)
    z_2, dw_2, db_2, _, _ = one_step(x, w_1, b_1, rate)
    second = {"second step: z": z_2, "second step: dL/dw, dL/db": np.array([dw_2, db_2])}
    return {
        "b": {"relu'(z)": relu_backward(z, U)[0], "dL/dz": relu_backward(z, U)[1]},
        "c": {"sigma(z)": y, "sigma'(z)": slope, "dL/dz": dz},
        "d": {"z": z_1, "dL/dw": dw, "dL/db": db, "new w": w_1, "new b": b_1} | second,
    }


def solve(page: Page) -> None:
    diagonal(page)
    relu(page)
    sigmoid(page)
    dead_relu(page)
    vanishing(page)


def diagonal(page):
    page.answer("a")
    page.formula(
        r"\frac{\partial y_i}{\partial z_j} = \begin{cases} f'(z_i) & i = j \\ 0 & i \neq j"
        r" \end{cases}",
        "dy_i/dz_j = f'(z_i) i = j\n            0 i != j",
        "`y_i = f(z_i)` does not hold `z_j` for any other `j`, so that nothing happens to `y_i` "
        "when `z_j` moves: all entries off the diagonal are 0",
    )
    page.formula(
        r"\frac{\partial y}{\partial z} = \operatorname{diag}(f'(z_1), \dots, f'(z_M))",
        "dy/dz = diag(f'(z_1), ..., f'(z_M))",
        "M x M, but only `M` numbers of it can differ from 0",
    )
    page.formula(
        r"\frac{\partial L}{\partial z_j} = \sum_i U_i \frac{\partial y_i}{\partial z_j}"
        r" = U_j f'(z_j)",
        "dL/dz_j = sum_i U_i dy_i/dz_j = U_j f'(z_j)",
        "only `i = j` is left of the sum",
    )
    page.formula(
        r"\frac{\partial L}{\partial z} = U \odot f'(z)",
        "dL/dz = U o f'(z)",
        "upstream times local, entry by entry; the matrix is never built",
    )


def relu(page):
    z, U = page.values["z"], page.values["U"]
    page.answer("b")
    page.formula(
        r"\frac{\partial y_i}{\partial z_i} = [z_i > 0], \quad"
        r" \frac{\partial L}{\partial z} = U \odot [z > 0]",
        "dy_i/dz_i = [z_i > 0],  dL/dz = U o [z > 0]",
        "above 0 it is `y = z` with slope 1, below `y = 0` with slope 0 ([...] is 1 where it "
        "holds, else 0). At 0 there is no derivative; 0 is taken",
    )
    slope, dz = page.compute("slope, dL_dz", relu_backward, "z, U")
    page.say("A gate: the upstream gradient passes where the input was positive, unchanged.")
    numbers = complex_step(lambda z: z * (z.real > 0), z)
    page.equal("Jacobian is the diagonal matrix, complex step", np.diag(slope), numbers, 0)
    layer = ReLU()
    layer.forward(z[None].astype(float))
    page.equal("engine: backward", layer.backward(U[None].astype(float))[0], dz, 0)
    page.proof("by hand = complex step = engine")


def sigmoid(page):
    z, U = page.values["z"], page.values["U"]
    page.answer("c")
    page.formula(
        r"\sigma'(z) = \frac{e^{-z}}{(1 + e^{-z})^2}",
        "sigma'(z) = e^-z/(1 + e^-z)^2",
        "1/u has the slope `-u'/u^2`; here `u = 1 + exp(-z)` with the slope `u' = -exp(-z)`",
    )
    page.formula(
        r"= \frac{1}{1 + e^{-z}} \cdot \frac{(1 + e^{-z}) - 1}{1 + e^{-z}}",
        "          = 1/(1 + e^-z) * ((1 + e^-z) - 1)/(1 + e^-z)",
        "two factors, and in the second a 1 added and taken away",
    )
    page.formula(
        r"= y (1 - y)",
        "          = y (1 - y)",
        "the first is `y`, the second `1 - y`: only `y` is kept",
    )
    page.formula(
        r"y (1 - y) = \frac{1}{4} - \left( y - \frac{1}{2} \right)^2 \le \frac{1}{4}",
        "y (1 - y) = 1/4 - (y - 1/2)^2 <= 1/4",
        "a square is never negative; it is 0 for `y = 1/2`, that is for `z = 0`",
    )
    _, slope, dz = page.compute("y, slope, dL_dz", sigmoid_backward, "z, U")
    numbers = complex_step(lambda z: 1 / (1 + np.exp(-z)), z)
    page.equal("Jacobian is the diagonal matrix, complex step", np.diag(slope), numbers, 1e-15)
    layer = Sigmoid()
    layer.forward(z[None].astype(float))
    page.equal("engine: backward", layer.backward(U[None].astype(float))[0], dz, 1e-15)
    page.proof("by hand = complex step = engine")
    page.figure(
        "functions",
        draw_functions,
        "Sigmoid and ReLU with their derivatives.",
    )
    far = np.array([0, 2, 5, 10])
    page.table(("`z`", "`sigma'(z)`"), zip(far, sigmoid_backward(far, 1)[1], strict=True))
    page.slip("""000 says that the slope vanishes unless `z` is close to zero. It never is 0, it
        falls like `exp(-|z|)`: 1/4 at 0, 0.105 at 2, 0.0066 at 5, 4.5e-5 at 10.""")
    ratio = sigmoid_backward(10, 1)[1] * np.exp(10)
    page.check("sigma'(10) exp(10), from 1", abs(ratio - 1), 1e-4)
    page.proof("`sigma'(10)` is `exp(-10)`, nearly")


def dead_relu(page):
    page.answer("d")
    page.say(
        """Its slope is 0 for every sample, so no gradient comes through: not to its own weights,
        which would have to change, and not to the layers below. It is dead, and stays so."""
    )
    page.formula(
        r"\frac{\partial L}{\partial z_n} = \frac{2}{N} (y_n - x_n) \, [z_n > 0], \quad"
        r" \frac{\partial L}{\partial w} = \sum_n \frac{\partial L}{\partial z_n} x_n, \quad"
        r" \frac{\partial L}{\partial b} = \sum_n \frac{\partial L}{\partial z_n}",
        "dL/dz_n = 2/N (y_n - x_n) [z_n > 0],\ndL/dw = sum_n dL/dz_n x_n,  dL/db = sum_n dL/dz_n",
        "the mean of squares, times the slope of ReLU; `z_n = w x_n + b`",
    )
    page.compute("z_1, dL_dw, dL_db, w_1, b_1", one_step, "x, w, b, rate")
    z_2, dw, db, *_ = page.compute("z_2, dL_dw, dL_db, w_2, b_2", one_step, "x, w_1, b_1, rate")
    page.say(
        """At first `z` and all errors are positive, and `w` and `b` fall; but the step is too
        long, and then `z` is negative for every input. Both gradients are 0: the second step
        changes nothing, and no step after it. A shorter step helps, a better start, or a slope
        below 0 that is small but not 0 (leaky ReLU)."""
    )
    page.check("largest z after the first step, below 0", max(z_2.max(), 0), 0)
    page.check("gradients after the first step", abs(dw) + abs(db), 0)
    runs = {
        "ReLU, rate 0.7, w = b = 1": (0, 0.7, 1, 1),
        "leaky ReLU, slope 0.1 below 0": (0.1, 0.7, 1, 1),
        "shorter step, rate 0.5": (0, 0.5, 1, 1),
        "better start, w = 2, b = 0": (0, 0.7, 2, 0),
    }
    nets, losses = {}, {}
    for name, run in runs.items():
        nets[name], losses[name] = trained(page.values["x"], *run)
    dead, *others = runs
    after = [page.values["w_1"], page.values["b_1"]]
    page.equal("engine: w, b after 100 steps", nets[dead].parameter_vector(), after, 1e-15)
    page.check("engine: change of its loss, steps 2 to 100", np.ptp(losses[dead][1:]), 0)
    page.check("engine: final loss of the others", max(losses[n][-1] for n in others), 1e-4)
    page.proof("engine: dead from the first step on; the others learn")
    page.curves(
        "dead",
        np.arange(1, 101),
        losses,
        log="y",
        xlabel="step",
        ylabel="loss",
        title="One long step kills a ReLU",
        caption="The loss of the ReLU of this question, and with each of the three remedies.",
    )


def backprop(f, slope, weights, x, U):
    """dL/dW of every layer, for h_k = f(h_(k-1) W_k) and U = dL/dh of the last."""
    h = [x]
    for W in weights:
        h.append(f(h[-1] @ W))
    gradients = []
    for k in reversed(range(len(weights))):
        U = U * slope(h[k + 1])
        gradients.insert(0, h[k].T @ U)
        U = U @ weights[k].T
    return gradients


def vanishing(page):
    page.answer("e")
    page.say("On its way back through `K` layers the gradient is multiplied by `K` slopes:")
    page.formula(
        r"\frac{\partial L}{\partial h_{k-1}} = \left( \frac{\partial L}{\partial h_k} \odot"
        r" f'(z_k) \right) W_k^\top",
        "dL/dh_(k-1) = (dL/dh_k o f'(z_k)) W_k^T",
        "through the elementwise layer, then through the linear one",
    )
    page.say(
        """For sigmoid each slope is at most 1/4, so that 20 layers leave a part of `4^(-20)`, 1 in
        `10^12`, unless the weights are large; for ReLU it is 1 where a unit is alive, and nothing
        is lost there. Measured on 64 units a layer, 100 samples, with weights of variance 2/64
        (He, for ReLU) or 1/64 (Glorot, for sigmoid):"""
    )
    norms = check_stacks(page, backprop)
    rows = [(*key, norm[0], norm[-1], norm[0] / norm[-1]) for key, norm in norms.items()]
    page.table(("activation", "layers", "first |dW|", "last |dW|", "ratio"), rows)
    for name, expected in (("sigmoid", 1 / 4), ("ReLU", 1)):
        factor = (norms[name, 20][0] / norms[name, 20][-1]) ** (1 / 19)
        page.show(f"{name}, factor a layer, expected {expected}", factor)
        page.check(f"{name}: {factor:.3f} a layer", abs(factor / expected - 1), 0.05)
    page.proof("all gradients by hand = engine; the factors are those expected, within 5 %")
    page.figure(
        "vanishing",
        lambda figure: draw_vanishing(figure, norms),
        "The norms of the weights' gradients, layer by layer, for 2, 5, 10 and 20 layers.",
    )
