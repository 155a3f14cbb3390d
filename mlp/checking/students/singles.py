"""Layers that take one sample at a time: `forward(x)` with x of shape (D,), and no batch."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from mlp.checking.students.adapters import Subject
from mlp.checking.students.wrapping import Wrapped

NOTE = "takes one sample at a time: it was called for each row"
SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "vector": lambda row: row,
    "row": lambda row: row[np.newaxis],
    "column": lambda row: row[:, np.newaxis],
}
"""How one sample is handed over."""


class OneByOne(Wrapped):
    """Such a layer as one for batches: each row has a copy of the layer to itself.

    The gradients of the parameters are the sums over the rows, as they are for a batch.
    """

    def __init__(self, inner: Subject, shape: str) -> None:
        super().__init__(inner)
        self.shape = shape
        self._rows: list[Subject] = []

    def forward(self, *inputs: np.ndarray) -> Any:
        self.inner.reading = self.reading
        given = SHAPES[self.shape]
        self._rows, found = [], []
        for row in zip(*inputs, strict=True):
            one = copy.deepcopy(self.inner)
            y = np.asarray(one.forward(*(given(np.asarray(part)) for part in row)))
            self._rows.append(one)
            self._shape = y.shape
            found.append(y if self.shape == "vector" or y.ndim < 2 else self._bare(y))
        return np.array(found)

    def _bare(self, y: np.ndarray) -> np.ndarray:
        return y[0] if self.shape == "row" else y[:, 0]

    def backward(self, *upstream: np.ndarray) -> dict[str, Any]:
        rows = upstream[0] if upstream else [None] * len(self._rows)
        found = [
            one.backward(*(() if u is None else (np.reshape(u, self._shape),)))
            for one, u in zip(self._rows, rows, strict=True)
        ]
        self.updated = any(one.updated for one in self._rows)
        return {name: self._together(name, [f.get(name) for f in found]) for name in found[0]}

    def _together(self, name: str, parts: list[Any]) -> Any:
        if any(part is None for part in parts):
            return None
        arrays = [np.asarray(part) for part in parts]
        if name not in self.inputs:
            return np.sum(arrays, axis=0)
        bare = self.shape != "vector" and all(a.ndim == 2 for a in arrays)
        return np.array([self._bare(a) for a in arrays] if bare else arrays)
