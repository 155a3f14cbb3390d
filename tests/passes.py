"""Passes and graphs that the tests of mlp.seeing look at."""

import numpy as np

from mlp import Affine, Concat, ReLU, Sequential, Sigmoid, SquaredError, trace
from mlp.seeing.graphs import Graph
from mlp.seeing.operations import Operation, add, computation, multiply
from published import affine


def mazur_network():
    return Sequential(
        affine(np.transpose([[0.15, 0.20], [0.25, 0.30]]), [0.35, 0.35]),
        Sigmoid(),
        affine(np.transpose([[0.40, 0.45], [0.50, 0.55]]), [0.60, 0.60]),
        Sigmoid(),
    )


def mazur(net=None):
    """Mazur's 2-2-2 network: x, targets, and half the squared error, rate 0.5."""
    return trace(
        net or mazur_network(),
        [[0.05, 0.10]],
        [[0.01, 0.99]],
        SquaredError(factor=0.5),
        learning_rate=0.5,
    )


def branching(rng):
    """Sequential in Sequential, and two branches of a different depth."""
    return Sequential(
        Affine(3, 4, rng=rng),
        Sequential(ReLU(), Sequential(Affine(4, 4, rng=rng), Sigmoid())),
        Concat(Affine(4, 2, rng=rng), Sequential(Affine(4, 3, rng=rng), ReLU())),
        Affine(5, 2, rng=rng),
    )


def sigmoid_neuron(backward: bool = True) -> Graph:
    """CS231n's neuron, taken apart: w = (2, -3, -3), x = (-1, -2)."""
    return computation(
        {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3},
        [
            multiply("a", "w0", "x0"),
            multiply("b", "w1", "x1"),
            add("s", "a", "b"),
            add("t", "s", "w2"),
            Operation("n", "* -1", ["t"], lambda t: -t, lambda t: [-1], "-t", ["-1"]),
            Operation("e", "exp", ["n"], np.exp, lambda n: [np.exp(n)], "exp(n)", ["e"]),
            Operation("u", "+1", ["e"], lambda e: 1 + e, lambda e: [1], "1 + e", ["1"]),
            Operation("f", "1/u", ["u"], lambda u: 1 / u, lambda u: [-1 / u**2], "1 / u"),
        ],
        backward=backward,
    )


def toy() -> Graph:
    return computation({"x": -2, "y": 5, "z": -4}, [add("q", "x", "y"), multiply("f", "q", "z")])


def gate() -> Graph:
    """Both inputs reach the end on two ways, which meet again."""
    return computation(
        {"a": 0.5, "b": -1.5},
        [
            add("s", "a", "b"),
            multiply("p", "a", "b"),
            multiply("m", "s", "p"),
            Operation("t", "tanh", ["m"], np.tanh, lambda m: [1 - np.tanh(m) ** 2], "tanh(m)"),
        ],
    )


def agrees(text: str, value: float, digits: int = 3) -> bool:
    """Whether text is the number, rounded to at least that many significant digits."""
    if value == 0:
        return float(text) == 0
    unit = 10.0 ** (np.floor(np.log10(abs(value))) - digits + 1)
    return abs(float(text) - value) <= 0.5001 * unit
