"""Pictures, all in one style. matplotlib is imported only when one is drawn.

Every function takes what it draws first, and returns the figure: a notebook shows it. With `ax` it
draws into those axes, in whatever style is set there, and returns the figure that they are in (one
that pyplot made it shows by itself: end that line of a notebook with a semicolon). With `path` it
writes the figure; the ending says the format: .svg, .png or .pdf; a stream gets SVG.
"""

import io
import math
import os
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from mlp.files.whole import write_whole
from mlp.rows import Rows
from mlp.seeing.contrast import text_colour
from mlp.tables import shortened

__all__ = ["confusion", "curves", "mistakes", "weights"]

INK, PALE = "#22303c", "#8a97a3"
BLUE, ORANGE = "#0072b2", "#d55e00"
COLOURS = (BLUE, ORANGE, "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Distinct for colour-blind readers too (Okabe and Ito)."""
STYLE = {
    "figure.facecolor": "white",
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": PALE,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e8ec",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "xtick.color": PALE,
    "ytick.color": PALE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 2.0,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: it can be read, searched and copied
    "svg.hashsalt": "mlp",  # the same picture gives the same file
}
FORMATS = ("svg", "png", "pdf")
UNDATED = {"svg": "Date", "pdf": "CreationDate"}
LARGEST = 16_000
"""Pixels: the longer side of a PNG is no longer."""
SIGNED = "RdBu"
"""Colours of numbers with a sign, in everything drawn: blue positive, red negative, white 0."""
SMALLEST_DOTTED = 0.06
"""Inches: in smaller cells a dot would hide the colour."""
NUMBERED = 30
"""A confusion matrix of more classes has no numbers in its cells."""
SMALLEST_TEXT = 6
"""Points: the numbers in its cells are no smaller."""
NAMESPACES = {"": "http://www.w3.org/2000/svg", "xlink": "http://www.w3.org/1999/xlink"}

Target = str | os.PathLike | io.BytesIO | None


def figure(
    size: tuple[float, float],
    path: Target,
    draw: Callable[[Any], None],
    style: Mapping[str, Any] | None = None,
    tooltips: Mapping[str, str] | None = None,
) -> Any:
    """Draw a figure of that size (inches) in the common style, write it to path, and return it.

    The ending of path says the format: .svg, .png or .pdf; a stream of bytes gets SVG, and without
    a path nothing is written.
    `style` holds matplotlib settings that differ from the common style, `tooltips` what an SVG
    says where the mouse rests on the artist of that gid. Raises ValueError for another ending.
    """
    import matplotlib
    from cycler import cycler

    from mlp.seeing.notebook import ShownFigure

    kind = "svg" if isinstance(path, io.BytesIO) else _kind(path)
    if kind not in FORMATS:
        raise ValueError(f"{path}: expected a file name that ends in {', '.join(FORMATS)}")
    cycle = {"axes.prop_cycle": cycler(color=COLOURS)}
    settings: Any = STYLE | cycle | dict(style or {})
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)  # drawn as a box
        picture = ShownFigure(figsize=size, layout="constrained")
        draw(picture)
        if path is None:
            return picture
        buffer = io.BytesIO()
        if kind == "png":
            from matplotlib.backends.backend_agg import FigureCanvasAgg

            picture.set_dpi(min(STYLE["savefig.dpi"], LARGEST / max(picture.get_size_inches())))
            FigureCanvasAgg(picture).print_png(buffer, metadata={})  # savefig would draw it twice
        else:
            picture.savefig(buffer, format=kind, metadata={UNDATED[kind]: None})
    data = buffer.getvalue()
    if kind == "svg":
        data = with_tooltips(data, tooltips or {})
    if isinstance(path, io.BytesIO):
        path.write(data)
    else:
        write_whole(path, data)
    return picture


def _kind(path: str | os.PathLike | None) -> str:
    return "png" if path is None else Path(path).suffix.lower().lstrip(".") or "png"


def dot_negative(
    axes: Any, values: np.ndarray, box: tuple[float, float, float, float], largest: float
) -> None:
    """A dot in each negative cell of a heat map (left, right, bottom, top), first row on top: in
    grey print blue and red are the same. Cells that are nearly white stay without."""
    rows, columns = np.nonzero(values < -0.05 * largest)
    left, right, bottom, top = box
    x = left + (columns + 0.5) * (right - left) / values.shape[1]
    y = top - (rows + 0.5) * (top - bottom) / values.shape[0]
    colours = ["white" if value < -0.55 * largest else INK for value in values[rows, columns]]
    axes.scatter(x, y, s=2.5, color=colours, linewidths=0, zorder=4)


