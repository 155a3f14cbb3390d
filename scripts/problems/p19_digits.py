"""Digits: "2 or not 2", ten classes, and an eleventh for none of the above, until convergence.

Deck 004 has samples as columns, its W_k is our W^T; here samples are rows. The network has one
hidden layer of ReLU. Steps use all samples, with momentum and weight decay, until they lead
nowhere: at a kink of ReLU the gradient jumps and stays large, but its mean over 50 steps goes to 0.
"""

import numpy as np

from book.page import Page
from book.sheets import whole
from mlp import KLDivergence
from problems.digits import (
    DECAY,
    NOWHERE,
    TRAINED_ON,
    Task,
    descend,
    draw_losses,
    draw_samples,
    draw_weights,
    flat,
    load,
    network,
    parameters,
    small_network,
    tasks,
    train,
)
from problems.engine import backpropagate, complex_step_gradient, slopes_along

TITLE = "Digits: 2 or not 2, ten classes, eleven classes"
DECKS = "004"
NUMBERS = {
    "x": np.array([[1, 0], [0, 1], [1, 1]]),
    "W1": np.array([[1, -2], [2, 1]]),
    "b1": np.array([-0.5, 0.5]),
    "W2": np.array([[1], [-1]]),
    "b2": np.array([1]),
    "d": np.array([[0], [1], [1]]),
}


def draw(rng):
    drawn = {name: whole(rng, *NUMBERS[name].shape, largest=2) for name in ("W1", "b1", "W2", "b2")}
    drawn["b1"] = drawn["b1"] - 0.5  # so that no sum hits the kink at 0
    return NUMBERS | drawn | {"d": rng.permutation(NUMBERS["d"])}


def ask(page: Page, x, W1, b1, W2, b2, d) -> None:
    page.given(
        f"""There are 1797 pictures of handwritten digits, 8 x 8 pixels from 0 to 1, with the digit
        that each one shows; {TRAINED_ON} are to train on, the others to test. A network with one
        hidden layer of ReLU, `h = max(x W_1 + b_1, 0)` and `z = h W_2 + b_2`, is to recognise
        them: whether a picture is a 2, which digit it is, or that it is none."""
    )
    page.given(
        """To do by hand, the network in small: three pictures of two pixels in the rows of x, two
        hidden units, one output `y = sigma(z)`, and d = 1 for a 2.""",
        x=x,
        W1=W1,
        b1=b1,
        W2=W2,
        b2=b2,
        d=d,
    )
    page.ask(
        "a",
        """2 or not 2: which output, target and divergence? What is `dDiv/dz`, and what are the
        gradients of the network in small, of the mean over its samples?""",
    )
    page.ask("b", "Which digit: the same questions for ten outputs.")
    page.ask("c", "None of the above: what can an eleventh output do that ten cannot?")
    page.ask("d", "What do the training data look like, with the targets d of the three tasks?")
    page.ask("e", "Train the three networks until the loss has converged. How well do they do?")
    page.ask("f", "What have the hidden units learned, and how many of them are dead?")


def outputs(z):
    if z.shape[1] == 1:
        return 1 / (1 + np.exp(-z))
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def divergence(y, d):
    right = np.where(d == 1, y, 1 - y) if d.shape[1] == 1 else y[d == 1]
    return -np.log(right).mean()


def loss_and_gradients(x, W1, b1, W2, b2, d):
    z1 = x @ W1 + b1
    h = np.maximum(z1, 0)
    z2 = h @ W2 + b2
    y = outputs(z2)  # sigmoid for one column, else softmax
    dz2 = (y - d) / len(x)  # of the mean over the samples
    dz1 = dz2 @ W2.T * (z1 > 0)
    dW1, db1 = x.T @ dz1, dz1.sum(axis=0)
    dW2, db2 = h.T @ dz2, dz2.sum(axis=0)
    return divergence(y, d), dW1, db1, dW2, db2


def answers(x, W1, b1, W2, b2, d):
    names = ("Div", "dW1", "db1", "dW2", "db2")
    found = loss_and_gradients(x, W1, b1, W2, b2, d)
    return {"a": dict(zip(names, found, strict=True))}


