"""Whether new samples lie where the network was trained: pixels of 0 to 1, or of 0 to 255?"""

import numpy as np

OFTEN = 0.05
"""Part of the values that may lie outside the range of training, if none lies far outside."""
NARROW = 0.1
"""Pixels that reach only this part of the range are most likely of another unit."""


class Ranges:
    """The ranges of training, and how far the samples seen so far lie outside.

    `least` and `most` are those of training: of each feature, (D,), or of all pixels, ().
    """

    def __init__(self, least: np.ndarray, most: np.ndarray, names: list[str]) -> None:
        # as floats: differences of bytes would wrap around at 0
        self.least, self.most = np.asarray(least, np.float64), np.asarray(most, np.float64)
        self.width = np.where(self.most > self.least, self.most - self.least, 1)
        self.names = names
        self.bottom, self.top = np.inf, -np.inf
        self.size = 0
        self.outside = 0
        self.distance, self.farthest = 0.0, ""

    def look_at(self, x: np.ndarray) -> None:
        """Take note of a block of samples (N, D)."""
        low, high = x.min(axis=0), x.max(axis=0)
        self.bottom, self.top = min(self.bottom, low.min()), max(self.top, high.max())
        self.size += x.size
        distance = np.maximum(self.least - low, high - self.most) / self.width
        if distance.max() <= 0:
            return
        self.outside += int(np.count_nonzero((x < self.least) | (x > self.most)))
        feature = int(distance.argmax())
        if distance[feature] > self.distance:
            self.distance = distance[feature]
            least, most = (np.broadcast_to(a, low.shape)[feature] for a in (self.least, self.most))
            above = high[feature] - most >= least - low[feature]
            name = self.names[feature] if self.names else f"feature {feature + 1}"
            self.farthest = (
                f"{(high if above else low)[feature]:.6g} of {name}, trained on {least:.6g} to "
                f"{most:.6g}"
            )

    def doubt(self) -> str | None:
        """What is odd about all that was seen, with figures; None: nothing."""
        if not self.least.ndim and self.top < NARROW * self.most and self.bottom >= self.least:
            return (
                f"its values reach from {self.bottom:.6g} to {self.top:.6g}, those of training "
                f"from {self.least:.6g} to {self.most:.6g}; are they in the same unit?"
            )
        if self.outside <= OFTEN * self.size and self.distance <= 1:
            return None
        return (
            f"{self.outside} of {self.size} values lie outside the range of training; the farthest "
            f"is {self.farthest}"
        )
