"""One run: train, judge on the test part, keep the results."""

import argparse
from pathlib import Path
from typing import Any, cast

import numpy as np
from tqdm import tqdm

from mlp import NonFiniteError, Sequential, evaluate, fit
from mlp.commands import signals
from mlp.commands.train import assembling, digit_tasks, folder
from mlp.commands.train.preparing import Parts
from mlp.commands.voice import Voice
from mlp.losses import Loss


def run(
    options: argparse.Namespace, parts: Parts, seed: int, out: Path, voice: Voice
) -> dict[str, float]:
    """Train with one seed and write the run folder; the test scores.

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
    history, stop = _trained(options, parts, net, loss, rng, voice)
    if stop is not None and not history:
        stop.add_note("before the first epoch ended; nothing to keep")
        raise stop
    with signals.held_back():
        scores = _kept(options, parts, seed, net, loss, history, out, voice)
    if stop is not None:
        stop.add_note(f"after epoch {len(history)}; kept in {out}")
        raise stop
    return scores


def _kept(
    options: argparse.Namespace,
    parts: Parts,
    seed: int,
    net: Sequential,
    loss: Loss,
    history: list[dict[str, Any]],
    out: Path,
    voice: Voice,
) -> dict[str, float]:
    if parts.unscale is not None:
        net = Sequential(*net, parts.unscale)
    said = counts = None
    if parts.classes:
        said = loss.labels(net.predict(parts.test[0]))
        counts = digit_tasks.confusion_counts(parts.test[1], said, len(parts.classes))
        scores = digit_tasks.scores(options.task, counts)
    else:
        scores = {"loss": cast(float, evaluate(net, loss, *parts.test)["loss"])}
    folder.write(out, options, parts, seed, net, history, scores, said, counts)
    if counts is not None:
        voice.say(f"\n{_table(counts, parts.classes)}\n")
    for name, value in scores.items():
        unit = "" if parts.classes else " (squared error in the units of the targets)"
        voice.result(f"test {name} {value:{'.4f' if parts.classes else '.6g'}}{unit}")
    voice.result(str(out))
    return scores


def _trained(
    options: argparse.Namespace,
    parts: Parts,
    net: Sequential,
    loss: Loss,
    rng: np.random.Generator,
    voice: Voice,
) -> tuple[list[dict[str, Any]], BaseException | None]:
    """The epoch records, and what ended training early, if anything did."""
    history: list[dict[str, Any]] = []
    with tqdm(total=options.epochs, unit="epoch", leave=False, disable=_no_bar(options)) as bar:

        def on_epoch(record: dict[str, Any]) -> None:
            history.append(record)
            bar.update()
            with bar.external_write_mode():
                voice.say(_line(record, options.epochs))

        try:
            fit(
                net,
                loss,
                assembling.optimizer(options, parts),
                *parts.train,
                epochs=options.epochs,
                batch_size=options.batch_size,
                rng=rng,
                validation=parts.validation,
                patience=options.patience,
                tolerance=options.tolerance,
                on_epoch=on_epoch,
            )
        except (KeyboardInterrupt, NonFiniteError) as stop:
            return history, stop
    return history, None


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
