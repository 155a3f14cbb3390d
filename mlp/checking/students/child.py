"""The child process: load one file, check its layers, write one JSON line for each.

    echo '{"path": ..., "results": ..., ...}' | python -m mlp.checking.students.child

The task comes by standard input, where the file cannot read it any more: with it comes a key that
each line must carry. (Code in the same process can find it all the same, if it is after it.)
The lines are {"loaded": [names], "error": ...}, then {"start": name} and {"done": report} for
each layer in turn: what was written before a crash still counts.
"""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from mlp.checking.students.building import takes_target
from mlp.checking.students.guard import guard
from mlp.checking.students.judging import judge_entry
from mlp.checking.students.loading import Entry, find, load
from mlp.checking.students.sources import told
from mlp.checking.students.trials import describe
from mlp.checking.students.wire import to_wire


@dataclass(frozen=True)
class Task:
    """What a child is asked to do."""

    file: str
    """The path as the user wrote it."""
    path: str
    results: str = ""
    """The file that it writes to."""
    kinds: dict[str, str] = field(default_factory=dict)
    """Kinds of layers by name, where the user gave them."""
    only: list[str] = field(default_factory=list)
    """Names to check; all, if there are none."""
    skip: list[str] = field(default_factory=list)
    seed: int = 0
    mebibytes: int = 1024
    search: list[str] = field(default_factory=list)
    """The caller's PYTHONPATH."""
    samples: str | None = None
    """"rows" or "columns", where the user said so."""
    definitions_only: bool = False
    """Whether statements that neither import nor define anything are left out."""
    loss_divides: bool = False
    """Whether a loss of the file is known to be an average."""
    guarded: bool = False
    key: str = ""
    """What each line must carry."""


def main(task: Task) -> None:
    """Check what the task names. The interpreter is left without the file's exit handlers."""
    with open(task.results, "a", encoding="utf-8", buffering=1) as out:
        begin(task)
        search = [Path(folder) for folder in task.search]
        module, error, notes = load(
            Path(task.path), search=search, definitions_only=task.definitions_only
        )
        entries = find(module, task.kinds)
        for entry in entries:
            entry.columns = None if task.samples is None else task.samples == "columns"
        say(
            out,
            task.key,
            loaded=[e.name for e in entries],
            error=error and cannot_load(task, error),
            notes=notes,
        )
        wanted = [e for e in entries if e.name not in task.skip]
        if task.only:
            wanted = [e for e in wanted if e.name in task.only]
        divides = task.loss_divides
        for entry in sorted(wanted, key=lambda e: not _is_loss(e)):
            say(out, task.key, start=entry.name)
            report = judge_entry(entry, task.seed, divides)
            divides = divides or any("averaged over" in n for n in report.notes if "loss" in n)
            say(out, task.key, done=to_wire(report), loss_divides=divides)
        say(out, task.key, end=True)
        out.flush()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def cannot_load(task: Task, error: BaseException) -> str:
    """One line: what stopped the file from loading, and where."""
    if isinstance(error, SyntaxError):
        return f"cannot load {task.file}: {told(error)}"
    return f"cannot load {task.file}: {describe(error)}"


def _is_loss(entry: Entry) -> bool:
    """Losses come first: whether they average decides what the layers may do."""
    try:
        return entry.nothing is None and takes_target(entry)
    except (TypeError, ValueError):
        return False


def begin(task: Task) -> None:
    """The file's folder and the limits, before anything of the file runs."""
    os.chdir(Path(task.path).parent)
    _limit_memory(task.mebibytes)
    if task.guarded:
        guard(Path(task.path).parent)


def say(out: TextIO, key: str, **line: Any) -> None:
    """Write one line."""
    out.write(json.dumps({"key": key} | line) + "\n")
    out.flush()


def _limit_memory(mebibytes: int) -> None:
    """Allocations beyond the limit raise MemoryError, where the system can do that."""
    try:
        import resource
    except ImportError:
        return
    size = mebibytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def start() -> None:
    """Run the task that standard input holds."""
    main(Task(**json.load(sys.stdin)))


if __name__ == "__main__":
    start()
