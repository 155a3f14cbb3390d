"""Layers whose backward pass takes the step itself: `backward(upstream, learning_rate)`.

The step shows the gradient, (before - after) / learning_rate, and is then taken back, so that all
that is asked of the layer afterwards is asked of the same parameters.
"""

import inspect
from collections.abc import Callable
from typing import Any

from mlp.checking.students.names import plain
from mlp.checking.students.slots import attributes

RATE = 0.1
"""What an argument that wants a learning rate is given."""
NOTE = (
    "backward takes the step of gradient descent itself, with its learning rate; the layers before "
    "it and the optimizer do not see the gradients that way"
)
_RATES = ("lr", "learningrate", "learnrate", "rate", "alpha", "eta", "stepsize", "learning")


def rate_of(instance: Any, method: Callable) -> float | None:
    """The learning rate that backward uses: its argument, or an attribute of the layer."""
    for argument in inspect.signature(method).parameters.values():
        if plain(argument.name) in _RATES:
            given = argument.default
            return given if _is_rate(given) else RATE
    holders = [instance, *(v for v in attributes(instance).values() if hasattr(v, "__dict__"))]
    for holder in holders:
        for name, value in attributes(holder).items():
            if plain(name) in _RATES and _is_rate(value):
                return float(value)
    return None


def _is_rate(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
