"""Problem 4's function as networks of the engine, and as graphs."""

import numpy as np

from mlp import Affine, Multiply, Sequential, SquaredError
from mlp.seeing.drawing import BACKWARD, FORWARD
from mlp.seeing.graphs import Graph
from mlp.seeing.operations import Operation, add, computation, multiply
from problems.schemes import box, canvas, note, wire

NO_BREAK = "\N{NO-BREAK SPACE}"
"""SVG makes one of several blanks."""


def by_multiply(W, x):
    """f, df/dW, df/dx with y_i^2 as the product of the pair (i, i); its gradient is 2 y_i."""
    affine = Affine(*W.T.shape, bias=False)
    affine.W = W.T
    net = Sequential(affine, Multiply([[i, i] for i in range(len(W))]))
    squares = net.forward(x[None, :])
    dx = net.backward(np.ones_like(squares))  # f is the sum of the squares
    return squares.sum(), affine.dW.T, dx[0]


def by_squared_error(W, x):
    """f, df/dW, df/dx as the squared distance of y from 0."""
    affine, loss = Affine(*W.T.shape, bias=False), SquaredError()
    affine.W = W.T
    f = loss.forward(affine.forward(x[None, :]), np.zeros((1, len(W))))
    dx = affine.backward(loss.backward())
    return f, affine.dW.T, dx[0]


def graph_of_entries(W, x) -> Graph:
    """f for 2 x 2, one number on each edge."""
    inputs = {"w11": W[0, 0], "w12": W[0, 1], "x1": x[0], "x2": x[1]}
    inputs |= {"w21": W[1, 0], "w22": W[1, 1]}
    operations = []
    for i in "12":
        operations += [multiply(f"p{i}{j}", f"w{i}{j}", f"x{j}") for j in "12"]
        operations.append(add(f"y{i}", f"p{i}1", f"p{i}2"))
    squares = [
        Operation(f"s{i}", "y²", [f"y{i}"], lambda y: y**2, lambda y: [2 * y], f"y{i}^2")
        for i in "12"
    ]
    return computation(inputs, [*operations, *squares, add("f", "s1", "s2")])


def draw_arrays(figure, W, x, y, f, dW, dx) -> None:
    """f as two nodes, with whole arrays on the edges."""
    axes = canvas(figure, 8, 3.2)
    box(axes, (0.6, 2.5), "$W$", 0.7)
    box(axes, (0.6, 0.9), "$x$", 0.7)
    box(axes, (3.4, 1.8), r"$W \cdot x$", 1.0)
    box(axes, (5.9, 1.8), r"$|\,y\,|^2$", 1.0)
    wire(axes, (0.95, 2.5), (2.55, 2.5), (2.9, 2.0))
    wire(axes, (0.95, 0.9), (2.55, 0.9), (2.9, 1.6))
    wire(axes, (3.9, 1.8), (5.4, 1.8))
    wire(axes, (6.4, 1.8), (7.7, 1.8))
    for at, value, gradient in (
        ((1.75, 2.5), W, dW),
        ((1.75, 0.9), x, dx),
        ((4.65, 1.8), y, 2 * y),
        ((7.05, 1.8), f, 1),
    ):
        _above_and_below(axes, at, value, gradient)
    note(axes, (4.65, 0.6), "above a line: the value", color=FORWARD, ha="left")
    note(axes, (4.65, 0.3), "below it: the gradient of f", color=BACKWARD, ha="left")


def _above_and_below(axes, at, value, gradient):
    text = {"size": 10, "family": "DejaVu Sans Mono"}
    note(axes, (at[0], at[1] + 0.08), _text(value), color=FORWARD, va="bottom", **text)
    note(axes, (at[0], at[1] - 0.08), _text(gradient), color=BACKWARD, va="top", **text)


def _text(value):
    if np.ndim(value) == 2:
        return "\n".join(_text(row) for row in value)
    return (2 * NO_BREAK).join(f"{number:.4g}" for number in np.atleast_1d(value))
