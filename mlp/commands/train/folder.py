"""The run folder: the model, the history, and pictures to look at."""

import argparse
import contextlib
import csv
import io
import itertools
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mlp import Affine, Sequential, save_checkpoint
from mlp.commands.train.assembling import loss_name
from mlp.commands.train.preparing import Parts
from mlp.files.whole import PARTIAL, write_whole
from mlp.seeing import plots

FILES = ("model.npz", "history.csv", "timing.csv", "config.json")
PICTURES = ("curves.png", "confusion.png", "mistakes.png", "weights.png")
LEARNED = ("epoch", "loss", "accuracy", "validation_loss", "validation_accuracy")
NOT_OF_THE_RUN = ("out", "force", "quiet", "seeds")


def is_run(path: Path) -> bool:
    """Whether the folder holds results of this program."""
    return any(_is_settings(part / "config.json") for part in (path, *path.glob("seed-*")))


@contextlib.contextmanager
def claimed(out: Path | None, task: str) -> Iterator[Path]:
    """Make the run folder before the work begins, so that it is known to be possible.

    Without `out`, it is the next free one under runs/. What older results it held and does not
    hold anew is removed at the end; if nothing was written, so is the folder.
    """
    out = _next_free(task) if out is None else out
    if not out.is_dir():
        out.mkdir(parents=True)
    with tempfile.TemporaryFile(dir=out):
        pass  # it can be written to
    old = {path: path.stat().st_mtime_ns for path in _results(out)}
    try:
        yield out
        for path, time in old.items():
            if path.stat().st_mtime_ns == time:
                path.unlink()
    finally:
        for path in (*out.glob("seed-*"), out):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def _next_free(task: str) -> Path:
    for n in itertools.count(1):
        with contextlib.suppress(FileExistsError):
            path = Path("runs", f"{task}-{n}")
            path.mkdir(parents=True)
            return path
    raise AssertionError


def _results(out: Path) -> Iterator[Path]:
    for part in (out, *out.glob("seed-*")):
        if _is_settings(part / "config.json"):
            yield from (part / name for name in FILES + PICTURES if (part / name).exists())
            yield from part.glob(f".*{PARTIAL}")


def _is_settings(path: Path) -> bool:
    try:
        return {"hidden", "task", "test"} <= json.loads(path.read_text()).keys()
    except (OSError, ValueError, AttributeError):
        return False


def write(
    out: Path,
    options: argparse.Namespace,
    parts: Parts,
    seed: int,
    net: Sequential,
    history: list[dict[str, Any]],
    scores: dict[str, float],
    said: np.ndarray | None,
    counts: np.ndarray | None,
) -> None:
    """Write every file of the run; equal runs give equal model.npz and history.csv.

    `said` holds the class that the network says of each test sample, None without classes.
    """
    out.mkdir(parents=True, exist_ok=True)
    save_checkpoint(
        out / "model.npz",
        net,
        task=options.task,
        loss=loss_name(options, parts),
        classes=np.array(parts.classes, dtype=np.str_),
        label_column=json.dumps(options.label_column),
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
        if said is not None:
            _mistakes(out / "mistakes.png", parts, parts.shape, said)
        first = next(layer for layer in net if isinstance(layer, Affine))
        plots.weights(out / "weights.png", first.W, parts.shape)


def _mistakes(path: Path, parts: Parts, shape: tuple[int, int], said: np.ndarray) -> None:
    x, right = parts.test
    wrong = np.flatnonzero(said != right)
    wrong = wrong[np.argsort(_rank_among_equals(said[wrong], right[wrong]), kind="stable")]
    names = np.array(parts.classes)
    images = x[wrong].reshape(-1, *shape)
    plots.mistakes(path, images, names[said[wrong]], names[right[wrong]])


def _rank_among_equals(said: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The first mistake of each kind gets 0, the second 1, ...: those shown are of many kinds."""
    met: dict[tuple[int, int], int] = {}
    ranks = []
    for kind in zip(said, right, strict=True):
        ranks.append(met.get(kind, 0))
        met[kind] = ranks[-1] + 1
    return np.array(ranks, dtype=int)


def _csv(columns: tuple[str, ...], records: Iterable[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()
