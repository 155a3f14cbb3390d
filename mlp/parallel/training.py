"""What ranks tell each other around the steps of a training: at its start, and after an epoch."""

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mlp.callbacks import TrainingState
from mlp.files.archive import packed, unpacked
from mlp.files.resume import digest_of, put_back, snapshot
from mlp.layers import Layer
from mlp.losses import Loss
from mlp.parallel.team import Team
from mlp.rows import Rows, part_of

Samples = tuple[np.ndarray | Rows, *tuple[np.ndarray, ...]]
LOOKED_AT = 64
"""How many samples, all over the data, must be the same on all ranks."""


def agree(team: Team, settings: Mapping[str, Any], samples: Samples) -> None:
    """Raise ValueError where a rank was given something else than rank 0."""
    mine = {name: str(value) for name, value in settings.items()} | _signs_of(samples)
    first = json.loads(team.said_by(0, json.dumps(mine).encode()))
    for name in {**first, **mine}:
        if mine.get(name) != first.get(name):
            raise ValueError(
                f"fit: expected the same {name} on all ranks, got {first.get(name)} on rank 0 and "
                f"{mine.get(name)} on rank {team.rank}; each rank takes its part by itself"
            )
    team.exchange()


def hand_over(team: Team, state: TrainingState) -> None:
    """The state of rank 0, which may come from a checkpoint, to all ranks."""
    data = team.said_by(0, packed(snapshot(state)) if team.rank == 0 else b"")
    if team.rank:
        put_back(state, unpacked(data))


def end_epoch(team: Team, state: TrainingState) -> None:
    """The reason to stop that a callback of any rank had; all have the same weights, still."""
    state.stop = team.first_text(state.stop)
    sums = team.exchange(float(_checksum(state.net)))[:, 0]
    different = np.flatnonzero(sums != sums[0])
    if different.size:
        raise RuntimeError(
            f"fit: after epoch {state.epoch} the weights of rank {different[0]} are not those of "
            "rank 0; a callback must change them on all ranks alike, and on processors of "
            "different kinds OPENBLAS_CORETYPE must be set to what all of them have"
        )


def shared_scores(
    team: Team,
    scores: Callable[..., dict[str, Any]],
    loss: Loss,
    samples: Samples,
) -> dict[str, Any]:
    """`scores(*samples)`, the loss and accuracy of samples, each rank having looked at its part."""
    part, n = team.part(len(samples[0])), len(samples[0])
    mine, weights = part.stop - part.start, samples[2] if len(samples) == 3 else None
    share = mine / n if weights is None else float(weights[part].sum() / weights.sum())
    numbers = (0.0, 0.0)
    if mine:
        found = scores(*(part_of(array, part) for array in samples))
        accuracy = np.nan if found["accuracy"] is None else found["accuracy"]
        numbers = (found["loss"] * (1.0 if loss.reduction == "sum" else share), accuracy * share)
    losses, accuracies = team.exchange(*numbers).T
    accuracy = float(accuracies.sum())
    return {"loss": float(losses.sum()), "accuracy": None if np.isnan(accuracy) else accuracy}


def _signs_of(samples: Samples) -> dict[str, str]:
    """What tells different data apart, without reading all of them."""
    step = max(1, len(samples[0]) // LOOKED_AT)
    return {
        f"{name} {kind}": value
        for name, array in zip(("x", "y", "sample_weight"), samples, strict=False)
        for kind, value in (
            ("shape and dtype", f"{array.shape} {array.dtype}"),
            ("values", digest_of(array[::step])[:12]),
        )
    }


def _checksum(net: Layer) -> int:
    found = 0
    for parameter in net.parameters().values():
        found = zlib.crc32(np.ascontiguousarray(parameter).view(np.uint8).data, found)
    return found
