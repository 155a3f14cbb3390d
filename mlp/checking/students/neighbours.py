"""What a constructor may want that is no number: an activation, the layer before or after.

They are real enough to be used: the activation is tanh, and knows its derivative in all the ways
in which authors ask for it.
"""

from typing import Any

import numpy as np


class Curve:
    """tanh as a function, a class, or an object: whichever way it is used.

    Its derivative is given for an input, for an output, or, where it remembers neither, for an
    upstream that it is multiplied by.
    """

    def __init__(self) -> None:
        self._inputs: list[np.ndarray] = []
        self._outputs: list[np.ndarray] = []

    def __call__(self, *given: Any, **options: Any) -> Any:
        """tanh(x); its derivative if a flag says so; itself, as its own class, without x."""
        if not given:
            return self
        wants = any(value is True for value in (*given[1:], *options.values()))
        return self.prime(given[0]) if wants else self._value(given[0])

    def _value(self, x: Any) -> np.ndarray:
        x = np.asarray(x)
        y = np.tanh(x)
        self._inputs, self._outputs = [*self._inputs[-9:], x.copy()], [*self._outputs[-9:], y]
        return y.copy()

    forward = function = activate = activation = func = fn = f = call = compute = __call__

    def prime(self, *given: Any, **options: Any) -> Any:
        """The derivative: at the last input, at a known input or output; else times an upstream."""
        if not given:
            return 1 - self._outputs[-1] ** 2
        one, two = np.asarray(given[0]), np.asarray(given[-1])
        if len(given) > 1 and one.shape == two.shape and not self._knows(two):
            one, two = two, one
        if len(given) > 1 and one.shape == two.shape and self._knows(two):
            return one * self._slope(two)
        if not self._knows(one) and self._outputs and one.shape == self._outputs[-1].shape:
            return one * (1 - self._outputs[-1] ** 2)
        return self._slope(one)

    backward = derivative = gradient = grad = d = df = backprop = deriv = df_dz = dfn = prime
    activation_derivative = activation_prime = d_activation = backward_pass = f_prime = prime

    def _knows(self, value: np.ndarray) -> bool:
        return any(np.array_equal(value, v) for v in (*self._inputs, *self._outputs))

    def _slope(self, value: np.ndarray) -> np.ndarray:
        if any(np.array_equal(value, y) for y in self._outputs):
            return 1 - value**2
        return 1 - np.tanh(value) ** 2


class Line(Curve):
    """The identity, in the same ways."""

    def _value(self, x: Any) -> np.ndarray:
        return np.array(x)

    def prime(self, *given: Any, **options: Any) -> Any:
        """1 for each number."""
        return np.ones_like(given[0]) if given else 1.0

    backward = derivative = gradient = grad = deriv = prime


class Neighbour:
    """A layer of a given width: each attribute is its width, or its shape where that is asked."""

    def __init__(self, width: int) -> None:
        self._width = width

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return (self._width,) if "shape" in name else self._width

    def __len__(self) -> int:
        return self._width
