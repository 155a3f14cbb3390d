"""All weights equal: what z, y, the gradients and a hundred steps of descent leave equal.

The network of problem 8 (deck 003, 3.2: columns, W0 (h, d); our net[0].W is its transpose):
z = sigmoid(W0 x + b0), y = W1 z + b1. Unit i owns row i of W0, entry i of b0, column i of W1.
The deck starts from zeros and says that any constant will do.
"""

import numpy as np
from scipy.optimize import isotonic_regression
from tqdm.auto import tqdm

from book.page import Page
from book.sheets import whole
from mlp import SGD, Affine, Sequential, Sigmoid, SquaredError, fit
from problems.numeric import gradient_vector, of_parameters

TITLE = "All weights equal: descent keeps them equal (3.2)"
DECKS = "003"
NUMBERS = {"x": np.array([3, 1]), "c0": 0, "c": 1, "target": 2, "alpha": 0.1}


def draw(rng):
    start, target = int(rng.integers(1, 4)), int(whole(rng, 1)[0])
    alpha = float(rng.choice([0.1, 0.2, 0.5]))
    return {"x": abs(whole(rng, 2)), "c0": 0, "c": start, "target": target, "alpha": alpha}


def ask(page: Page, x, c0, c, target, alpha) -> None:
    page.given(
        """A network has two inputs x, a hidden layer `z = sigma(W0 x + b0)` of h = 4 units, where
        `sigma(v) = 1/(1 + exp(-v))`, and the output `y = W1 z + b1`, a number. Unit i owns row i
        of `W0`, entry i of `b0` and entry i of the row `W1`. All 17 weights and biases start with
        the same value: `c0` in (a) and (b), c in (c). Gradient descent with the learning rate
        `alpha` then changes them, to make the loss `L = (y - target)^2` smaller.""",
        x=x,
        c0=c0,
        c=c,
        target=target,
        alpha=alpha,
    )
    page.ask("a", "All weights and biases are 0. What are `z` and `y`, for this x and for any?")
    page.ask("b", "All are 0. What are the derivatives of y in `W1`, `b1`, `W0` and `b0`?")
    page.ask(
        "c",
        """All are equal to c. What do you notice about the units, and about their gradients? Take
        a step of gradient descent. What is equal after it, and what after any number of steps?""",
    )
    page.ask("d", "What can such a network express, and what helps?")


def all_equal(c):
    W0, b0 = np.full((4, 2), c), np.full(4, c)
    W1, b1 = np.full((1, 4), c), c
    return W0, b0, W1, b1


def forward(x, W0, b0, W1, b1):
    z = 1 / (1 + np.exp(-(W0 @ x + b0)))
    y = W1[0] @ z + b1
    return z, y


def slopes(x, z, W1):
    delta = W1[0] * z * (1 - z)
    dy_dW1, dy_db1 = z[None, :], 1.0
    dy_dW0, dy_db0 = np.outer(delta, x), delta[None, :]
    return dy_dW1, dy_db1, dy_dW0, dy_db0


def gradients_at(x, c, target):
    W0, b0, W1, b1 = all_equal(c)
    z, y = forward(x, W0, b0, W1, b1)
    dy_dW1, dy_db1, dy_dW0, dy_db0 = slopes(x, z, W1)
    dL_dy = 2 * (y - target)
    dL_dW0, dL_db0 = dL_dy * dy_dW0, dL_dy * dy_db0[0]
    dL_dW1, dL_db1 = dL_dy * dy_dW1, dL_dy * dy_db1
    return z, y, dL_dW0, dL_db0, dL_dW1, dL_db1


def step(c, alpha, dL_dW0, dL_db0, dL_dW1, dL_db1):
    W0, b0, W1, b1 = all_equal(c)
    W0, b0 = W0 - alpha * dL_dW0, b0 - alpha * dL_db0
    W1, b1 = W1 - alpha * dL_dW1, b1 - alpha * dL_db1
    return W0, b0, W1, b1


def answers(x, c0, c, target, alpha):
    W0, b0, W1, b1 = all_equal(c0)
    z, y = forward(x, W0, b0, W1, b1)
    dy_dW1, dy_db1, dy_dW0, dy_db0 = slopes(x, z, W1)
    W0, b0, W1, b1 = step(c, alpha, *gradients_at(x, c, target)[2:])
    return {
        "a": {"z": z, "y": y},
        "b": {"dy/dW1": dy_dW1, "dy/db1": dy_db1, "dy/dW0": dy_dW0, "dy/db0": dy_db0},
        "c": {"W0": W0, "b0": b0, "W1": W1, "b1": b1},
    }


