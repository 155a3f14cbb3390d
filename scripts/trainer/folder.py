"""The run folder: the model, the history, and pictures to look at."""

import argparse
import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mlp import Affine, Sequential, plots, save_checkpoint
from mlp.checkpoint import write_whole
from mlp.losses import Loss
from trainer.building import loss_name
from trainer.preparing import Parts

LEARNED = ("epoch", "loss", "accuracy", "validation_loss", "validation_accuracy")
NOT_OF_THE_RUN = ("out", "force", "quiet", "seeds")


def write(
    out: Path,
    options: argparse.Namespace,
    parts: Parts,
    seed: int,
    net: Sequential,
    loss: Loss,
    history: list[dict[str, Any]],
    scores: dict[str, float],
    counts: np.ndarray | None,
) -> None:
    """Write every file of the run; equal runs give equal model.npz and history.csv."""
    out.mkdir(parents=True, exist_ok=True)
    save_checkpoint(
        out / "model.npz",
        net,
        task=options.task,
        loss=loss_name(options, parts),
        classes=np.array(parts.classes, dtype=np.str_),
        input_shift=parts.scale.shift,
        input_factor=parts.scale.factor,
        image_shape=np.array(parts.shape or (), dtype=np.int64),
    )
    write_whole(out / "history.csv", _csv(LEARNED, history))
    write_whole(out / "timing.csv", _csv(("epoch", "seconds"), history))
    settings = {k: v for k, v in vars(options).items() if k not in NOT_OF_THE_RUN}
    settings |= {"seed": seed, "loss": loss_name(options, parts), "test": scores}
    text = json.dumps(settings, indent=2, default=str)
    write_whole(out / "config.json", f"{text}\n".encode())

    plots.curves(out / "curves.png", history)
    if counts is not None:
        plots.confusion(out / "confusion.png", counts, parts.classes)
    if parts.shape is not None:
        if parts.classes:
            _mistakes(out / "mistakes.png", parts, net, loss)
        first = next(layer for layer in net if isinstance(layer, Affine))
        plots.weights(out / "weights.png", first.W, parts.shape)


def _mistakes(path: Path, parts: Parts, net: Sequential, loss: Loss) -> None:
    x, right = parts.test
    said = loss.labels(net.predict(x))
    wrong = np.flatnonzero(said != right)
    names = np.array(parts.classes)
    images = x[wrong].reshape(-1, *parts.shape)
    plots.mistakes(path, images, names[said[wrong]], names[right[wrong]])


def _csv(columns: tuple[str, ...], records: Iterable[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()
