"""Problem 5's picture: from one sample to a mini-batch, with the shapes of all arrays."""

from mlp.seeing.plots import INK
from problems.schemes import box, canvas, forward, note

CELL = 0.3
"""Inches for one row or column."""


def draw_shapes(figure) -> None:
    axes = canvas(figure, 8, 4.3)
    note(axes, (0.3, 4.0), "One sample: a vector in, a vector out", ha="left")
    _array(axes, (1.6, 3.1), 2, 2, "W", "m x d")
    _array(axes, (2.9, 3.1), 2, 1, "x", "d")
    _array(axes, (4.5, 3.1), 2, 1, "y", "m")
    note(axes, (3.7, 3.1), "=", 14)
    forward(axes, (5.1, 3.1), (6.0, 3.1))
    box(axes, (6.9, 3.1), "next layer\nor loss", 1.7)
    note(axes, (0.3, 1.9), "A mini-batch: one sample in each column", ha="left")
    _array(axes, (1.6, 1.0), 2, 2, "W", "m x d")
    _array(axes, (2.9, 1.0), 2, 3, "X", "d x n")
    _array(axes, (4.5, 1.0), 2, 3, "Y", "m x n")
    note(axes, (3.7, 1.0), "=", 14)
    forward(axes, (5.1, 1.0), (6.0, 1.0))
    box(axes, (6.9, 1.0), "next layer\nor loss", 1.7)


def _array(axes, at, rows, columns, name, shape) -> None:
    """A grid of cells around the point `at`, its name and shape below it."""
    from matplotlib.patches import Rectangle

    left, bottom = at[0] - columns * CELL / 2, at[1] - rows * CELL / 2
    for row in range(rows):
        for column in range(columns):
            corner = (left + column * CELL, bottom + row * CELL)
            look = {"facecolor": "#f1f4f6", "edgecolor": INK, "linewidth": 1}
            axes.add_patch(Rectangle(corner, CELL, CELL, **look))
    note(axes, (at[0], bottom - 0.2), f"{name}, {shape}", 11)
