"""What every layer promises.

A layer is a function y = f(x; W, b, ...) that carries three hand-derived maps side by side:

    forward(x)        the value y; keeps what the other two need
    backward(U)       reverse mode: from U = dL/dy to dL/dx = J^T U, and dL/dW into dW, ...
    jvp(dx, {W: ..})  forward mode: from small changes dx, dW, ... to the change J dx + ... of y

J is the Jacobian of f at the last x. It is never built: each layer derives the two products. They
are transposes of each other, so <U, jvp(dx)> = <backward(U), dx> for every U and dx.

Rows are samples: the first axis of x is the batch. Gradients of parameters are sums over it (the
1/N of a mean belongs to the loss), and each backward sets them anew.
"""

import copy
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from mlp.layers.arrays import floating_dtype
from mlp.layers.checks import Checks

Changes = Mapping[str, np.ndarray] | None
"""What jvp takes: a change for each parameter, by name; a parameter without one stays."""


class Layer(Checks):
    """Base of all layers.

    A subclass sets `parameter_names`, one attribute per parameter (`W`) and one per gradient
    (`dW`, None until the first backward), keeps what backward needs in `_cache`, and writes
    forward, backward and jvp, with the help of `as_numbers` and of what it inherits: `cached`,
    `checked` and `checked_changes`. Assigning to an existing parameter copies into its array.
    """

    parameter_names: tuple[str, ...] = ()
    input_shape: tuple[int, ...] | None = None
    """Shape of one sample, where the layer itself fixes it."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The output for x; keeps, by reference, what `backward` and `jvp` need."""
        raise NotImplementedError

    def backward(self, upstream: np.ndarray) -> np.ndarray:
        """dL/dx from upstream = dL/dy; sets the gradients of the parameters."""
        raise NotImplementedError

    def jvp(self, dx: np.ndarray, dparameters: Changes = None) -> np.ndarray:
        """The change of the output, to first order, for changes of x and of the parameters."""
        raise NotImplementedError

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of one output sample for one input sample (both without the batch axis).

        Raises ValueError for a shape that the layer does not take.
        """
        if self.input_shape is not None and tuple(input_shape) != self.input_shape:
            raise ValueError(
                f"{self.short_name()}: expected samples of shape {self.input_shape}, "
                f"got {tuple(input_shape)}"
            )
        return tuple(input_shape)

    def kinks(self, x: np.ndarray) -> np.ndarray | None:
        """Booleans like x: the inputs at which x sits on a kink. None: the layer has no kinks.

        There the derivative does not exist, and backward and jvp use a subgradient.
        """
        return None

    def constructor_arguments(self) -> tuple[tuple, dict[str, Any]]:
        """Positional and keyword arguments that make a fresh layer of the same kind."""
        return (), {}

    def parameters(self) -> dict[str, np.ndarray]:
        """The live parameter arrays by name."""
        return {name: getattr(self, name) for name in self.parameter_names}

    def gradients(self) -> dict[str, np.ndarray | None]:
        """The live gradient arrays under the same names; None before the first backward."""
        return {name: getattr(self, f"d{name}") for name in self.parameter_names}

    @property
    def dtype(self) -> np.dtype | None:
        """dtype of the first parameter, which decides that of the outputs; None without any."""
        for name in self.parameter_names:
            return getattr(self, name).dtype
        return None

    def astype(self, dtype: Any) -> Self:
        """A copy with its parameters converted; it has no gradients and no cache."""
        dtype = floating_dtype(dtype, type(self).__name__)
        twin = copy.copy(self)
        twin.clear_cache()
        for name, value in self.parameters().items():
            vars(twin)[name] = value.astype(dtype)
            setattr(twin, f"d{name}", None)
        return twin

    def clear_cache(self) -> None:
        """Drop what forward kept: backward and jvp need a new forward."""
        vars(self)["_cache"] = None  # past the checks of assignments: `predict` does it each time

    def short_name(self) -> str:
        """How errors and tables call the layer."""
        return repr(self)

    def __repr__(self) -> str:
        args, kwargs = self.constructor_arguments()
        shown = [_short(a) for a in args] + [f"{k}={_short(v)}" for k, v in kwargs.items()]
        return f"{type(self).__name__}({', '.join(shown)})"


def _short(value: Any) -> str:
    if isinstance(value, Layer):
        return Layer.__repr__(value)
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    return getattr(value, "__name__", None) or repr(value)