def solve(page: Page) -> None:
    x, c, target, alpha = (page.values[name] for name in ("x", "c", "target", "alpha"))
    page.answer("a")
    page.formula(
        r"z_i = \sigma\left(\sum_j W_{0,ij} x_j + b_{0,i}\right) = \sigma(0) = \frac{1}{2}",
        "z_i = sigma(sum_j W0_ij x_j + b0_i) = sigma(0) = 1/2",
        "every term has a weight 0 as a factor, whatever x is, and the bias is 0",
    )
    page.formula(
        r"y = \sum_i W_{1,i} z_i + b_1 = \sum_i 0 \cdot \frac{1}{2} + 0 = 0",
        "y = sum_i W1_i z_i + b1 = sum_i 0 * 1/2 + 0 = 0",
        "the output takes nothing from any hidden unit",
    )
    page.compute("W0, b0, W1, b1", all_equal, "c0")
    z, y = page.compute("z, y", forward, "x, W0, b0, W1, b1")
    many = np.random.default_rng(9).normal(scale=100, size=(1000, 2))
    net = network(2, 0)
    page.equal("by hand: z, y", [*z, y], [0.5] * 4 + [0], 0)
    page.check("engine: largest |y| over 1000 x", np.abs(net.forward(many)).max(), 0)
    page.check("engine: largest |z - 1/2|", np.abs(net[:2].forward(many) - 0.5).max(), 0)
    page.proof("by hand = engine, there for a thousand x")
    page.slip("003 writes b^(0)i for the bias of unit i; it must be `b0_i`, with the index below.")

    page.answer("b")
    page.formula(
        r"\frac{\partial y}{\partial W_{1,i}} = z_i = \frac{1}{2}",
        "dy/dW1_i = z_i = 1/2",
        "y holds `W1_i` with the factor `z_i`",
    )
    page.formula(r"\frac{\partial y}{\partial b_1} = 1", "dy/db1 = 1", "y holds `b1` as it is")
    page.formula(
        r"\frac{\partial y}{\partial b_{0,i}} = W_{1,i} \, z_i (1 - z_i)"
        r" = 0 \cdot \frac{1}{2} \cdot \frac{1}{2} = 0",
        "dy/db0_i = W1_i z_i (1 - z_i) = 0 * 1/2 * 1/2 = 0",
        "unit i reaches y through `W1_i` alone, and that is 0",
    )
    page.formula(
        r"\frac{\partial y}{\partial W_{0,ij}} = W_{1,i} \, z_i (1 - z_i) \, x_j = 0 \cdot x_j = 0",
        "dy/dW0_ij = W1_i z_i (1 - z_i) x_j = 0 * x_j = 0",
        "likewise; so the first step of descent leaves the hidden layer as it is",
    )
    four = page.compute("dy_dW1, dy_db1, dy_dW0, dy_db0", slopes, "x, z, W1")
    by_hand = as_vector(four[2], four[3], four[0], four[1])
    net.forward(x[None, :])
    net.backward([[1.0]])
    page.equal("engine: gradients", gradient_vector(net), by_hand, 0)
    numbers = of_parameters(net, lambda net: net.forward(x[None, :]).item())
    page.equal("complex step", by_hand, numbers, 1e-15)
    page.proof("by hand = engine = complex step")

    page.answer("c")
    page.say("""With equal weights every unit computes the same thing. Its number i appears nowhere
        but as an index. So are the gradients of L equal, unit by unit, and so is what a step of
        descent makes of the weights:""")
    gradients = "dL_dW0, dL_db0, dL_dW1, dL_db1"
    page.compute(f"z, y, {gradients}", gradients_at, "x, c, target")
    by_hand = as_vector(*page.compute("W0, b0, W1, b1", step, f"c, alpha, {gradients}"))
    page.equal("one step by the engine", by_hand, one_step(x, c, target, alpha), 1e-13)
    page.proof("the step by hand = by the engine")
    page.say("""The argument goes by induction over the steps, for any c. Suppose that all units
        have equal rows of `W0` and equal entries of `b0` and `W1`. Then:""")
    page.formula(
        r"z_1 = z_2 = \dots = z_h",
        "z_1 = z_2 = ... = z_h",
        "equal weights and biases, and the same x",
    )
    page.formula(
        r"\frac{\partial L}{\partial W_{1,i}} = \frac{\partial L}{\partial y} z_i",
        "dL/dW1_i = dL/dy z_i",
        "equal for all i, since the `z_i` are",
    )
    page.formula(
        r"\frac{\partial L}{\partial W_{0,ij}}"
        r" = \frac{\partial L}{\partial y} W_{1,i} \, z_i (1 - z_i) \, x_j",
        "dL/dW0_ij = dL/dy W1_i z_i (1 - z_i) x_j",
        "equal for all i, since `W1_i` and `z_i` are; `dL/db0_i` is the same without `x_j`",
    )
    page.say("""So every unit is changed in the same way, and after the step the rows are equal
        again. It holds at the start, so it holds after every step; and for a sum over samples, as
        it holds for each. There is nothing special about 0, but that it takes a step longer to
        move the hidden layer.""")
    for start in (0, 0.7):
        hundred_steps(page, start)

    page.answer("d")
    page.formula(
        r"y = \sum_{i=1}^{h} W_{1,i} z_i + b_1 = h W_{1,1} \, z_1 + b_1",
        "y = sum_i=1^h W1_i z_i + b1 = h W1_1 z_1 + b1",
        "h equal terms: one hidden unit, with h times its weight, does the same",
    )
    page.say("""So the network is as good as one with a single hidden unit, however large h is.
        Along a line, y only rises or only falls, as one sigmoid does: on a bump, no equal start
        gets below the best such fit (an isotonic regression). What helps is to start with random
        weights, which differ from unit to unit; the biases may all be 0.""")
    expressiveness(page)


