"""Pairs of functions as one layer: `forward(x, w, b) -> (out, cache)`, `backward(upstream, cache)`.

Forward may return several outputs (the hidden state and the cell state of an LSTM): backward then
takes an upstream for each, and the outputs are seen side by side, as one array.
"""

import copy
import dis
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from mlp.checking.students.adapters import Subject, as_number, default_for, is_setting
from mlp.checking.students.names import CACHES, plain
from mlp.checking.students.results import named_results
from mlp.checking.students.slots import required


class PairSubject(Subject):
    """Two functions, and the arrays and settings that are passed to forward."""

    shapes: dict[str, tuple[int, ...]] | None = None
    """The shapes of the inputs, without the axis of the samples, where they are known."""
    below = 0
    """The inputs are indices below this number, where it is not 0: they have no gradient."""
    order: list[str] | None = None
    """The names in the order of the gradients, where that is not inputs and parameters."""
    feature_axis = -1
    """Along which several outputs lie side by side."""

    def __init__(
        self,
        functions: tuple[Callable, Callable],
        inputs: tuple[str, ...],
        parameters: dict[str, np.ndarray],
        extras: dict[str, Any],
        arguments: list[str] | None = None,
    ) -> None:
        """`arguments`: the names of those of forward that take the inputs and the parameters."""
        self._forward, self._backward = functions
        self.inputs = inputs
        self.parameters = tuple(parameters)
        self._arrays = dict(parameters)
        self._extras = extras
        self._names = arguments
        self._rest: list[Any] = []
        self._widths: list[int] = []

    def get(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def set(self, name: str, value: np.ndarray) -> None:
        self._arrays[name] = value.copy()

    def forward(self, *inputs: np.ndarray) -> Any:
        arrays = [*inputs, *self._arrays.values()]
        extras = copy.deepcopy(self._extras)
        if self._names is None:
            result = self._forward(*arrays, **extras)
        else:
            result = self._forward(**dict(zip(self._names, arrays, strict=True)), **extras)
        if isinstance(result, tuple) and len(result) >= 2:
            output = self._output(result)
        else:
            self._rest = [arrays[0] if len(arrays) == 1 else tuple(arrays)]
            output, self._widths = result, []
        self._last = (*inputs, output)
        return as_number(output) if "target" in self.inputs else output

    def _output(self, result: tuple) -> Any:
        """The outputs in one array; what else forward returned is kept, likeliest cache first."""
        count = self._outputs(result)
        parts, rest = result[:count], result[count:]
        self._rest = [rest[0]] if len(rest) == 1 else [rest, *rest[::-1]]
        if len(rest) > 1 and _ends_with_a_cache(self._forward):
            self._rest = [rest[-1], rest, *rest[-2::-1]]
        self._widths = [np.shape(part)[self.feature_axis] for part in parts] if count > 1 else []
        return np.concatenate(parts, axis=self.feature_axis) if count > 1 else parts[0]

    def _outputs(self, result: tuple) -> int:
        """How many of the results are outputs: those for which backward takes an upstream."""
        wanted = [plain(n) for n in required(self._backward) if not is_setting(n)]
        count = next((i for i, name in enumerate(wanted) if name in CACHES), 1)
        parts = result[:count]
        alike = all(isinstance(p, np.ndarray) and p.ndim == np.ndim(parts[0]) for p in parts)
        return count if 1 < count < len(result) and alike and parts[0].ndim > 1 else 1

    def backward(self, *upstream: np.ndarray) -> dict[str, Any]:
        names = tuple(self.order or (*self.inputs, *self.parameters))
        if self.reading is not None:
            result = self.reading.call(self._backward, self._sources(upstream))
            return self.reading.named(result, names, names[:1])
        wanted = [n for n in required(self._backward) if not is_setting(n)]
        settings = self._settings()
        given: tuple[Any, ...] = () if len(wanted) == 1 else self._split(upstream) or (1.0,)
        cache_first = bool(wanted) and plain(wanted[0]) in CACHES

        def call(cache: Any) -> Any:
            arguments = (cache, *given) if cache_first else (*given, cache)
            return self._backward(*arguments, **settings)

        return named_results(_first_that_runs(call, self._rest), names, names[:1], self._own())

    def _split(self, upstream: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        if not self._widths or not upstream:
            return upstream
        places = np.cumsum(self._widths)[:-1]
        return tuple(np.split(upstream[0], places, axis=self.feature_axis))

    def _settings(self) -> dict[str, Any]:
        """What backward wants besides: as forward was given it, or something harmless."""
        known = set(inspect.signature(self._backward).parameters) & set(self._extras)
        needed = [n for n in required(self._backward) if is_setting(n)]
        return {n: default_for(n) for n in needed} | {
            n: copy.deepcopy(self._extras[n]) for n in known if is_setting(n)
        }

    def _own(self) -> dict[str, str]:
        """The arguments by the names that they have here."""
        names = (*self.inputs, *self.parameters)
        return {} if self._names is None else dict(zip(names, self._names, strict=True))

    @property
    def gradient_function(self) -> Callable:
        """What is called for the gradients."""
        return self._backward

    def _sources(self, upstream: tuple[np.ndarray, ...]) -> dict[str, Any]:
        found = {"upstream": upstream[0] if upstream else None, "cache": self._rest[0]}
        return found | {"x": self._last[0], "y": self._last[-1]} | self._arrays


def _ends_with_a_cache(function: Callable) -> bool:
    """Whether the last name in its last `return a, b, cache` is one of those for a cache."""
    plain_function = getattr(function, "function", function)
    if not inspect.isfunction(plain_function):
        return False
    loaded = [
        i.argval for i in dis.get_instructions(plain_function) if i.opname.startswith("LOAD_FAST")
    ]
    last = loaded[-1] if loaded else ""
    return plain(last[-1] if isinstance(last, tuple) else last) in CACHES


def _first_that_runs(call: Callable[[Any], Any], caches: list[Any]) -> Any:
    """What backward gives for the first cache that it takes; raises what the first one raised."""
    first: Exception | None = None
    for cache in caches:
        try:
            return call(cache)
        except Exception as error:  # that is not its cache, or it is wrong
            first = first or error
    raise first or TypeError("forward keeps nothing for backward")
