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

from mlp.layers.arrays import as_numbers, floating_dtype


class Layer:
    """Base of all layers: bookkeeping of parameters, checks of shapes and dtypes.

    A subclass sets `parameter_names`, one attribute per parameter (`W`) and one per gradient
    (`dW`, None until the first backward), keeps what backward needs in `_cache`, and writes
    forward, backward and jvp, with the help of `as_numbers`, `cached`, `checked` and
    `checked_changes`.
    Assigning to an existing parameter copies into its array.
    """

    parameter_names: tuple[str, ...] = ()
    input_shape: tuple[int, ...] | None = None
    """Shape of one sample, where the layer itself fixes it."""
    _cache: Any = None

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The output for x; keeps, by reference, what `backward` and `jvp` need."""
        raise NotImplementedError

    def backward(self, upstream: np.ndarray) -> np.ndarray:
        """dL/dx from upstream = dL/dy; sets the gradients of the parameters."""
        raise NotImplementedError

    def jvp(
        self, dx: np.ndarray, dparameters: Mapping[str, np.ndarray] | None = None
    ) -> np.ndarray:
        """The change of the output, to first order, for changes of x and of the parameters."""
        raise NotImplementedError

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of one output sample for one input sample (both without the batch axis).

        Raises ValueError for a shape that the layer does not take.
        """
        if self.input_shape is not None and tuple(input_shape) != self.input_shape:
            raise ValueError(
                f"{self._who()}: expected samples of shape {self.input_shape}, "
                f"got {tuple(input_shape)}"
            )
        return tuple(input_shape)

    def kinks(self, x: np.ndarray) -> np.ndarray | None:
        """Booleans like x: the inputs at which x sits on a kink. None: the layer has no kinks.

        There the derivative does not exist, and backward and jvp use a subgradient.
        """
        return None

    def parameters(self) -> dict[str, np.ndarray]:
        """The live parameter arrays by name."""
        return {name: getattr(self, name) for name in self.parameter_names}

    def gradients(self) -> dict[str, np.ndarray | None]:
        """The live gradient arrays under the same names; None before the first backward."""
        return {name: getattr(self, f"d{name}") for name in self.parameter_names}

    def check_gradients(self) -> None:
        """Raise unless every parameter has a gradient of its shape: RuntimeError, ValueError."""
        gradients = self.gradients()
        for name, parameter in self.parameters().items():
            if gradients[name] is None:
                raise RuntimeError(
                    f"{self._who()}: {name} has no gradient yet; "
                    "call forward(x) and backward(upstream) first"
                )
            self._expect(f"the gradient of {name}", gradients[name], parameter.shape)

    @property
    def dtype(self) -> np.dtype | None:
        """dtype of the first parameter, which decides that of the outputs; None without any."""
        return next((p.dtype for p in self.parameters().values()), None)

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
        """Drop the cache: backward and jvp need a new forward."""
        self._cache = None

    def constructor_arguments(self) -> tuple[tuple, dict[str, Any]]:
        """Positional and keyword arguments that make a fresh layer of the same kind."""
        return (), {}

    def __repr__(self) -> str:
        args, kwargs = self.constructor_arguments()
        shown = [_short(a) for a in args] + [f"{k}={_short(v)}" for k, v in kwargs.items()]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.parameter_names and isinstance(vars(self).get(name), np.ndarray):
            parameter = vars(self)[name]
            value = self.checked(name, value, parameter.shape, parameter.dtype)
            if value.dtype != parameter.dtype:
                raise TypeError(
                    f"{self._who()}: expected real numbers for {name}, got {value.dtype}; "
                    "astype(np.complex128) makes a complex copy of the layer"
                )
            parameter[...] = value
        else:
            object.__setattr__(self, name, value)

    def _who(self) -> str:
        return repr(self)

    def cached(self) -> Any:
        """What forward kept; RuntimeError where there was no forward."""
        if self._cache is None:
            raise RuntimeError(f"{self._who()}: nothing to go back through; call forward(x) first")
        return self._cache

    def checked(self, name: str, value: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """value as numbers of this very shape: what would have to broadcast is refused."""
        value = as_numbers(value, self, dtype, name)
        self._expect(name, value, shape)
        return value

    def checked_changes(
        self, dparameters: Mapping[str, np.ndarray] | None
    ) -> dict[str, np.ndarray]:
        """The changes that jvp was given, checked; a parameter without one is not in it."""
        parameters = self.parameters()
        changes = dict(dparameters or {})
        if unknown := changes.keys() - parameters.keys():
            raise ValueError(
                f"{self._who()}: expected changes of the parameters {[*parameters]}, "
                f"got {sorted(unknown)}"
            )
        return {
            name: self.checked(f"d{name}", change, parameters[name].shape, parameters[name].dtype)
            for name, change in changes.items()
        }

    def _expect(self, name: str, value: np.ndarray, shape: tuple[int, ...]) -> None:
        if value.shape != shape:
            hint = "; transpose it" if value.ndim == 2 and value.T.shape == shape else ""
            raise ValueError(
                f"{self._who()}: expected {name} of shape {shape}, got {value.shape}{hint}"
            )


def _short(value: Any) -> str:
    if isinstance(value, Layer):
        return Layer.__repr__(value)
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    return getattr(value, "__name__", None) or repr(value)
