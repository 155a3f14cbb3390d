"""What a gradient check found: one record, for our own layers and for other people's files.

A Report is about one layer: a Row for each array, notes, and the name of the mistake where it is
known. An Outcome is all that was checked together. Both are text by `str()` and plain data by
`to_dict()`.
"""

import json
import math
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any, NamedTuple, Self

import numpy as np

from mlp.tables import as_html

VERDICTS = ("ERROR", "FAIL", "unfinished", "INCONCLUSIVE", "nothing to check", "KINK", "PASS")
"""From the worst to the best."""
HEAD = ("array", "shape", "checked", "error", "sees", "verdict")
MEANING = (
    "checked: entries compared one by one; error: the largest, relative to the largest entry; "
    "sees: an error of this size would have been seen in 90 % of the entries"
)
SHOWN = 10
"""Wrong entries that are printed."""
WIDTH = 80


def worst(verdicts: Iterable[str]) -> str:
    """The verdict on the whole; where nothing was compared, a mistake would not have shown."""
    return min(verdicts, key=VERDICTS.index, default="INCONCLUSIVE")


def exit_status(verdicts: Iterable[str], error: str | None = None) -> int:
    """0 right, 1 any FAIL, ERROR or unfinished, 2 an error in loading, 3 INCONCLUSIVE at worst."""
    found = set(verdicts)
    if error is not None:
        return 2
    if found & {"FAIL", "ERROR", "unfinished"}:
        return 1
    return 3 if "INCONCLUSIVE" in found else 0


class WrongEntry(NamedTuple):
    """One entry of a wrong gradient."""

    at: tuple[int, ...]
    analytic: float
    """What backward says."""
    reference: float
    tolerance: float

    def to_dict(self) -> dict[str, Any]:
        """The entry as plain numbers; its place is called index there."""
        numbers = self._asdict()
        return {"index": numbers.pop("at")} | numbers


class Diagnosis(NamedTuple):
    """The name of a mistake, what to do about it, and further names that fit."""

    id: str
    text: str
    also: list[str]


class Flaw(NamedTuple):
    """A flaw of style by its id: what it is, why it matters and the remedy.

    The gradients may be right all the same.
    """

    id: str
    text: str


class Counterexample(NamedTuple):
    """Numbers, as few and as small as were found, for which a result is wrong."""

    given: dict[str, np.ndarray]
    """Inputs, parameters and upstream by name."""
    what: str
    """The wrong result: "dW", or "forward"."""
    yours: np.ndarray
    right: np.ndarray
    steps: str = ""
    """What is called with them, where it is not forward and backward, once each."""

    def __str__(self) -> str:
        given = ", ".join(f"{name} = {_numbers(value)}" for name, value in self.given.items())
        given += f"; {self.steps}" if self.steps else ""
        return f"{given}: yours {self.what} = {_numbers(self.yours)}, right {_numbers(self.right)}"

    def to_dict(self) -> dict[str, Any]:
        """The numbers in full, and the sentence that is printed."""
        return self._asdict() | {"text": str(self)}


@dataclass
class Row:
    """The gradient with respect to one array."""

    name: str
    shape: tuple[int, ...]
    verdict: str
    """PASS, FAIL, KINK or INCONCLUSIVE."""
    oracle: str
    checked: int
    """Coordinates compared one by one."""
    max_error: float | None
    """Largest difference, relative to the largest entry; None where nothing could be compared."""
    resolution: float
    """The relative error that would have been seen in 90 % of the entries."""
    used: float = 0.0
    """Largest error as a part of the tolerance, which is 32 eps of the numbers that were added."""
    notes: list[str] = field(default_factory=list)
    wrong: list[WrongEntry] = field(default_factory=list)
    """The worst entries."""
    wrong_count: int = 0

    def fail(self, note: str) -> None:
        """Turn into a FAIL for this reason; an empty note changes nothing."""
        if note:
            self.verdict = "FAIL"
            self.notes.append(note)

    def to_dict(self) -> dict[str, Any]:
        """The row as plain numbers, strings and lists."""
        return vars(self) | {
            "shape": list(self.shape),
            "wrong": [entry.to_dict() for entry in self.wrong],
        }


