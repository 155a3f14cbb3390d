"""Run the check of a file in a child process, with limits, and survive whatever the file does.

The child writes its reports to a file of its own, line by line. If it dies or hangs in a layer,
that layer is an ERROR, and a new child goes on with the others. What a child says is not trusted:
the checked file may have written it.
"""

import collections
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Protocol, TextIO

from mlp.checking.report import Outcome, Report
from mlp.checking.students.child import Task
from mlp.checking.students.loading import guess_names
from mlp.checking.students.names import kind_of, plain
from mlp.checking.students.wire import from_wire

SHORTEST = 3.0
"""Seconds that a layer gets, or half of what is left."""
QUOTED_LINES = 5
KEPT_BYTES = 4096
LEFT_OUT = "statements that define nothing were left out: they take too long"


@dataclass(frozen=True)
class Limits:
    """Seconds of wall-clock time and MiB of memory for one file."""

    seconds: float = 60.0
    mebibytes: int = 1024
    guarded: bool = False
    """Whether the file may start no process, end none, and write nowhere but in its own folder."""


class Child(Protocol):
    """A running child: a subprocess.Popen is one."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> Any: ...

    @property
    def stdout(self) -> IO[bytes] | None: ...

    def poll(self) -> int | None: ...

    def wait(self) -> int: ...

    def kill(self) -> None: ...


Start = Callable[[Task], Child]


@dataclass
class Run:
    """One child and what is known about it."""

    loaded: list[str] | None = None
    """Names of the layers in the file."""
    error: str | None = None
    """What stopped the file from loading."""
    notes: list[str] = field(default_factory=list)
    """What was assumed to load it."""
    current: str | None = None
    """The layer that it is at."""
    since: float = 0.0
    reports: dict[str, Report] = field(default_factory=dict)
    loss_divides: bool = False
    answers: list[Any] = field(default_factory=list)
    """What a child of another program says, each with the key."""
    key: str = ""
    """What the child's own lines carry."""
    ended: bool = False

    def hear(self, line: str) -> None:
        """Take in one line of the child's; any other line has come from the file."""
        try:
            told = json.loads(line)
            if isinstance(told, dict) and told.get("key", "") == self.key:
                self._take_in(told)
        except (ValueError, TypeError, KeyError, RecursionError):
            return

    def _take_in(self, told: dict[str, Any]) -> None:
        if "loaded" in told:
            names, error, notes = told["loaded"], told["error"], told.get("notes", [])
            if all(isinstance(n, str) for n in [*names, *notes]) and isinstance(error, str | None):
                self.loaded, self.error, self.notes = list(names), error, list(notes)
        elif "start" in told and told["start"] in (self.loaded or ()):
            self.current, self.since = told["start"], time.monotonic()
        elif "done" in told:
            report, divides = from_wire(told["done"]), bool(told["loss_divides"])
            if report.name in (self.loaded or ()):
                self.reports[report.name] = report
                self.loss_divides, self.current = divides, None
        elif "answer" in told:
            self.answers.append(told["answer"])
        self.ended = self.ended or "end" in told


def check_file(
    path: Path,
    *,
    kinds: dict[str, str] | None = None,
    only: list[str] | None = None,
    seed: int = 0,
    limits: Limits | None = None,
    samples: str | None = None,
    expected: Sequence[str] = (),
    start: Start | None = None,
) -> Outcome:
    """The reports on all layers in the file, in its order; `kinds` are those given by the user.

    `samples` ("rows" or "columns") says what one sample is, where that shall not be found out.
    Each name or kind in `expected` that was not judged is a FAIL of its own. `start` makes the
    children; without it each has an interpreter of its own.
    """
    limits = limits or Limits()
    task = Task(
        file=str(path),
        path=str(path.resolve()),
        kinds=kinds or {},
        only=only or [],
        seed=seed,
        samples=samples,
        mebibytes=limits.mebibytes,
        guarded=limits.guarded,
        search=search_path(),
    )
    try:
        path.read_bytes()
    except OSError as error:
        return Outcome([], str(path), f"cannot load {path}: {error.strerror}")
    run = _children(task, time.monotonic() + limits.seconds, start or fresh)
    outcome = _outcome(path, task, run)
    judged = [r.name for r in outcome.reports if r.verdict in JUDGED]
    outcome.reports += [
        Report(name, notes=["expected, and not among what was judged"], whole="FAIL")
        for name in expected
        if not any(_stands_for(one, name, kinds or {}) for one in judged)
    ]
    return outcome


def search_path() -> list[str]:
    """The folders of the caller's PYTHONPATH."""
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [str(Path(folder).resolve()) for folder in folders if folder]


JUDGED = ("PASS", "KINK", "FAIL", "INCONCLUSIVE")


def _stands_for(found: str, expected: str, kinds: dict[str, str]) -> bool:
    """Whether a layer has the expected name, or is of the expected kind."""
    kind = kinds.get(found) or kind_of(found)
    return plain(found) == plain(expected) or (kind is not None and kind == kind_of(expected))


def ask(task: Task, seconds: float, start: Start | None = None) -> tuple[Run, str]:
    """What one child says to a task, and how it ended; a subclass of Task has its own program."""
    return _one_child(task, time.monotonic() + seconds, start or fresh)


