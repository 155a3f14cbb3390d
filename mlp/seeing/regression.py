"""Real predictions against what is true: a point for each sample, and the line where all is met."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlp import metrics
from mlp.seeing import plots
from mlp.tables import shortened

PANELS, ACROSS = 9, 3
"""How many targets are drawn, and how many side by side."""
POINTS = 5000
"""Of more samples some are drawn, evenly spread: more would be a blot."""


def predicted(
    target: np.ndarray,
    said: np.ndarray,
    names: Sequence[str] | None = None,
    *,
    ax: Any = None,
    path: plots.Target = None,
) -> Any:
    """The figure, with a panel for each column of target and said (N, K), in the target's units.

    `names` are those of the columns. Of more than nine columns the nine with the lowest R squared
    are drawn, into `ax` only the one that there is. What is not finite is left out. (N,) is one
    column. Raises ValueError for other shapes, other names, and `ax` for several columns.
    """
    target, said = (a[:, None] if a.ndim == 1 else a for a in map(np.asarray, (target, said)))
    errors, fits = metrics.rmse(target, said), metrics.r_squared(target, said)
    if names is None:
        names = [f"target_{j}" for j in range(len(fits))] if len(fits) > 1 else ["target"]
    if len(names) != len(fits):
        raise ValueError(f"predicted: expected names of {len(fits)} columns, got {len(names)}")
    if ax is not None and len(fits) > 1:
        raise ValueError(f"predicted: expected one column for ax, got {len(fits)}; leave ax out")
    columns = np.argsort(fits, kind="stable")[:PANELS] if len(fits) > PANELS else range(len(fits))
    across = min(len(columns), ACROSS)
    down = math.ceil(len(columns) / across)
    drawn = np.linspace(0, len(target) - 1, min(len(target), POINTS)).astype(int)

    def panel(axes: Any, j: int) -> None:
        _panel(axes, target[drawn, j], said[drawn, j], names[j])
        axes.set_title(f"R squared {fits[j]:.4f}, RMSE {errors[j]:.4g}", fontsize=10)

    def draw(picture: Any) -> None:
        grid = picture.subplots(down, across, squeeze=False).flat
        for axes in grid[len(columns) :]:
            axes.set_visible(False)
        for axes, j in zip(grid, columns, strict=False):
            panel(axes, j)
        if len(drawn) < len(target):
            picture.supxlabel(f"{len(drawn)} of {len(target)} samples", fontsize=9, ha="center")

    if ax is not None:
        return plots.on_axes(lambda axes: panel(axes, 0), (4.6, 4.2), ax, path)
    return plots.figure((max(4.2 * across, 4.6), 4.2 * down), path, draw)


def _panel(axes: Any, target: np.ndarray, said: np.ndarray, name: str) -> None:
    finite = np.isfinite(said)
    both = np.concatenate([target, said[finite]])
    low, high = float(both.min()), float(both.max())
    margin = 0.04 * (high - low) or 1.0
    ends = (low - margin, high + margin)
    look = {"s": 16 if len(target) < 500 else 6, "alpha": 0.5, "linewidths": 0}
    axes.plot(ends, ends, color=plots.PALE, linewidth=1.2, zorder=1, label="predicted = true")
    axes.scatter(target[finite], said[finite], color=plots.BLUE, rasterized=True, **look)
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    short = shortened(name, 24)
    axes.set(xlabel=f"true {short}", ylabel=f"predicted {short}")
    axes.legend(loc="upper left", fontsize=8)
