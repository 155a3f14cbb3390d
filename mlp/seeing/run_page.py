"""A run as one page: HTML that needs nothing but itself, no network and no scripts."""

import base64
import html
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mlp.rows import Rows
from mlp.seeing import layer_curves, plots, regression

MISTAKES, UNITS = 60, 40
"""How many misread images and units are shown."""
WIDEST = 12
"""A confusion matrix of more classes is a picture: as a table it would not fit on a phone."""
STYLE = """
body { margin: 0 auto; max-width: 76rem; padding: 0 1rem 2rem; color: #22303c;
  font: 16px/1.45 "DejaVu Sans", Verdana, sans-serif; }
h1 { font-size: 1.5rem; margin: 1rem 0 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.row { display: flex; flex-wrap: wrap; gap: .75rem; }
.row > img { flex: 0 1 37rem; min-width: 0; }
.score { font-size: 1.3rem; font-weight: bold; }
.warning { border-left: .3rem solid #d55e00; padding-left: .75rem; }
.tiles { gap: .5rem .6rem; }
figure { margin: 0; width: 4.5rem; text-align: center; font-size: .8rem; }
figure img { width: 100%; image-rendering: pixelated; border: 1px solid #e3e8ec; }
table { border-collapse: collapse; font-size: .85rem; }
td, th { padding: .15rem .4rem; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; }
table.counts td, table.counts th { padding: .15rem; min-width: 1.4rem; text-align: center; }
table.scores td, table.scores th + th { text-align: right; }
table caption { caption-side: bottom; text-align: left; padding-top: .4rem; }
"""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load for the page: what is in it."""


def page(
    *,
    title: str,
    settings: Mapping[str, Any],
    network: str,
    scores: Mapping[str, float],
    constant: tuple[str, float] | None,
    table: tuple[Sequence[Sequence[str]], Sequence[str]],
    warnings: Sequence[str],
    history: Sequence[dict[str, Any]],
    names: Mapping[str, str],
    confusion: tuple[np.ndarray, Sequence[str]] | None,
    predicted: tuple[np.ndarray, np.ndarray, Sequence[str]] | None,
    mistakes: tuple[np.ndarray | Rows, Sequence[str], Sequence[str]] | None,
    weights: tuple[np.ndarray, tuple[int, int]] | None,
) -> str:
    """The page of a run; what is None is left out.

    network     a table of its layers, in HTML
    scores      what the run is judged by, on its test part
    constant    the commonest class, and the accuracy of always saying it
    table       of the classes or targets: head and rows, and sentences that belong below it
    history     the records of its epochs; if it was watched, `names` says what each layer is
    confusion   counts (C, C) of what it is (row) and what was said, and the names of the classes
    predicted   real targets (N, K), what was predicted, and the names of the columns
    mistakes    images (K, H, W), what was said of each, and what is right
    weights     first-layer weights (H W, M), and (H, W)
    """
    parts = [
        f"<h1>{_text(title)}</h1>",
        _scores(scores, constant, len(history)),
        *(f'<p class="warning">Warning: {_text(text)}.</p>' for text in warnings),
        "<h2>Curves</h2>" + _curves(history),
    ]
    if confusion is not None:
        parts.append("<h2>Confusion matrix</h2>" + _confusion(*confusion))
    if predicted is not None:
        points = _picture("Predicted against true", regression.predicted, *predicted)
        parts.append(f'<h2>Predicted against true</h2><div class="row">{points}</div>')
    parts.append("<h2>Test scores</h2>" + _table(*table))
    if mistakes is not None:
        parts.append(_mistakes(*mistakes))
    if weights is not None:
        parts.append(_weights(*weights))
    if what := layer_curves.shown(history):
        drawn = (
            _picture(layer_curves.PANELS[w][0], layer_curves.panel, history, names, w) for w in what
        )
        parts.append(f'<h2>Layers</h2><div class="row">{"".join(drawn)}</div>')
    parts.append(f"<h2>Network</h2>{network}")
    parts.append("<h2>Configuration</h2>" + _settings(settings))
    return _whole(title, "\n".join(parts))


def _whole(title: str, body: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<link rel="icon" href="data:,">
<title>{_text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""


def _text(value: object) -> str:
    return html.escape(str(value))


def _scores(scores: Mapping[str, float], constant: tuple[str, float] | None, epochs: int) -> str:
    said = ", ".join(f"test {_text(name)} {value:.4g}" for name, value in scores.items())
    beside = ""
    if constant is not None:
        beside = f"; always saying {_text(constant[0])}, the commonest class: {constant[1]:.4g}"
    return f'<p><span class="score">{said}</span> after {epochs} epochs{beside}</p>'


def _curves(history: Sequence[dict[str, Any]]) -> str:
    known = [what for what in ("loss", "accuracy") if history[0][what] is not None]
    drawn = (_picture(what.capitalize(), plots.curves, history, what) for what in known)
    return f'<div class="row">{"".join(drawn)}</div>'


def _picture(name: str, draw: Callable[..., Any], *arguments: Any) -> str:
    """What `draw` draws, as an SVG within the page."""
    stream = io.BytesIO()
    draw(*arguments, path=stream)
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<img alt="{_text(name)}" src="data:image/svg+xml;base64,{data}">'


def _confusion(counts: np.ndarray, classes: Sequence[str]) -> str:
    if len(classes) > WIDEST or max(map(len, classes)) > 5:
        return f'<div class="row">{_picture("Confusion", plots.confusion, counts, classes)}</div>'
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    head = "".join(f"<th>{_text(name)}</th>" for name in ("", *classes))
    rows = []
    for i, name in enumerate(classes):
        cells = [_cell(int(n), shares[i, j], i == j) for j, n in enumerate(counts[i])]
        rows.append(f"<tr><th>{_text(name)}</th>{''.join(cells)}</tr>")
    wrong = counts.sum() - np.trace(counts)
    caption = f"Row: what it is. Column: what was said. {wrong} of {counts.sum()} are wrong."
    # below the table and not its caption, which would be as narrow as two classes are
    return f'<table class="counts"><tr>{head}</tr>{"".join(rows)}</table><p>{caption}</p>'


def _cell(count: int, share: float, right: bool) -> str:
    """Right ones blue, wrong ones orange, as in the picture."""
    if not count:
        return "<td></td>"
    colour = f"rgba(0, 114, 178, {0.15 + 0.35 * share:.2f})"
    if not right:
        colour = f"rgba(213, 94, 0, {min(0.25 + 3 * share, 0.7):.2f})"
    return f'<td style="background: {colour}">{count}</td>'


def _table(rows: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    lines = []
    for kind, (name, *cells) in zip(["th", *["td"] * len(rows)], rows, strict=False):
        shown = "".join(f"<{kind}>{_text(cell)}</{kind}>" for cell in cells)
        lines.append(f"<tr><th>{_text(name)}</th>{shown}</tr>")
    caption = f"<caption>{'<br>'.join(map(_text, notes))}</caption>" if notes else ""
    return f'<table class="scores">{caption}{"".join(lines)}</table>'


def _mistakes(images: np.ndarray | Rows, said: Sequence[str], right: Sequence[str]) -> str:
    shown = [
        _tile(image, f"said {wrong}, is {truth}", cmap="gray_r")
        for image, wrong, truth in zip(images[:MISTAKES], said, right, strict=False)
    ]
    total = len(images)
    title = f"{MISTAKES} of {total} mistakes" if total > MISTAKES else f"All {total} mistakes"
    title = title if total else "No mistakes"
    return f'<h2>{title}</h2><div class="row tiles">{"".join(shown)}</div>'


def _weights(W: np.ndarray, shape: tuple[int, int]) -> str:
    order = np.argsort(-np.linalg.norm(W, axis=0), kind="stable")[:UNITS]
    limit = float(np.quantile(np.abs(W[:, order]), 0.998)) or 1.0
    shown = [
        _tile(W[:, i].reshape(shape), f"unit {i}", cmap=plots.SIGNED, vmin=-limit, vmax=limit)
        for i in order
    ]
    title = f"First-layer weights of {len(order)} of {W.shape[1]} units"
    return (
        f"<h2>{title}</h2><p>Blue positive, red negative, white 0; the largest first.</p>"
        f'<div class="row tiles">{"".join(shown)}</div>'
    )


def _tile(image: np.ndarray, caption: str, **colours: Any) -> str:
    from matplotlib.image import imsave

    stream = io.BytesIO()
    imsave(stream, np.asarray(image, float), format="png", **colours)
    data = base64.b64encode(stream.getvalue()).decode()
    text = _text(caption)
    return (
        f'<figure><img alt="{text}" src="data:image/png;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _settings(settings: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th>{_text(name.replace('_', '-'))}</th><td>{_text(_shown(value))}</td></tr>"
        for name, value in settings.items()
    )
    return f"<table>{rows}</table>"


def _shown(value: Any) -> str:
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
