"""One hidden sigmoid layer and one linear output, d = 2, h = 4: all derivatives of y.

Deck 003 (3.1) has columns: x (d,), W0 (h, d), b0 and z (h,), W1 (1, h), b1 a number. Derivatives
of the scalar y are rows (numerator layout), those in a matrix have its shape. Our W is the
deck's W transposed, so our net[0].dW is (d, h) and the deck's dy/dW0 is its transpose.
"""

from fractions import Fraction

import numpy as np

from book.page import Page
from book.sheets import whole
from mlp import Affine, Sequential, Sigmoid, trace
from problems import diagrams
from problems.numeric import central, complex_step, gradient_vector

TITLE = "One hidden layer: y and its derivatives (3.1 a to d)"
DECKS = "003"
NUMBERS = {
    "x": np.array([1, 2]),
    "W0": np.array([[1, -1], [0, 2], [-3, 1], [2, -1]]),
    "b0": np.array([1, -3, 0, 2]),
    "W1": np.array([[2, -1, 3, 1]]),
    "b1": -1,
}


def draw(rng):
    x, W0 = whole(rng, 2, largest=3), whole(rng, 4, 2, largest=3)
    b0 = rng.integers(-2, 3, 4) - W0 @ x  # so that the sums v are between -2 and 2
    return {"x": x, "W0": W0, "b0": b0, "W1": whole(rng, 1, 4), "b1": int(whole(rng, 1)[0])}


def ask(page: Page, x, W0, b0, W1, b1) -> None:
    page.given(
        """A network has d = 2 inputs x, one hidden layer of h = 4 units z with the sigmoid
        `sigma(v) = 1/(1 + exp(-v))`, and one output y, a number, without an activation. The hidden
        layer has the weights `W0` (4 x 2, a row for each hidden unit) and the biases `b0`, the
        output has the row `W1` (1 x 4) and the number `b1`. x, z and `b0` are columns, though
        they are printed along a line.""",
        x=x,
        W0=W0,
        b0=b0,
        W1=W1,
        b1=b1,
    )
    page.figure("network", lambda figure: network(figure, W0, W1), NETWORK)
    page.ask("a", "Write the forward pass: the sums `v`, then `z` and `y`. What are their values?")
    page.ask("b", "What are the derivatives of y in the parameters of the output, `W1` and `b1`?")
    page.ask("c", "What is the derivative of y in the outputs `z` of the hidden layer?")
    page.ask(
        "d",
        """What are the derivatives of y in the parameters of the hidden layer, `W0` and `b0`?
        Start with one unit: how does `z_i` change with its own weights and its own bias?""",
    )


NETWORK = "The network. On each line stands its weight: blue positive, red negative."


def forward(x, W0, b0, W1, b1):
    v = W0 @ x + b0
    z = 1 / (1 + np.exp(-v))
    y = W1[0] @ z + b1
    return v, z, y


def output_layer(z, W1):
    dy_dW1 = z[None, :]  # a row, like W1
    dy_db1 = 1
    dy_dz = W1
    return dy_dW1, dy_db1, dy_dz


def hidden_layer(x, z, W1):
    delta = W1[0] * z * (1 - z)  # dy/dv_i for every unit i
    dy_dW0 = np.outer(delta, x)  # delta x^T
    dy_db0 = delta[None, :]  # a row: y is a number
    return delta, dy_dW0, dy_db0


def answers(x, W0, b0, W1, b1):
    v, z, y = forward(x, W0, b0, W1, b1)
    dy_dW1, dy_db1, dy_dz = output_layer(z, W1)
    _, dy_dW0, dy_db0 = hidden_layer(x, z, W1)
    return {
        "a": {"v": v, "z": z, "y": y},
        "b": {"dy/dW1": dy_dW1, "dy/db1": dy_db1},
        "c": {"dy/dz": dy_dz},
        "d": {"dy/dW0": dy_dW0, "dy/db0": dy_db0},
    }


