"""The picture of a graph: what `layout` has placed, drawn with matplotlib."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlp.seeing import plots
from mlp.seeing.graphs import Edge, Graph, Panel
from mlp.seeing.layout import (
    PANEL_GAP,
    RADIUS,
    TITLE,
    Label,
    Layout,
    Route,
    Spot,
    box_size,
    lay_out,
    panel_room,
    panel_size,
    text_width,
)
from mlp.seeing.notation import short

FORWARD, BACKWARD, WRONG = "#00664f", "#b8400a", "#e3000f"
"""Values and gradients: green and red as in the decks, in shades that colour-blind readers tell
apart; in grey print, above and below and the slant say the same."""
MARGIN, LINE = 0.2, 0.24
SIZE = 8
PARTS = ("-value", "-gradient")
"""Endings of the ids of an edge's numbers in an SVG."""


def draw(graph: Graph, path: str | os.PathLike | None = None) -> Any:
    """Draw the graph, write it to path (.svg, .png or .pdf), and return the figure."""
    plan = lay_out(graph)
    legend = _legend(graph)
    foot = 0.2 + LINE * len(legend)
    wide = max(plan.width, _legend_width(legend), text_width(graph.title) * 1.4) + 2 * MARGIN
    high = plan.height + foot + 2 * MARGIN + (0.35 if graph.title else 0)
    formulas = [edge.formula(graph.goal) for edge in graph.edges]
    tooltips = {f"edge-{i}{part}": f for i, f in enumerate(formulas) for part in ("", *PARTS)}

    def paint(picture: Any) -> None:
        picture.set_layout_engine("none")
        axes = picture.add_axes((0, 0, 1, 1))
        axes.axis("off")
        left = (wide - plan.width) / 2
        axes.set(xlim=(-left, wide - left), ylim=(-foot - MARGIN, high - foot - MARGIN))
        _paint(axes, graph, plan)
        for i, (colour, text, look) in enumerate(legend):
            axes.text(
                MARGIN - left, -0.2 - LINE * i, text, color=colour, fontsize=SIZE, va="top", **look
            )
        if graph.title:
            top = high - foot - 2 * MARGIN
            axes.text(MARGIN - left, top, graph.title, fontsize=11, va="top", weight="bold")

    return plots.figure((wide, high), path, paint, tooltips=tooltips)


def _legend(graph: Graph) -> list[tuple[str, str, dict]]:
    goal = graph.goal
    lines: list[tuple[str, str, dict]] = [
        (FORWARD, "above a line: the value on its way forward", {})
    ]
    if graph.backward:
        text = f"below, slanted: the gradient of {goal} on its way back"
        lines.append((BACKWARD, text, {"style": "italic"}))
    if any(node.panels for node in graph.nodes):
        text = "heat maps: blue positive, red (dotted) negative, white 0; each on its own scale"
        lines.append((plots.INK, text, {}))
    if any(panel.right for node in graph.nodes for panel in node.panels):
        lines.append((plots.INK, "framed: the output of the right class", {}))
    if any(node.wrong for node in graph.nodes) or any(edge.wrong for edge in graph.edges):
        lines.append((WRONG, "thick: here the passes part first, yours ≠ the reference", {}))
    if graph.backward and any(_missing(edge) for edge in graph.edges):
        lines.append((plots.INK, "dashed: no gradient was computed", {}))
    return lines


def _legend_width(legend: list[tuple[str, str, dict]]) -> float:
    return max(text_width(text) for _, text, _ in legend)


def _missing(edge: Edge) -> bool:
    return not edge.text[1] if edge.text is not None else edge.gradient is None


def _paint(axes: Any, graph: Graph, plan: Layout) -> None:
    for i, route in enumerate(plan.routes):
        _route(axes, graph, route, f"edge-{i}")
    for spot in plan.spots:
        _stem(axes, graph, spot)
        if spot.node.panels:
            _box(axes, spot)
        else:
            _circle(axes, spot)


def _line(axes: Any, points: list[tuple[float, float]], **look: Any) -> None:
    look = {"color": plots.PALE, "linewidth": 0.9, "solid_joinstyle": "round"} | look
    axes.plot(*np.transpose(points), zorder=1, **look)


def _look(missing: bool, wrong: bool) -> dict[str, Any]:
    look: dict[str, Any] = {"linestyle": "--", "color": plots.INK} if missing else {}
    return look | {"color": WRONG, "linewidth": 2.5} if wrong else look


def _route(axes: Any, graph: Graph, route: Route, name: str) -> None:
    wrong = route.label is not None and bool(route.label.wrong)
    look = _look(graph.backward and _missing(route.edge), wrong)
    _line(axes, route.points, gid=name, **look)
    if route.edge.source.constant:
        axes.plot(*route.points[0], "o", color=plots.PALE, markersize=3, zorder=3)
    if route.label is not None:
        _label(axes, route.label, name)


