"""What to look at in a layer during a pass: sizes, dead and saturated units, size of the step."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mlp.layers import Layer, ReLU, Sigmoid

SATURATED = 0.01
"""A sigmoid is saturated below this and above 1 minus this: its slope is then under 4 % of 1/4."""

STUCK = 1e-3
"""A sigmoid whose output stays this near to 0 or 1 has next to no slope."""


@dataclass(frozen=True)
class Statistics:
    """Of the output: low, high, mean and Euclidean norm; the rest is None where it has no meaning.

    dead             share of ReLU units that give no output above 0 for any sample of the batch
    saturated        share of sigmoid outputs within SATURATED of 0 or 1
    upstream_norm    Euclidean norm of dL/dy
    gradient_norm    Euclidean norm of the gradients of all parameters of the layer together
    update_ratio     learning_rate * gradient_norm / norm of the parameters: near 1e-3 is usual
    """

    low: float
    high: float
    mean: float
    norm: float
    dead: float | None = None
    saturated: float | None = None
    upstream_norm: float | None = None
    gradient_norm: float | None = None
    update_ratio: float | None = None


def statistics_of(
    layer: Layer,
    output: np.ndarray,
    upstream: np.ndarray | None = None,
    gradients: Mapping[str, np.ndarray | None] | None = None,
    learning_rate: float | None = None,
) -> Statistics:
    """The statistics of one layer with that output (N, ...) and dL/d(output)."""
    low, high, mean = (
        (float(output.min()), float(output.max()), float(output.mean()))
        if output.size
        else (np.nan,) * 3
    )
    known = [g for g in (gradients or {}).values() if g is not None]
    gradient_norm = norm(*known) if known else None
    ratio = None
    if gradient_norm is not None and learning_rate is not None:
        size = norm(*layer.parameters().values())
        ratio = learning_rate * gradient_norm / size if size else np.inf
    return Statistics(
        low,
        high,
        mean,
        norm(output),
        dead=dead_share(layer, output),
        saturated=saturated_share(layer, output),
        upstream_norm=None if upstream is None else norm(upstream),
        gradient_norm=gradient_norm,
        update_ratio=ratio,
    )


def norm(*arrays: np.ndarray) -> float:
    """The Euclidean norm of all entries together."""
    return float(np.sqrt(sum(np.vdot(a, a).real for a in arrays)))


def dead_share(layer: Layer, output: np.ndarray) -> float | None:
    """Share of units of a ReLU that are 0 for every sample; None for other layers."""
    dead = lost_units(layer, output) if isinstance(layer, ReLU) else None
    return None if dead is None else float(dead.mean())


def lost_units(layer: Layer, output: np.ndarray) -> np.ndarray | None:
    """Booleans (units): no sample of the batch (N, units) teaches it anything, as its slope is 0.

    A unit of a ReLU that is 0 for each, or of a Sigmoid that stays within STUCK of 0, or of 1; None
    for other layers.
    """
    if not output.size:
        return None
    if isinstance(layer, ReLU) and not np.any(layer.negative_slope):
        return output.max(axis=0) <= 0
    if isinstance(layer, Sigmoid):
        return (output.max(axis=0) < STUCK) | (output.min(axis=0) > 1 - STUCK)
    return None


def saturated_share(layer: Layer, output: np.ndarray) -> float | None:
    """Share of outputs of a Sigmoid that are nearly 0 or 1; None for other layers."""
    if not isinstance(layer, Sigmoid) or not output.size:
        return None
    return float((np.abs(output - 0.5) > 0.5 - SATURATED).mean())
