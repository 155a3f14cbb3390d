"""Forward and backward pass neuron by neuron, in loops, against the same in matrices.

Deck 004 writes w_ij for the weight from unit i to unit j, as we do, and w_0j for the bias, as the
constant y_0 = 1 joins each layer's input. One sample, a flat vector. The deck leaves Div and f
open: here the squared error and the sigmoid.
"""

import numpy as np

from book.page import Page
from book.sheets import whole
from mlp import SGD, SquaredError
from problems.engine import backpropagate, complex_step_gradient
from problems.neurons import as_ours, draw_network, drawn, network, sums, times

TITLE = "Neuron by neuron, and as matrices"
DECKS = "004"
NUMBERS = {
    "x": np.array([1, 2]),
    "W1": np.array([[-3, 1], [1, 2], [1, -1]]),
    "W2": np.array([[-1, 1], [2, -2], [-1, 4]]),
    "d": np.array([1, 0]),
    "eta": 0.5,
}


def draw(rng):
    W1, W2 = whole(rng, 3, 2, largest=2), whole(rng, 3, 2, largest=2)
    return NUMBERS | {"x": whole(rng, 2, largest=2), "W1": W1, "W2": W2}


def ask(page: Page, x, W1, W2, d, eta) -> None:
    page.given(
        """A network has two inputs, two hidden units and two outputs. Neuron j of layer k adds up
        what the neurons i of the layer before give, `z_j = sum_i w_ij y_i + b_j`, and gives
        `y_j = f(z_j)` with the sigmoid `f(z) = 1/(1 + exp(-z))`. The weights of layer k stand in
        `W_k`: row i holds `w_ij`, and row 0 the biases. The divergence from the target d is
        `Div = sum_j (y_j - d_j)^2`.""",
        x=x,
        W1=W1,
        W2=W2,
        d=d,
        eta=eta,
    )
    page.ask("a", "How is a bias the weight of a constant 1? Compute z and y of every neuron.")
    page.ask("b", "How does Div change with y, z and the weights of the output layer?")
    page.ask("c", "And with those of the layer before, and with the input?")
    page.ask("d", "Take one step of gradient descent with the rate eta. What is Div then?")
    page.ask("e", "Write both passes in matrices, for many samples. How much faster is that?")
    page.ask("f", "What was assumed about the network? Name three assumptions that often fail.")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(x, W1, W2):
    found, y = [], x
    for W in (W1, W2):
        inputs = [1, *y]  # y_0 = 1
        z = np.zeros(W.shape[1])
        for j in range(W.shape[1]):
            for i in range(len(inputs)):
                z[j] += W[i, j] * inputs[i]
        y = sigmoid(z)
        found += [z, y]
    return found


def divergence(y2, d):
    return sum((y2 - d) ** 2)


def slope_of_divergence(y2, d):
    return 2 * (y2 - d)


def backward(dy, y, y_before, W):
    inputs = [1, *y_before]
    dz, dW = np.zeros(len(y)), np.zeros(W.shape)
    dy_before = np.zeros(len(y_before))
    for j in range(len(y)):
        dz[j] = y[j] * (1 - y[j]) * dy[j]
        for i in range(len(inputs)):
            dW[i, j] = inputs[i] * dz[j]
            if i > 0:  # nothing goes back to the constant 1
                dy_before[i - 1] += W[i, j] * dz[j]
    return dz, dW, dy_before


def matrices(x, W1, W2, d):
    """Div, its slopes in the weights, and in x, for rows of x and d, added up over the rows."""
    ones = np.ones((len(x), 1))
    x = np.hstack([ones, x])
    h = np.hstack([ones, sigmoid(x @ W1)])
    y = sigmoid(h @ W2)
    dz2 = 2 * (y - d) * y * (1 - y)
    dh = dz2 @ W2.T
    dz1 = (dh * h * (1 - h))[:, 1:]
    return ((y - d) ** 2).sum(), x.T @ dz1, h.T @ dz2, (dz1 @ W1.T)[:, 1:]


def as_rows(x, d):
    return x[None], d[None]


def step(W, dW, eta):
    return W - eta * dW


def passes(x, W1, W2, d):
    """All numbers of both passes, by name."""
    z1, y1, z2, y2 = forward(x, W1, W2)
    dy2 = slope_of_divergence(y2, d)
    dz2, dW2, dy1 = backward(dy2, y2, y1, W2)
    dz1, dW1, dx = backward(dy1, y1, x, W1)
    div = divergence(y2, d)
    return locals()