def _children(task: Task, deadline: float, start: Start) -> Run:
    """One child after the other, until all layers have a report; the sum of what they said."""
    total = Run()
    while True:
        run, why = _one_child(task, deadline, start)
        total.loaded = total.loaded or run.loaded
        total.reports |= run.reports
        total.notes = total.notes or run.notes
        total.error = run.error if run.loaded is not None else total.error
        if run.loaded is None and why.startswith("took too long") and not task.definitions_only:
            total.notes.append(LEFT_OUT)
            task = replace(task, definitions_only=True)
            continue
        if run.loaded is None:
            if total.loaded is None:
                total.error = f"cannot load {task.file}: {why}"
            return total
        if run.current is not None:
            total.reports[run.current] = Report(run.current, notes=[why], whole="ERROR")
        if run.ended or run.current is None or time.monotonic() >= deadline:
            return total
        task = replace(task, skip=[*total.reports], loss_divides=run.loss_divides)


def _outcome(path: Path, task: Task, run: Run) -> Outcome:
    """A report for each layer that is there, or would be, if the file could be loaded."""
    names, error = run.loaded or [], run.error
    if error is None and not names:
        error = f"cannot load {path}: found no layer in it (a class with forward and backward)"
    if error is None and (unknown := [n for n in task.only if n not in names]):
        error = f"cannot check {', '.join(unknown)}: {path} has {', '.join(names)}"
    wanted = [n for n in names or guess_names(path) if not task.only or n in task.only]
    why = error or "there was no time left"
    reports = [run.reports.get(n) or Report(n, notes=[why], whole="ERROR") for n in wanted]
    return Outcome(reports, str(path), error, run.notes)


def _one_child(task: Task, deadline: float, start: Start) -> tuple[Run, str]:
    """Run one child to its end; what it said, and how it ended."""
    run = Run(since=time.monotonic(), key=secrets.token_hex(16))
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        results.touch()
        child = start(replace(task, results=str(results), key=run.key))
        if child.stdout is None:
            raise RuntimeError("the child has no standard output")
        tail: collections.deque[bytes] = collections.deque(maxlen=2)
        reader = threading.Thread(target=_drain, args=(child.stdout, tail), daemon=True)
        reader.start()
        try:
            with results.open(encoding="utf-8", errors="replace") as lines:
                why = _watch(child, lines, run, task, deadline)
        finally:  # also if a signal ends this process
            _kill(child)
        reader.join(timeout=1)
        child.stdout.close()
    return run, why + _quote(b"".join(tail))


def fresh(task: Task) -> subprocess.Popen[bytes]:
    """A child in an interpreter of its own."""
    child = subprocess.Popen(
        **interpreter(type(task).__module__),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if child.stdin is None:
        raise RuntimeError("the child has no standard input")
    hand_over(task, child.stdin)
    return child


def interpreter(module: str, *arguments: str) -> dict[str, Any]:
    """How to start a module of ours in a process of its own, for subprocess.Popen."""
    root = str(Path(__file__).resolve().parents[3])
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    ours = {"PYTHONPATH": root, "MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1"}
    return {
        "args": [sys.executable, "-P", "-W", "ignore", "-m", module, *arguments],
        "env": inherited | dict.fromkeys(threads, "1") | ours,
        "start_new_session": True,
    }


def hand_over(task: Task, pipe: IO[bytes]) -> None:
    """Write the task to a child's standard input, and close it."""
    with contextlib.suppress(BrokenPipeError), pipe:
        pipe.write(json.dumps(asdict(task)).encode())


def _drain(stream: Any, tail: collections.deque[bytes]) -> None:
    """Read everything, keep the end."""
    while block := stream.read1(KEPT_BYTES):
        tail.append(block)


def _watch(child: Child, lines: TextIO, run: Run, task: Task, deadline: float) -> str:
    """Listen until the child ends, or its time is over; says how it ended."""
    rest = ""
    while True:
        over = child.poll() is not None
        *whole, rest = (rest + lines.read()).split("\n")
        for line in whole:
            run.hear(line)
        if run.ended:
            return ""
        if over:
            return _how_it_ended(child.returncode, task)
        if time.monotonic() > _limit(run, task, deadline):
            return f"took too long: stopped after {time.monotonic() - run.since:.1f} s"
        time.sleep(0.01)


def _limit(run: Run, task: Task, deadline: float) -> float:
    """Each layer gets an equal share of the time that was left when it started.

    Where that is short it gets more, so that a busy machine does not end a good layer.
    """
    if run.loaded is None and not task.definitions_only:
        return run.since + (deadline - run.since) / 2
    if run.loaded is None or run.current is None:
        return deadline
    wanted = [n for n in run.loaded if not task.only or n in task.only]
    left = len([n for n in wanted if n not in task.skip]) - len(run.reports)
    rest = deadline - run.since
    return run.since + max(rest / max(left, 1), min(SHORTEST, rest / 2))


def _how_it_ended(status: int, task: Task) -> str:
    if status < 0:
        name = signal.Signals(-status).name
        return f"ended the process by {name} (memory limit {task.mebibytes} MiB)"
    return f"ended the process with exit status {status}"


def _kill(child: Child) -> None:
    """The child and all that it started."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError, PermissionError):
        child.kill()
    child.wait()


def _quote(output: bytes) -> str:
    """The last lines that the file printed."""
    lines = [line[:200] for line in output.decode(errors="replace").splitlines() if line.strip()]
    return "; its last output: " + " | ".join(lines[-QUOTED_LINES:]) if lines else ""
