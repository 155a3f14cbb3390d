"""All weights equal: what z, y, the gradients and a hundred steps of descent leave equal.

The network of problem 8 (deck 003, 3.2: columns, W0 (h, d); our net[0].W is its transpose):
z = sigmoid(W0 x + b0), y = W1 z + b1. Unit i owns row i of W0, entry i of b0, column i of W1.
The deck starts from zeros and says that any constant will do.
"""

import numpy as np
from scipy.optimize import isotonic_regression

from mlp import SGD, Affine, Sequential, Sigmoid, SquaredError, fit
from problems.numeric import gradient_vector, of_parameters
from problems.report import Report

TITLE = "All weights equal: descent keeps them equal (3.2)"
DECKS = "003"


def network(d, init):
    """Four hidden units; all weights and biases equal to a number, or "glorot": random."""
    options = {"init": init, "rng": np.random.default_rng(0)}
    net = Sequential(Affine(d, 4, **options), Sigmoid(), Affine(4, 1, **options))
    if init != "glorot":
        net.load_vector(np.full(net.parameter_vector().size, init))
    return net


def descend(W0, b0, W1, b1, x, d):
    """A step of rate 0.5 on the mean of (y - d)^2, by hand, with samples as columns."""
    z = 1 / (1 + np.exp(-(W0 @ x + b0)))
    U = 2 * (W1 @ z + b1 - d) / x.shape[1]
    delta = W1.T @ U * z * (1 - z)
    gradients = delta @ x.T, delta.sum(1, keepdims=True), U @ z.T, U.sum(1, keepdims=True)
    return [p - 0.5 * g for p, g in zip((W0, b0, W1, b1), gradients, strict=True)]


def solve(report: Report) -> None:
    zeros(report, np.random.default_rng(9).normal(scale=100, size=(1000, 2)))
    for c in (0, 0.7):
        hundred_steps(report, c)
    expressiveness(report)


def zeros(report, x):
    report.claim("From zeros, for every x: z_i = 1/2 and y = 0, and the gradients of y are:")
    report.derive("dy/dW1 = (1/2, ..., 1/2)   dy/db1 = 1   dy/dW0 = 0   dy/db0 = 0, as W1 = 0")
    report.slip("003 writes b^(0)i for the bias of unit i; it must be b_i^(0).")
    net = network(2, 0)
    report.check("engine: largest |y| over 1000 x", np.abs(net.forward(x)).max(), 0)
    report.check("engine: largest |z - 1/2|", np.abs(net[:2].forward(x) - 0.5).max(), 0)
    net.forward(x[:1])
    net.backward([[1.0]])
    by_hand = np.array([0] * 12 + [0.5] * 4 + [1])
    report.equal("engine: gradients", gradient_vector(net), by_hand, 0)
    numbers = of_parameters(net, lambda net: net.forward(x[:1]).item())
    report.equal("complex step", by_hand, numbers, 1e-15)


def hundred_steps(report, c):
    report.claim(f"""From all {c}: equal W_i, b_i give equal z_i, equal gradients, and so equal W_i,
        b_i after the step: by induction, forever. The h units act as one.""")
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
    report.show("W0, b0, W1 of each unit", units.T)
    report.check("largest gap between units in 100 steps", max(apart), 1e-13)
    vector = np.concatenate([by_hand[0].T.ravel(), *(p.ravel() for p in by_hand[1:])])
    report.equal("100 steps, by hand and by engine", vector, net.parameter_vector(), 1e-12)
    w, b, v, b1 = net[0].W[:, 0], net[0].b[0], 4 * net[2].W[0], net[2].b
    one = v / (1 + np.exp(-(x @ w[:, None] + b))) + b1
    report.equal("one unit of 4 times its W1: same y", one, net.forward(x), 1e-13)


def expressiveness(report):
    report.claim("""One unit is monotone along a line. So on a bump no equal start gets below the
        best monotone fit (isotonic regression); random weights do.""")
    x = np.linspace(-3, 3, 61)[:, None]
    d, nets, losses = np.exp(-((x - 0.5) ** 2)), {}, {}
    fits = [isotonic_regression(d[:, 0], increasing=up).x for up in (True, False)]
    bound = min(np.mean((y - d[:, 0]) ** 2) for y in fits)
    for name, init in (("all 0", 0), ("all 1", 1), ("random", "glorot")):
        nets[name], optimizer = network(1, init), SGD(0.3, momentum=0.9)
        history = fit(nets[name], SquaredError(), optimizer, x, d, epochs=3000, batch_size=None)
        losses[name] = history[-1]["loss"]
    report.table(("best monotone fit", *losses), [(bound, *losses.values())])
    for name in ("all 0", "all 1"):
        report.check(f"{name}: bound beaten by", max(0, bound - losses[name]), 0)
    report.check("random: final loss", losses["random"], bound / 100)
    outputs = {f"from {name}": net.predict(x) for name, net in nets.items()}
    labels = {"title": "Four hidden units that start equal stay one unit", "xlabel": "x"}
    report.curves("bump", x[:, 0], outputs, {"target": d}, ylabel="y", **labels)
