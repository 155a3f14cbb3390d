"""Losses that are no single number: one for each sample, or one for each entry."""

import numpy as np

from mlp.checking.students.probabilities import EACH, ENTRY, MEAN
from mlp.checking.students.references import Reference, loss_references
from mlp.checking.students.trials import Arrays


class OfEach(Reference):
    """The parts of a sum over the batch. Their gradients are those of the sum, or of the mean."""

    def __init__(self, whole: Reference, share: str) -> None:
        self.whole, self.share = whole, share
        self.kind = whole.kind
        kind, _, rest = whole.label.partition(", ")
        half = rest.partition(", ")[2]
        self.label = f"{kind}, {self.share}{', ' if half else ''}{half}"

    def forward(self, arrays: Arrays) -> np.ndarray:
        x, t = arrays["x"], arrays["target"]
        rows = [(x[i : i + 1], t[i : i + 1]) for i in range(len(x))]
        if self.share != ENTRY:
            parts = np.array([self._one(*row) for row in rows]) * self._part(x)
            return parts[0] if len(parts) == 1 else parts
        if t.shape != x.shape:
            raise ValueError(f"expected a target of the shape {x.shape}, got {t.shape}")
        columns = range(x.shape[1])
        return np.array([[self._one(p[:, [j]], d[:, [j]]) for j in columns] for p, d in rows])

    def _one(self, x: np.ndarray, target: np.ndarray) -> float:
        return float(self.whole.forward({"x": x, "target": target}))

    def _part(self, x: np.ndarray) -> float:
        return 1 / x.shape[1] if self.share == MEAN else 1.0

    def gradients(self, arrays: Arrays, upstream: np.ndarray) -> Arrays:
        found = self.whole.gradients(arrays, np.ones(()))
        return {"x": found["x"] * self._part(arrays["x"])}

    def also_right(self, name: str, arrays: Arrays, upstream: np.ndarray) -> list[np.ndarray]:
        x = arrays["x"]
        right = [
            *self.gradients(arrays, upstream).values(),
            *self.whole.also_right("x", arrays, upstream),
        ]
        return [g / n for g in right for n in (1, len(x), x.size if self.share == ENTRY else 1)]


def of_each(kind: str) -> list[Reference]:
    """The losses of a kind as numbers of each sample, and of each entry where it is a plain sum."""
    sums = [r for r in loss_references(kind) if r.share == "summed over the batch"]
    shares = (EACH, MEAN, ENTRY) if kind in ("SquaredError", "SigmoidCrossEntropy") else (EACH,)
    return [OfEach(r, share) for r in sums if not r.epsilon for share in shares]
