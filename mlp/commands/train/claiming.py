"""A run folder for one process alone, from before the work begins until it is finished.

While a run is unfinished, its folder holds `unfinished.json` (see unfinished.py) and, once an epoch
has ended, `checkpoint.npz`. Both are removed at the end: a finished run has nothing to go on with,
and its weights are in `model.npz`.
"""

import argparse
import contextlib
import itertools
import os
import platform
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from mlp import CheckpointError, DataError, __version__
from mlp.commands import again
from mlp.commands.processor import THREADS
from mlp.commands.train import folder, unfinished
from mlp.commands.train.unfinished import Record
from mlp.data.dataset import DIGITS
from mlp.files.whole import PARTIAL

LOCK = ".lock"
CHECKPOINT = "checkpoint.npz"


class Claim:
    """A run folder that belongs to this process, and what is done in it."""

    def __init__(self, path: Path, options: argparse.Namespace, record: Record) -> None:
        self.path, self.record = path, record
        self.seeds = range(options.seed, options.seed + options.seeds)
        self.resumed = options.resume is not None

    def folder_of(self, seed: int) -> Path:
        return self.path / f"seed-{seed}" if len(self.seeds) > 1 else self.path

    def checkpoint_of(self, seed: int) -> Path:
        return self.folder_of(seed) / CHECKPOINT

    def is_seed_done(self, seed: int) -> bool:
        return str(seed) in self.record.finished

    def scores_of(self, seed: int) -> dict[str, float]:
        """Those of a seed that is done."""
        return self.record.finished[str(seed)]

    def note_done(self, seed: int, scores: dict[str, float]) -> None:
        """All files of the seed are written."""
        self.record.finished[str(seed)] = scores
        self.record.write(self.path)

    def is_done(self) -> bool:
        return all(map(self.is_seed_done, self.seeds))

    def can_go_on(self) -> bool:
        """Whether anything would be lost if the run started anew."""
        return bool(self.record.finished) or any(
            self.checkpoint_of(seed).exists() for seed in self.seeds
        )

    def finish(self) -> None:
        """Leave the results of this run and nothing else of it."""
        for name, time in self.record.old.items():
            path = self.path / name
            if path.exists() and path.stat().st_mtime_ns == time:
                path.unlink()
        for seed in self.seeds:
            self.checkpoint_of(seed).unlink(missing_ok=True)
        self.give_up()

    def give_up(self) -> None:
        (self.path / unfinished.NAME).unlink(missing_ok=True)


class Share(Claim):
    """A claim of another process, in one that does some of its seeds; that one notes them."""

    def note_done(self, seed: int, scores: dict[str, float]) -> None:
        pass


@contextlib.contextmanager
def claimed(options: argparse.Namespace, data: str) -> Iterator[Claim]:
    """Take the folder of the run; it is made here, so that it is known to be possible.

    `data` is the digest of the data. Without `options.out`, the folder is the next free one under
    runs/. If nothing was written, it is removed again. Raises BlockingIOError if another process
    has it, DataError if the run to go on with was begun with other data.
    """
    out = _next_free(_name_of(options)) if options.out is None else options.out
    out.mkdir(parents=True, exist_ok=True)
    try:
        with locked(out):
            claim = Claim(out, options, _begun(out, options, data))
            try:
                yield claim
            except BaseException as error:
                _leave(claim, error)
                raise
            claim.finish()
    finally:
        for path in (*out.glob("seed-*"), out):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def why_not(out: Path, force: bool) -> str | None:
    """Why no run can begin in that folder; None: one can. BlockingIOError if one is running."""
    if not out.exists() or (out.is_dir() and not any(_contents(out))):
        return None
    if (out / LOCK).exists():
        with locked(out):
            pass
    if not force:
        unfinished_one = (out / unfinished.NAME).exists()
        remedy = f", --resume {shlex.quote(str(out))} to go on with it," if unfinished_one else ","
        return f"{out} exists; choose another --out{remedy} or --force to replace it"
    return None if folder.is_run(out) else f"{out} is no run folder, and --force replaces no other"


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Within it no other process has the folder; the lock of a dead process does not count."""
    path = out / LOCK
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0.2)
    except Timeout:
        with contextlib.suppress(OSError):
            process = path.read_text().strip()
        raise BlockingIOError(
            f"{out}: another run (process {process or 'unknown'}) is still writing there; wait for "
            "it to end, or choose another --out"
        ) from None
    try:
        with contextlib.suppress(OSError):  # where a locked file cannot be written
            path.write_text(f"{os.getpid()}\n")
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        lock.release()


def _begun(out: Path, options: argparse.Namespace, data: str) -> Record:
    """The record of the run, new or found."""
    for path in [path for part in _parts(out) for path in part.glob(f".*{PARTIAL}")]:
        path.unlink()  # a killed process was writing it
    if options.resume is None:
        old = {str(path.relative_to(out)): path.stat().st_mtime_ns for path in _results(out)}
        for part in _parts(out):
            (part / CHECKPOINT).unlink(missing_ok=True)  # of a run that is given up
        record = Record(options.arguments, data, _surroundings(), old)
        record.write(out)
        return record
    found = unfinished.read(out)
    if found is None:
        raise CheckpointError(f"{out}: another process has finished the run meanwhile")
    if found.data != data:
        raise DataError(
            f"{options.data}: is not the data that {out} was begun with (digest "
            f"{found.data[:12]} there, {data[:12]} now); --data says where those are"
        )
    return found


def _leave(claim: Claim, error: BaseException) -> None:
    """Leave the folder as it is to be when an error or a signal ends the run."""
    if claim.is_done():
        claim.finish()
    elif not claim.can_go_on():
        claim.give_up()
    elif isinstance(error, KeyboardInterrupt):
        error.add_note(f"{again.command('train', '--resume', claim.path)} goes on with it")


def changed_surroundings(record: Record) -> list[str]:
    """What is different from when the run began, and may change the last bits of numbers."""
    now = _surroundings()
    return [
        f"{name} {record.surroundings.get(name)} then, {value} now"
        for name, value in now.items()
        if record.surroundings.get(name) != value
    ]


def _surroundings() -> dict[str, str]:
    return {
        "mlp": __version__,
        "numpy": np.__version__,
        "machine": platform.machine(),
        "threads": os.environ.get(THREADS[0]) or str(os.cpu_count()),
    }


def _name_of(options: argparse.Namespace) -> str:
    """What a run is called: by its data where they are not the embedded digits, else by the task.

    Of a file's name it is what comes before the ending.
    """
    if options.data == DIGITS or options.task != "digits":
        return options.task
    return options.data.resolve().name.split(".")[0] or "data"


def _next_free(name: str) -> Path:
    for n in itertools.count(1):
        with contextlib.suppress(FileExistsError):
            path = Path("runs", f"{name}-{n}")
            path.mkdir(parents=True)
            return path
    raise AssertionError


def _contents(out: Path) -> Iterator[Path]:
    """The files in the folder, without what a process leaves that was killed as it began."""
    for path in out.rglob("*"):
        if not path.is_dir() and path.name != LOCK and path.suffix != PARTIAL:
            yield path


def _parts(out: Path) -> list[Path]:
    return [out, *out.glob("seed-*")]


def _results(out: Path) -> Iterator[Path]:
    for part in _parts(out):
        if folder.holds_results(part):
            yield from (p for name in folder.RESULTS if (p := part / name).exists())
