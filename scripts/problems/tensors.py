"""Problem 2's functions as networks of the engine, and its picture of tensors.

For the engine a 2 x 2 matrix is one row of four numbers, (x11, x12, x21, x22).
"""

import numpy as np

from mlp import Affine, Concat, Multiply, Sequential
from mlp.seeing.plots import BLUE, INK
from problems.schemes import canvas, note


def square_network():
    """X -> X X: the eight products of entries, added up in pairs."""
    products = [[0, 0], [1, 2], [0, 1], [1, 3], [2, 0], [3, 2], [2, 1], [3, 3]]
    net = Sequential(Multiply(products), Affine(8, 4, bias=False))
    net[1].W = np.repeat(np.eye(4), 2, axis=0)
    return net


def det_and_trace_network():
    det = Sequential(Multiply([[0, 3], [1, 2]]), Affine(2, 1, bias=False))
    det[1].W = [[1], [-1]]
    trace = Affine(4, 1, bias=False)
    trace.W = np.array([[1], [0], [0], [1]])
    return Sequential(Concat(det, trace))


def check_engine(page, X, D, G, dz_dX, dz):
    square = square_network()
    net = Sequential(square, det_and_trace_network())
    row = X.reshape(1, 4).astype(float)
    net.forward(row)
    page.equal("engine: dz by jvp", net.jvp(D.reshape(1, 4).astype(float))[0], dz, 0)
    net.forward(np.tile(row, (2, 1)))
    page.equal("engine: dz/dX by backward", net.backward(np.eye(2)).reshape(2, 2, 2), dz_dX, 0)
    square.forward(np.tile(row, (4, 1)))
    page.equal("engine: G by backward", square.backward(np.eye(4)).reshape(G.shape), G, 0)


def draw_tensors(figure):
    axes = canvas(figure, 8, 2.1)
    _grid(axes, (0.65, 0.75), 4, 1)
    _grid(axes, (1.7, 0.75), 4, 4)
    _image(axes, (3.5, 0.6))
    for time in range(3):
        _image(axes, (5.3 + 0.62 * time, 0.85 - 0.2 * time), 0.55)
    for x, text in (
        (0.75, "vector: 1 axis"),
        (2.1, "matrix: 2"),
        (4.1, "image: 3"),
        (6.5, "video: 4"),
    ):
        note(axes, (x, 0.25), text)


def _image(axes, at, scale=1.0):
    """One plane for each colour, the first in front."""
    for plane, colour in ((2, "#56b4e9"), (1, "#009e73"), (0, "#d55e00")):
        shift = 0.16 * plane * scale
        _grid(axes, (at[0] + shift, at[1] + shift), 4, 4, 0.22 * scale, colour)


def _grid(axes, at, rows, columns, side=0.2, colour=BLUE):
    from matplotlib.patches import Rectangle

    for row, column in np.ndindex(rows, columns):
        corner = (at[0] + side * column, at[1] + side * row)
        axes.add_patch(
            Rectangle(corner, side, side, facecolor=colour, edgecolor="white", linewidth=1)
        )
    whole = Rectangle(at, side * columns, side * rows, fill=False, edgecolor=INK, linewidth=0.8)
    axes.add_patch(whole)
