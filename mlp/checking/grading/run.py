"""Grade all submissions of a folder, as many at a time as there are cores.

What is graded is on disk at once: an interrupted grading goes on where it stopped, and only what
has changed (the submission, the exercise, the settings) is graded again.
"""

import os
import queue
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from mlp import __version__
from mlp.checking.grading.exercise import Exercise
from mlp.checking.grading.feedback import pages
from mlp.checking.grading.names import blind_names
from mlp.checking.grading.one import grade_one
from mlp.checking.grading.record import Record, Records, file_name
from mlp.checking.grading.submissions import Submission
from mlp.checking.grading.teacher import Ungraded, table, teacher_pages
from mlp.checking.students.nursery import Nursery, can_fork
from mlp.checking.students.sandbox import Limits, Start, fresh
from mlp.files.whole import write_whole

CHILDREN = ("mlp.checking.students.child", "mlp.checking.grading.witness")
"""The programs that look at a submission."""
LATE = "numpy.ma"
"""NumPy loads it at the first use; each child would."""


MOST = 4.0
"""How many times as long a busy machine may take."""


def slowness() -> float:
    """How many programs share a core, from 1 to MOST: so much longer everything takes."""
    cores = os.cpu_count() or 1
    return min(MOST, max(1.0, os.getloadavg()[0] / cores)) if hasattr(os, "getloadavg") else 1.0


@dataclass
class Grading:
    """One grading of a class."""

    submissions: list[Submission]
    exercise: Exercise
    output: Path
    limits: Limits
    seed: int = 0
    anonymous: bool = False
    workers: int | None = None

    def __post_init__(self) -> None:
        students = [s.student for s in self.submissions]
        self.called = {student: student for student in students}
        if self.anonymous:
            self.called = blind_names(students, self.output)
        self.records: dict[str, Record] = {}
        self.ungraded: list[Ungraded] = []
        self._store = Records(self.output)

    def run(self) -> Generator[tuple[Submission, Record | Ungraded]]:
        """Each submission when it is done, with its result; then the pages on all of them.

        Results are written before they are given. Closing the iterator stops the others.
        """
        workers = self.workers or os.cpu_count() or 1
        waiting: dict[Future[Record], Submission] = {}
        with ExitStack() as stack:
            starts = queue.SimpleQueue[Start]()  # one for each worker
            for _ in range(workers):
                starts.put(_start(stack))
            pool = ThreadPoolExecutor(workers)
            stack.callback(pool.shutdown, cancel_futures=True)
            for submission in self.submissions:
                if submission.unreadable:
                    yield submission, self._leave(submission, submission.unreadable)
                    continue
                waiting[pool.submit(self._record, submission, starts)] = submission
            for done in as_completed(waiting):
                submission = waiting[done]
                try:
                    record = self._keep(done.result())
                except (OSError, ValueError, RuntimeError) as error:
                    yield submission, self._leave(submission, str(error))
                    continue
                yield submission, record

    def finish(self) -> None:
        """Write the table and the teacher's page."""
        records = sorted(self.records.values(), key=lambda r: r.student.casefold())
        write_whole(self.output / "grades.csv", table(records, self.ungraded, self.exercise))
        markdown, page = teacher_pages(records, self.ungraded, self.exercise)
        write_whole(self.output / "teacher.md", markdown.encode(errors="replace"))
        write_whole(self.output / "teacher.html", page.encode(errors="replace"))

    def _record(self, submission: Submission, starts: queue.SimpleQueue[Start]) -> Record:
        """The record on disk if nothing has changed, else a new one."""
        settings = repr((__version__, self.seed, self.anonymous, astuple(self.limits)))
        digest = submission.digest(self.exercise.text, settings.encode())
        called = self.called[submission.student]
        old = self._store.read(called)
        if old is not None and old.digest == digest:
            return old
        start = starts.get()
        try:
            limits = replace(self.limits, seconds=self.limits.seconds * slowness())
            return grade_one(submission, called, self.exercise, limits, self.seed, digest, start)
        finally:
            starts.put(start)

    def _keep(self, record: Record) -> Record:
        """Write a new record after its pages: what has a record is complete."""
        old = self._store.read(record.student)
        self.records[record.student] = record
        folder, name = self.output / "pages", file_name(record.student)
        paths = [folder / f"{name}{ending}" for ending in (".md", ".html")]
        is_new = old is None or old.digest != record.digest
        if not is_new and all(path.exists() for path in paths):
            return record
        if old is not None and is_new:
            record.earlier = [*old.earlier, (old.when, old.marks.points)]
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, pages(record, self.exercise), strict=True):
            write_whole(path, text.encode(errors="replace"))
        if is_new:
            self._store.write(record)
        return record

    def _leave(self, submission: Submission, why: str) -> Ungraded:
        """Nothing is written: an earlier result stays."""
        called = self.called[submission.student]
        left = Ungraded(called, why, self._store.read(called))
        self.ungraded.append(left)
        if left.kept is not None:
            self.records[called] = left.kept
        return left


def _start(stack: ExitStack) -> Start:
    """How a worker starts its children: the quicker way, where there is one."""
    if can_fork():
        return stack.enter_context(Nursery(*CHILDREN, LATE)).child
    return fresh
