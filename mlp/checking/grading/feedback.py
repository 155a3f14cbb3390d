"""The feedback page of one student, as Markdown and as HTML: each is one file.

Both are made of the same blocks: a heading, a table of points, and for each task what is right,
what is wrong, what to derive, numbers to redo by hand, heat maps. Whatever a student's code could
have written is escaped.
"""

import html
import re
from dataclasses import dataclass, field

from mlp.checking.grading.exercise import Exercise
from mlp.checking.grading.heat import heat_maps
from mlp.checking.grading.points import BLANK, MISSING, OTHER, REFUSED, Mark, Part, flaws_of
from mlp.checking.grading.record import Record
from mlp.checking.grading.style import document
from mlp.checking.report import Report

MEANINGS = {
    "PASS": "right",
    "KINK": "right",
    "FAIL": "wrong",
    "ERROR": "stopped with an error",
    "INCONCLUSIVE": "could not be judged",
    BLANK: "still blank",
    MISSING: "not handed in",
    OTHER: "another convention than the exercise asks for",
    REFUSED: "not accepted",
}
FRIENDLY = (
    "Nothing to grade yet: the tasks are still blank. Begin with the one that looks easiest, one "
    "entry of one array at a time, on paper; `mlp check YOUR_FILE` says how far you are, as often "
    "as you like."
)


@dataclass
class Section:
    """One task on a page."""

    title: str
    right: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    explained: list[str] = field(default_factory=list)
    example: str = ""
    notes: list[str] = field(default_factory=list)
    maps: dict[str, str] = field(default_factory=dict)


def number(points: float) -> str:
    """Points without needless zeros."""
    return f"{points:.2f}".rstrip("0").rstrip(".")


def pages(record: Record, exercise: Exercise) -> tuple[str, str]:
    """The page in Markdown, and in HTML."""
    there = [mark for mark in record.marks.tasks if mark.verdict not in (MISSING, BLANK)]
    sections = [_section(mark, record.reports.get(mark.task)) for mark in there]
    if record.marks.network:
        sections.append(_network(record.marks.network))
    shown = [] if record.blank else sections
    return _markdown(record, exercise, shown), _html(record, exercise, shown)


def _section(mark: Mark, report: Report | None) -> Section:
    title = f"{mark.task}: {MEANINGS[mark.verdict]}, {number(mark.points)} of {number(mark.of)}"
    section = Section(title)
    section.right = [part.name for part in mark.parts if part.points == part.of]
    section.wrong = [part.name for part in mark.parts if part.points < part.of]
    section.explained = mark.text.splitlines()
    if report is None or mark.verdict == REFUSED:
        return section
    if report.counterexample is not None:
        section.example = str(report.counterexample)
    if mark.verdict == "FAIL" and report.diagnosis is not None:
        also = report.diagnosis.also
        section.notes += [f"It may also be: {', '.join(also)}"] if also else []
    flaws = [flaw for flaw in flaws_of(report) if flaw not in " ".join(section.explained)]
    section.notes += [f"Style: {flaw}" for flaw in flaws]
    section.notes += [n for n in report.notes if n not in section.explained]
    section.maps = heat_maps(report)
    return section


def _network(parts: list[Part]) -> Section:
    """The layers as one network: from the first to the last."""
    points, of = sum(p.points for p in parts), sum(p.of for p in parts)
    section = Section(f"The layers as one network: {number(points)} of {number(of)}")
    section.right = [part.name for part in parts if part.points == part.of and not part.why]
    section.wrong = [part.name for part in parts if part.points < part.of]
    section.notes = [f"{part.name}: {part.why}" for part in parts if part.why]
    return section


def _rows(record: Record) -> list[tuple[str, str, str]]:
    rows = [
        (m.task, MEANINGS[m.verdict], f"{number(m.points)} of {number(m.of)}")
        for m in record.marks.tasks
    ]
    if network := record.marks.network:
        points, of = sum(p.points for p in network), sum(p.of for p in network)
        rows.append(("network", "", f"{number(points)} of {number(of)}"))
    return rows


