"""A training in a file, from which it goes on to the same bytes after it was killed.

All that decides what is still to come is in it: the weights, the optimizer's velocities and step
count, the state of the generator, the history, and what the callbacks remember (early stopping: its
best weights). So is what the training was begun with, network, data and options: another one is
refused, with the difference named.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlp.callbacks import Callback, TrainingState
from mlp.errors import CheckpointError
from mlp.files.archive import MALFORMED, Arrays, read_archive, write_archive
from mlp.files.whole import remove_partial
from mlp.history import History
from mlp.optim import State
from mlp.rows import Rows, row_blocks

SHARE = 0.02
"""Of the time that training takes, what saving may take at the most."""


class TrainingCheckpoint(Callback):
    """Saves the training to `path` after epochs, and goes on from there if the file exists.

    Saved is after the first and the last epoch, and in between every `seconds`, or by default as
    often as costs no more than 2 % of the time. `begun_with` says by name what the training was
    begun with (texts and numbers); it must be the same when training goes on, but for `rng`, which
    may be left out.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        begun_with: Mapping[str, Any],
        seconds: float | None = None,
    ) -> None:
        self.path = Path(path)
        self.begun_with = json.loads(json.dumps(dict(begun_with), default=str))
        self.seconds = seconds

    def on_start(self, state: TrainingState) -> None:
        remove_partial(self.path)
        if self.path.exists():
            members = read_archive(self.path)
            try:
                self._check(members)
                put_back(state, members)
            except CheckpointError:
                raise
            except MALFORMED as error:
                raise CheckpointError(f"{self.path}: no training to go on with: {error}") from error
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self.saved_at, self.cost = -np.inf, 0.0

    def on_epoch(self, state: TrainingState) -> None:
        now = time.monotonic()
        pause = self.cost / SHARE if self.seconds is None else self.seconds
        ends = state.epoch == state.epochs or state.stop is not None
        if ends or now - self.saved_at >= pause:
            self._save(state)
            self.saved_at = time.monotonic()
            self.cost = self.saved_at - now

    def _save(self, state: TrainingState) -> None:
        members = snapshot(state, begun_with=self.begun_with)
        write_archive(self.path, members, who="fit: checkpoint")

    def _check(self, members: Arrays) -> None:
        """Raise CheckpointError unless the file is of a training that was begun as this one."""
        if "training" not in members:
            raise CheckpointError(f"{self.path}: holds a network, but no training to go on with")
        notes = json.loads(members["training"].item())
        then = notes["begun_with"]
        now = {"rng": then.get("rng")} | self.begun_with  # left out, it is that of the checkpoint
        different = [name for name in {**then, **now} if then.get(name) != now.get(name)]
        if different:
            said = "; ".join(
                f"{name}: {then.get(name)} there, {now.get(name)} now" for name in different
            )
            raise CheckpointError(
                f"{self.path}: is the checkpoint of another training ({said}); "
                "use another path, or remove the file to start anew"
            )
        self.begun_with = then


def checkpoint_for(
    checkpoint: str | os.PathLike | TrainingCheckpoint,
    state: TrainingState,
    settings: Mapping[str, Any],
    samples: tuple[np.ndarray | Rows, ...],
    validation: tuple[np.ndarray | Rows, ...] | None,
) -> TrainingCheckpoint:
    """The checkpoint that `fit` was given, or one for the path that it was given.

    Samples are x, y and, where there are any, weights.
    """
    if not callable(getattr(state.optimizer, "state", None)):
        raise TypeError(
            f"fit: expected an optimizer with state(net) for a checkpoint, got {state.optimizer!r}"
        )
    if isinstance(checkpoint, TrainingCheckpoint):
        return checkpoint
    begun_with = {
        "network": repr(state.net),
        "loss": repr(state.loss),
        "optimizer": repr(state.optimizer),
        "epochs": state.epochs,
        **settings,
        "data": digest_of(*samples[:2]),
        "sample weights": digest_of(*samples[2:]) if samples[2:] else None,
        "validation data": None if validation is None else digest_of(*validation),
    }
    return TrainingCheckpoint(checkpoint, begun_with)


