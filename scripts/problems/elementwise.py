"""Problem 7's measurements and pictures: stacks of layers, a single ReLU, the functions."""

import numpy as np

from mlp import SGD, Affine, ReLU, Sequential, Sigmoid, SquaredError, fit
from mlp.seeing.plots import COLOURS


def relu(z):
    return z * (z > 0)


def relu_slope(y):
    return 1.0 * (y > 0)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def sigmoid_slope(y):
    return y * (1 - y)


FUNCTIONS = {  # name: f(z), f'(z) as a function of y = f(z), the engine's layer, start
    "ReLU": (relu, relu_slope, ReLU, "he"),
    "sigmoid": (sigmoid, sigmoid_slope, Sigmoid, "glorot"),
}


def trained(x, slope, rate, w, b):
    """A ReLU w x + b after 100 steps towards the targets x, and its losses."""
    net = Sequential(Affine(1, 1, init=w), ReLU(negative_slope=slope))
    net[0].b = [b]
    rows = x[:, None]
    history = fit(net, SquaredError(), SGD(rate), rows, rows, epochs=100, batch_size=None)
    return net, np.array([record["loss"] for record in history])


def check_stacks(page, backprop):
    """The norms of all dW by activation and depth; those of the deepest against the engine."""
    rng = np.random.default_rng(7)
    norms, (x, U) = {}, rng.normal(size=(2, 100, 64))
    for name, (f, slope, kind, init) in FUNCTIONS.items():
        for depth in (2, 5, 10, 20):
            affine = [Affine(64, 64, bias=False, init=init, rng=rng) for _ in range(depth)]
            by_hand = backprop(f, slope, [layer.W for layer in affine], x, U)
            norms[name, depth] = [np.linalg.norm(dW) for dW in by_hand]
        net = Sequential(*(part for layer in affine for part in (layer, kind())))
        net.forward(x)
        net.backward(U)
        size = np.array(norms[name, depth])[:, None, None]  # each gradient against its own
        engine = [layer.dW for layer in affine] / size
        page.equal(f"engine: 20 gradients, {name}", engine, by_hand / size, 1e-12)
    return norms


def draw_functions(figure):
    left, right = figure.subplots(1, 2)
    z = np.linspace(-6, 6, 241)
    left.plot(z, sigmoid(z), label="σ(z)")
    left.plot(z, sigmoid_slope(sigmoid(z)), "--", label="σ'(z), at most 1/4")
    left.set(title="Sigmoid", xlabel="z", ylim=(-0.05, 1.25), yticks=(0, 0.25, 0.5, 0.75, 1))
    left.legend(loc="upper left")
    right.plot(z[:121], 0 * z[:121], color=COLOURS[0], label="relu(z)")
    right.plot(z[120:], z[120:], color=COLOURS[0])
    right.plot(z[:121], 0 * z[:121], "--", color=COLOURS[1], label="relu'(z)")
    right.plot(z[120:], 0 * z[120:] + 1, "--", color=COLOURS[1])
    right.plot(0, 1, "o", color=COLOURS[1], markerfacecolor="white")
    right.plot(0, 0, "o", color=COLOURS[1])
    right.set(title="ReLU", xlabel="z", xlim=(-3, 3), ylim=(-0.15, 3), yticks=(0, 1, 2, 3))
    right.legend(loc="upper left")


def draw_vanishing(figure, norms):
    axes = figure.subplots()
    for (name, depth), norm in norms.items():
        label = f"{name}, {FUNCTIONS[name][3].title()} start: 2 to 20 layers" * (depth == 20)
        colour = COLOURS[name == "ReLU"]
        axes.semilogy(range(1, depth + 1), norm, "o-", color=colour, label=label or None)
    axes.set(xlabel="layer", ylabel="norm of dL/dW", xticks=(1, 2, 5, 10, 15, 20))
    axes.set_title("Each sigmoid layer costs three quarters of the gradient")
    axes.legend()