def solve(page: Page) -> None:
    page.answer("a")
    page.say("""One output, a sigmoid: y from 0 to 1 is the probability that the picture is a 2. The
        target d is 1 for a 2 and 0 for all else, and both are a distribution over two outcomes,
        (d, 1 - d) and (y, 1 - y), whose KL divergence is""")
    page.formula(
        r"\mathrm{Div} = -d \log(y) - (1 - d) \log(1 - y)",
        "Div = -d log(y) - (1 - d) log(1 - y)",
        "`d log(d / y) + (1 - d) log((1 - d) / (1 - y))`, where the parts with d alone are 0, as "
        "d is 0 or 1",
    )
    page.formula(
        r"\frac{\partial \mathrm{Div}}{\partial y} = -\frac{d}{y} + \frac{1 - d}{1 - y}"
        r" = \frac{y - d}{y (1 - y)}",
        "dDiv/dy = -d / y + (1 - d) / (1 - y) = (y - d) / (y (1 - y))",
        "the slope of a logarithm, and one denominator for both",
    )
    page.formula(
        r"\frac{\partial \mathrm{Div}}{\partial z} = y (1 - y) \frac{y - d}{y (1 - y)} = y - d",
        "dDiv/dz = y (1 - y) (y - d) / (y (1 - y)) = y - d",
        "times the slope of the sigmoid, `y (1 - y)`, which cancels",
    )
    found = page.compute("div, dW1, db1, dW2, db2", loss_and_gradients, "x, W1, b1, W2, b2, d")
    x, d = 1.0 * page.values["x"], 1.0 * page.values["d"]
    net = small_network(*(page.values[name] for name in ("W1", "b1", "W2", "b2")))
    div, _, engine = backpropagate(net, KLDivergence(), x, d)
    page.equal("engine", flat(found), np.append(div, engine), 1e-14)
    numeric = complex_step_gradient(net, KLDivergence(), x, d)
    page.equal("complex step", flat(found[1:]), numeric, 1e-14)
    page.proof("by hand = engine = complex step")

    page.answer("b")
    page.say("""Ten outputs, a softmax: `y_j` is the probability of digit j. Ideally one output is 1
        and the others are 0, so that is the target: d is a row of ten with its 1 at the digit.""")
    page.formula(
        r"\mathrm{Div} = -\sum_j d_j \log(y_j), \quad"
        r" \frac{\partial \mathrm{Div}}{\partial z_j} = y_j - d_j",
        "Div = -sum_j d_j log(y_j),   dDiv/dz_j = y_j - d_j",
        "the KL divergence where d is 0 and 1: minus the logarithm of the right output; its slope "
        "is that of problem 15. So the function above works for both, with other outputs.",
    )

    page.answer("c")
    page.say("""Ten outputs of a softmax always sum to 1: a scribble must be some digit. An
        eleventh output takes what is no digit, if there are such pictures to train on; here every
        tenth digit once more, with its pixels shuffled. Nothing else changes.""")

    page.answer("d")
    rng = np.random.default_rng(4)
    x, labels = load(rng)
    page.figure(
        "samples",
        lambda figure: draw_samples(figure, x, labels, np.random.default_rng(19)),
        "A picture of each kind and its target; the last one has the pixels of the 0, shuffled.",
    )
    cut = TRAINED_ON
    kinds = tasks(x[:cut], labels[:cut], rng), tasks(x[cut:], labels[cut:], rng)
    rows = [(name, *task.x.shape, task.d.shape[1]) for name, task in kinds[0].items()]
    page.table(("task", "pictures to train on", "pixels", "outputs"), rows)

    page.answer("e")
    page.formula(
        r"v \leftarrow \mu v + \frac{\partial \mathrm{Loss}}{\partial w}, \quad"
        r" w \leftarrow w - \eta v",
        "v <- mu v + dLoss/dw,   w <- w - eta v",
        "gradient descent on all pictures at once, with a momentum `mu = 0.9`, `eta = 0.5`; and "
        f"weights decay: Loss = mean of Div + {DECAY / 2:g} times the sum of all squared weights",
    )
    page.say(f"""At a kink of ReLU the gradient jumps to and fro and stays large; so descent ends
        once the mean of the gradients over 50 steps is shorter than {NOWHERE:g}.""")
    trained = {}
    for name, task in kinds[0].items():
        net = network(task, rng)
        after_20 = by_hand_and_engine(page, name, net, task)
        trained[name] = train(name, net, task, kinds[1][name], after_20)
    page.proof("""all three networks: gradients by hand = engine = complex step in random
        directions, and 20 steps by hand = those of the engine""")
    for name, result in trained.items():
        page.check(f"{name}: mean of 50 gradients", result.mean_gradient, NOWHERE)
    page.proof("all three ended: the mean of the last 50 gradients")
    for name, result in trained.items():
        page.check(f"{name}: test pictures that are wrong", 1 - result.scores["accuracy"], 0.05)
    page.proof("at most 5 % of the test pictures are wrong: the largest share")
    rows = [(name, len(t.losses), t.losses[-1], *t.scores.values()) for name, t in trained.items()]
    page.table(("", "steps", "loss + decay", "test loss", "test accuracy"), rows)
    page.figure(
        "loss",
        lambda figure: draw_losses(figure, trained),
        "The loss, until 50 steps no longer lead anywhere.",
    )
    page.say("Shuffled pictures of the test, none of them a digit; the largest `y_j` of a digit:")
    shuffled = rng.permuted(x[cut:], axis=1)
    for name in ("ten classes", "eleven"):
        y = trained[name].net.predict(shuffled)[:, :10].max(axis=1)
        page.show(f"mean with {name}", y.mean())
    page.check("eleven: mean of the largest digit probability", y.mean(), 0.1)
    page.proof("with eleven classes scribbles are no digits")

    page.answer("f")
    page.say("""Each hidden unit has a weight for every pixel, so it can be drawn: it gives
        much where dark pixels meet its blue and avoid its red. A dead unit gives 0 for all
        pictures to train on, so nothing goes back through it, and nothing but the decay changes it,
        which draws its weights to 0 (problem 7). A pale picture without the word is of a unit
        that is merely small.""")
    counted = [(name, int(t.dead.sum()), len(t.dead)) for name, t in trained.items()]
    page.table(("", "dead units", "of"), counted)
    page.figure(
        "weights",
        lambda figure: draw_weights(figure, trained),
        "First-layer weights, a picture for each hidden unit (blue positive, red negative).",
    )
    for name, result in trained.items():
        slope = np.abs(gradients_of(result.net, *kinds[0][name][:2])[0]).max(axis=0)
        page.check(f"{name}: slopes of dead units", slope[result.dead].max(initial=0), 0)
        page.check(f"{name}: others without one", (slope[~result.dead] == 0).sum(), 0)
    page.proof("the units counted as dead, and no others, have a gradient that is exactly 0")


def gradients_of(net, x, d):
    W1, b1, W2, b2 = parameters(net)
    return loss_and_gradients(x, W1, b1, W2, b2, d)[1:]


def by_hand_and_engine(page: Page, name: str, net, task: Task):
    """Check gradients at the start; gives what checks the network after 20 steps."""
    start, x, d = parameters(net), task.x, task.d
    ours = flat(gradients_of(net, x, d))
    page.equal(f"{name}: engine", backpropagate(net, KLDivergence(), x, d)[2], ours, 1e-13)
    ways = np.random.default_rng(19).normal(size=(5, ours.size)) / np.sqrt(ours.size)
    numeric = slopes_along(net, KLDivergence(), x, d, ways)
    page.equal(f"{name}: complex step, 5 random directions", ways @ ours, numeric, 1e-13)

    def after_20(net) -> None:
        by_hand = descend(start, task, 20, loss_and_gradients)
        page.equal(f"{name}: 20 steps", net.parameter_vector(), flat(by_hand), 1e-12)

    return after_20
