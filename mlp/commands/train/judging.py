"""What the test part says of a trained network."""

import math
from typing import Any, NamedTuple, cast

import numpy as np

from mlp import Sequential, metrics
from mlp.commands.train import digit_tasks
from mlp.commands.train.preparing import Parts
from mlp.losses import Loss
from mlp.rows import row_blocks


class Judgement(NamedTuple):
    """The network, judged."""

    scores: dict[str, float]
    """What the run is judged by: a name and a number each."""
    metrics: dict[str, Any]
    """All that metrics.json holds; a number that is not finite is None."""
    said: np.ndarray
    """Class numbers (N,), or real predictions (N, K), of the test samples."""
    counts: np.ndarray | None
    """Of classes: confusion counts (C, C)."""

    @property
    def constant(self) -> tuple[str, float] | None:
        """The commonest class of the training part, and the test accuracy of always saying it."""
        if self.counts is None:
            return None
        told = self.metrics
        return (
            told["commonest class of the training part"],
            told["accuracy of always saying the commonest class"],
        )

    def notes(self) -> list[str]:
        """On quotients 0 / 0, which are given as 0: of which classes, and why."""
        reasons = {"never said": "precision", "without test samples": "recall"}
        return [
            f"{reason}, so that {name} counts as 0: {_listed(found)}"
            for reason, name in reasons.items()
            if (found := self.metrics.get(reason))
        ]


def judged(task: str, net: Sequential, loss: Loss, parts: Parts) -> Judgement:
    """What `net` makes of the test part; with real targets, in their own units."""
    return _of_classes(task, net, loss, parts) if parts.classes else _of_reals(net, loss, parts)


def _of_classes(task: str, net: Sequential, loss: Loss, parts: Parts) -> Judgement:
    x, target = parts.test
    said = np.concatenate([loss.labels(net.predict(x[rows])) for rows in row_blocks(x)])
    counts = metrics.confusion_counts(target, said, len(parts.classes))
    scores = digit_tasks.scores(task, counts)
    commonest, constant = metrics.commonest_class(parts.train[1], target)
    columns = {
        "precision": metrics.precision(counts),
        "recall": metrics.recall(counts),
        "F1": metrics.f1(counts),
    }
    names = np.array(parts.classes)
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    told: dict[str, Any] = {
        **scores,
        "commonest class of the training part": parts.classes[commonest],
        "accuracy of always saying the commonest class": constant,
        **{f"mean {name}": float(column.mean()) for name, column in columns.items()},
        "classes": [
            {"class": name, **dict(zip(columns, row, strict=True)), "support": int(samples)}
            for name, row, samples in zip(parts.classes, rows, metrics.support(counts), strict=True)
        ],
        "never said": names[counts.sum(axis=0) == 0].tolist(),
        "without test samples": names[metrics.support(counts) == 0].tolist(),
        "confusion counts": counts.tolist(),
    }
    return Judgement(scores, told, said, counts)


def _of_reals(net: Sequential, loss: Loss, parts: Parts) -> Judgement:
    x, target = parts.test
    with np.errstate(over="ignore", invalid="ignore"):  # the numbers tell
        said = net.predict(x)
        columns = {
            "RMSE": metrics.rmse(target, said),
            "MAE": metrics.mae(target, said),
            "R squared": metrics.r_squared(target, said),
        }
        scores = {"loss": cast(float, loss.forward(said, target))}
    if target.shape[1] == 1:
        scores |= {name: float(column[0]) for name, column in columns.items()}
    else:  # the columns have units of their own: only what has none can be averaged
        scores["mean R squared"] = float(columns["R squared"].mean())
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    told: dict[str, Any] = {
        **_finite(scores),
        "targets": [
            {"target": name, **_finite(dict(zip(columns, row, strict=True)))}
            for name, row in zip(target_names(parts), rows, strict=True)
        ],
    }
    return Judgement(scores, told, said, None)


def _listed(names: list[str], most: int = 5) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def target_names(parts: Parts) -> list[str]:
    """Of the columns of real targets: the header's name, or target_0 as `mlp predict` writes."""
    if parts.columns is not None and parts.outputs == 1:
        return [parts.columns[1]]
    return [f"target_{j}" for j in range(parts.outputs)]


def _finite(numbers: dict[str, float]) -> dict[str, float | None]:
    """JSON has no infinity and no NaN."""
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