def with_tooltips(svg: bytes, tooltips: Mapping[str, str]) -> bytes:
    """The SVG with a <title> in each group whose id is in `tooltips`, and with fonts to fall back
    on where DejaVu Sans is not installed."""
    for prefix, uri in NAMESPACES.items():
        ElementTree.register_namespace(prefix, uri)
    root = ElementTree.fromstring(svg)
    for group in root.iter():
        if (text := tooltips.get(group.get("id", ""))) is not None:
            title = ElementTree.Element(f"{{{NAMESPACES['']}}}title")
            title.text = text
            group.insert(0, title)
        if "DejaVu Sans" in (look := group.get("style", "")):
            group.set("style", look.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif"))
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def on_axes(draw: Callable[[Any], None], size: tuple[float, float], ax: Any, path: Target) -> Any:
    """The figure on whose axes `draw` draws: that of `ax`, or a new one of that size (inches)."""
    if ax is None:
        return figure(size, path, lambda picture: draw(picture.subplots()))
    if path is not None:
        raise ValueError("expected ax or path, got both; ax.figure.savefig(path) writes the figure")
    draw(ax)
    return ax.get_figure(root=True)


def curves(
    history: Sequence[Mapping[str, Any]],
    what: str | None = None,
    *,
    ax: Any = None,
    path: Target = None,
) -> Any:
    """The course of a training against the epoch: of its samples, and of those to validate.

    history   the records that `fit` returns
    what      "loss" or "accuracy"; None is both side by side where there are classes, and the
              loss where there are none, or where `ax` is given
    Raises ValueError for an empty history, and for accuracies where there are none.
    """
    if not len(history):
        raise ValueError("curves: expected the records of at least one epoch, got none")
    known = [name for name in ("loss", "accuracy") if history[0].get(name) is not None]
    if what is not None and what not in known:
        raise ValueError(f"curves: expected what to be one of {known}, got {what!r}")
    if what is None and ax is None and len(known) == 2:

        def draw(picture: Any) -> None:
            for axes, name in zip(picture.subplots(1, 2), known, strict=True):
                _curve(axes, history, name)

        return figure((9, 3.6), path, draw)
    return on_axes(lambda axes: _curve(axes, history, what or "loss"), (4.6, 3.2), ax, path)


def _curve(axes: Any, history: Sequence[Mapping[str, Any]], what: str) -> None:
    for name, key, colour, line in (
        ("training", what, BLUE, "-"),
        ("validation", f"validation_{what}", ORANGE, "--"),
    ):
        points = [(r["epoch"], r[key]) for r in history if r.get(key) is not None]
        if points:
            marker = "o" if len(points) == 1 else ""
            axes.plot(*zip(*points, strict=True), line, color=colour, label=name, marker=marker)
    axes.set(title=what.capitalize(), xlabel="epoch", ylabel=what)
    whole_epochs(axes)
    if history[0].get("validation_loss") is not None:
        axes.legend()
    losses = [r["loss"] for r in history]
    if what == "loss" and 0 < 10 * min(losses) < max(losses):
        axes.set_yscale("log")


def whole_epochs(axes: Any) -> None:
    """Ticks at whole numbers only, whatever was there before."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def confusion(
    counts: np.ndarray,
    classes: Sequence[object] | None = None,
    *,
    ax: Any = None,
    path: Target = None,
) -> Any:
    """Counts (C, C): row what it is, column what was said; what is right blue, the rest orange.

    `classes` are the names of the classes; without them they are numbered from 0. A new figure
    grows with the classes, so that the numbers can be read. Of more than 30 classes the colours
    alone tell: numbers would be too small. Raises ValueError for counts of another shape, and for
    more or fewer names than classes.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not len(counts):
        raise ValueError(
            f"confusion: expected counts of shape (C, C), got {counts.shape}; "
            "mlp.metrics.confusion_counts makes them of labels"
        )
    names = [str(name) for name in (range(len(counts)) if classes is None else classes)]
    if len(names) != len(counts):
        raise ValueError(
            f"confusion: expected the names of {len(counts)} classes, got {len(names)}"
        )
    wide = 0.72 * max(len(str(counts.max(initial=0))), 2)  # of the widest number, in text heights
    cell = max(SMALLEST_TEXT * wide, 330 / len(names))  # points
    side = (cell * len(names) + 100) / 72 if len(names) <= NUMBERED else 6.0
    size = min(10, max(SMALLEST_TEXT, cell / wide))
    return on_axes(lambda axes: _confusion(axes, counts, names, size), (side + 0.4, side), ax, path)


def _confusion(axes: Any, counts: np.ndarray, classes: Sequence[str], size: float) -> None:
    total = len(classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    right = np.eye(total, dtype=bool)
    most = max(shares[~right].max(initial=0), 0.02)
    drawn = (
        axes.imshow(
            np.where(right | (counts == 0), np.nan, shares), cmap="Oranges", vmax=2 * most, vmin=0
        ),
        axes.imshow(np.where(right, shares, np.nan), cmap="Blues", vmin=0, vmax=1.2),
    )
    wrong = counts.sum() - np.trace(counts)
    axes.set(title=f"{wrong} of {counts.sum()} wrong", xlabel="said", ylabel="is")
    axes.grid(False)
    ticks = range(0, total, math.ceil(total / 30))
    short = _shortened(classes)
    names = [short[i] for i in ticks]
    upright = sum(map(len, names)) > 45 and len(names) > 3
    axes.set_xticks(ticks, names, rotation=90 if upright else 0)
    axes.set_yticks(ticks, names)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if total > NUMBERED:
        return
    for row, column in zip(*np.nonzero(counts), strict=True):
        behind = drawn[int(row == column)].to_rgba(shares[row, column])
        axes.text(
            column, row, counts[row, column], ha="center", va="center", fontsize=size,
            color=text_colour(behind),
        )  # fmt: skip


def _shortened(names: Sequence[str]) -> list[str]:
    """At most 12 characters of each, the first ones; where these are the same, of both ends."""
    firsts = [shortened(name, 12) for name in names]
    met = Counter(firsts)
    return [
        f"{name[:5]}…{name[-6:]}" if len(name) > 12 and met[first] > 1 else first
        for name, first in zip(names, firsts, strict=True)
    ]


def mistakes(
    images: np.ndarray | Rows,
    said: Sequence[object],
    right: Sequence[object],
    *,
    ax: Any = None,
    path: Target = None,
) -> Any:
    """Up to 30 misread images (K, H, W), each with what was said and what is right."""
    total, drawn = len(images), np.asarray(images[:30])
    high, wide = drawn.shape[1:]
    rows = min(max(math.ceil(total / 6), 1), 5)
    size = (7.5, 0.5 + 1.2 * rows * high / wide)

    def draw(axes: Any) -> None:
        _mistakes(axes, drawn, said, right, rows)
        title = f"30 of {total} mistakes" if total > 30 else f"All {total} mistakes"
        axes.set_title(title if total else "No mistakes", pad=18)

    return on_axes(draw, size, ax, path)


def _mistakes(
    axes: Any, images: np.ndarray, said: Sequence[object], right: Sequence[object], rows: int
) -> None:
    high, wide = images.shape[1:]
    gaps = (math.ceil(0.35 * high), math.ceil(0.35 * wide))
    _mosaic(axes, _tiled(images, (rows, 6), gaps), cmap="gray_r")
    for i, (wrong, truth) in enumerate(zip(said[:30], right[:30], strict=True)):
        row, column = divmod(i, 6)
        place = (column * (wide + gaps[1]) + wide / 2, row * (high + gaps[0]) - 0.04 * high - 0.5)
        axes.text(*place, f"said {wrong}, is {truth}", ha="center", va="bottom", fontsize=8.5)


def weights(W: np.ndarray, shape: tuple[int, int], *, ax: Any = None, path: Target = None) -> Any:
    """The columns of first-layer weights W (H W, M) as images: the 40 units of largest norm.

    `shape` is that of one image, (H, W).
    """
    rows = math.ceil(min(W.shape[1], 40) / 8)
    size = (8, 0.45 + 0.9 * rows * shape[0] / shape[1])
    return on_axes(lambda axes: _weights(axes, W, shape, rows), size, ax, path)


def _weights(axes: Any, W: np.ndarray, shape: tuple[int, int], rows: int) -> None:
    order = np.argsort(-np.linalg.norm(W, axis=0), kind="stable")[:40]
    images = W.T[order].reshape(-1, *shape)
    limit = np.quantile(np.abs(images), 0.998) or 1.0
    gaps = (max(1, round(0.12 * shape[0])), max(1, round(0.12 * shape[1])))
    tiles = _tiled(images, (rows, 8), gaps)
    _mosaic(axes, tiles, cmap=SIGNED, vmin=-limit, vmax=limit)
    axes.set_title(f"First-layer weights of {len(order)} of {W.shape[1]} units")
    if 0.9 / shape[1] >= SMALLEST_DOTTED:
        box = (-0.5, tiles.shape[1] - 0.5, len(tiles) - 0.5, -0.5)
        dot_negative(axes, tiles, box, limit)
    bar = axes.figure.colorbar(axes.images[0], ax=axes, shrink=0.7, aspect=30)
    bar.set_label("blue +, red -")
    bar.outline.set_visible(False)
    bar.ax.grid(False)


def _tiled(images: np.ndarray, grid: tuple[int, int], gaps: tuple[int, int]) -> np.ndarray:
    """Images (K, H, W) row by row in one large image, NaN between them."""
    (rows, columns), (high, wide) = grid, images.shape[1:]
    large = np.full((rows, high + gaps[0], columns, wide + gaps[1]), np.nan)
    for i, image in enumerate(images):
        large[i // columns, :high, i % columns, :wide] = image
    large = large.reshape(rows * (high + gaps[0]), columns * (wide + gaps[1]))
    return large[: -gaps[0], : -gaps[1]]


def _mosaic(axes: Any, tiles: np.ndarray, **how: Any) -> None:
    axes.axis("off")
    axes.imshow(tiles, interpolation="nearest", **how)
