"""What is known about one layer so far, and the record that it becomes."""

from dataclasses import dataclass, field
from typing import Any

from mlp.checking import diagnosis
from mlp.checking.students.loading import Entry

BATCHES = (7, 11)
"""Sizes that are no width and no number of classes in any situation."""
AVERAGED = "gradients of parameters are averaged over the batch, not summed"


@dataclass
class Finding:
    """One thing that is wrong."""

    identity: str
    text: str


@dataclass
class Case:
    """What is known about an entry so far."""

    entry: Entry
    seed: int
    divides: bool
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    pictures: dict[str, list[Any]] = field(default_factory=dict)
    oracle: str | None = None
    kink: bool = False

    def blame(self, identity: str, aspect: str = "", detail: str = "", **more: Any) -> None:
        """Add a finding; an id counts once."""
        if identity not in [f.identity for f in self.findings]:
            self.findings.append(
                Finding(identity, diagnosis.explain(identity, aspect, detail, **more))
            )


def record(case: Case, verdict: str, note: str | None = None) -> dict[str, Any]:
    """The result as plain data."""
    if note is not None:
        case.notes.append(note)
    rows = list(case.rows.values())
    errors = [r["max_error"] for r in rows if r.get("max_error") is not None]
    return {
        "name": case.entry.name,
        "verdict": verdict,
        "oracle": case.oracle,
        "max_error": max(errors, default=None),
        "resolution": max((r["resolution"] for r in rows), default=None),
        "diagnosis": _named(case.findings, rows),
        "notes": list(dict.fromkeys(case.notes)),
        "arrays": rows,
        "pictures": case.pictures,
    }


def _named(findings: list[Finding], rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first finding, unless it is general and a later one explains it."""
    if not findings:
        return None
    first = findings[0]
    if first.identity == "unknown":
        unable = diagnosis.GENERAL if _is_rounding(rows) else (*diagnosis.GENERAL, "dtype-changed")
        first = next((f for f in findings if f.identity not in unable), first)
    also = [f.identity for f in findings if f is not first and f.identity != "unknown"]
    return {"id": first.identity, "text": first.text, "also": also}


def _is_rounding(rows: list[dict[str, Any]]) -> bool:
    """Whether float32 on the way would explain the wrong arrays."""
    wrong = [row["max_error"] for row in rows if row["verdict"] == "FAIL"]
    return bool(wrong) and all(error is not None and error < 1e-3 for error in wrong)
