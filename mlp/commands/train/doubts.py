"""What to tell the user of a run that ended well and learned nothing.

What can be seen while it trains is in mlp.seeing.warning_signs.
"""

from itertools import pairwise
from typing import cast

import numpy as np

from mlp import Affine, ReLU, Scale, Sequential, trace
from mlp.commands.train.judging import Judgement
from mlp.commands.train.preparing import Parts
from mlp.seeing.statistics import lost_units

LOOKED_AT = 1000
"""How many samples a unit must be dead for."""


def doubt(net: Sequential, parts: Parts, judged: Judgement, rate: str) -> str | None:
    """What was seen and what to try, if the network is no better than a constant; else None."""
    y, said = parts.test[1], judged.said
    if judged.counts is not None:
        present = np.bincount(y)
        constant, reached = present.max() / len(y), judged.scores["accuracy"]
        balanced = judged.scores["balanced accuracy"]  # where a class is rare, the one may suffer
        learned = reached > constant or balanced > 1 / np.count_nonzero(present)
        seen = f"its accuracy is {reached:.4f}, that of always saying the same class {constant:.4f}"
        if len(np.unique(said)) == 1:
            seen += f", and it always says {parts.classes[said[0]]}"
    else:
        constant, reached = ((y - _mean(parts)) ** 2).sum(axis=1).mean(), judged.scores["loss"]
        learned = reached < constant
        seen = f"its loss is {reached:.6g}, that of always saying the mean {constant:.6g}"
    if learned:
        return None
    dead = "".join(f"; {text}" for text in _dead_units(net, parts.train[0][:LOOKED_AT]))
    return (
        f"the network has learned nothing: {seen}{dead}; try another --learning-rate (it was "
        f"{rate}), another --init or more --epochs, and look whether the labels fit the samples"
    )


def _mean(parts: Parts) -> np.ndarray:
    """Of the targets to train on, in their own units: they were scaled to a mean of 0."""
    unscale = cast(Scale, parts.unscale)  # real targets have one
    return -unscale.shift * unscale.factor


def _dead_units(net: Sequential, x: np.ndarray) -> list[str]:
    """For each hidden layer how many of its units do not react to any sample."""
    found = []
    for record, after in pairwise(trace(net, x)):
        lost = lost_units(record.layer, record.output)
        if lost is None or not lost.any() or not isinstance(after.layer, Affine):
            continue
        how = "give 0" if isinstance(record.layer, ReLU) else "stay at 0 or 1"
        units = f"{lost.sum()} of {len(lost)} units of layer {record.name} {record.layer!r}"
        found.append(f"{units} {how} for each of {len(x)} samples")
    return found