def digest_of(*arrays: np.ndarray | Rows) -> str:
    """SHA-256 of the shapes, dtypes and numbers of arrays, whatever their layout and byte order."""
    digest = hashlib.sha256()
    for array in arrays:
        dtype = array.dtype.newbyteorder("=")
        digest.update(f"{array.shape} {dtype.str} ".encode())
        for rows in row_blocks(array):
            digest.update(np.ascontiguousarray(array[rows], dtype).data)
    return digest.hexdigest()


def generator_state(rng: np.random.Generator) -> str:
    """The kind of generator and a digest of its state: which seed it is, as good as."""
    state = rng.bit_generator.state
    text = json.dumps(state, default=_plain)
    return f"{state['bit_generator']} {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def snapshot(state: TrainingState, **more: Any) -> Arrays:
    """All that decides what is still to come, as arrays by name; `more` is noted beside it."""
    progress = _progress(state)
    notes = more | {
        "epoch": state.epoch,
        "stop": state.stop,
        "step": progress.step,
        "history": state.history,
        "generator": state.rng.bit_generator.state,
    }
    members: Arrays = {"training": np.array(json.dumps(notes, default=_plain))}
    members |= state.net.parameters()
    members |= {f"velocity {name}": v for name, v in progress.velocity.items()}
    return members | dict(_remembered(state))


def put_back(state: TrainingState, members: Arrays) -> None:
    """Make the state what it was at its snapshot, or raise one of MALFORMED.

    Everything is read and checked first; only then anything is changed.
    """
    notes = json.loads(members["training"].item())
    weights = {name: members[name] for name in state.net.parameters()}
    for name, parameter in state.net.parameters().items():
        if weights[name].shape != parameter.shape or weights[name].dtype != parameter.dtype:
            raise ValueError(f"{name} is {weights[name].dtype} {weights[name].shape}")
    velocity = {
        name: members[f"velocity {name}"] for name in weights if f"velocity {name}" in members
    }
    memories = [_memory_of(callback, key, members) for key, callback in _keys(state)]
    generator, epoch, step = notes["generator"], int(notes["epoch"]), int(notes["step"])

    state.rng.bit_generator.state = _arrays_again(generator)
    for name, parameter in state.net.parameters().items():
        parameter[...] = weights[name]
    progress = _progress(state)
    progress.step, progress.velocity = step, velocity
    state.epoch, state.stop, state.history = epoch, notes["stop"], History(notes["history"])
    for callback, memory in zip(state.callbacks, memories, strict=True):
        callback.load_state_dict(memory)


def _progress(state: TrainingState) -> State:
    """The live step count and velocities, if the optimizer shows any."""
    known = getattr(state.optimizer, "state", None)
    return known(state.net) if callable(known) else State()


def _remembered(state: TrainingState) -> Iterator[tuple[str, np.ndarray]]:
    for key, callback in _keys(state):
        for name, value in callback.state_dict().items():
            yield f"{key} {name}", np.asarray(value)


def _keys(state: TrainingState) -> list[tuple[str, Callback]]:
    """The callbacks under names of their own: the kind, and a number among those of its kind."""
    kinds = [type(callback).__name__ for callback in state.callbacks]
    numbers = [kinds[:i].count(kind) for i, kind in enumerate(kinds)]
    return [
        (f"callback {kind} {number}", callback)
        for kind, number, callback in zip(kinds, numbers, state.callbacks, strict=True)
    ]


def _memory_of(callback: Callback, key: str, members: Arrays) -> dict[str, np.ndarray]:
    start = f"{key} "
    memory = {n.removeprefix(start): v for n, v in members.items() if n.startswith(start)}
    if memory.keys() != callback.state_dict().keys():
        raise ValueError(f"it has no memory of a {type(callback).__name__}")
    return memory


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays for JSON."""
    return {"array": value.tolist(), "dtype": value.dtype.str} if value.ndim else value.item()


def _arrays_again(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"array", "dtype"}:
            return np.array(value["array"], value["dtype"])
        return {name: _arrays_again(part) for name, part in value.items()}
    return value
