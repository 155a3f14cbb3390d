"""A docstring as HTML: paragraphs, lists, and the aligned columns in which ours explain things."""

import html
import re
import textwrap
from collections import Counter
from collections.abc import Callable
from itertools import groupby

from apipages.formulas import Formulas

LINE_BY_LINE = {"Shapes", "Forward", "Backward", "Jvp", "Gradient", "Value"}
"""What these columns hold is formulas, each on a line of its own."""
OF_A_LAYER = re.compile(r"^(Shapes|Forward|Gradient)\b", re.MULTILINE)
ENTRY = re.compile(r"(\S+(?: \S+)*?)(?<![.,;:]) {2,}(?=\S)")
"""What is explained, and the gap to where it is."""


class Page:
    """One docstring on its way to HTML, in which each formula is a mark (see `Formulas`)."""

    def __init__(self, docstring: str, formulas: Formulas) -> None:
        self.blocks = re.split(r"\n\s*\n", docstring.strip("\n"))
        self.formulas = formulas
        self.strict = not OF_A_LAYER.search(docstring)

    def html(self) -> str:
        return "\n".join(self._block(block.splitlines()) for block in self.blocks if block.strip())

    def _block(self, lines: list[str]) -> str:
        if all(line.startswith("    ") for line in lines):
            text = textwrap.dedent("\n".join(lines))
            return f"<pre>{html.escape(text, quote=False)}</pre>"
        if column := _column(lines):
            made = ""
            for kind, some in _groups(lines, _Entries(column)):
                made += self._columns(some, column) if kind == "entries" else self._prose(some)
            return made
        return self._prose(lines)

    def _prose(self, lines: list[str]) -> str:
        """A paragraph, with the items or the lines of formulas that stand indented in it."""
        made = ""
        for kind, some in _groups(lines, _Kind()):
            if kind == "text":
                text = " ".join(line.strip() for line in some)
                made += f"<p>{self.formulas.marked(text, self.strict)}</p>"
            elif kind == "items":
                items = re.split(r"^ *- ", "\n".join(some), flags=re.MULTILINE)[1:]
                texts = (self.formulas.marked(" ".join(i.split()), self.strict) for i in items)
                made += f"<ul>{''.join(f'<li>{item}</li>' for item in texts)}</ul>"
            else:
                made += "".join(map(self._line, some))
        return made

    def _line(self, line: str) -> str:
        """A line of formulas; what stands apart in it stays apart."""
        parts = re.split(r" {3,}", line.strip())
        cells = (self.formulas.marked(part, strict=False) for part in parts)
        return f'<div class="formulas">{"".join(f"<span>{cell}</span>" for cell in cells)}</div>'

    def _columns(self, lines: list[str], column: int) -> str:
        entries: list[tuple[str, list[str]]] = []
        for line in lines:
            if line[:column].strip():
                entry = ENTRY.match(line)
                longer = entry and entry.end() > column and line[column - 1] != " "
                end = entry.end() if entry and longer else column
                entries.append((line[:end].strip(), []))
                line = line[end:]
            entries[-1][1].append(line)
        return f"<dl>{''.join(self._entry(term, said) for term, said in entries)}</dl>"

    def _entry(self, term: str, lines: list[str]) -> str:
        if term in LINE_BY_LINE:
            said = "".join(map(self._line, lines))
        else:
            said = self.formulas.marked(" ".join(line.strip() for line in lines), self.strict)
        return f"<dt>{html.escape(term, quote=False)}</dt><dd>{said}</dd>"


def _groups(lines: list[str], kind: Callable[[str], str]) -> list[tuple[str, list[str]]]:
    return [(name, [*some]) for name, some in groupby(lines, kind)]


class _Kind:
    """What a line of a paragraph belongs to: its text, items of a list, or formulas."""

    def __init__(self) -> None:
        self.now = "text"

    def __call__(self, line: str) -> str:
        if re.match(r" *- ", line):
            self.now = "items"
        elif not line.startswith(" "):
            self.now = "text"
        elif self.now == "text" and line.startswith("    "):
            self.now = "formulas"
        return self.now


class _Entries:
    """Whether a line belongs to columns of which the second begins at `column`."""

    def __init__(self, column: int) -> None:
        self.column, self.now = column, "prose"

    def __call__(self, line: str) -> str:
        goes_on = not line[: self.column].strip()
        if not goes_on:
            self.now = "entries" if _begins(line, self.column) else "prose"
        return self.now


def _column(lines: list[str]) -> int | None:
    """Where the second of two aligned columns begins; None if the lines have no such columns."""
    entries = [(line, m.end()) for line in lines if (m := ENTRY.match(line))]
    starts = Counter(end for line, end in entries)
    starts.update(len(m[0]) for line in lines if (m := re.match(r" {6,}", line)))
    for column, _ in starts.most_common():
        if _begins(lines[0], column):
            return column
    return None


def _begins(line: str, column: int) -> bool:
    """Whether the line is the first of an entry; what is explained may be too long for its room."""
    if line[:column].strip() in LINE_BY_LINE:
        return True
    entry = ENTRY.match(line)
    return entry is not None and entry.end() >= column
