"""Layers whose samples are columns."""

from typing import Any

import numpy as np

from mlp.checking.students.adapters import Subject
from mlp.checking.students.wrapping import Wrapped


class Columns(Wrapped):
    """A layer whose samples are columns, seen with samples as rows."""

    def __init__(self, inner: Subject) -> None:
        super().__init__(inner)
        self.shapes, self.below = getattr(inner, "shapes", None), getattr(inner, "below", 0)

    def forward(self, *inputs: np.ndarray) -> Any:
        self.inner.reading = self.reading
        return turned(self.inner.forward(*(turned(x) for x in inputs)))

    def backward(self, *upstream: np.ndarray) -> dict[str, Any]:
        self.inner.reading = self.reading
        found = self.inner.backward(*(turned(u) for u in upstream))
        self.updated = self.inner.updated
        return {n: turned(g) if n in self.inputs else g for n, g in found.items()}


def turned(value: Any) -> Any:
    """A matrix, or a sequence (D, N, T), with the first two axes exchanged; else as it is."""
    turns = isinstance(value, np.ndarray) and value.ndim in (2, 3)
    return value.swapaxes(0, 1) if turns else value
