"""The report on a student's file: as text, as JSON, as an exit status, as pictures."""

import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from mlp.seeing.plots import gradient_difference

WORST_SHOWN = 10


def as_json(report: dict[str, Any]) -> str:
    """One JSON object; the arrays kept for pictures are left out."""
    checked = [{k: v for k, v in r.items() if k != "pictures"} for r in report["checked"]]
    return json.dumps(_finite(report | {"checked": checked}), indent=2)


def _finite(value: Any) -> Any:
    """JSON knows no NaN and no infinity: they become text."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


def exit_status(report: dict[str, Any]) -> int:
    """0 nothing wrong, 1 any FAIL or ERROR, 2 cannot load, 3 only inconclusive."""
    verdicts = {r["verdict"] for r in report["checked"]}
    if report["error"] is not None:
        return 2
    if verdicts & {"FAIL", "ERROR"}:
        return 1
    return 3 if "INCONCLUSIVE" in verdicts else 0


def as_text(report: dict[str, Any]) -> str:
    """One line for each layer, and below it what is wrong and what was noted."""
    lines = [report["file"]]
    if report["error"]:
        lines.append(f"  {report['error']}")
    width = max((len(r["name"]) for r in report["checked"]), default=0)
    for layer in report["checked"]:
        lines += _layer(layer, width)
    counts = [r["verdict"] for r in report["checked"]]
    tally = ", ".join(f"{counts.count(v)} {v}" for v in dict.fromkeys(counts))
    return "\n".join([*lines, f"  {tally}"])


def _layer(record: dict[str, Any], width: int) -> list[str]:
    diagnosis = record["diagnosis"]
    head = f"  {record['verdict']:<16} {record['name']:<{width}}"
    if diagnosis:
        head += f"  {diagnosis['id']}"
        head += f"  (also {', '.join(diagnosis['also'])})" if diagnosis["also"] else ""
    elif record["max_error"] is not None:
        head += f"  largest error {record['max_error']:.1e} ({record['oracle']})"
    lines = [head.rstrip()]
    if diagnosis:
        lines += _indented(diagnosis["text"])
        if diagnosis["id"] == "unknown":
            lines += _worst(record["arrays"])
    for note in record["notes"]:
        lines += _indented(f"note: {note}")
    return lines


def _indented(text: str) -> list[str]:
    return [
        part
        for line in text.splitlines()
        for part in textwrap.wrap(line, 96, initial_indent=" " * 6, subsequent_indent=" " * 8)
    ]


def _worst(rows: list[dict[str, Any]]) -> list[str]:
    lines = []
    for row in rows:
        for entry in row.get("worst", [])[:WORST_SHOWN]:
            at = ",".join(map(str, entry["at"]))
            analytic, reference = entry["analytic"], entry["reference"]
            lines.append(f"      d{row['name']}[{at}]  {analytic:+.6e}  right {reference:+.6e}")
    return lines


def draw(report: dict[str, Any], folder: Path) -> list[Path]:
    """A heat map of each wrong array (and of the Jacobian, for dx), as FILE-LAYER-ARRAY.png."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for record in report["checked"]:
        for name, (found, truth) in record["pictures"].items():
            path = folder / f"{Path(report['file']).stem}-{record['name']}-{name}.png"
            title = f"{record['name']}: {name}"
            gradient_difference(path, np.array(found), np.array(truth), title)
            drawn.append(path)
    return drawn
