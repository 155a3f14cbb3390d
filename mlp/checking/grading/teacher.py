"""The page for the teacher, and the table of points.

Submissions are grouped by diagnosis: one comment serves all who made the same mistake.
"""

import csv
import html
import io
from dataclasses import dataclass

from mlp.checking.grading.exercise import Exercise
from mlp.checking.grading.feedback import fenced, number, plain_markdown
from mlp.checking.grading.points import REFUSED
from mlp.checking.grading.record import Record, file_name
from mlp.checking.grading.style import document


@dataclass
class Group:
    """All who made one mistake in one task."""

    task: str
    diagnosis: str
    text: str
    students: list[str]
    example: str = ""
    """The smallest numbers that show it, of one of them."""


@dataclass
class Ungraded:
    """A submission without a result, and why."""

    student: str
    why: str
    kept: Record | None = None
    """The earlier result, which stays."""


def groups(records: list[Record]) -> list[Group]:
    """The largest first: mistakes, and flaws of style."""
    found: dict[tuple[str, str], Group] = {}
    for record in records:
        for mark in record.marks.tasks:
            report = record.reports.get(mark.task)
            named = [(mark.diagnosis, mark.text)] if mark.diagnosis is not None else []
            if report is not None and mark.verdict != REFUSED:
                named += [(f"style, {f.id}", f.text) for f in report.flaws]
            for name, text in named:
                group = found.setdefault((mark.task, name), Group(mark.task, name, text, []))
                group.students.append(record.student)
                if name == mark.diagnosis and report is not None and report.counterexample:
                    group.example = group.example or str(report.counterexample)
    return sorted(found.values(), key=lambda g: (-len(g.students), g.task, g.diagnosis))


def table(records: list[Record], ungraded: list[Ungraded], exercise: Exercise) -> bytes:
    """grades.csv: a row for each student, for a spreadsheet (UTF-8, marked as such)."""
    names = [task.name for task in exercise.tasks]
    head = ["student", "points", "of", *(f"{n} {w}" for n in names for w in ("verdict", "points"))]
    head += ["network points", "graded", "note"]
    rows = [head]
    left_out = {u.student: u for u in ungraded}
    for r in records:
        row = [r.student, number(r.marks.points), number(exercise.points)]
        for mark in r.marks.tasks:
            row += [mark.verdict, number(mark.points)]
        network = number(sum(p.points for p in r.marks.network)) if r.marks.network else ""
        late = left_out.pop(r.student, None)
        notes = [f"the resubmission is not graded: {late.why}"] if late else []
        rows.append([*row, network, r.when, "; ".join([*notes, *r.notes, *r.look])])
    for u in left_out.values():
        rows.append([u.student, "", number(exercise.points), *[""] * (2 * len(names) + 2), u.why])
    text = io.StringIO(newline="")
    csv.writer(text).writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue().encode("utf-8-sig", errors="replace")


def _cell(value: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def teacher_pages(
    records: list[Record], ungraded: list[Ungraded], exercise: Exercise
) -> tuple[str, str]:
    """The page in Markdown, and in HTML."""
    points = [r.marks.points for r in records]
    average = f", {number(sum(points) / len(points))} points on average" if points else ""
    summary = f"{len(records)} graded{average}, of {number(exercise.points)}"
    blank = [r.student for r in records if r.blank]
    look = [(r.student, line) for r in records for line in r.look]
    parts = _Parts(records, ungraded, groups(records), blank, look, summary)
    return _markdown(parts, exercise), _html(parts, exercise)


@dataclass
class _Parts:
    records: list[Record]
    ungraded: list[Ungraded]
    groups: list[Group]
    blank: list[str]
    look: list[tuple[str, str]]
    summary: str


def _markdown(parts: _Parts, exercise: Exercise) -> str:
    p = plain_markdown
    lines = [f"# {p(exercise.title)}: for the teacher", "", f"{parts.summary}.", ""]
    if parts.ungraded:
        lines += ["## Not graded", ""]
        lines += [f"- {p(u.student)}: {p(u.why)}" for u in parts.ungraded] + [""]
    if parts.look:
        lines += ["## To look at", ""]
        lines += [f"- {p(student)}: {p(line)}" for student, line in parts.look] + [""]
    lines += ["## The same mistakes", ""]
    for g in parts.groups:
        lines += [f"### {p(g.task)}: {p(g.diagnosis)} ({len(g.students)})", "", p(g.text), ""]
        lines += ["By hand:", "", *fenced(g.example), ""] if g.example else []
        lines += [f"- {p(student)}" for student in g.students] + [""]
    if parts.blank:
        lines += ["## Blank", "", *(f"- {p(student)}" for student in parts.blank), ""]
    lines += ["## Points", "", "| student | points |", "|:--|--:|"]
    lines += [f"| {p(r.student)} | {number(r.marks.points)} |" for r in parts.records]
    return "\n".join(lines) + "\n"


def _html(parts: _Parts, exercise: Exercise) -> str:
    e = html.escape
    lines = [f"<h1>{e(exercise.title)}: for the teacher</h1>", f"<p>{e(parts.summary)}.</p>"]
    if parts.ungraded:
        items = "".join(f"<li><b>{e(u.student)}</b>: {e(u.why)}</li>" for u in parts.ungraded)
        lines.append(f"<section><h2>Not graded</h2><ul>{items}</ul></section>")
    if parts.look:
        items = "".join(f"<li><b>{e(s)}</b>: <code>{e(line)}</code></li>" for s, line in parts.look)
        lines.append(f"<section><h2>To look at</h2><ul>{items}</ul></section>")
    for g in parts.groups:
        lines += [f"<section><h2>{e(g.task)}: {e(g.diagnosis)} ({len(g.students)})</h2>"]
        lines += [f"<blockquote>{'<br>'.join(map(e, g.text.splitlines()))}</blockquote>"]
        lines += [f"<p>By hand:</p><pre>{e(g.example)}</pre>"] if g.example else []
        lines += [f"<p>{', '.join(map(_link, g.students))}</p></section>"]
    if parts.blank:
        who = ", ".join(map(_link, parts.blank))
        lines.append(f"<section><h2>Blank</h2><p>{who}</p></section>")
    rows = "".join(
        f'<tr><td>{_link(r.student)}</td><td class="points">{number(r.marks.points)}</td></tr>'
        for r in parts.records
    )
    head = '<tr><th>student</th><th class="points">points</th></tr>'
    lines.append(f"<section><h2>Points</h2><table>{head}{rows}</table></section>")
    return document(f"{exercise.title}: for the teacher", "\n".join(lines))


def _link(student: str) -> str:
    return f'<a href="pages/{html.escape(file_name(student))}.html">{html.escape(student)}</a>'
