"""What Sequential and Concat share: layers within a layer, and their names."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from mlp.layers.arrays import floating_dtype
from mlp.layers.base import Changes, Layer


class Container(Layer):
    """A layer made of layers. Parameter "W" of the third one is called "2.W", and so on down."""

    part = "layer"

    def __init__(self, *layers: Layer) -> None:
        name = type(self).__name__
        if not layers:
            raise ValueError(f"{name}: expected at least one layer, got none")
        for i, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise TypeError(
                    f"{name}: expected layers, got {layer!r} as {self.part} {i}"
                    f"{_remedy(layer, name)}"
                )
        self.layers = tuple(layers)
        seen: set[int] = set()
        for layer in self.nested():
            if id(layer) in seen:
                raise ValueError(
                    f"{name}: {layer!r} is in it twice, and has one cache for both places; "
                    "make two layers"
                )
            seen.add(id(layer))

    @property
    def parameter_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.parameters())

    @property
    def dtype(self) -> np.dtype | None:
        for layer in self.layers:
            if (dtype := layer.dtype) is not None:
                return dtype
        return None

    def parameters(self) -> dict[str, np.ndarray]:
        return self._named(lambda layer: layer.parameters())

    def gradients(self) -> dict[str, np.ndarray | None]:
        return self._named(lambda layer: layer.gradients())

    def astype(self, dtype: Any) -> Self:
        dtype = floating_dtype(dtype, type(self).__name__)
        return type(self)(*(layer.astype(dtype) for layer in self.layers))

    def clear_cache(self) -> None:
        self._cache = None
        for layer in self.layers:
            layer.clear_cache()

    def constructor_arguments(self) -> tuple[tuple, dict[str, Any]]:
        return self.layers, {}

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # parameters belong to the layers within

    def short_name(self) -> str:
        return type(self).__name__

    def nested(self) -> Iterator[Layer]:
        """Every layer in it, and those within them."""
        for layer in self.layers:
            yield layer
            if isinstance(layer, Container):
                yield from layer.nested()

    def _inputs(self, shape: tuple[int, ...] | None) -> list[tuple[int, ...] | None]:
        """The shape that each part gets when the whole gets `shape` (None: not known)."""
        raise NotImplementedError

    def _rows(self, shape: tuple[int, ...] | None, place: str = "") -> list[tuple[str, str, str]]:
        """A row per part for the table: layer, output shape, parameters."""
        rows = []
        for i, (layer, given) in enumerate(zip(self.layers, self._inputs(shape), strict=True)):
            given = layer.input_shape if given is None else given
            out = "?" if given is None else _batch_of(layer.output_shape(given))
            size = sum(p.size for p in layer.parameters().values())
            rows.append((f"{place}{i}  {layer.short_name()}", out, f"{size:,}"))
            if isinstance(layer, Container):
                rows += layer._rows(given, f"{place}{i}.")
        return rows

    def _named(self, values: Callable[[Layer], Mapping[str, Any]]) -> dict[str, Any]:
        return {
            f"{i}.{name}": value
            for i, layer in enumerate(self.layers)
            for name, value in values(layer).items()
        }

    def _split(self, dparameters: Changes) -> list[dict[str, np.ndarray]]:
        """The changes of each layer's own parameters, under its own names."""
        parts: list[dict[str, np.ndarray]] = [{} for _ in self.layers]
        for name, change in self.checked_changes(dparameters).items():
            i, rest = name.split(".", 1)
            parts[int(i)][rest] = change
        return parts

    def _place(self, i: int) -> "_NotedErrors":
        """Within it, an error gets a note that says in which layer it happened."""
        return _NotedErrors(f"in {self.part} {i} of {type(self).__name__}")


class _NotedErrors:
    """Adds a note to an error that passes through; a class, as generators cost microseconds."""

    def __init__(self, note: str) -> None:
        self.note = note

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception):
            error.add_note(self.note)


def _remedy(value: Any, name: str) -> str:
    if isinstance(value, list | tuple):
        return f"; write {name}(*layers)"
    if isinstance(value, type) and issubclass(value, Layer):
        return f"; write {value.__name__}()"
    return ""


def _batch_of(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, ('N', *shape)))})"
