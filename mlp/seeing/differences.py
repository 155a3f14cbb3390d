"""A wrong gradient beside the right one, as heat maps."""

from typing import Any

import numpy as np

from mlp.seeing import plots

__all__ = ["gradient_difference"]

AXES = {
    "dx": ("sample", "input"),
    "dW": ("input", "output"),
    "db": ("", "output"),
    "Jacobian": ("output", "input"),
    "Jacobian-samples": ("output of sample 0", "inputs of all samples in turn"),
}
"""What the rows and columns of an array in a report are."""


def gradient_difference(
    analytic: np.ndarray, reference: np.ndarray, title: str, *, path: plots.Target = None
) -> Any:
    """A gradient, the right one and their difference, as heat maps with one scale for all.

    A vector is drawn as one row, more than two axes with all but the last as rows. Arrays of
    different shapes have no difference. A frame marks the row of the largest difference. What the
    axes are called follows from what the title ends in, as in "Softmax: dx".
    """
    panels = {"analytic": _as_matrix(analytic), "reference": _as_matrix(reference)}
    if analytic.shape == reference.shape:
        panels["difference"] = panels["analytic"] - panels["reference"]
    across = 9.6 / len(panels)
    high = min(max(max(across * len(v) / v.shape[1] for v in panels.values()), 0.5), 5.0)
    size = (11, high + 1.5)
    return plots.figure(size, path, lambda picture: _panels(picture, panels, title, across, high))


def _panels(
    picture: Any, panels: dict[str, np.ndarray], title: str, across: float, high: float
) -> None:
    """Heat maps side by side, each so many inches wide and high."""
    largest = float(np.max(abs(panels["reference"]), initial=0.0)) or 1.0
    picture.suptitle(title)
    rows, columns = AXES.get(title.rpartition(": ")[2], ("row", "column"))
    for axes, (name, values) in zip(picture.subplots(1, len(panels)), panels.items(), strict=True):
        shown = np.where(np.isfinite(values), values, np.nan)
        image = axes.imshow(shown, cmap=plots.SIGNED, vmin=-largest, vmax=largest, aspect="auto")
        axes.set(title=f"{name} ({values.shape[0]} x {values.shape[1]})", xlabel=columns)
        axes.set_ylabel(rows if name == "analytic" else "")
        axes.grid(False)
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        if (
            across / values.shape[1] >= plots.SMALLEST_DOTTED
            and high / len(values) >= plots.SMALLEST_DOTTED
        ):
            box = (-0.5, values.shape[1] - 0.5, len(values) - 0.5, -0.5)
            plots.dot_negative(axes, shown, box, largest)
        if "difference" in panels and len(values) > 1:
            _frame_row(axes, panels["difference"])
    bar = picture.colorbar(image, ax=picture.axes, shrink=0.9)
    bar.set_label("blue +, red (dotted) -")


def _frame_row(axes: Any, difference: np.ndarray) -> None:
    """A frame around the row with the largest difference, if there is one."""
    from matplotlib.patches import Rectangle

    size = np.where(np.isnan(difference), np.inf, abs(difference))
    if size.max() > 0:
        row, wide = int(np.unravel_index(size.argmax(), size.shape)[0]), difference.shape[1]
        axes.add_patch(
            Rectangle((-0.5, row - 0.5), wide, 1, fill=False, edgecolor="black", linewidth=2,
                      clip_on=False, zorder=5)
        )  # fmt: skip


def _as_matrix(values: np.ndarray) -> np.ndarray:
    return np.atleast_2d(values.reshape(-1, values.shape[-1]) if values.ndim > 2 else values)
