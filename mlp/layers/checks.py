"""What layers use to check what they are given: every layer has the same clear errors."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlp.layers.arrays import as_numbers


class Checks:
    """The checks that `Layer` inherits. Nothing here knows what a layer computes."""

    parameter_names: tuple[str, ...]
    _cache: Any = None

    @abstractmethod
    def parameters(self) -> dict[str, np.ndarray]: ...

    @abstractmethod
    def gradients(self) -> dict[str, np.ndarray | None]: ...

    @abstractmethod
    def short_name(self) -> str: ...

    def cached(self) -> Any:
        """What forward kept; RuntimeError where there was no forward."""
        if self._cache is None:
            raise RuntimeError(
                f"{self.short_name()}: nothing to go back through; call forward(x) first"
            )
        return self._cache

    def checked(self, name: str, value: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """value as numbers of this very shape: what would have to broadcast is refused."""
        value = as_numbers(value, self, dtype, name)
        self.check_shape(name, value, shape)
        return value

    def checked_changes(
        self, dparameters: Mapping[str, np.ndarray] | None
    ) -> dict[str, np.ndarray]:
        """The changes that jvp was given, checked; a parameter without one is not in it."""
        parameters = self.parameters()
        changes = dict(dparameters or {})
        if unknown := changes.keys() - parameters.keys():
            raise ValueError(
                f"{self.short_name()}: expected changes of the parameters {[*parameters]}, "
                f"got {sorted(unknown)}"
            )
        return {
            name: self.checked(f"d{name}", change, parameters[name].shape, parameters[name].dtype)
            for name, change in changes.items()
        }

    def checked_gradients(self) -> dict[str, np.ndarray]:
        """The gradients, one for every parameter, which can be subtracted from it.

        Raises RuntimeError if one is missing, ValueError for another shape, TypeError for what
        is no array of numbers that fit (complex ones to a real parameter).
        """
        gradients, known = self.gradients(), {}
        for name, parameter in self.parameters().items():
            gradient = gradients[name]
            if gradient is None:
                raise RuntimeError(
                    f"{self.short_name()}: {name} has no gradient yet; "
                    "call forward(x) and backward(upstream) first"
                )
            kind = getattr(gradient, "dtype", type(gradient).__name__)
            if not isinstance(gradient, np.ndarray) or not np.can_cast(
                kind, parameter.dtype, "same_kind"
            ):
                raise TypeError(
                    f"{self.short_name()}: expected the gradient of {name} to be an array of "
                    f"{parameter.dtype}, got {kind}"
                )
            self.check_shape(f"the gradient of {name}", gradient, parameter.shape)
            known[name] = gradient
        return known

    def check_shape(self, name: str, value: np.ndarray, shape: tuple[int, ...]) -> None:
        """ValueError unless value has that shape."""
        if value.shape != shape:
            hint = "; transpose it" if value.ndim == 2 and value.T.shape == shape else ""
            raise ValueError(
                f"{self.short_name()}: expected {name} of shape {shape}, got {value.shape}{hint}"
            )

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.parameter_names or not isinstance(vars(self).get(name), np.ndarray):
            object.__setattr__(self, name, value)
            return
        parameter = vars(self)[name]
        value = self.checked(name, value, parameter.shape, parameter.dtype)
        if value.dtype != parameter.dtype:
            raise TypeError(
                f"{self.short_name()}: expected real numbers for {name}, got {value.dtype}; "
                "astype(np.complex128) makes a complex copy of the layer"
            )
        parameter[...] = value
