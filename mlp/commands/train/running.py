"""One run: train, judge on the test part, keep the results."""

import argparse
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from tqdm import tqdm

from mlp import NonFiniteError, Sequential, evaluate, fit
from mlp.callbacks import Callback, TrainingState
from mlp.commands import signals
from mlp.commands.train import assembling, digit_tasks, doubts, folder
from mlp.commands.train.claiming import Claim
from mlp.commands.train.preparing import Parts
from mlp.commands.voice import Voice
from mlp.files.resume import TrainingCheckpoint
from mlp.losses import Loss
from mlp.parallel import Team
from mlp.seeing.watching import Watching


class RunCheckpoint(TrainingCheckpoint):
    """Says where training goes on, and is not interrupted while it saves."""

    def __init__(self, voice: Voice, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.voice = voice

    def on_start(self, state: TrainingState) -> None:
        with signals.held_back():
            super().on_start(state)
        if state.epoch:
            self.voice.say(f"{self.path}: goes on after epoch {state.epoch}")

    def on_epoch(self, state: TrainingState) -> None:
        with signals.held_back():
            super().on_epoch(state)


class Progress(Callback):
    """A line for every epoch, below it a bar on a terminal."""

    def __init__(
        self, options: argparse.Namespace, voice: Voice, bar: tqdm, state: TrainingState
    ) -> None:
        self.options, self.voice, self.bar, self.state = options, voice, bar, state

    def on_start(self, state: TrainingState) -> None:
        self.state = state

    def on_epoch(self, state: TrainingState) -> None:
        self.bar.update(state.epoch - self.bar.n)
        with self.bar.external_write_mode():
            self.voice.say(_line(state.history[-1], self.options.epochs))


def run(
    options: argparse.Namespace,
    parts: Parts,
    seed: int,
    claim: Claim,
    voice: Voice,
    team: Team | None = None,
    more: Sequence[Callback] = (),
) -> dict[str, float]:
    """Train with one seed, on all ranks of a team, and write the run folder; the test scores.

    If training ends early, by a signal or by NonFiniteError, what was trained by then is kept
    first and the exception goes on afterwards.
    """
    rng = np.random.default_rng(seed)
    net, loss = assembling.network(options, parts, rng), assembling.loss(options, parts)
    train, validation, test = (0 if part is None else len(part[0]) for part in parts[:3])
    voice.say(
        f"{options.data.name}: {train} samples to train on, {validation} to validate, {test} to "
        f"test\n{f'{len(parts.classes)} classes' if parts.classes else 'real-valued targets'}"
        f"\n\n{net}\n"
    )
    if claim.resumed and not claim.checkpoint_of(seed).exists():
        voice.result(f"{claim.folder_of(seed)}: no epoch had ended; starts with epoch 1")
    state, stop = _trained(options, parts, net, loss, rng, seed, claim, voice, team, more)
    if stop is not None and not state.epoch:
        if not claim.checkpoint_of(seed).exists():
            stop.add_note("before the first epoch ended; nothing to keep")
        raise stop
    try:
        with signals.held_back():
            out = claim.folder_of(seed)
            whole = stop is None
            scores, reason = _kept(options, parts, seed, net, loss, state, out, voice, whole)
            if whole:
                claim.note_done(seed, scores)
    except signals.Stopped as later:
        stop = stop or later
    if stop is not None:
        stop.add_note(f"after epoch {state.epoch}; kept in {out}")
        raise stop
    if reason is not None:
        _warn(voice, out, reason)
    return scores


def _kept(
    options: argparse.Namespace,
    parts: Parts,
    seed: int,
    net: Sequential,
    loss: Loss,
    state: TrainingState,
    out: Path,
    voice: Voice,
    whole: bool,
) -> tuple[dict[str, float], str | None]:
    """The test scores and, of a whole run, what is to be said if it has learned nothing."""
    if parts.unscale is not None:
        net = Sequential(*net, parts.unscale)
    said = counts = None
    if parts.classes:
        said = loss.labels(net.predict(parts.test[0]))
        counts = digit_tasks.confusion_counts(parts.test[1], said, len(parts.classes))
        scores = digit_tasks.scores(options.task, counts)
    else:
        scores = {"loss": cast(float, evaluate(net, loss, *parts.test)["loss"])}
    rate = f"{assembling.learning_rate(options, parts):g}"
    warnings = [
        text
        for callback in state.callbacks
        if isinstance(callback, Watching)
        for text in callback.said.values()
    ]
    reason = doubts.doubt(net, parts, scores, said, rate) if whole else None
    if reason is not None:
        warnings.append(reason)
    folder.write(out, options, parts, seed, net, state.history, scores, said, counts, warnings)
    if counts is not None:
        voice.say(f"\n{_table(counts, parts.classes)}\n")
    for name, value in scores.items():
        unit = "" if parts.classes else " (squared error in the units of the targets)"
        voice.result(f"test {name} {value:{'.4f' if parts.classes else '.6g'}}{unit}")
    voice.result(str(out))
    return scores, reason


def fit_options(options: argparse.Namespace, parts: Parts) -> dict[str, Any]:
    """What `fit` is given of the options, on all processes alike."""
    return {
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "validation": parts.validation,
        "patience": options.patience,
        "tolerance": options.tolerance,
    }


def _trained(
    options: argparse.Namespace,
    parts: Parts,
    net: Sequential,
    loss: Loss,
    rng: np.random.Generator,
    seed: int,
    claim: Claim,
    voice: Voice,
    team: Team | None,
    more: Sequence[Callback],
) -> tuple[TrainingState, BaseException | None]:
    """The training as it ended, and what ended it early, if an exception did."""
    begun_with = folder.settings(options) | {"seed": seed, "data": claim.record.data}
    checkpoint = RunCheckpoint(
        voice, claim.checkpoint_of(seed), begun_with, options.checkpoint_seconds
    )
    optimizer = assembling.optimizer(options, parts)
    state = TrainingState(net, loss, optimizer, rng, options.epochs)  # until fit makes its own
    with tqdm(total=options.epochs, unit="epoch", leave=False, disable=_no_bar(options)) as bar:
        progress = Progress(options, voice, bar, state)
        callbacks: list[Callback] = [progress]
        if options.watch:
            out = claim.folder_of(seed)
            say = functools.partial(_warn, voice, out)
            callbacks.append(Watching(*parts.train, say=say))
        try:
            fit(
                net,
                loss,
                optimizer,
                *parts.train,
                **fit_options(options, parts),
                rng=rng,
                callbacks=[*callbacks, *more],
                checkpoint=checkpoint,
                communicator=team,
            )
        except (KeyboardInterrupt, NonFiniteError) as stop:
            return progress.state, stop
    state = progress.state
    if state.stop is not None:
        voice.say(f"stopped after epoch {state.epoch}: {state.stop}")
    return state, None


def _warn(voice: Voice, out: Path, text: str) -> None:
    voice.warn(f"{out}: warning: {text}")


def _no_bar(options: argparse.Namespace) -> bool | None:
    return True if options.quiet else None  # None: a bar on a terminal only


def _line(record: dict[str, Any], epochs: int) -> str:
    shown = [f"epoch {record['epoch']:>{len(str(epochs))}}/{epochs}", f"loss {record['loss']:.4f}"]
    for name, key, digits in (
        ("accuracy", "accuracy", 3),
        ("validation: loss", "validation_loss", 4),
        ("accuracy", "validation_accuracy", 3),
    ):
        if record[key] is not None:
            shown.append(f"{name} {record[key]:.{digits}f}")
    return "  ".join(shown)


def _table(counts: np.ndarray, classes: list[str]) -> str:
    """The confusion matrix as text; only how many mistakes there are, if it is too wide."""
    wide = max(len(str(counts.max())), *map(len, classes)) + 1
    if (len(classes) + 1) * wide > 72:
        return f"{counts.sum() - np.trace(counts)} of {counts.sum()} are wrong"
    rows = ["".join(f"{name:>{wide}}" for name in ("", *classes))]
    for name, row in zip(classes, counts, strict=True):
        rows.append("".join(f"{cell:>{wide}}" for cell in (name, *(n or "." for n in row))))
    return "\n".join([*rows, "rows: what it is; columns: what the network says"])
