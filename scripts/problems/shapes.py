"""Problem 5's picture: from one sample to a mini-batch, with the shapes of all arrays."""

from mlp.seeing.plots import INK
from problems.schemes import box, canvas, forward, note

CELL = 0.3
"""Inches for one row or column."""


def draw_shapes(figure) -> None:
    axes = canvas(figure, 8, 3.8)
    note(axes, (0.3, 3.6), "One sample: a vector in, a vector out", ha="left")
    _array(axes, (1.6, 2.85), 2, 2, "W", "m x d")
    _array(axes, (2.9, 2.85), 2, 1, "x", "d")
    _array(axes, (4.5, 2.85), 2, 1, "y", "m")
    note(axes, (3.7, 2.85), "=", 14)
    forward(axes, (5.1, 2.85), (6.0, 2.85))
    box(axes, (6.9, 2.85), "next layer\nor loss", 1.7)
    note(axes, (0.3, 1.7), "A mini-batch: one sample in each column", ha="left")
    _array(axes, (1.6, 0.95), 2, 2, "W", "m x d")
    _array(axes, (2.9, 0.95), 2, 3, "X", "d x n")
    _array(axes, (4.5, 0.95), 2, 3, "Y", "m x n")
    note(axes, (3.7, 0.95), "=", 14)
    forward(axes, (5.1, 0.95), (6.0, 0.95))
    box(axes, (6.9, 0.95), "next layer\nor loss", 1.7)


def _array(axes, at, rows, columns, name, shape) -> None:
    """A grid of cells around the point `at`, its name and shape below it."""
    from matplotlib.patches import Rectangle

    left, bottom = at[0] - columns * CELL / 2, at[1] - rows * CELL / 2
    for row in range(rows):
        for column in range(columns):
            corner = (left + column * CELL, bottom + row * CELL)
            cell = Rectangle(corner, CELL, CELL, facecolor="#f1f4f6", edgecolor=INK)
            axes.add_patch(cell)
    note(axes, (at[0], bottom - 0.2), f"{name}, {shape}", 11)