def solve(page: Page) -> None:
    given = [page.values[name] for name in NUMBERS]
    x, _, _, W1, b1 = given
    page.answer("a")
    page.formula(
        r"v_i = \sum_j W_{0,ij} x_j + b_{0,i}, \quad z_i = \sigma(v_i)",
        "v_i = sum_j W0_ij x_j + b0_i,  z_i = sigma(v_i)",
        "row i of `W0` belongs to hidden unit i",
    )
    page.formula(
        r"y = \sum_i W_{1,i} z_i + b_1",
        "y = sum_i W1_i z_i + b1",
        "the output adds up all hidden units, and applies nothing",
    )
    page.say("With matrices: `z = sigma(W0 x + b0)`, entry by entry, and `y = W1 z + b1`.")
    _, z, y = page.compute("v, z, y", forward, "x, W0, b0, W1, b1")
    net = engine(*given)
    page.equal("engine: y", net.forward(x[None, :]).item(), y, 1e-15)
    page.proof("by hand = engine")

    page.answer("b")
    page.formula(
        r"\frac{\partial y}{\partial W_{1,i}} = z_i",
        "dy/dW1_i = z_i",
        "y holds `W1_i` in one term, with the factor `z_i`",
    )
    page.formula(r"\frac{\partial y}{\partial b_1} = 1", "dy/db1 = 1", "y holds `b1` as it is")
    dW1, db1, dz = page.compute("dy_dW1, dy_db1, dy_dz", output_layer, "z, W1")
    net.backward(np.ones((1, 1)))
    page.equal("engine: dy/dW1", net[2].dW.T, dW1, 1e-15)
    page.equal("engine: dy/db1", net[2].db.item(), db1, 0)
    page.equal("complex step: dy/dW1", dW1, slopes(given, "W1"), 1e-15)
    page.equal("complex step: dy/db1", db1, slopes(given, "b1"), 1e-15)
    page.proof("by hand = engine = complex step")
    page.slip("""003 gives `dy/dW1 = z`, a column; by its own rule that derivatives of a scalar
        are rows, and for the shape of `W1`, it is `z^T`.""")

    page.answer("c")
    page.formula(
        r"\frac{\partial y}{\partial z_i} = W_{1,i}",
        "dy/dz_i = W1_i",
        "y holds `z_i` in one term, with the factor `W1_i`; so the row `dy/dz` is `W1` (above)",
    )
    page.equal("engine: dy/dz", net[2].backward(np.ones((1, 1))), dz, 0)
    by_difference = central(lambda z: W1[0] @ z + b1, z)
    page.equal("central differences: dy/dz", by_difference, dz[0], 1e-9)
    page.proof("by hand = engine = central differences")

    page.answer("d")
    page.formula(
        r"\frac{\partial z_i}{\partial v_i} = \frac{e^{-v_i}}{(1 + e^{-v_i})^2} = z_i (1 - z_i)",
        "dz_i/dv_i = e^(-v_i) / (1 + e^(-v_i))^2 = z_i (1 - z_i)",
        "the slope of `1/u` is `-1/u^2`, and `1 - z_i = exp(-v_i)/(1 + exp(-v_i))`",
    )
    page.formula(
        r"\frac{\partial z_i}{\partial W_{0,ij}} = z_i (1 - z_i) \, x_j",
        "dz_i/dW0_ij = z_i (1 - z_i) x_j",
        "`v_i` holds `W0_ij` with the factor `x_j`; the weights of another unit do not reach `z_i`",
    )
    page.formula(
        r"\frac{\partial z_i}{\partial b_{0,i}} = z_i (1 - z_i)",
        "dz_i/db0_i = z_i (1 - z_i)",
        "`v_i` holds `b0_i` as it is",
    )
    page.formula(
        r"\delta_i = \frac{\partial y}{\partial z_i} \frac{\partial z_i}{\partial v_i}"
        r" = W_{1,i} \, z_i (1 - z_i)",
        "delta_i = dy/dz_i dz_i/dv_i = W1_i z_i (1 - z_i)",
        "all that y has to say to unit i, computed once for its weights and its bias",
    )
    page.formula(
        r"\frac{\partial y}{\partial W_{0,ij}} = \delta_i x_j",
        "dy/dW0_ij = delta_i x_j",
        "y depends on `W0_ij` through `z_i` alone; as a matrix `delta x^T`, 4 x 2 like `W0`",
    )
    page.formula(
        r"\frac{\partial y}{\partial b_{0,i}} = \delta_i",
        "dy/db0_i = delta_i",
        "likewise; as a row `delta^T`",
    )
    delta, dW0, db0 = page.compute("delta, dy_dW0, dy_db0", hidden_layer, "x, z, W1")
    page.graph("graph", graph(net, x), GRAPH)
    page.equal("engine: dy/dW0", net[0].dW.T, dW0, 1e-15)
    page.equal("engine: dy/db0", net[0].db[None, :], db0, 1e-15)
    page.equal("complex step: dy/dW0", dW0, slopes(given, "W0"), 1e-14)
    page.equal("complex step: dy/db0", db0[0], slopes(given, "b0"), 1e-14)
    page.proof("by hand = engine = complex step")
    at_random(page)
    in_fractions(page)
    page.slip("""003 writes W1 o z o (1 - z), entry by entry, with `W1` (1 x h) and z (h x 1); it
        means `W1^T`, and for `dy/db0` the row. Taken literally, NumPy makes an h x h array of it
        without a word: every row with every column.""")
    literal = W1 * z[:, None] * (1 - z[:, None])
    page.show("W1 o z o (1 - z), taken literally", literal)
    page.equal("its diagonal is delta", np.diag(literal), delta, 1e-15)
    page.proof("its diagonal is delta")