def _facts(record: Record) -> list[str]:
    files = ", ".join(record.files) or "no file"
    facts = [f"Handed in: {files}. Graded {record.when}."]
    for when, points in record.earlier:
        facts.append(f"An earlier submission, graded {when}, had {number(points)} points.")
    return facts


def _total(record: Record, exercise: Exercise) -> str:
    return f"{number(record.marks.points)} of {number(exercise.points)} points"


def plain_markdown(text: str) -> str:
    """Text in which nothing is read as Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>#|~$&!])", r"\\\1", " ".join(text.split()))


def fenced(text: str) -> list[str]:
    """A block of code that no text can end early."""
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return [fence + "text", text, fence]


def _markdown(record: Record, exercise: Exercise, sections: list[Section]) -> str:
    lines = [f"# {plain_markdown(exercise.title)}", ""]
    lines += [f"**{plain_markdown(record.student)}**: {_total(record, exercise)}", ""]
    lines += [plain_markdown(fact) for fact in _facts(record)] + [""]
    lines += [FRIENDLY, ""] if record.blank else []
    lines += [f"- {plain_markdown(note)}" for note in record.notes] + [""]
    lines += ["| task | | points |", "|:--|:--|--:|"]
    lines += [f"| {' | '.join(map(plain_markdown, row))} |" for row in _rows(record)] + [""]
    for s in sections:
        lines += [f"## {plain_markdown(s.title)}", ""]
        lines += [f"- right: {', '.join(s.right)}"] if s.right else []
        lines += [f"- no points: {', '.join(s.wrong)}"] if s.wrong else []
        lines += ["", *fenced("\n".join(s.explained)), ""] if s.explained else [""]
        lines += ["By hand:", "", *fenced(s.example), ""] if s.example else []
        lines += [f"- {plain_markdown(note)}" for note in s.notes]
        lines += [f"\n![{s.title.partition(':')[0]} {n}]({a})" for n, a in s.maps.items()] + [""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _html(record: Record, exercise: Exercise, sections: list[Section]) -> str:
    e = html.escape
    lines = [f"<h1>{e(exercise.title)}</h1>"]
    lines += [f'<p class="total"><b>{e(record.student)}</b> {_total(record, exercise)}</p>']
    lines += [f'<p class="facts">{e(fact)}</p>' for fact in _facts(record)]
    lines += [f"<p>{e(FRIENDLY).replace('`', '')}</p>"] if record.blank else []
    lines += [f'<p class="note">{e(note)}</p>' for note in record.notes]
    cells = [
        f"<tr><td>{e(task)}</td><td>{e(verdict)}</td><td class=points>{e(points)}</td></tr>"
        for task, verdict, points in _rows(record)
    ]
    head = '<tr><th>task</th><th></th><th class="points">points</th></tr>'
    lines += ["<table>", head, *cells, "</table>"]
    lines += [_html_section(section) for section in sections]
    return document(f"{record.student}: {exercise.title}", "\n".join(lines))


def _html_section(section: Section) -> str:
    e = html.escape
    lines = [f"<section><h2>{e(section.title)}</h2>"]
    if section.right:
        lines.append(f"<p><b>right:</b> {e(', '.join(section.right))}</p>")
    if section.wrong:
        lines.append(f"<p><b>no points:</b> {e(', '.join(section.wrong))}</p>")
    if section.explained:
        lines.append(f"<blockquote>{'<br>'.join(map(e, section.explained))}</blockquote>")
    if section.example:
        lines.append(f"<p>By hand:</p><pre>{e(section.example)}</pre>")
    if section.notes:
        lines.append(f"<ul>{''.join(f'<li>{e(note)}</li>' for note in section.notes)}</ul>")
    for name, address in section.maps.items():
        picture = f'<img alt="heat map of {e(name)}" src="{address}">'
        lines.append(f'<div class="map">{picture}</div>')
    return "\n".join([*lines, "</section>"])
