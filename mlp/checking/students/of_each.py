"""Losses that are no single number: one for each sample, or one for each entry."""

import numpy as np

from mlp.checking.students.references import Reference, loss_references
from mlp.checking.students.trials import Arrays


class OfEach(Reference):
    """The parts of a sum over the batch. Their gradients are those of the sum, or of the mean."""

    def __init__(self, whole: Reference, entries: bool) -> None:
        self.whole, self.entries = whole, entries
        self.kind = whole.kind
        self.share = "of each entry" if entries else "of each sample"
        kind, _, rest = whole.label.partition(", ")
        half = rest.partition(", ")[2]
        self.label = f"{kind}, {self.share}{', ' if half else ''}{half}"

    def forward(self, arrays: Arrays) -> np.ndarray:
        x, t = arrays["x"], arrays["target"]
        rows = [(x[i : i + 1], t[i : i + 1]) for i in range(len(x))]
        if not self.entries:
            parts = np.array([self._one(*row) for row in rows])
            return parts[0] if len(parts) == 1 else parts
        if t.shape != x.shape:
            raise ValueError(f"expected a target of the shape {x.shape}, got {t.shape}")
        columns = range(x.shape[1])
        return np.array([[self._one(p[:, [j]], d[:, [j]]) for j in columns] for p, d in rows])

    def _one(self, x: np.ndarray, target: np.ndarray) -> float:
        return float(self.whole.forward({"x": x, "target": target}))

    def gradients(self, arrays: Arrays, upstream: np.ndarray) -> Arrays:
        return self.whole.gradients(arrays, np.ones(()))

    def also_right(self, name: str, arrays: Arrays, upstream: np.ndarray) -> np.ndarray | None:
        x = arrays["x"]
        return self.gradients(arrays, upstream)[name] / (x.size if self.entries else len(x))


def of_each(kind: str) -> list[Reference]:
    """The losses of a kind as numbers of each sample, and of each entry where it is a plain sum."""
    sums = [r for r in loss_references(kind) if r.share == "summed over the batch"]
    parts = (False, True) if kind in ("SquaredError", "SigmoidCrossEntropy") else (False,)
    return [OfEach(r, entries) for r in sums if not r.epsilon for entries in parts]
