"""Losses as subjects: objects and functions of a prediction and a target."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mlp.checking.students.adapters import (
    INPUT_GRADIENTS,
    OUTPUTS,
    ObjectSubject,
    Subject,
    as_number,
    backward_of,
    call_forward,
    default_for,
    is_setting,
    kept,
)
from mlp.checking.students.names import plain
from mlp.checking.students.results import named_results
from mlp.checking.students.slots import required


class LossObject(ObjectSubject):
    """A loss with `forward(y, target)` and `backward()`."""

    swapped = False
    """Whether the target is the first argument."""
    from_output = False
    """Whether backward is to be given the output that forward kept, for its input."""

    def forward(self, *inputs: np.ndarray) -> Any:
        given = inputs[::-1] if self.swapped else inputs
        value = call_forward(self.instance)(*given)
        self._last = given
        if value is None:
            value = kept(self.instance, ("loss", "value", "cost", *OUTPUTS))
        if isinstance(value, np.ndarray) and np.array_equal(value, inputs[0]):  # it is handed on
            value = kept(self.instance, ("loss", "value", "cost"))
        return as_number(value[0] if isinstance(value, tuple) else value)

    def backward(self, *upstream: np.ndarray) -> dict[str, Any]:
        method = self.gradient_function
        wanted = [n for n in required(method) if not is_setting(n)]
        settings = {n: default_for(n) for n in required(method) if is_setting(n)}
        if self.from_output:
            output = kept(self.instance, OUTPUTS)
            self._last = tuple(output if i == self.swapped else v for i, v in enumerate(self._last))
        if len(wanted) == 3:
            at = next((i for i, n in enumerate(wanted) if plain(n) == "z"), 0)
            ones = np.ones(np.shape(self._last[0]))
            arguments = (*self._last[:at], ones, *self._last[at:])
        else:
            arguments = {0: (), 1: (1.0,)}.get(len(wanted), self._last)
        result = method(*arguments, **settings)
        if isinstance(result, tuple | list) and self.swapped and len(result) == 2:
            result = result[::-1]
        found = named_results(result, ("x",), self.inputs)
        if result is None:
            found = {"x": kept(self.instance, INPUT_GRADIENTS)}
        return found | {n: s.gradient(self.instance) for n, s in self._slots.items()}


class LossBeforeSigmoid(LossObject):
    """A loss of a = sigmoid(z) whose gradient is that for z: `delta(z, a, y)`."""

    def forward(self, *inputs: np.ndarray) -> Any:
        self._z = inputs[0]
        return super().forward(sigmoid(inputs[0]), inputs[1])

    def backward(self, *upstream: np.ndarray) -> dict[str, Any]:
        a = sigmoid(self._z)
        wants_slope = "z" not in plain(required(self.gradient_function)[0])[:1]
        first = a * (1 - a) if wants_slope else self._z.copy()
        return {"x": self.gradient_function(first, a, self._last[1])}


def takes_delta(cls: Any) -> bool:
    """Whether the gradient of a loss takes z, or the slope of the activation there, before a."""
    wanted = [n for n in required(backward_of(cls)) if n != "self"]
    first = plain(wanted[0]) if len(wanted) == 3 else ""
    return first in ("z", "zs", "zl") or "prime" in first or "slope" in first


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


class LossFunction(Subject):
    """`softmax_loss(x, y) -> (loss, dx)`."""

    inputs = ("x", "target")
    swapped = False

    def __init__(self, function: Callable, gradient: Callable | None = None) -> None:
        self._function, self._derivative = function, gradient
        self._gradient: Any = None

    def forward(self, *inputs: np.ndarray) -> Any:
        given = inputs[::-1] if self.swapped else inputs
        self._last = given
        if takes_mask(self._function):
            result = self._function(*inputs, mask_of(inputs[1]))
        else:
            result = self._function(*given)
        if not isinstance(result, tuple) or len(result) < 2:
            return as_number(result)
        self._gradient = result[1]
        return as_number(result[0])

    def backward(self, *upstream: np.ndarray) -> dict[str, Any]:
        if self._derivative is None:
            return {"x": self._gradient}
        wanted = [n for n in required(self._derivative) if not is_setting(n)]
        if len(wanted) == 3:
            given = (np.ones(np.shape(self._last[0])), *self._last)
            return {"x": self._derivative(*given)}
        return {"x": self._derivative(*self._last[: len(wanted)])}


def takes_mask(function: Callable) -> bool:
    """Whether a loss of sequences is told which of the targets count."""
    return "mask" in required(function)[2:]


def mask_of(target: np.ndarray) -> np.ndarray:
    """A mask for targets of any shape, that leaves every third of them out."""
    return (np.arange(target.size) % 3 > 0).reshape(target.shape)
