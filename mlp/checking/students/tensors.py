"""Functions of torch's tensors, as functions of arrays.

Whoever writes `x.mm(w)` wants tensors. Where arrays are refused, tensors are made of what goes in,
and what comes out is made into arrays again, the cache as well. Nothing here loads torch: it is
the file's own.
"""

import contextlib
import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from mlp.checking.students.standins import StandInModule


def torch_of(module: dict[str, Any]) -> ModuleType | None:
    """The real torch that a file has imported, if it has."""
    torch = module.get("torch")
    real = isinstance(torch, ModuleType) and not isinstance(torch, StandInModule)
    return torch if real and hasattr(torch, "Tensor") else None


def of_arrays(function: Callable, torch: ModuleType) -> Callable:
    """The function for arrays: what arrays will not do is tried with tensors."""

    def tensor(value: Any) -> Any:
        return torch.tensor(np.array(value, order="C")) if isinstance(value, np.ndarray) else value

    def array(value: Any) -> Any:
        return value.detach().numpy() if isinstance(value, torch.Tensor) else value

    @functools.wraps(function)
    def converted(*arguments: Any, **options: Any) -> Any:
        try:  # a file may have both: functions of arrays beside those that call torch
            return _each(function(*arguments, **options), array)
        except (AttributeError, TypeError, RuntimeError) as error:
            given = _each(arguments, tensor), _each(options, tensor)
            with contextlib.suppress(Exception):
                return _each(function(*given[0], **given[1]), array)
            raise error

    return converted


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """The value with all that it holds changed."""
    if isinstance(value, dict):
        return {key: _each(part, change) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_each(part, change) for part in value)
    return change(value)