def network(d, init):
    """Four hidden units; all weights and biases equal to a number, or "glorot": random."""
    options = {"init": init, "rng": np.random.default_rng(0)}
    net = Sequential(Affine(d, 4, **options), Sigmoid(), Affine(4, 1, **options))
    if init != "glorot":
        net.load_vector(np.full(net.parameter_vector().size, init))
    return net


def as_vector(W0, b0, W1, b1):
    """Parameters or gradients in the order of the engine, which holds W0 transposed."""
    return np.concatenate([np.ravel(part) for part in (np.transpose(W0), b0, W1, b1)])


def one_step(x, c, target, alpha):
    net, loss = network(2, c), SquaredError()
    loss.forward(net.forward(x[None, :]), np.array([[target]]))
    net.backward(loss.backward())
    net.update(alpha)
    return net.parameter_vector()


def descend(W0, b0, W1, b1, x, d):
    """A step of rate 0.5 on the mean of (y - d)^2, with samples as columns."""
    z = 1 / (1 + np.exp(-(W0 @ x + b0)))
    U = 2 * (W1 @ z + b1 - d) / x.shape[1]
    delta = W1.T @ U * z * (1 - z)
    gradients = delta @ x.T, delta.sum(1, keepdims=True), U @ z.T, U.sum(1, keepdims=True)
    return [p - 0.5 * g for p, g in zip((W0, b0, W1, b1), gradients, strict=True)]


def hundred_steps(page, c):
    rng = np.random.default_rng(9)
    x, d, loss = rng.normal(size=(30, 2)), rng.normal(size=(30, 1)), SquaredError()
    net, apart = network(2, c), []
    by_hand = [np.full(shape, float(c)) for shape in ((4, 2), (4, 1), (1, 4), (1, 1))]
    for _ in range(100):
        by_hand = descend(*by_hand, x.T, d.T)
        loss.forward(net.forward(x), d)
        net.backward(loss.backward())
        net.update(0.5)
        units = np.vstack([net[0].W, net[0].b, net[2].W.T])
        apart.append(np.ptp(units, axis=1).max())
    names = [f"unit {i}" for i in (1, 2, 3, 4)]
    page.say(f"From {c}, a hundred steps with 30 samples: a unit's two weights, bias, and `W1_i`.")
    page.table(names, units)
    page.check("largest gap between units in 100 steps", max(apart), 1e-13)
    page.equal("by hand and by engine", as_vector(*by_hand), net.parameter_vector(), 1e-12)
    w, b, v, b1 = net[0].W[:, 0], net[0].b[0], 4 * net[2].W[0], net[2].b
    one = v / (1 + np.exp(-(x @ w[:, None] + b))) + b1
    page.equal("one unit of 4 times its W1: same y", one, net.forward(x), 1e-13)
    page.proof("""no gap between the units, the steps by hand = by the engine, one unit with 4 times
        its weight gives the same y""")


def expressiveness(page):
    x = np.linspace(-3, 3, 61)[:, None]
    d, nets, losses = np.exp(-((x - 0.5) ** 2)), {}, {}
    fits = [isotonic_regression(d[:, 0], increasing=up).x for up in (True, False)]
    bound = min(np.mean((y - d[:, 0]) ** 2) for y in fits)
    starts = {"all 0": 0, "all 1": 1, "random": "glorot"}
    for name, init in tqdm(starts.items(), desc="training", disable=None, leave=False):
        nets[name], optimizer = network(1, init), SGD(0.3, momentum=0.9)
        history = fit(nets[name], SquaredError(), optimizer, x, d, epochs=EPOCHS, batch_size=None)
        losses[name] = history[-1]["loss"]
    page.table(
        ("mean squared error of", *losses, "best monotone fit"), [("", *losses.values(), bound)]
    )
    for name in ("all 0", "all 1"):
        page.check(f"{name}: bound beaten by", max(0, bound - losses[name]), 0)
    page.check("random: final loss", losses["random"], bound / 100)
    page.proof(
        "equal starts stay above the monotone fit, a random one gets below a hundredth of it"
    )
    outputs = {f"from {name}": net.predict(x) for name, net in nets.items()}
    labels = {"title": "Four hidden units that start equal stay one unit", "xlabel": "x"}
    caption = "After training on the bump. Equal units can only rise or fall; random ones need not."
    page.curves("bump", x[:, 0], outputs, {"target": d}, ylabel="y", caption=caption, **labels)


EPOCHS = 1500
