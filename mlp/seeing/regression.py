"""Real predictions against what is true: a point for each sample, and the line where all is met."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlp import metrics
from mlp.seeing import plots

PANELS, ACROSS = 9, 3
"""How many targets are drawn, and how many side by side."""
POINTS = 5000
"""Of more samples some are drawn, evenly spread: more would be a blot."""


def predicted(
    target: np.ndarray, said: np.ndarray, names: Sequence[str], *, path: plots.Target = None
) -> Any:
    """A panel for each column of target and said (N, K), in the units of the target.

    Of more than nine columns the nine with the lowest R squared. What is not finite is left out.
    """
    errors, fits = metrics.rmse(target, said), metrics.r_squared(target, said)
    columns = np.argsort(fits, kind="stable")[:PANELS] if len(fits) > PANELS else range(len(fits))
    across = min(len(columns), ACROSS)
    down = math.ceil(len(columns) / across)
    drawn = np.linspace(0, len(target) - 1, min(len(target), POINTS)).astype(int)

    def draw(picture: Any) -> None:
        grid = picture.subplots(down, across, squeeze=False).flat
        for axes in grid[len(columns) :]:
            axes.set_visible(False)
        for axes, j in zip(grid, columns, strict=False):
            _panel(axes, target[drawn, j], said[drawn, j], names[j])
            axes.set_title(f"R squared {fits[j]:.4f}, RMSE {errors[j]:.4g}", fontsize=10)
        if len(drawn) < len(target):
            picture.supxlabel(f"{len(drawn)} of {len(target)} samples", fontsize=9, ha="center")

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
    short = name if len(name) <= 24 else f"{name[:23]}…"
    axes.set(xlabel=f"true {short}", ylabel=f"predicted {short}")
    axes.legend(loc="upper left", fontsize=8)
