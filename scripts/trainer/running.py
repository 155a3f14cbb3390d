"""One run: train, judge on the test part, keep the results."""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mlp import Sequential, evaluate, fit, tasks
from mlp.losses import Loss
from trainer import building, folder
from trainer.preparing import Parts


def run(
    options: argparse.Namespace, parts: Parts, seed: int, out: Path
) -> tuple[dict[str, float], bool]:
    """Train with one seed and write the run folder; the test scores, and whether interrupted."""
    rng = np.random.default_rng(seed)
    net, loss = building.network(options, parts, rng), building.loss(options, parts)
    if not options.quiet:
        train, validation, test = (0 if part is None else len(part[0]) for part in parts[:3])
        print(
            f"{options.data.name}: {train} samples to train on, {validation} to validate, "
            f"{test} to test\n\n{net}\n"
        )
    history, interrupted = _trained(options, parts, net, loss, rng)
    if parts.unscale is not None:
        net = Sequential(*net, parts.unscale)
    counts = None
    if parts.classes:
        said = loss.labels(net.predict(parts.test[0]))
        counts = tasks.confusion_counts(parts.test[1], said, len(parts.classes))
        scores = tasks.scores(options.task, counts)
    else:
        scores = {"loss": evaluate(net, loss, *parts.test)["loss"]}
    if counts is not None and not options.quiet:
        print(f"\n{_table(counts, parts.classes)}\n")
    for name, value in scores.items():
        print(f"test {name} {value:.3f}" if parts.classes else f"test {name} {value:.6g}")
    folder.write(out, options, parts, seed, net, loss, history, scores, counts)
    print(out)
    if interrupted:
        print(f"train.py: interrupted after epoch {len(history)}; kept in {out}", file=sys.stderr)
    return scores, interrupted


def _trained(
    options: argparse.Namespace,
    parts: Parts,
    net: Sequential,
    loss: Loss,
    rng: np.random.Generator,
) -> tuple[list[dict[str, Any]], bool]:
    """The epoch records, and whether training was interrupted after the last of them."""
    history: list[dict[str, Any]] = []
    with tqdm(total=options.epochs, unit="epoch", leave=False, disable=_no_bar(options)) as bar:

        def on_epoch(record: dict[str, Any]) -> None:
            history.append(record)
            bar.update()
            if not options.quiet:
                bar.write(_line(record, options.epochs), file=sys.stdout)
                sys.stdout.flush()

        try:
            fit(
                net,
                loss,
                building.optimizer(options, len(parts.train[0])),
                *parts.train,
                epochs=options.epochs,
                batch_size=options.batch_size,
                rng=rng,
                validation=parts.validation,
                patience=options.patience,
                tolerance=options.tolerance,
                on_epoch=on_epoch,
            )
        except KeyboardInterrupt:
            if not history:
                raise
            return history, True
    return history, False


def _no_bar(options: argparse.Namespace) -> bool | None:
    return True if options.quiet else None  # None: a bar on a terminal only


def _line(record: dict[str, Any], epochs: int) -> str:
    shown = [f"epoch {record['epoch']:>{len(str(epochs))}}/{epochs}", f"loss {record['loss']:.4f}"]
    for name, key, digits in (
        ("accuracy", "accuracy", 3),
        ("validation loss", "validation_loss", 4),
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
