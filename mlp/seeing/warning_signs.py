"""Signs that a training goes wrong, each in plain words and with what to try.

Every function gives the signs that it sees, by name. A share, a ratio or a loss near a limit says
little, so the limits are wide: what is said here is meant to be right.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from mlp.losses import KLDivergence, SigmoidCrossEntropy, SoftmaxCrossEntropy
from mlp.seeing.records import LayerRecord
from mlp.seeing.statistics import norm
from mlp.seeing.traces import Trace

FAR = 2.0
"""A loss at the start that is larger than ln C by this factor, or smaller, is far from it."""
MOST = 0.5
VANISHED = 1e-3
"""Of dL/dy per output, at the first layer with weights against the last one."""
RISE = 0.1
"""A rise of the loss by less than this part of where it began is noise."""
LOOKED_BACK, RISES = 10, 3
"""In so many epochs so many rises are a swing."""
TINY_STEP = 1e-4
"""A step of less than this part of the weights is short: 1e-3 is usual."""
LITTLE, EPOCHS = 0.1, 3
"""A loss that fell by less than this part in so many epochs hardly falls."""


def at_start(passed: Trace) -> dict[str, str]:
    """What can be seen before the first step: the loss there, and two softmaxes in a row."""
    return dict([*_start(passed), *_double_softmax(passed)])


def in_pass(passed: Trace) -> dict[str, str]:
    """Units that are lost, and gradients that vanish."""
    weighted = [record for record in passed if record.parameters]
    if not weighted:
        return {}
    last = passed.records.index(weighted[-1])
    return dict([*_lost_units(passed.records[:last]), *_vanishing(weighted)])


def in_losses(losses: Sequence[float], passed: Trace, ends: bool) -> dict[str, str]:
    """A learning rate that is too high or too low, by the loss at the start and of each epoch."""
    start, *after = losses
    if not after or not math.isfinite(start) or passed.learning_rate is None:
        return {}
    rate = f"{passed.learning_rate:.3g}"
    if after[-1] > (1 + RISE) * max(start, after[0]):
        text = f"the loss rises: {start:.4g} at the start, {after[-1]:.4g} now"
        return {"rising": f"{text}; try a smaller learning rate (it is {rate})"}
    recent = after[-LOOKED_BACK - 1 :]
    rises = [b - a > RISE * min(start, after[0]) for a, b in pairwise(recent)]
    if sum(rises) >= RISES:
        text = f"the loss swings: it rose in {sum(rises)} of the last {len(rises)} epochs"
        return {"swinging": f"{text}; try a smaller learning rate (it is {rate})"}
    ratios = [record.statistics.update_ratio for record in passed]
    longest = max((ratio for ratio in ratios if ratio is not None), default=math.inf)
    slow = len(after) >= EPOCHS or ends
    if slow and after[-1] > (1 - LITTLE) * start and longest < TINY_STEP:
        text = (
            f"the loss hardly falls: {start:.4g} at the start, {after[-1]:.4g} now, and a step "
            f"changes the weights of no layer by more than {longest:.1e} of their size"
        )
        return {"slow": f"{text}; try a larger learning rate (it is {rate})"}
    return {}


def _start(passed: Trace) -> Iterator[tuple[str, str]]:
    ending = passed.ending
    if ending is None or ending.loss.accuracy(passed.output, ending.target) is None:
        return
    if not isinstance(ending.loss, KLDivergence | SoftmaxCrossEntropy | SigmoidCrossEntropy):
        return
    columns = passed.output.shape[1]
    expected = math.log(max(columns, 2))
    if not expected / FAR <= ending.value <= expected * FAR:
        yield (
            "start",
            f"the loss at the start is {ending.value:.4g}, and a network that knows nothing of "
            f"{max(columns, 2)} classes has ln {max(columns, 2)} = {expected:.4g}; try smaller "
            "initial weights (he for relu, glorot for sigmoid), and scale the samples",
        )


def _double_softmax(passed: Trace) -> Iterator[tuple[str, str]]:
    ending, y = passed.ending, passed.output
    if ending is None or not isinstance(ending.loss, SoftmaxCrossEntropy) or y.shape[1] < 2:
        return
    room = 4 * y.shape[1] * np.finfo(y.dtype).eps  # a softmax rounds its row sums by less
    if (y >= 0).all() and (np.abs(y.sum(axis=1) - 1) <= room).all():
        floor = math.log(1 + (y.shape[1] - 1) / math.e)
        yield (
            "double softmax",
            f"the outputs are probabilities already, and {ending.loss!r} takes the softmax of them "
            f"again: the loss cannot fall below {floor:.4g}; drop the last layer, or use "
            "KLDivergence()",
        )


def _lost_units(hidden: Sequence[LayerRecord]) -> Iterator[tuple[str, str]]:
    for record in hidden:
        s, n = record.statistics, len(record.output)
        if s.dead is not None and s.dead > MOST:
            yield (
                f"dead {record.name}",
                f"{s.dead:.0%} of the units of {_where(record)} are dead: they give 0 for each of "
                f"{n} samples, and learn nothing more; try a smaller learning rate, or start with "
                "weights of he",
            )
        if s.saturated is not None and s.saturated > MOST:
            yield (
                f"saturated {record.name}",
                f"{s.saturated:.0%} of the outputs of {_where(record)} are nearly 0 or 1, where a "
                "sigmoid has next to no slope; try smaller initial weights (glorot), a smaller "
                "learning rate, or relu",
            )


def _where(record: LayerRecord) -> str:
    return f"layer {record.name} {record.layer!r}"


def _vanishing(weighted: Sequence[LayerRecord]) -> Iterator[tuple[str, str]]:
    first, last = _size(weighted[0]), _size(weighted[-1])
    if first is not None and last is not None and 0 < first < VANISHED * last:
        yield (
            "vanishing",
            f"gradients vanish on their way back: dL/dy per output is {last:.1e} at layer "
            f"{weighted[-1].name} and {first:.1e} at layer {weighted[0].name}; try fewer layers, "
            "relu instead of sigmoid, or larger initial weights (he for relu, glorot for sigmoid)",
        )


def _size(record: LayerRecord) -> float | None:
    """The root mean square of dL/dy."""
    U = record.upstream
    return None if U is None else norm(U) / math.sqrt(U.size)
