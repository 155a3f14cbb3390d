"""The child process: load one file, check its layers, write one JSON line for each.

    python -m mlp.checking.students.child '{"file": ..., "results": ..., ...}'

The lines are {"loaded": [names], "error": ...}, then {"start": name} and {"done": record} for
each layer in turn: what was written before a crash still counts.
"""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from mlp.checking.students.building import takes_target
from mlp.checking.students.case import Case, record
from mlp.checking.students.judging import check
from mlp.checking.students.loading import Entry, find, load
from mlp.checking.students.trials import describe


def main(task: dict[str, Any]) -> None:
    """Check what the task names. The interpreter is left without the file's exit handlers."""
    with open(task["results"], "a", encoding="utf-8", buffering=1) as out:
        _limit_memory(task["memory"])
        module, error = load(Path(task["path"]))
        entries = find(module, task["as"])
        _say(out, loaded=[e.name for e in entries], error=error and cannot_load(task, error))
        wanted = [e for e in entries if e.name not in task["skip"]]
        if task["only"]:
            wanted = [e for e in wanted if e.name in task["only"]]
        divides = task["divides"]
        for entry in sorted(wanted, key=lambda e: not _is_loss(e)):
            _say(out, start=entry.name)
            result = _checked(entry, task["seed"], divides)
            divides = divides or any("averaged over" in n for n in result["notes"] if "loss" in n)
            _say(out, done=result, divides=divides)
        _say(out, end=True)
        out.flush()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def cannot_load(task: dict[str, Any], error: BaseException) -> str:
    """One line: what stopped the file from loading, and where."""
    if isinstance(error, SyntaxError):
        where = f"line {error.lineno}: " if error.lineno else ""
        return f"cannot load {task['file']}: {where}{error.msg}"
    return f"cannot load {task['file']}: {describe(error)}"


def _checked(entry: Entry, seed: int, divides: bool) -> dict[str, Any]:
    """check, whatever happens in it and whatever the file has set for the whole process."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return check(entry, seed, divides)
    except BaseException as error:
        case = Case(entry, seed, divides)
        return record(case, "ERROR", note=f"stopped by {describe(error)}")


def _is_loss(entry: Entry) -> bool:
    """Losses come first: whether they average decides what the layers may do."""
    try:
        return entry.nothing is None and takes_target(entry)
    except (TypeError, ValueError):
        return False


def _say(out: TextIO, **line: Any) -> None:
    out.write(json.dumps(line, default=float) + "\n")
    out.flush()


def _limit_memory(mebibytes: int) -> None:
    """Allocations beyond the limit raise MemoryError, where the system can do that."""
    try:
        import resource
    except ImportError:
        return
    size = mebibytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
