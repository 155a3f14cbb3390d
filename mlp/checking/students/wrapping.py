"""A layer within another way of calling it: what both ways share."""

from collections.abc import Callable

import numpy as np

from mlp.checking.students.adapters import Subject


class Wrapped(Subject):
    """Another view of `inner`: the arrays, the instance and the gradient function are its own."""

    def __init__(self, inner: Subject) -> None:
        self.inner = inner
        self.inputs, self.parameters = inner.inputs, inner.parameters
        if hasattr(inner, "instance"):
            self.instance = inner.instance

    @property
    def gradient_function(self) -> Callable:
        """What is called for the gradients."""
        return self.inner.gradient_function  # type: ignore[attr-defined]

    def get(self, name: str) -> np.ndarray:
        return self.inner.get(name)

    def set(self, name: str, value: np.ndarray) -> None:
        self.inner.set(name, value)
