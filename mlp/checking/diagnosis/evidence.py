"""What is known about a wrong gradient, and the comparisons that the diagnosis is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Named = tuple[str, str, np.ndarray]
"""(id, name of the array, what the mistake would give)."""


@dataclass
class Evidence:
    """One backward pass that went wrong, beside what it should have given."""

    kind: str | None
    arrays: Arrays
    upstream: np.ndarray
    y: np.ndarray
    found: dict[str, Any]
    """The student's gradients."""
    truth: Arrays
    wrong: list[str]
    """Names of the arrays whose gradients are wrong."""
    right: Callable[[np.ndarray], Arrays]
    """The right gradients for another upstream."""
    probe: Callable[[np.ndarray], dict[str, Any]]
    """The student's gradients for another upstream."""
    wiring: Any = None
    """Multiply: pairs (M, 2). MaxPool: windows (outputs, cells), flat positions."""

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.arrays["x"])

    @property
    def columns(self) -> int:
        """Outputs of the layer, or classes of the loss."""
        return self.y.shape[-1] if self.y.ndim else self.arrays["x"].shape[-1]


def same(found: np.ndarray, value: np.ndarray) -> bool:
    """Equal to rounding (of float32 at worst), and not all 0; shapes up to axes of length 1."""
    found, value = 1.0 * np.asarray(found), 1.0 * np.asarray(value)  # True - True raises
    if found.shape != value.shape and np.squeeze(found).shape != np.squeeze(value).shape:
        return False
    if not value.size or not np.isfinite(value).all():
        return False
    scale = float(np.max(abs(value)))
    return scale > 0 and bool(np.all(abs(np.squeeze(found) - np.squeeze(value)) <= 2e-6 * scale))


def ratio(found: np.ndarray, truth: np.ndarray) -> float | None:
    """k if found = k truth with one k, else None."""
    size = float((truth**2).sum())
    if not size or not np.isfinite(found).all():
        return None
    k = float((found * truth).sum() / size)
    return k if k and same(found, k * truth) else None


def is_truncated(found: np.ndarray, truth: np.ndarray) -> bool:
    """Whether found is truth cut to whole numbers."""
    whole = found.dtype.kind in "biu" or bool(np.all(found == np.trunc(found)))
    return whole and bool(np.all(abs(found - truth) < 1)) and bool(np.any(truth != np.trunc(truth)))


def softmax(x: np.ndarray, axis: int | None = 1) -> np.ndarray:
    """exp(x) / sum exp(x) along an axis, for the moderate numbers of a check."""
    e = np.exp(x - x.max())
    return e / e.sum(axis=axis, keepdims=axis is not None)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), for the moderate numbers of a check."""
    return 1 / (1 + np.exp(-x))
