"""One run: train, judge on the test part, keep the results."""

import argparse
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mlp import NonFiniteError, Sequential, fit
from mlp.callbacks import Callback, TrainingState
from mlp.commands import signals
from mlp.commands.train import assembling, doubts, folder, judging, words
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
    """A line for every epoch, below it the bar, which counts batches."""

    def __init__(self, voice: Voice, bar: tqdm, batches: int, state: TrainingState) -> None:
        self.voice, self.bar, self.batches, self.state = voice, bar, batches, state

    def on_start(self, state: TrainingState) -> None:
        self.state = state

    def on_epoch(self, state: TrainingState) -> None:
        self.bar.update(state.epoch * self.batches - self.bar.n)
        with self.bar.external_write_mode():
            self.voice.say(words.epoch_line(state.history[-1], state.epochs))


class MovingBar(Callback):
    """Moves the bar after each batch."""

    def __init__(self, bar: tqdm) -> None:
        self.bar = bar

    def on_step(self, state: TrainingState) -> None:
        self.bar.update()


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
    how = fit_options(options, parts)
    voice.say(words.opening(options.data.name, parts, options.patience))
    if options.class_weight != "none":
        rate = assembling.learning_rate(options, parts)
        voice.say(f"classes weigh the same, rare or common; learning rate {rate:.3g}")
    voice.say(f"\n{net}\n")
    if claim.resumed and not claim.checkpoint_of(seed).exists():
        voice.result(f"{claim.folder_of(seed)}: no epoch had ended; starts with epoch 1")
    state, stop = _trained(options, parts, net, loss, how, rng, seed, claim, voice, team, more)
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
    judged = judging.judged(options.task, net, loss, parts)
    rate = f"{assembling.learning_rate(options, parts):g}"
    warnings = [
        text
        for callback in state.callbacks
        if isinstance(callback, Watching)
        for text in callback.said.values()
    ]
    reason = doubts.doubt(net, parts, judged, rate) if whole else None
    if reason is not None:
        warnings.append(reason)
    if judged.counts is not None:
        voice.say(f"\n{words.confusion_table(judged.counts, parts.classes)}")
    voice.say(f"\n{words.score_table(judged)}\n")
    voice.result("\n".join(words.result_lines(judged)))  # before the pictures, which take a while
    folder.write(out, options, parts, seed, net, state.history, judged, warnings)
    voice.result(str(out))
    return judged.scores, reason


def fit_options(options: argparse.Namespace, parts: Parts) -> dict[str, Any]:
    """What `fit` is given of the options, on all processes alike."""
    return {
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "sample_weight": assembling.sample_weight(options, parts),
        "shuffle_block": options.shuffle_block,
        "validation": parts.validation,
        "patience": options.patience,
        "tolerance": options.tolerance,
    }


def _trained(
    options: argparse.Namespace,
    parts: Parts,
    net: Sequential,
    loss: Loss,
    how: dict[str, Any],
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
    batches = math.ceil(len(parts.train[0]) / (options.batch_size or len(parts.train[0])))
    bar = tqdm(
        total=options.epochs * batches,
        unit="batch",
        leave=False,
        disable=voice.without_bar(),
    )
    with bar:
        progress = Progress(voice, bar, batches, state)
        callbacks: list[Callback] = [progress]
        if not bar.disable:
            callbacks.append(MovingBar(bar))
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
                **how,
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
