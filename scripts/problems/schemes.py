"""Schematic drawings: boxes with arrows, values forward in green and gradients back in red."""

from typing import Any

from mlp.seeing.drawing import BACKWARD, FORWARD
from mlp.seeing.plots import INK, PALE

Point = tuple[float, float]


def canvas(figure: Any, wide: float, high: float) -> Any:
    """Axes without axes; one unit is one inch."""
    figure.set_size_inches(wide, high)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, wide), ylim=(0, high))
    axes.axis("off")
    return axes


def box(axes: Any, at: Point, text: str, wide: float = 1.1, high: float = 0.7, **look: Any) -> None:
    """A box around the point `at`, with its text in the middle."""
    from matplotlib.patches import FancyBboxPatch

    corner = (at[0] - wide / 2, at[1] - high / 2)
    kind: Any = {"boxstyle": "round,pad=0,rounding_size=0.08", "facecolor": "#f1f4f6"}
    kind |= {"edgecolor": INK, "linewidth": 1.2} | look
    axes.add_patch(FancyBboxPatch(corner, wide, high, **kind))
    size = 13 if "$" in text else 11
    axes.text(*at, text, ha="center", va="center", fontsize=size)


def forward(axes: Any, start: Point, end: Point, text: str = "", **where: Any) -> None:
    """An arrow of a value on its way forward; the text stands above it."""
    _arrow(axes, start, end, FORWARD, "-")
    _label(axes, start, end, text, FORWARD, {"va": "bottom", "shift": (0, 0.05)} | where)


def back(axes: Any, start: Point, end: Point, text: str = "", **where: Any) -> None:
    """An arrow of a gradient on its way back; the text stands below it."""
    _arrow(axes, start, end, BACKWARD, "--")
    _label(axes, start, end, text, BACKWARD, {"va": "top", "shift": (0, -0.05)} | where)


def wire(axes: Any, *points: Point) -> None:
    """A line that carries both a value, above it, and its gradient, below."""
    axes.plot([x for x, _ in points], [y for _, y in points], color=PALE, linewidth=1.2, zorder=0)


def note(axes: Any, at: Point, text: str, size: float = 11, **look: Any) -> None:
    axes.text(*at, text, **({"ha": "center", "va": "center", "fontsize": size} | look))


def legend(axes: Any, at: Point) -> None:
    """What the two kinds of arrows are, beside each other from `at` on."""
    x, y = at
    forward(axes, (x, y), (x + 0.5, y))
    note(axes, (x + 0.6, y), "values, forward", ha="left")
    back(axes, (x + 2.9, y), (x + 2.4, y))
    note(axes, (x + 3.0, y), "gradients, back", ha="left")


def _arrow(axes: Any, start: Point, end: Point, colour: str, line: str) -> None:
    look = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.5, "linestyle": line}
    look |= {"shrinkA": 0, "shrinkB": 0, "mutation_scale": 13}
    axes.annotate("", xy=end, xytext=start, arrowprops=look)


def _label(
    axes: Any, start: Point, end: Point, text: str, colour: str, where: dict[str, Any]
) -> None:
    across, up = where.pop("shift")
    middle = ((start[0] + end[0]) / 2 + across, (start[1] + end[1]) / 2 + up)
    axes.text(*middle, text, **({"color": colour, "ha": "center", "fontsize": 12} | where))


def draw_linear_layer(figure: Any) -> None:
    """One layer, with what it gets and gives on both ways."""
    axes, y = canvas(figure, 8, 3.3), 2.2
    box(axes, (4, y), "$z = x\\,W$", 1.7, 0.9)
    forward(axes, (1.2, y + 0.18), (3.1, y + 0.18), "$x$")
    forward(axes, (4.9, y + 0.18), (6.8, y + 0.18), "$z$")
    back(axes, (6.8, y - 0.18), (4.9, y - 0.18), r"$\partial e/\partial z$")
    back(axes, (3.1, y - 0.18), (1.2, y - 0.18),
         r"$\partial e/\partial x = \frac{\partial e}{\partial z}\,W^\mathsf{T}$")  # fmt: skip
    beside = {"va": "center"}
    forward(axes, (3.8, 0.8), (3.8, y - 0.47), "$W$", ha="right", shift=(-0.1, 0), **beside)
    back(axes, (4.2, y - 0.47), (4.2, 0.8),
         r"$\partial e/\partial W = x^\mathsf{T}\,\frac{\partial e}{\partial z}$",
         ha="left", shift=(0.1, 0), **beside)  # fmt: skip
    legend(axes, (2.0, 0.35))