GRAPH = """The same network as a computation: for each hidden unit a sum and a sigmoid, then the sum
of the output. Above each line stands a value, below it the derivative of y in that value; on the
line of a weight, those of the weight."""


def engine(x, W0, b0, W1, b1):
    """The network as layers with rows: its weights are the transposes of W0 and W1."""
    net = Sequential(Affine(2, 4), Sigmoid(), Affine(4, 1))
    net[0].W, net[0].b, net[2].W, net[2].b = W0.T, b0, W1.T, [b1]
    return net


def slopes(given, name):
    """dy/d(one of the given arrays) by the complex step, in its shape."""
    place = list(NUMBERS).index(name)

    def y(value):
        return forward(*given[:place], value, *given[place + 1 :])[2]

    return complex_step(y, given[place])


def at_random(page: Page) -> None:
    """The same at random numbers."""
    rng = np.random.default_rng(8)
    given = [rng.normal(size=shape) for shape in ((2,), (4, 2), (4,), (1, 4), ())]
    x, _, _, W1, _ = given
    _, z, _ = forward(*given)
    dW1, db1, _ = output_layer(z, W1)
    _, dW0, db0 = hidden_layer(x, z, W1)
    for name, value in (("W0", dW0), ("b0", db0[0]), ("W1", dW1), ("b1", db1)):
        page.equal(f"at random, complex step: dy/d{name}", value, slopes(given, name), 1e-14)
    net = engine(*given)
    net.backward(np.ones_like(net.forward(x[None, :])))
    by_hand = np.concatenate([dW0.T.ravel(), db0[0], dW1[0], [1.0]])
    page.equal("at random, engine: all 17", gradient_vector(net), by_hand, 1e-14)
    by_difference = central(lambda W0: forward(x, W0, *given[2:])[2], given[1])
    page.equal("at random, central differences: dy/dW0", dW0, by_difference, 1e-9)
    page.proof("at random numbers: by hand = engine = complex step = central differences")


def in_fractions(page: Page) -> None:
    """Where z = 1/2, 3/4, 1/4, 1/2 all is a fraction: delta and delta x^T entry by entry."""
    x, W1 = [1, 2], [1, 2, -1, 4]
    z = [Fraction(1, 2), Fraction(3, 4), Fraction(1, 4), Fraction(1, 2)]
    delta = [w * z_i * (1 - z_i) for w, z_i in zip(W1, z, strict=True)]
    dW0 = [[d * x_j for x_j in x] for d in delta]
    v = np.array([0, np.log(3), -np.log(3), 0])
    given = np.array(x), np.zeros((4, 2)), v, np.array([W1]), 0.5
    _, z_here, y = forward(*given)
    by_hand = hidden_layer(given[0], z_here, given[3])
    page.equal("in fractions: delta", by_hand[0], np.array(delta, float), 1e-15)
    page.equal("in fractions: dy/dW0", by_hand[1], np.array(dW0, float), 1e-15)
    exact = sum(w * z_i for w, z_i in zip(W1, z, strict=True)) + Fraction(1, 2)
    page.equal("in fractions: y", y, float(exact), 1e-15)
    dW1 = output_layer(z_here, given[3])[0]
    page.equal("in fractions: dy/dW1", dW1, np.array([z], float), 1e-15)
    page.proof("where z = (1/2, 3/4, 1/4, 1/2): by hand = exact fractions")


def graph(net, x):
    """The pass as a graph whose goal is the output."""
    names = {"o1": "y", "b5": "b1"}
    for i in range(1, 5):
        names |= {f"net_h{i}": f"v{i}", f"h{i}": f"z{i}", f"b{i}": f"b0_{i}"}
        names |= {f"w{2 * i - 1}": f"W0_{i}1", f"w{2 * i}": f"W0_{i}2", f"w{8 + i}": f"W1_{i}"}
    made = trace(net, x[None, :], upstream=np.ones((1, 1))).graph("neurons")
    return diagrams.renamed(made, "y", names)


def network(figure, W0, W1) -> None:
    figure.set_size_inches(6.5, 4)
    columns = [["$x_1$", "$x_2$"], [f"$z_{i}$" for i in (1, 2, 3, 4)], ["$y$"]]
    titles = ["input", "hidden: sigmoid", "output"]
    diagrams.network(figure.subplots(), columns, [W0, W1], titles)
