"""What a run was begun with, in a file of its folder for as long as it is not finished.

It is read before NumPy is imported (the number of threads is in it), so it imports nothing.
"""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlp.errors import CheckpointError
from mlp.files.whole import write_whole

NAME = "unfinished.json"


@dataclasses.dataclass
class Record:
    """A run that has begun."""

    arguments: list[str]
    """The words of its command line; data by absolute path."""
    data: str
    """Digest of its samples and targets."""
    surroundings: dict[str, str]
    """What else the last bits of its numbers depend on."""
    old: dict[str, int]
    """Results that were in the folder before, each with its time: removed at the end."""
    finished: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    """The scores of each seed whose files are all written."""

    def write(self, folder: Path) -> None:
        told = dataclasses.asdict(self)
        text = json.dumps(told | {"digest": _digest(told)}, indent=2)
        write_whole(folder / NAME, f"{text}\n".encode())


def read(folder: Path) -> Record | None:
    """The record in the folder; None if no run there is unfinished."""
    path = folder / NAME
    try:
        told = json.loads(path.read_bytes())
        if told.pop("digest") != _digest(told):
            raise ValueError("its digest does not match")
        return Record(**told)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: is damaged ({error}); the run cannot go on, --force starts it anew"
        ) from None


def without_ways(arguments: Sequence[str]) -> list[str]:
    """The words that make a run what it is, without those that say on how many processes."""
    words, left_out = [], ("--mpi", "--jobs")
    for before, word in zip(["", *arguments], arguments, strict=False):
        if before != "--jobs" and word.partition("=")[0] not in left_out:
            words.append(word)
    return words


def _digest(told: dict[str, Any]) -> str:
    """Of the options, for example, a flipped bit would make others."""
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def arguments_of(folder: Path) -> list[str] | None:
    """The words that the run in the folder was begun with, finished or not; None: no run."""
    record = read(folder)
    if record is not None:
        return record.arguments
    for path in (folder / "config.json", *sorted(folder.glob("seed-*/config.json"))):
        try:
            return json.loads(path.read_bytes()).get("arguments", [])
        except (OSError, ValueError, AttributeError):
            continue
    return None
