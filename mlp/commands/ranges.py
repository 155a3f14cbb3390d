"""Whether new samples lie where the network was trained: pixels of 0 to 1, or of 0 to 255?"""

import numpy as np

OFTEN = 0.05
"""Part of the values that may lie outside the range of training, if none lies far outside."""
NARROW = 0.1
"""Pixels that reach only this part of the range are most likely of another unit."""


def doubt(x: np.ndarray, least: np.ndarray, most: np.ndarray, names: list[str]) -> str | None:
    """What is odd about x (N, D), with figures; None: nothing.

    `least` and `most` are those of training: of each feature, (D,), or of all pixels, ().
    """
    least, most = (bound.astype(np.float64) for bound in (least, most))  # bytes cannot be negative
    if not least.ndim:
        top = float(x.max())
        if top < NARROW * most and x.min() >= least:
            return (
                f"its values reach from {x.min():.6g} to {top:.6g}, those of training from "
                f"{least:.6g} to {most:.6g}; are they in the same unit?"
            )
    width = np.where(most > least, most - least, 1)
    distance = np.maximum(least - x, x - most) / width
    outside = np.count_nonzero(distance > 0)
    if outside <= OFTEN * x.size and distance.max() <= 1:
        return None
    row, feature = np.unravel_index(distance.argmax(), x.shape)
    name = names[feature] if names else f"feature {feature + 1}"
    low, high = np.broadcast_to(least, x.shape[1:]), np.broadcast_to(most, x.shape[1:])
    return (
        f"{outside} of {x.size} values lie outside the range of training; the farthest is "
        f"{x[row, feature]:.6g} of {name}, trained on {low[feature]:.6g} to {high[feature]:.6g}"
    )
