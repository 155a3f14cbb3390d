"""Layers that take their inputs as a list: `forward([x, y])`, `backward(upstream) -> [dx, dy]`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mlp.checking.students.adapters import ObjectSubject, Subject, backward_of


class Listed(Subject):
    """Such a layer with two inputs."""

    inputs = ("x", "y")

    def __init__(self, inner: ObjectSubject) -> None:
        self.inner, self.instance = inner, inner.instance

    @property
    def gradient_function(self) -> Callable:
        """What is called for the gradients."""
        return backward_of(self.instance)

    def forward(self, *inputs: np.ndarray) -> Any:
        return self.inner.forward(list(inputs))  # type: ignore[arg-type]

    def backward(self, *upstream: np.ndarray) -> dict[str, Any]:
        result = self.gradient_function(*upstream)
        if not isinstance(result, tuple | list) or len(result) != len(self.inputs):
            return {}
        return dict(zip(self.inputs, result, strict=True))
