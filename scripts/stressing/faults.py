"""An error, or the end of the process, at each file operation of a save.

The operations are those that Python makes: files opened, written, flushed and closed, fsync, rename
and whatever opens the folder. One of them fails, a write after half of its bytes.
"""

import builtins
import contextlib
import errno
import functools
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from mlp import SGD, Affine, Sequential, SquaredError, fit, save_checkpoint
from mlp.callbacks import TrainingState
from mlp.files import archive, whole
from mlp.files.resume import TrainingCheckpoint

CALLS = ("open", "fsync", "replace", "rename", "close")
"""What is watched of the module os, besides files and what is done with them."""


class Disk:
    """Counts the operations on files, and lets one of them fail or be the last."""

    def __init__(self, fails_at: int | None = None, dies: bool = False) -> None:
        self.fails_at, self.dies = fails_at, dies
        self.done: list[str] = []

    def call(self, name: str, function: Any, *args: Any, **kwargs: Any) -> Any:
        self.done.append(name)
        if len(self.done) - 1 != self.fails_at:
            return function(*args, **kwargs)
        if name == "write":
            function(args[0][: len(args[0]) // 2])
            function.__self__.flush()
        if self.dies:
            os._exit(9)
        if name == "close":
            function(*args)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        real = builtins.open

        def opened(*args: Any, **kwargs: Any) -> Any:
            file = self.call("open", real, *args, **kwargs)
            return File(self, file) if file.writable() else file

        with contextlib.ExitStack() as stack:
            for module in (builtins, io):
                stack.enter_context(mock.patch.object(module, "open", opened))
            for name in CALLS:
                stack.enter_context(mock.patch.object(os, name, self._instead(name)))
            yield

    def _instead(self, name: str) -> Callable:
        real = getattr(os, name)
        return lambda *args, **kwargs: self.call(f"os.{name}", real, *args, **kwargs)


class File:
    """A file whose operations the disk counts."""

    def __init__(self, disk: Disk, file: Any) -> None:
        self.disk, self.file = disk, file

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.file, name)
        if name not in ("write", "flush", "close"):
            return method
        return lambda *args: self.disk.call(name, method, *args)

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            self.disk.call("close", self.file.close)
        finally:
            self.file.close()


def run(cases: int, seed: int, without: str | None = None) -> tuple[str, list[str]]:
    """Every operation of every save; `without` takes a part of saving away."""
    tried, failures = 0, []
    for kind, save in SAVES.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "file.npz")
            save(path, 2)
            new = path.read_bytes()
            save(path, 1)
            old = path.read_bytes()
            with without_part(without):
                disk = Disk()
                with disk.watched():
                    save(path, 2)
                found = _faults_of_order(disk.done)
                if path.read_bytes() != new:
                    found.append("a save without an error did not write the file")
                for place, operation in enumerate(disk.done):
                    for dies in (False, True):
                        where = f"{operation} ({place}), {'death' if dies else 'error'}"
                        path.write_bytes(old)
                        raised = _saved(save, path, place, dies)
                        tried += 1
                        if path.read_bytes() not in (old, new):
                            found.append(f"{where}: the old file is lost")
                        if not dies and not raised:
                            found.append(f"{where}: no error was raised")
                        for left in [p for p in path.parent.iterdir() if p != path]:
                            left.unlink()
                            if not dies:
                                found.append(f"{where}: {left.name} is left over")
            failures += [f"{kind}: {text}" for text in found]
    return f"{tried} faults in {len(SAVES)} kinds of save", failures


def _saved(save: Callable[[Path, int], None], path: Path, place: int, dies: bool) -> bool:
    """Whether an OSError that names the file came out of it."""
    disk = Disk(place, dies)
    if dies:
        child = os.fork()
        if not child:
            with contextlib.suppress(BaseException), disk.watched():
                save(path, 2)
            os._exit(0)
        os.waitpid(child, 0)
        return False
    try:
        with disk.watched():
            save(path, 2)
    except OSError as error:
        return str(path) in str(error)
    return False


def _faults_of_order(done: list[str]) -> list[str]:
    """A rename must find its data on the disk, and be on the disk before the save returns."""
    renames = [i for i, name in enumerate(done) if name in ("os.replace", "os.rename")]
    if not renames:
        return ["nothing was renamed into place"]
    last, syncs = renames[-1], [i for i, name in enumerate(done) if name == "os.fsync"]
    wrong = []
    if not any(i < last for i in syncs):
        wrong.append("the data was not brought to the disk before the rename")
    if not any(i > last for i in syncs):
        wrong.append("the rename was not brought to the disk")
    return wrong


def _save_text(path: Path, version: int) -> None:
    whole.write_whole(path, f"version {version}\n".encode() * 500)


def _save_network(path: Path, version: int) -> None:
    save_checkpoint(path, Sequential(Affine(4, 3, init=float(version))))


def _save_training(path: Path, version: int) -> None:
    checkpoint, state = _training(version)
    checkpoint.path, checkpoint.seconds = path, 0
    checkpoint.on_epoch(state)


@functools.cache
def _training(version: int) -> tuple[TrainingCheckpoint, TrainingState]:
    """A training after its last epoch, and its checkpoint."""
    states = []

    class Keeps(TrainingCheckpoint):
        def on_start(self, state: TrainingState) -> None:
            states.append(state)

        def on_epoch(self, state: TrainingState) -> None:
            pass

    x = np.linspace(-1, 1, 12).reshape(6, 2)
    net, sgd = Sequential(Affine(2, 1, init=float(version))), SGD(0.1, momentum=0.9)
    fit(net, SquaredError(), sgd, x, x[:, :1], epochs=2, rng=0, checkpoint=Keeps("", {}))
    return TrainingCheckpoint("", {}), states[0]


SAVES = {"text": _save_text, "network": _save_network, "training": _save_training}


@contextlib.contextmanager
def without_part(part: str | None) -> Iterator[None]:
    """Saving as it would be without that part."""
    if part is None:
        yield
    elif part == "temporary":
        broken = lambda path, data: Path(path).write_bytes(data)  # noqa: E731
        with (
            mock.patch.object(whole, "write_whole", broken),
            mock.patch.object(archive, "write_whole", broken),
        ):
            yield
    elif part == "rename":
        with mock.patch.object(os, "replace", lambda source, target: None):
            yield
    else:
        with mock.patch.object(whole, "sync_folder", lambda folder: None):
            yield
