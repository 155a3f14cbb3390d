"""A trace as a table: text of at most 100 columns, or HTML for a notebook."""

import html
from typing import TYPE_CHECKING

from mlp import tables

if TYPE_CHECKING:
    from mlp.seeing.records import LayerRecord, Passed

WIDTH, WIDEST = 80, 100
"""Columns: within the first where that can be, with narrower gaps; never beyond the second."""
HEAD = ("layer", "output", "low", "high", "mean", "norm", "off", "|dL/dy|", "|dL/dp|", "step/p")
MEANING = (
    "off: share of ReLU units that are dead, of sigmoid outputs that are saturated; dL/dp: of all "
    "parameters of the layer; step/p: learning rate * |dL/dp| / |p|"
)


def as_text(trace: "Passed") -> str:
    """The table, and below it the loss; columns that would be empty are left out."""
    rows = [HEAD, *map(_cells, trace.records)]
    kept = [c for c in range(len(HEAD)) if any(row[c] for row in rows[1:])]
    rows = [tuple(row[c] for c in kept) for row in rows]
    wide = tables.widths(rows)
    gap = 2 if sum(wide) + 2 * (len(wide) - 1) <= WIDTH else 1
    return "\n".join([tables.as_text(rows, gap, WIDEST), *_ends(trace)])


def as_html(trace: "Passed") -> str:
    ends = "".join(f"<p>{html.escape(line)}</p>" for line in _ends(trace))
    return tables.as_html(HEAD, map(_cells, trace.records), MEANING) + ends


def _cells(record: "LayerRecord") -> tuple[str, ...]:
    s = record.statistics
    off = s.dead if s.saturated is None else s.saturated
    return (
        f"{record.name}  {record.layer!r}",
        "x".join(map(str, record.output_shape)),
        *(f"{value:.3g}" for value in (s.low, s.high, s.mean, s.norm)),
        "" if off is None else f"{off:.0%}",
        *(
            "" if value is None else f"{value:.3g}"
            for value in (s.upstream_norm, s.gradient_norm, s.update_ratio)
        ),
    )


def _ends(trace: "Passed") -> list[str]:
    return [] if trace.loss is None else [f"loss  {trace.loss_value:.6g}  {trace.loss!r}"]