def _stem(axes: Any, graph: Graph, spot: Spot) -> None:
    """The line from a node to where its edges part, and its numbers."""
    stem = spot.stem
    if stem is None:
        return
    if spot.node.left_out:
        axes.text(stem.x, stem.y, stem.above, fontsize=SIZE, va="center")
        return
    look = _look(graph.backward and spot.node.gradient is None, bool(stem.wrong))
    end = spot.dot or (stem.x + stem.width, spot.y)
    _line(axes, [(spot.x, spot.y), end], **look)
    if spot.dot is not None:
        axes.plot(*spot.dot, "o", color=plots.PALE, markersize=3, zorder=3)
    _label(axes, stem)


def _label(axes: Any, label: Label, name: str = "") -> None:
    middle = label.x + label.width / 2
    for part, text, shift, side, colour, slant, way in (
        (PARTS[0], label.above, 0.035, "bottom", FORWARD, "normal", "forward"),
        (PARTS[1], label.below, -0.035, "top", BACKWARD, "italic", "backward"),
    ):
        if text:
            ink = WRONG if label.wrong == way else colour
            axes.text(middle, label.y + shift, text, color=ink, fontsize=SIZE, style=slant,
                      ha="center", va=side, gid=name + part if name else None)  # fmt: skip


def _circle(axes: Any, spot: Spot) -> None:
    from matplotlib.patches import Circle

    if spot.node.left_out:
        axes.text(spot.x, spot.y, "⋮", fontsize=14, ha="center", va="center", gid="ellipsis")
        return
    given = not spot.node.formula
    axes.add_patch(
        Circle(
            (spot.x, spot.y),
            RADIUS,
            facecolor="#f1f4f6" if given else "white",
            edgecolor=plots.INK,
            linewidth=0.8 if given else 1.2,
            zorder=2,
            gid=f"node-{spot.node.name}",
        )
    )
    size = min(10, 1.7 * RADIUS * 72 / (0.62 * max(len(spot.node.symbol), 2)))
    axes.text(
        spot.x, spot.y, spot.node.symbol, fontsize=size, ha="center", va="center_baseline", zorder=4
    )


def _box(axes: Any, spot: Spot) -> None:
    from matplotlib.patches import Rectangle

    node = spot.node
    wide, high = box_size(node)
    left, top = spot.x - wide / 2, spot.y + high / 2
    axes.add_patch(
        Rectangle(
            (left, top - high), wide, high, facecolor="white", zorder=2,
            edgecolor=WRONG if node.wrong else plots.INK, linewidth=2.5 if node.wrong else 1.0,
            gid=f"node-{node.name}",
        )
    )  # fmt: skip
    axes.text(
        spot.x, top - 0.08, node.name, fontsize=9, ha="center", va="top", weight="bold", zorder=4
    )
    deepest = max(panel_size(panel.values.shape)[1] for panel in node.panels)
    at = left + 0.15
    for panel in node.panels:
        across = panel_room(panel)
        y = top - TITLE - PANEL_GAP - deepest / 2
        _heat(axes, panel.values, (at + across / 2, y), panel.name, FORWARD, panel.right)
        if panel.gradient is not None:
            y -= deepest + 2 * PANEL_GAP
            _heat(axes, panel.gradient, (at + across / 2, y), _gradient_name(panel), BACKWARD)
        at += across + 0.15


def _gradient_name(panel: Panel) -> str:
    return f"dL/d{panel.name.split()[0]}"


def _heat(
    axes: Any,
    values: np.ndarray,
    middle: tuple[float, float],
    name: str,
    colour: str,
    right: Sequence[tuple[int, int]] = (),
) -> None:
    """A heat map around `middle`, its name above it and its largest size below."""
    wide, high = panel_size(values.shape)
    x, y = middle
    box = (x - wide / 2, x + wide / 2, y - high / 2, y + high / 2)
    finite = np.where(np.isfinite(values), values, np.nan)
    largest = float(np.nanmax(np.abs(finite))) if np.isfinite(values).any() else 0.0
    limits, aspect = (axes.get_xlim(), axes.get_ylim()), axes.get_aspect()
    axes.imshow(
        finite, cmap=plots.SIGNED, vmin=-(largest or 1), vmax=largest or 1, extent=box, zorder=3,
        interpolation="nearest",
    )  # fmt: skip
    axes.set(xlim=limits[0], ylim=limits[1], aspect=aspect)
    if wide / values.shape[1] >= plots.SMALLEST_DOTTED:
        plots.dot_negative(axes, finite, box, largest)
    axes.add_patch(_frame(box, plots.PALE, 0.6))
    cell, line = wide / values.shape[1], high / values.shape[0]
    for row, column in right:
        left, top = box[0] + column * cell, box[3] - row * line
        axes.add_patch(_frame((left, left + cell, top - line, top), "black", 1.4))
    look = {"fontsize": 7, "ha": "center", "zorder": 4, "color": colour}
    slant = "normal" if colour == FORWARD else "italic"
    axes.text(x, y + high / 2 + 0.03, name, va="bottom", style=slant, **look)
    axes.text(x, y - high / 2 - 0.03, f"±{short(largest)}", va="top", style=slant, **look)


def _frame(box: tuple[float, float, float, float], colour: str, thick: float) -> Any:
    from matplotlib.patches import Rectangle

    left, right, bottom, top = box
    return Rectangle(
        (left, bottom), right - left, top - bottom, fill=False, edgecolor=colour,
        linewidth=thick, zorder=5,
    )  # fmt: skip
