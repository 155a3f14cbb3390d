"""The run folder: the model, the history, and pictures to look at."""

import argparse
import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlp import Affine, Sequential, save_checkpoint
from mlp.commands.train import unfinished, words
from mlp.commands.train.assembling import learning_rate, loss_name
from mlp.commands.train.judging import Judgement, target_names
from mlp.commands.train.preparing import Parts
from mlp.data.statistics import extremes
from mlp.files.whole import write_whole
from mlp.rows import Rows
from mlp.seeing import layer_curves, plots, regression, run_page

FILES = ("model.npz", "history.csv", "timing.csv", "config.json", "metrics.json")
PICTURES = (
    "curves.png",
    "layers.png",
    "confusion.png",
    "predicted.png",
    "mistakes.png",
    "weights.png",
)
REPORT = "report.html"
RESULTS = (*FILES, *PICTURES, REPORT)
LEARNED = ("epoch", "loss", "accuracy", "validation_loss", "validation_accuracy")
NOT_OF_THE_RUN = (
    "out", "force", "quiet", "seeds", "resume", "checkpoint_seconds", "report", "mpi", "jobs",
    "words",
)  # fmt: skip


def is_run(path: Path) -> bool:
    """Whether the folder holds results of this program, or what it left as it was killed."""
    return (path / unfinished.NAME).is_file() or any(
        map(holds_results, (path, *path.glob("seed-*")))
    )


def holds_results(part: Path) -> bool:
    """Whether the folder holds what `write` writes."""
    try:
        return {"hidden", "task", "test"} <= json.loads((part / "config.json").read_text()).keys()
    except (OSError, ValueError, AttributeError):
        return False


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """The options that make the run what it is."""
    return {k: v for k, v in vars(options).items() if k not in NOT_OF_THE_RUN}


def write(
    out: Path,
    options: argparse.Namespace,
    parts: Parts,
    seed: int,
    net: Sequential,
    history: list[dict[str, Any]],
    judged: Judgement,
    warnings: Sequence[str] = (),
) -> None:
    """Write every file of the run; equal runs give equal model.npz and history.csv.

    `warnings` is what was said of the training.
    """
    out.mkdir(parents=True, exist_ok=True)
    features, label_name = parts.columns or ([], "")
    pixels = parts.scale.factor.ndim == 0
    least, most = extremes(parts.train[0])
    save_checkpoint(
        out / "model.npz",
        net,
        task=options.task,
        loss=loss_name(options, parts),
        classes=np.array(parts.classes, dtype=np.str_),
        label_column=json.dumps(options.label_column),
        feature_names=np.array(features, dtype=np.str_),
        label_name=label_name,
        input_least=least.min() if pixels else least,
        input_most=most.max() if pixels else most,
        input_shift=parts.scale.shift,
        input_factor=parts.scale.factor,
        image_shape=np.array(parts.shape or (), dtype=np.int64),
    )
    columns = list(dict.fromkeys(name for record in history for name in record))
    watched = [name for name in columns if name not in (*LEARNED, "seconds")]
    write_whole(out / "history.csv", _csv((*LEARNED, *watched), history))
    write_whole(out / "timing.csv", _csv(("epoch", "seconds"), history))
    chosen = settings(options) | {
        "seed": seed,
        "loss": loss_name(options, parts),
        "learning_rate": learning_rate(options, parts),
    }
    text = json.dumps(chosen | {"test": judged.scores}, indent=2, default=str)
    write_whole(out / "config.json", f"{text}\n".encode())

    write_whole(out / "metrics.json", _strict_json(judged.metrics))

    names = {f"{i}": repr(layer) for i, layer in enumerate(net)}
    first = next(layer for layer in net if isinstance(layer, Affine))
    weights = None if parts.shape is None else (first.W, parts.shape)
    confusion = mistakes = predicted = None
    if judged.counts is None:
        predicted = (parts.test[1], judged.said, target_names(parts))
    else:
        confusion = (judged.counts, parts.classes)
        if parts.shape is not None:
            mistakes = _mistakes(parts, parts.shape, judged.said)
    plots.curves(history, path=out / "curves.png")
    if watched:
        layer_curves.layers(history, names, path=out / "layers.png")
    if confusion is not None:
        plots.confusion(*confusion, path=out / "confusion.png")
    if predicted is not None:
        regression.predicted(*predicted, path=out / "predicted.png")
    if mistakes is not None:
        plots.mistakes(*mistakes, path=out / "mistakes.png")
    if weights is not None:
        plots.weights(*weights, path=out / "weights.png")
    if options.report:
        page = run_page.page(
            title=_title(options),
            settings=chosen,
            network=net._repr_html_(),
            scores=judged.scores,
            constant=judged.constant,
            table=words.score_rows(judged),
            warnings=warnings,
            history=history,
            names=names,
            confusion=confusion,
            predicted=predicted,
            mistakes=mistakes,
            weights=weights,
        )
        write_whole(out / REPORT, page.encode())


def _title(options: argparse.Namespace) -> str:
    """The data, and the task where it is more than to tell what the labels say."""
    name = options.data.name
    return name if options.task == "digits" else f"{options.task}: {name}"


def _mistakes(
    parts: Parts, shape: tuple[int, int], said: np.ndarray
) -> tuple[Rows, list[str], list[str]]:
    """The misread images, and for each what was said and what is right."""
    x, right = parts.test
    wrong = np.flatnonzero(said != right)
    wrong = wrong[np.argsort(_rank_among_equals(said[wrong], right[wrong]), kind="stable")]
    names = np.array(parts.classes)
    numbers = Rows(x, wrong)  # a few are shown of perhaps a million
    images = Rows(numbers.array.reshape(-1, *shape), numbers.index)
    return images, names[said[wrong]].tolist(), names[right[wrong]].tolist()


def _rank_among_equals(said: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The first mistake of each kind gets 0, the second 1, ...: those shown are of many kinds."""
    met: dict[tuple[int, int], int] = {}
    ranks = []
    for kind in zip(said, right, strict=True):
        ranks.append(met.get(kind, 0))
        met[kind] = ranks[-1] + 1
    return np.array(ranks, dtype=int)


def _strict_json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _csv(columns: tuple[str, ...], records: Iterable[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()
