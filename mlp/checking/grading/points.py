"""From what was found to points: one Mark for each task.

A part earns its points if the check found it right and its numbers were confirmed. A gradient that
is right for some inputs only (not for one sample, not after a second forward pass) earns nothing.
Style is earned by a right forward pass in which no flaw was found.
"""

from dataclasses import dataclass, field

from mlp.checking.diagnosis import explain
from mlp.checking.grading.confirming import Confirmed
from mlp.checking.grading.exercise import Exercise, Task
from mlp.checking.grading.network import Judged
from mlp.checking.grading.witness import CLOSED
from mlp.checking.report import Report

FLAWS = {"dtype-changed", "integer-dtype", "overflow", "input-mutated", "upstream-mutated"}
"""Mistakes that leave the gradient right: they cost the points for style only."""
MISSING, BLANK, REFUSED, OTHER = "missing", "blank", "REFUSED", "OTHER"
SILENT = "it stopped, and nothing is known of it"


@dataclass
class Part:
    """Forward, a gradient or style, and its points."""

    name: str
    points: float
    of: float
    why: str = ""
    """What is missing, where points are."""


@dataclass
class Mark:
    """The result of one task."""

    task: str
    verdict: str
    """Of the check, or "missing", "blank", "OTHER" (conventions), "REFUSED" (not confirmed)."""
    parts: list[Part]
    diagnosis: str | None = None
    """Its id, or a few words for what has none: submissions are grouped by it."""
    text: str = ""

    @property
    def points(self) -> float:
        """All that were earned."""
        return sum(part.points for part in self.parts)

    @property
    def of(self) -> float:
        """All that there were."""
        return sum(part.of for part in self.parts)


@dataclass
class Marks:
    """The result of one submission."""

    tasks: list[Mark] = field(default_factory=list)
    network: list[Part] = field(default_factory=list)

    @property
    def points(self) -> float:
        """All that were earned."""
        return sum(m.points for m in self.tasks) + sum(p.points for p in self.network)


def mark(
    task: Task, report: Report | None, confirmed: Confirmed | None, tampered: str | None = None
) -> Mark:
    """The points of one task; without a report it is missing."""
    if report is None or report.verdict in ("nothing to check", "unfinished"):
        blank = report is not None and report.verdict == "unfinished"
        verdict = MISSING if report is None else BLANK if blank else REFUSED
        why = "; ".join(report.notes) if report else "it was not found in the submission"
        named = why if verdict == REFUSED else None
        return Mark(task.name, verdict, _none(task, why), named, why)
    identity = report.diagnosis.id if report.diagnosis else None
    text = report.diagnosis.text if report.diagnosis else "\n".join(report.notes)
    if tampered or not report.rows or confirmed is None:
        why = tampered or "; ".join(report.notes) or (text.splitlines() or [SILENT])[0]
        verdict = REFUSED if tampered else report.verdict
        named = "tampering" if tampered else identity or report.verdict.lower()
        return Mark(task.name, verdict, _none(task, why), named, tampered or text or SILENT)
    if confirmed.why:
        why = confirmed.why
        named = "taken from mlp" if CLOSED in why else "its numbers are not confirmed"
        return Mark(task.name, REFUSED, _none(task, why), named, why)
    parts = _parts(task, report, confirmed)
    verdict = OTHER if confirmed.convention and report.ok else report.verdict
    named = identity or confirmed.convention or None
    return Mark(task.name, verdict, parts, named, text if identity else confirmed.convention)


def _none(task: Task, why: str) -> list[Part]:
    parts = {"forward": task.forward} | {f"d{n}": p for n, p in task.gradients.items()}
    return [Part(name, 0.0, of, why) for name, of in (parts | {"style": task.style}).items()]


def _parts(task: Task, report: Report, confirmed: Confirmed) -> list[Part]:
    right = {row.name: row.verdict in ("PASS", "KINK") for row in report.rows}
    numbers = dict.fromkeys(right, True) if confirmed.no_reference else confirmed.gradients
    identity = report.diagnosis.id if report.diagnosis else ""
    everywhere = report.whole != "FAIL" or identity in FLAWS or not all(right.values())
    lines = report.diagnosis.text.splitlines() if report.diagnosis else [""]
    parts = [Part("forward", task.forward * confirmed.forward, task.forward, confirmed.convention)]
    for name, of in task.gradients.items():
        both = [name, "y"] if name == "x" and "y" in right else [name]
        found = all(right.get(n, False) and numbers.get(n, False) for n in both)
        why = lines[0] if right.get(name) is False or not everywhere else confirmed.convention
        parts.append(Part(f"d{name}", of * (found and everywhere), of, why or "it was not found"))
    flaws = flaws_of(report)
    parts.append(Part("style", task.style * (not flaws), task.style, "; ".join(flaws)))
    return [p if p.points < p.of else Part(p.name, p.points, p.of) for p in parts]


def flaws_of(report: Report) -> list[str]:
    """What is right but badly done, a sentence each."""
    noted = [" ".join(flaw.text.split()) for flaw in report.flaws]
    if report.diagnosis is None or noted:
        return noted
    found = [report.diagnosis.id, *report.diagnosis.also]
    return [" ".join(explain(identity).split()) for identity in found if identity in FLAWS]


def mark_network(exercise: Exercise, judged: list[Judged] | None, marks: list[Mark]) -> list[Part]:
    """The points of each layer in the network: a mistake that has cost already costs no more."""
    if exercise.network is None:
        return []
    of, charged = exercise.network.points, {m.task for m in marks if m.points < m.of}
    if judged is None:
        places = exercise.network.places
        return [Part(str(p), 0.0, of, "the network was not tried") for p in places]
    parts = []
    for layer in reversed(judged):  # as the gradient goes
        name = str(exercise.network.places[layer.place])
        again = not layer.right and not layer.alone and layer.task in charged and layer.tried
        points = of * (layer.right or again)
        text = f"{layer.text} (this mistake has cost points already)" if again else layer.text
        parts.append(Part(name, points, of, "" if layer.text == "right" else text))
        if not layer.right:
            charged.add(layer.task)
    return parts[::-1]