def loops(x, W1, W2, d):
    """The same as `matrices` does, for one sample."""
    found = passes(x, W1, W2, d)
    return found["div"], found["dW1"], found["dW2"], found["dx"]


def answers(x, W1, W2, d, eta):
    found = passes(x, W1, W2, d)
    W1, W2 = step(W1, found["dW1"], eta), step(W2, found["dW2"], eta)
    names = {
        "a": ["z1", "y1", "z2", "y2"],
        "b": ["dy2", "dz2", "dW2"],
        "c": ["dy1", "dz1", "dW1", "dx"],
    }
    return {letter: {name: found[name] for name in names[letter]} for letter in names} | {
        "d": {"W1 after": W1, "W2 after": W2, "Div after": divergence(forward(x, W1, W2)[-1], d)}
    }


def solve(page: Page) -> None:
    x, W1, W2, d = (page.values[name] for name in ("x", "W1", "W2", "d"))
    page.answer("a")
    page.formula(
        r"z_j^{(k)} = b_j^{(k)} + \sum_{i \ge 1} w_{ij}^{(k)} y_i^{(k-1)}"
        r" = \sum_{i \ge 0} w_{ij}^{(k)} y_i^{(k-1)}",
        "z_j^(k) = b_j^(k) + sum_{i >= 1} w_ij^(k) y_i^(k-1)\n"
        "        = sum_{i >= 0} w_ij^(k) y_i^(k-1)",
        "with `w_0j = b_j` and `y_0 = 1`: each layer's input is longer by a constant 1, and the "
        "bias is a weight like all others",
    )
    page.formula(
        r"y_j^{(k)} = f(z_j^{(k)}), \quad y_i^{(0)} = x_i",
        "y_j^(k) = f(z_j^(k)), y_i^(0) = x_i",
        "layer 0 is the input; k = 1, 2 one after the other",
    )
    page.figure(
        "network",
        lambda figure: draw_network(figure, [2, 2, 2]),
        "The network; dashed: the biases, weights of a constant 1.",
    )
    z1, y1, z2, y2 = page.compute("z1, y1, z2, y2", forward, "x, W1, W2")
    page.say("The same sums written out, the bias first:")
    rows = sums(1, W1, x, z1, y1) + sums(2, W2, y1, z2, y2)
    page.table(("neuron", "`w_0 * 1 + w_1 * y_1 + w_2 * y_2`", "z", "`y = f(z)`"), rows)
    page.compute("div", divergence, "y2, d")
    page.slip("""The constants are `y_0 = 1` of the layers 0 to N - 1, not 1 to N: the input
        needs one, the output has none.""")

    page.answer("b")
    page.formula(
        r"\frac{\partial \mathrm{Div}}{\partial y_j} = 2 (y_j - d_j)",
        "dDiv/dy_j = 2 (y_j - d_j)",
        "`y_j` of the last layer stands in one term of Div alone",
    )
    page.formula(
        r"\frac{\partial \mathrm{Div}}{\partial z_j}"
        r" = f'(z_j) \frac{\partial \mathrm{Div}}{\partial y_j}"
        r" = y_j (1 - y_j) \frac{\partial \mathrm{Div}}{\partial y_j}",
        "dDiv/dz_j = f'(z_j) dDiv/dy_j = y_j (1 - y_j) dDiv/dy_j",
        "`z_j` goes into `y_j` alone; the slope of a sigmoid is `y (1 - y)`, see problem 7",
    )
    page.formula(
        r"\frac{\partial \mathrm{Div}}{\partial w_{ij}^{(k)}}"
        r" = y_i^{(k-1)} \frac{\partial \mathrm{Div}}{\partial z_j^{(k)}}",
        "dDiv/dw_ij^(k) = y_i^(k-1) dDiv/dz_j^(k)",
        "`w_ij` stands in `z_j` alone, with the factor `y_i` of the layer before; for a bias that "
        "factor is 1",
    )
    page.formula(
        r"\frac{\partial \mathrm{Div}}{\partial y_i^{(k-1)}}"
        r" = \sum_j w_{ij}^{(k)} \frac{\partial \mathrm{Div}}{\partial z_j^{(k)}}",
        "dDiv/dy_i^(k-1) = sum_j w_ij^(k) dDiv/dz_j^(k)",
        "`y_i` goes into every `z_j` of the next layer, with the factor `w_ij`: all ways add up",
    )
    page.say("""Below, a d before a name means the slope of Div in it: `dz2` is `dDiv/dz` of
        layer 2, and `dW2` is `dDiv/dW`, with an entry for each weight and bias.""")
    page.compute("dy2", slope_of_divergence, "y2, d")
    _, dW2, _ = page.compute("dz2, dW2, dy1", backward, "dy2, y2, y1, W2")

    page.answer("c")
    page.say("""The last line gave `dDiv/dy` of the layer before, so the same function goes on from
        there, layer by layer, until it gives `dDiv/dx`. On the way it needs every y of the forward
        pass, as a factor and for the slope of f: they must be remembered.""")
    _, dW1, dx = page.compute("dz1, dW1, dx", backward, "dy1, y1, x, W1")
    page.graph(
        "graph",
        drawn([W1, W2], x, page.values["dy2"]),
        "Both passes: values above the edges, gradients of Div below; Div itself is not drawn.",
    )
    page.slip("""004's last step back has `w_ij` in the sum for `dDiv/dy_1` of the first layer; its
        index is 1, so `w_1j`.""")
    by_loops = np.hstack([page.values["div"], as_ours([dW1, dW2]), dx])
    net = network(W1, W2)
    div, engine_dx, engine = backpropagate(net, SquaredError(), x[None], d[None])
    page.equal("loops and engine", by_loops, np.hstack([div, engine, engine_dx[0]]), 1e-14)
    numeric = complex_step_gradient(net, SquaredError(), x[None], d[None])
    page.equal("dDiv/dw, complex step", as_ours([dW1, dW2]), numeric, 1e-14)
    page.proof("neuron by neuron = engine = complex step")

    page.answer("d")
    page.formula(
        r"w_{ij}^{(k)} \leftarrow w_{ij}^{(k)}"
        r" - \eta \frac{\partial \mathrm{Div}}{\partial w_{ij}^{(k)}}",
        "w_ij^(k) <- w_ij^(k) - eta dDiv/dw_ij^(k)",
        "for every layer and all i, j, biases included; then forward again, until Div no longer "
        "falls",
    )
    page.formula(
        r"\mathrm{Loss} = \frac{1}{T} \sum_t \mathrm{Div}(y_t, d_t)",
        "Loss = 1/T sum_t Div(y_t, d_t)",
        "with T samples Div is replaced by its mean over their outputs and targets, and its slopes "
        "by the mean of theirs",
    )
    W1_new = page.compute("W1_after", step, "W1, dW1, eta")
    W2_new = page.compute("W2_after", step, "W2, dW2, eta")
    fallen = divergence(forward(x, W1_new, W2_new)[-1], d)
    SGD(page.values["eta"]).step(net)
    stepped = as_ours([W1_new, W2_new])
    page.equal("engine: one step", net.parameter_vector(), stepped, 1e-14)
    page.proof("by hand = engine")
    page.show("Div before and after the step", np.array([page.values["div"], fallen]))

    page.answer("e")
    page.say("""The sum over i is the product of a row with a matrix, `z = y W`; the loops over
        neurons go, and one row per sample makes it work for many samples at once:""")
    page.compute("X, D", as_rows, "x, d")
    div, dW1, dW2, dX = page.compute("div, dW1, dW2, dX", matrices, "X, W1, W2, D")
    flat = np.hstack([div, as_ours([dW1, dW2]), dX[0]])
    page.equal("loops and matrices", by_loops, flat, 1e-14)
    page.proof("neuron by neuron = matrices")
    measure(page)

    page.answer("f")
    page.say("""First, a neuron's output changes no other neuron of its layer: `y_j` depends on
        `z_j` alone. A softmax breaks that (problem 15). Second, inputs meet only in a weighted sum.
        Products of units break that (problem 16). Third, f has a derivative everywhere. ReLU and
        the max break that (problem 17). The chain rule holds for the first two all the same, with
        other local derivatives; the third needs a convention.""")


def measure(page: Page) -> None:
    page.say("Measured, forward and backward in microseconds per sample:")
    rows = np.array([times(2**n, loops, matrices) for n in range(1, 6)])
    columns = ("units", "loops", "matrices, 1 sample", "times faster", "16 at once")
    page.table(
        columns,
        [[f"{value:.0f}" if value > 99 else f"{value:.3g}" for value in row] for row in rows],
    )
    width, slow, one, _, sixteen = rows.T
    curves = {"loops over neurons": slow, "matrices, one sample": one}
    curves["matrices, 16 samples at once"] = sixteen
    page.curves(
        "time",
        np.log2(width),
        curves,
        log="y",
        caption="Loops take a time per weight, matrices hardly more for a larger layer.",
        xlabel="units per layer",
        ylabel="forward and backward, \u00b5s per sample",
        xticks=np.log2(width),
        xticklabels=[f"{w:.0f}" for w in width],
    )
