"""Grade one submission: copy it, check each file in its sandbox, confirm, and give points."""

import re
import tempfile
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from mlp.checking.grading.confirming import Confirmed, Testimony, confirm
from mlp.checking.grading.exercise import Exercise, Task
from mlp.checking.grading.points import (
    BLANK,
    MISSING,
    Mark,
    Marks,
    Part,
    mark,
    mark_network,
)
from mlp.checking.grading.record import Record
from mlp.checking.grading.submissions import Submission
from mlp.checking.report import Report, Row
from mlp.checking.students.guard import REFUSAL
from mlp.checking.students.sandbox import LEFT_OUT, Limits, Start, check_file

LOOK = re.compile(
    r"^.*\b(?:import +mlp|from +mlp|importlib|__import__|sys\.modules|_getframe|inspect\.|gc\."
    r"|ctypes|os\.(?:_exit|kill|fork|system|remove|unlink)|subprocess|shutil|/proc/"
    r"|__array_ufunc__|__array_function__|__eq__|setattr\(np|(?:np|numpy)\.\w+ *= )",
    re.MULTILINE,
)
"""Lines that have no place in an exercise as a rule: a person should read them."""
LOOKS = 3
INSIDE = re.compile(
    r"\b(?:f_back|f_globals|f_locals|tb_frame|_getframe|_current_frames|get_objects|get_referrers"
    r"|get_referents|__subclasses__|__globals__|__code__|FunctionType)\b"
)
"""What takes code to the insides of the interpreter, and from there to ours: no layer needs it."""


@dataclass
class Found:
    """One file's answer to one task."""

    mark: Mark
    report: Report | None
    file: str


def grade_one(
    submission: Submission,
    called: str,
    exercise: Exercise,
    limits: Limits,
    seed: int,
    digest: str,
    start: Start | None = None,
) -> Record:
    """The record of a submission that can be read; `called` is what the pages call the student."""
    files = submission.relevant(exercise)
    record = Record(called, digest, [_shown(f, submission) for f in submission.code], Marks())
    found: dict[str, Found] = {}
    networks = []
    with tempfile.TemporaryDirectory(prefix="grading-") as folder:
        copies = submission.copy_to(Path(folder))
        for file in files:
            text = file.read_text(encoding="utf-8", errors="replace")
            record.look += _looks(text, file.name)
            if not re.search(r"\b(?:def|class|lambda)\b", text):
                continue
            answers, network = _grade_file(copies[file], record, exercise, limits, seed, start)
            networks += [network] if network is not None else []
            for name, answer in answers.items():
                answer.file = _shown(file, submission)
                if name not in found or answer.mark.points > found[name].mark.points:
                    found[name] = answer
        hidden = {str(copy): _shown(file, submission) for file, copy in copies.items()}
        if len(copies) == 1:
            hidden |= {copy.name: _shown(file, submission) for file, copy in copies.items()}
    for task in exercise.tasks:
        answer = found.get(task.name) or Found(mark(task, None, None), None, "")
        record.marks.tasks.append(answer.mark)
        if answer.report is not None:
            record.reports[task.name] = answer.report
    best = max(networks, key=lambda judged: sum(j.right for j in judged), default=None)
    record.marks.network = mark_network(exercise, best, record.marks.tasks)
    record.blank = all(m.verdict in (BLANK, MISSING) for m in record.marks.tasks)
    record.blank = record.blank and not record.notes
    if called != submission.student:
        record.files = [f"submission {number}" for number, _ in enumerate(record.files, start=1)]
        named = zip(submission.code, record.files, strict=True)
        hidden = {str(copies[file]): name for file, name in named} | {submission.student: called}
    return _without(record, hidden)


def _grade_file(
    file: Path,
    record: Record,
    exercise: Exercise,
    limits: Limits,
    seed: int,
    start: Start | None,
) -> tuple[dict[str, Found], list[Any] | None]:
    """The answers in one file by task, and its network."""
    kinds = {t.name: t.kind for t in exercise.tasks if t.kind is not None}
    outcome = check_file(file, kinds=kinds, seed=seed, limits=limits, start=start)
    if outcome.error:
        record.notes.append(outcome.error)
    said = [*outcome.notes, *(note for report in outcome.reports for note in report.notes)]
    record.look += [f"{file.name}: {text}" for text in said if REFUSAL in text]
    reports: dict[str, tuple[Task, Report]] = {}
    for report in outcome.reports:
        task = exercise.task_of(report.name)
        if task is not None and (task.name == report.name or task.name not in _answered(reports)):
            reports = {n: r for n, r in reports.items() if r[0] is not task}
            reports[report.name] = task, report
    sound = {n: t for n, (t, r) in reports.items() if r.rows}
    told = Testimony({})
    if sound:
        told = confirm(
            file,
            sound,
            exercise,
            limits,
            _seed(record.digest, seed),
            start,
            definitions_only=LEFT_OUT in outcome.notes,
        )
    if inside := INSIDE.search(file.read_text(encoding="utf-8", errors="replace")):
        told.tampered = f"it reaches into the interpreter ({inside[0]})"
    if told.tampered:
        record.look.append(f"{file.name}: {told.tampered}")
    found = {}
    for name, (task, report) in reports.items():
        confirmed: Confirmed | None = told.tasks.get(name)
        if report.ok and confirmed is not None and confirmed.why:
            record.look.append(f"{task.name} is right by the check, but: {confirmed.why}")
        found[task.name] = Found(mark(task, report, confirmed, told.tampered), report, "")
    return found, None if told.tampered else told.network


def _answered(reports: dict[str, tuple[Task, Report]]) -> set[str]:
    """Names of the tasks that have an answer."""
    return {task.name for task, _ in reports.values()}


def _seed(digest: str, seed: int) -> int:
    """Numbers that nobody can have prepared an answer for: they depend on the answer's text."""
    return (int(digest[:12], 16) + seed) % 2**48


def _shown(file: Path, submission: Submission) -> str:
    """A file's name as its student knows it."""
    root = next(p for p in submission.paths if p == file or p in file.parents)
    return file.relative_to(root.parent).as_posix()


def _looks(text: str, name: str) -> list[str]:
    """Places in the text that a person should read."""
    found = list(LOOK.finditer(text))
    lines = [
        f"{name}, line {text.count(chr(10), 0, match.start()) + 1}: "
        f"{text[match.start() :].splitlines()[0].strip()[:120]}"
        for match in found[:LOOKS]
    ]
    more = [f"{name}: and {len(found) - LOOKS} more such lines"] if len(found) > LOOKS else []
    return lines + more


def _without(record: Record, hidden: dict[str, str]) -> Record:
    """The record with these words replaced wherever they stand: folders of ours, names."""
    words = sorted(hidden, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)")

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return pattern.sub(lambda found: hidden[found[0]], value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(clean, value))
        if isinstance(value, list | tuple):
            return type(value)(map(clean, value))
        if isinstance(value, dict):
            return {key: clean(v) for key, v in value.items()}
        if isinstance(value, Record | Marks | Mark | Part | Report | Row):
            return replace(value, **{f.name: clean(getattr(value, f.name)) for f in fields(value)})
        return value

    return replace(clean(record), digest=record.digest, student=record.student)
