"""What is kept of a graded submission, on disk: one JSON file for each student, and its history.

    OUTPUT/records/NAME.json             the submission that counts, the last one
    OUTPUT/records/history/NAME-1.json   the ones before, from the first

A record is written whole or not at all, and what it replaces is in the history before that.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from mlp.checking.grading.points import Mark, Marks, Part
from mlp.checking.report import Report, for_json
from mlp.checking.students.wire import from_wire, to_wire
from mlp.files.whole import write_whole


@dataclass
class Record:
    """The result of one submission."""

    student: str
    """As on the pages: the name, or what stands for it."""
    digest: str
    """Of the submission, the exercise and the settings."""
    files: list[str]
    marks: Marks
    reports: dict[str, Report] = field(default_factory=dict)
    """What the check found, by task."""
    notes: list[str] = field(default_factory=list)
    """For the student: what stopped a file from loading, which file counted."""
    look: list[str] = field(default_factory=list)
    """For the teacher: what a person should look at."""
    blank: bool = False
    when: str = field(default_factory=lambda: datetime.now().astimezone().isoformat(" ", "minutes"))
    earlier: list[tuple[str, float]] = field(default_factory=list)
    """When the submissions before this were graded, and their points."""

    def to_json(self) -> bytes:
        """Everything, as text."""
        data = asdict(self) | {"reports": {t: to_wire(r) for t, r in self.reports.items()}}
        return json.dumps(for_json(data), indent=1, ensure_ascii=False).encode()


def record_from(data: dict[str, Any]) -> Record:
    """The record that was written; ValueError, TypeError or KeyError for anything else."""
    marks = Marks(
        [_mark(m) for m in data["marks"]["tasks"]], [Part(**p) for p in data["marks"]["network"]]
    )
    reports = {task: from_wire(report) for task, report in data["reports"].items()}
    earlier = [(when, points) for when, points in data["earlier"]]
    return Record(**data | {"marks": marks, "reports": reports, "earlier": earlier})


def _mark(data: dict[str, Any]) -> Mark:
    return Mark(**data | {"parts": [Part(**part) for part in data["parts"]]})


def file_name(student: str) -> str:
    """A name for the student's files on every system: letters of all languages stay."""
    name = re.sub(r"[^\w\-]+", "_", student).strip("_")[:60] or "student"
    if name == student.replace(" ", "_"):
        return name
    return f"{name}-{hashlib.sha256(student.encode(errors='surrogateescape')).hexdigest()[:6]}"


class Records:
    """The records in a folder of results."""

    def __init__(self, output: Path) -> None:
        self.folder = output / "records"

    def read(self, student: str) -> Record | None:
        """The one that counts, if there is one and it can be read."""
        try:
            return record_from(json.loads(self._path(student).read_bytes()))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, record: Record) -> None:
        """Keep the old one in the history, and put the new one in its place."""
        path, history = self._path(record.student), self.folder / "history"
        history.mkdir(parents=True, exist_ok=True)
        if path.exists():
            number = len(list(history.glob(f"{path.stem}-*.json"))) + 1
            write_whole(history / f"{path.stem}-{number}.json", path.read_bytes())
        write_whole(path, record.to_json())

    def _path(self, student: str) -> Path:
        return self.folder / f"{file_name(student)}.json"
