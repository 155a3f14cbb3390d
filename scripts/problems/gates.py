"""Problem 16's gate: the task, the networks that learn it, and their picture."""

from typing import Any

import numpy as np

from mlp import Affine, Concat, Multiply, Sequential, Sigmoid, SquaredError
from problems.engine import backpropagate


def grid() -> np.ndarray:
    """81 rows (v, s)."""
    v, s = np.meshgrid(np.linspace(-2, 2, 9), np.linspace(-1, 1, 9))
    return np.column_stack([v.ravel(), s.ravel()])


def target(x: np.ndarray) -> np.ndarray:
    """The value v behind a gate that s opens."""
    return x[:, :1] / (1 + np.exp(-6 * x[:, 1:]))


def network(units: int, rng: np.random.Generator) -> Sequential:
    """Additive with that many hidden units; with none, a gate times a value."""
    if units:
        return Sequential(Affine(2, units, rng=rng), Sigmoid(), Affine(units, 1, rng=rng))
    gate, value = Sequential(Affine(2, 1, rng=rng), Sigmoid()), Affine(2, 1, rng=rng)
    return Sequential(Concat(gate, value), Multiply())


def train(units: int, x: np.ndarray, rng: np.random.Generator) -> tuple[float, int, Sequential]:
    """The rms error after at most 120 steps of BFGS, the number of parameters, the network."""
    from scipy.optimize import minimize

    net = network(units, rng)

    def value_and_slope(vector: np.ndarray) -> Any:
        net.load_vector(vector)
        return backpropagate(net, SquaredError(), x, target(x))[::2]

    start, options = net.parameter_vector(), {"maxiter": 120, "gtol": 1e-9}
    found = minimize(value_and_slope, start, jac=True, options=options)
    net.load_vector(found.x)
    return float(np.sqrt(found.fun)), found.x.size, net


def draw_gates(figure: Any, gate: Sequential, additive: Sequential) -> None:
    v = np.linspace(-4, 4, 161)
    for axes, net in zip(figure.subplots(1, 2, sharey=True), (gate, additive), strict=True):
        axes.axvspan(-2, 2, color="#f0f0f0")
        for s in (-0.8, -0.2, 0.2, 0.8):
            x = np.column_stack([v, np.full(161, s)])
            axes.plot(v, net.predict(x), label=f"$s$ = {s}")
            axes.plot(v, target(x), "k:", linewidth=1)
        axes.set(xlabel="value $v$ (grey: trained on)")
        axes.set_title("two additive units" if net is additive else "a gate times a value")
    figure.axes[0].set_ylabel("output (dotted: target)")
    figure.axes[0].legend()