@dataclass(repr=False)
class Report:
    """The result of a gradient check of one layer; `str()` is a table, `.ok` says if it is sound.

    `rows` holds the arrays; `whole` is a verdict on the layer that no single array shows, such as
    FAIL for a wrong output. Together they give the `verdict`.
    """

    name: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    whole: str | None = None
    diagnosis: Diagnosis | None = None
    seed: int | None = None
    dtype: str | None = None
    against: str | None = None
    """The oracle, where there are no rows to say it."""
    pictures: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    """Wrong arrays by name, beside the right ones."""
    flaws: list[Flaw] = field(default_factory=list)
    """Of style: they are noted, and fail only where `strict` asks for it."""
    counterexample: Counterexample | None = None

    def strict(self) -> Self:
        """The same report, in which a flaw of style is a failure."""
        if not self.flaws:
            return self
        ids = [flaw.id for flaw in self.flaws]
        first = self.diagnosis or Diagnosis(*self.flaws[0], [])
        also = [i for i in dict.fromkeys([*first.also, *ids]) if i != first.id]
        whole = "FAIL" if self.whole is None else worst(["FAIL", self.whole])
        return replace(self, whole=whole, diagnosis=first._replace(also=also))

    @property
    def verdict(self) -> str:
        """The worst of the rows and the whole."""
        whole = [] if self.whole is None else [self.whole]
        return worst([*(row.verdict for row in self.rows), *whole])

    @property
    def ok(self) -> bool:
        """True if a gradient was compared, and every row is PASS or KINK."""
        return self.verdict in ("PASS", "KINK")

    @property
    def oracle(self) -> str | None:
        """What the gradients were compared with."""
        return ", ".join(sorted({row.oracle for row in self.rows})) or self.against

    @property
    def max_error(self) -> float | None:
        """The largest of the rows."""
        return max((r.max_error for r in self.rows if r.max_error is not None), default=None)

    @property
    def resolution(self) -> float | None:
        """The largest of the rows."""
        return max((row.resolution for row in self.rows), default=None)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data that JSON can hold, without the pictures."""
        origin = {"seed": self.seed, "dtype": self.dtype}
        return for_json(
            {"name": self.name, "verdict": self.verdict}
            | {key: value for key, value in origin.items() if value is not None}
            | {
                "oracle": self.oracle,
                "max_error": self.max_error,
                "resolution": self.resolution,
                "diagnosis": self.diagnosis and self.diagnosis._asdict(),
                "counterexample": self.counterexample and self.counterexample.to_dict(),
                "notes": [f"{flaw.id}: {' '.join(flaw.text.split())}" for flaw in self.flaws]
                + self.notes,
                "flaws": [flaw._asdict() for flaw in self.flaws],
                "arrays": [row.to_dict() for row in self.rows],
            }
        )

    def __repr__(self) -> str:
        title = textwrap.wrap(self._title(), WIDTH, subsequent_indent="    ")
        return "\n".join([*title, *_table(self.rows), *_explained(self)])

    __str__ = __repr__

    def _repr_html_(self) -> str:
        said = [*(line for row in self.rows for line in _said_of(row)), *_explained(self)]
        text = escape(textwrap.dedent("\n".join(said)))
        table = as_html(HEAD, map(_cells, self.rows), MEANING) if self.rows else ""
        return f"<p><b>{escape(self._title())}</b></p>{table}<pre>{text}</pre>"

    def _title(self) -> str:
        origin = "" if self.dtype is None else f", {self.dtype}, seed {self.seed}"
        return f"{self.verdict}  {self.name}{origin}"

    def lines(self, verdict_width: int) -> list[str]:
        """One line, and below it what is wrong and what was noted."""
        head = f"{self.verdict:<{verdict_width}}  {self.name}"
        head += f", {self.dtype}" if self.dtype else ""
        tail = self.diagnosis.id if self.diagnosis else ""
        if not tail and self.max_error is not None and self.resolution is not None:
            tail = f"error {self.max_error:.1e}  sees {self.resolution:.1e}"
        room = WIDTH - 2 - len(tail)
        head = head if len(head) <= room else head[: room - 3] + "..."
        named = self.diagnosis is not None and self.diagnosis.id != "unknown"
        unsound = [] if named else [r for r in self.rows if r.verdict in ("FAIL", "INCONCLUSIVE")]
        return [f"{head:<{room}}  {tail}".rstrip(), *_table(unsound), *_explained(self)]


@dataclass
class Outcome:
    """All that was checked together; `file` and `error` are those of a file of somebody else's."""

    reports: list[Report]
    file: str | None = None
    error: str | None = None
    notes: list[str] = field(default_factory=list)
    """What was assumed to load the file."""

    def strict(self) -> Self:
        """The same, with flaws of style as failures."""
        return replace(self, reports=[report.strict() for report in self.reports])

    def without_error(self) -> Self:
        """The same, if the error is said elsewhere: it is in no note either."""
        reports = [
            replace(report, notes=[note for note in report.notes if note != self.error])
            for report in self.reports
        ]
        return replace(self, error=None, reports=reports)

    @property
    def exit_status(self) -> int:
        """What a program returns that did nothing but this."""
        return exit_status((report.verdict for report in self.reports), self.error)

    def to_dict(self) -> dict[str, Any]:
        """One JSON object."""
        checked = [report.to_dict() for report in self.reports]
        return {"file": self.file, "error": self.error, "notes": self.notes, "checked": checked}

    def to_json(self) -> str:
        """The same as text, without NaN and infinities, which JSON does not know."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def __str__(self) -> str:
        if self.file is None and len(self.reports) <= 2:
            return "\n\n".join(map(str, self.reports))
        lines = [line for line in (self.file, self.error) if line]
        for note in self.notes:
            lines += _wrapped(note, 2)
        verdicts = [report.verdict for report in self.reports]
        width = max(map(len, verdicts), default=0)
        for report in self.without_error().reports:
            lines += report.lines(width)
        tally = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
        return "\n".join([*lines, *([tally] if tally else [])])


def _table(rows: list[Row]) -> list[str]:
    """A line for each array, with its notes and its worst entries."""
    lines = []
    if rows:
        lines.append(_line(HEAD))
    for row in rows:
        lines += [_line(_cells(row)), *_said_of(row)]
    return lines


def _cells(row: Row) -> tuple[str, ...]:
    count = f"{row.checked:,} of {math.prod(row.shape):,}"
    error = "" if row.max_error is None else f"{row.max_error:.1e}"
    return row.name, str(row.shape), count, error, f"{row.resolution:.1e}", row.verdict


def _line(cells: tuple[str, ...]) -> str:
    return "  {:<10} {:<17} {:>17} {:>8} {:>8}  {}".format(*cells)


def _said_of(row: Row) -> list[str]:
    """The notes on one array, and its worst entries."""
    lines = []
    for note in row.notes:
        lines += _wrapped(note, 4)
    for entry in row.wrong:
        where = ", ".join(map(str, entry.at))
        line = f"d{row.name}[{where}]: backward {entry.analytic:+.6e}, "
        lines += _wrapped(f"{line}{row.oracle} {entry.reference:+.6e}", 4)
    if row.wrong_count > len(row.wrong) > 0:
        lines.append(f"    and {row.wrong_count - len(row.wrong):,} more")
    return lines


def _explained(report: Report) -> list[str]:
    """The diagnosis, the counterexample and the notes."""
    lines = []
    if report.diagnosis is not None:
        for line in report.diagnosis.text.splitlines():
            lines += _wrapped(line, 4)
        if report.diagnosis.also:
            lines += _wrapped(f"also: {', '.join(report.diagnosis.also)}", 4)
    if report.counterexample is not None:
        lines += _wrapped(f"by hand: {report.counterexample}", 4)
    for flaw in report.flaws:
        if report.diagnosis is None or flaw.id != report.diagnosis.id:
            lines += _wrapped(f"{flaw.id}: {' '.join(flaw.text.split())}", 2)
    for note in report.notes:
        lines += _wrapped(note, 2)
    return lines


def _wrapped(text: str, indent: int) -> list[str]:
    first, rest = " " * indent, " " * (indent + 2)
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest)


def _numbers(array: np.ndarray) -> str:
    """[[1, 0.25], [0, -2]]: in up to six digits."""
    if array.ndim == 0:
        return f"{float(array) + 0.0:.6g}"
    return f"[{', '.join(map(_numbers, array))}]"


def worst_entries(
    index: np.ndarray,
    shape: tuple[int, ...],
    value: np.ndarray,
    reference: np.ndarray,
    tolerance: np.ndarray,
) -> tuple[list[WrongEntry], int]:
    """The SHOWN entries furthest beyond their tolerance, and how many are beyond it at all.

    All arrays are flat; `index` holds the flat positions of the entries in an array of `shape`.
    """
    error = abs(value - reference)
    wrong = ~(error <= tolerance)  # NaN is wrong
    excess = np.full(len(index), -1.0)
    np.divide(error, tolerance, out=excess, where=wrong & (tolerance > 0))
    excess[wrong & ~(tolerance > 0)] = np.inf
    order = np.argsort(-np.nan_to_num(excess, nan=np.inf), kind="stable")[:SHOWN]
    entries = [
        WrongEntry(
            tuple(int(i) for i in np.unravel_index(index[k], shape)),
            float(value[k]),
            float(reference[k]),
            float(tolerance[k]),
        )
        for k in order
        if wrong[k]
    ]
    return entries, int(wrong.sum())


def for_json(value: Any) -> Any:
    """Arrays become lists; NaN and the infinities, which JSON does not know, become text."""
    if isinstance(value, dict):
        return {key: for_json(v) for key, v in value.items()}
    if isinstance(value, np.ndarray):
        return for_json(value.tolist())
    if isinstance(value, list | tuple):
        return [for_json(v) for v in value]
    return str(float(value)) if isinstance(value, float) and not math.isfinite(value) else value
