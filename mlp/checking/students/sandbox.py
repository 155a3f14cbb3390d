"""Run the check of a file in a child process, with limits, and survive whatever the file does.

The child writes its results to a file of its own, line by line. If it dies or hangs in a layer,
that layer is an ERROR, and a new child goes on with the others.
"""

import collections
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlp.checking.students.loading import guess_names

QUOTED_LINES = 5
KEPT_BYTES = 4096


@dataclass
class Limits:
    """Seconds of wall-clock time and MiB of memory for one file."""

    seconds: float = 60.0
    mebibytes: int = 1024


@dataclass
class Run:
    """One child and what is known about it."""

    loaded: list[str] | None = None
    error: str | None = None
    current: str | None = None
    since: float = 0.0
    done: list[dict[str, Any]] = field(default_factory=list)
    divides: bool = False
    ended: bool = False

    def hear(self, line: dict[str, Any]) -> None:
        """Take in one line of the child's."""
        if "loaded" in line:
            self.loaded, self.error = line["loaded"], line["error"]
        if "start" in line:
            self.current, self.since = line["start"], time.monotonic()
        if "done" in line:
            self.done.append(line["done"])
            self.divides, self.current = line["divides"], None
        self.ended = self.ended or "end" in line


def check_file(
    path: Path,
    *,
    names: dict[str, str] | None = None,
    only: list[str] | None = None,
    seed: int = 0,
    limits: Limits | None = None,
) -> dict[str, Any]:
    """{"file", "error", "checked"}: the records of all layers in the file, in its order."""
    limits = limits or Limits()
    deadline = time.monotonic() + limits.seconds
    task = {
        "file": str(path),
        "path": str(path.resolve()),
        "as": names or {},
        "only": only or [],
        "seed": seed,
        "memory": limits.mebibytes,
        "skip": [],
        "divides": False,
    }
    order: list[str] = []
    records: dict[str, dict[str, Any]] = {}
    error = _unreadable(path)
    while error is None:
        run, why = _one_child(task, deadline)
        order = order or run.loaded or []
        records |= {r["name"]: r for r in run.done}
        if run.loaded is None:
            error = f"cannot load {path}: {why}"
            break
        if run.current is not None:
            records[run.current] = failed(run.current, why)
        if run.ended or run.current is None or time.monotonic() >= deadline:
            error = run.error
            break
        task |= {"skip": [*records], "divides": run.divides}
    wanted = [n for n in order if not only or n in only]
    if error is None and not order:
        error = f"cannot load {path}: found no layer in it (a class with forward and backward)"
    if error is not None and not order:
        wanted = [n for n in _guessed(path) if not only or n in only]
    checked = [records.get(n) or failed(n, error or "there was no time left") for n in wanted]
    if only and error is None and (unknown := [n for n in only if n not in order]):
        error = f"cannot check {', '.join(unknown)}: {path} has {', '.join(order)}"
    return {"file": str(path), "error": error, "checked": checked}


def failed(name: str, why: str) -> dict[str, Any]:
    """The record of a layer that could not be checked."""
    return {
        "name": name,
        "verdict": "ERROR",
        "oracle": None,
        "max_error": None,
        "resolution": None,
        "diagnosis": None,
        "notes": [why],
        "arrays": [],
        "pictures": {},
    }


def _unreadable(path: Path) -> str | None:
    try:
        path.read_bytes()
    except OSError as error:
        return f"cannot load {path}: {error.strerror}"
    return None


def _guessed(path: Path) -> list[str]:
    try:
        return guess_names(path)
    except OSError:
        return []


def _one_child(task: dict[str, Any], deadline: float) -> tuple[Run, str]:
    """Run one child to its end; what it said, and how it ended."""
    run = Run(since=time.monotonic())
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        results.touch()
        child = _start(task | {"results": str(results)})
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


def _start(task: dict[str, Any]) -> subprocess.Popen:
    root = str(Path(__file__).resolve().parents[3])
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    environment = (
        inherited
        | dict.fromkeys(threads, "1")
        | {"PYTHONPATH": root, "MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1"}
    )
    return subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-W",
            "ignore",
            "-m",
            "mlp.checking.students.child",
            json.dumps(task),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
        cwd=Path(task["path"]).parent,
    )


def _drain(stream: Any, tail: collections.deque[bytes]) -> None:
    """Read everything, keep the end."""
    while block := stream.read1(KEPT_BYTES):
        tail.append(block)


def _watch(child: subprocess.Popen, lines: Any, run: Run, task: dict, deadline: float) -> str:
    """Listen until the child ends, or its time is over; says how it ended."""
    rest = ""
    while True:
        over = child.poll() is not None
        *whole, rest = (rest + lines.read()).split("\n")
        for line in whole:
            run.hear(_told(line))
        if run.ended:
            return ""
        if over:
            return _how_it_ended(child.returncode, task)
        if time.monotonic() > _limit(run, task, deadline):
            return f"took too long: stopped after {time.monotonic() - run.since:.1f} s"
        time.sleep(0.01)


def _told(line: str) -> dict[str, Any]:
    """What a line says; nothing, if the file wrote into the results."""
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _limit(run: Run, task: dict[str, Any], deadline: float) -> float:
    """Each layer gets an equal share of the time that was left when it started."""
    if run.loaded is None or run.current is None:
        return deadline
    wanted = [n for n in run.loaded if not task["only"] or n in task["only"]]
    left = len([n for n in wanted if n not in task["skip"]]) - len(run.done)
    return run.since + (deadline - run.since) / max(left, 1)


def _how_it_ended(status: int, task: dict[str, Any]) -> str:
    if status < 0:
        name = signal.Signals(-status).name
        return f"ended the process by {name} (memory limit {task['memory']} MiB)"
    return f"ended the process with exit status {status}"


def _kill(child: subprocess.Popen) -> None:
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
