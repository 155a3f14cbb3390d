"""The chain rule, once: layers in a row, forward in order and backward in reverse."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mlp.arguments import checked_rate, checked_whole
from mlp.layers.arrays import as_numbers
from mlp.layers.base import Changes, Layer
from mlp.layers.container import Container
from mlp.prediction import Forward
from mlp.rows import Rows
from mlp.tables import as_html


class Sequential(Container):
    """y = f_K(... f_2(f_1(x))): layers in a row. It is itself a layer, so it nests.

    Shapes   x as the first layer takes it, y as the last one gives it
    Forward  h_0 = x;  h_k = f_k(h_(k-1));  y = h_K
    Backward U_K = upstream = dL/dy;  U_(k-1) = J_k^T U_k, by `f_k.backward(U_k)`;  dL/dx = U_0
             the product of Jacobians J_K ... J_1, taken from the left: vectors times matrices,
             never matrices times matrices
    Jvp      dh_k = J_k dh_(k-1) + the change by the layer's own parameters
    Keeps    nothing of its own; each layer keeps its part
    Raises   ValueError for layers whose shapes do not chain; the layers' errors carry a note
             that says in which layer
    Source   deck 000, chain rule with upstream and local gradient; deck 002, forward and backward
             pass (f_k, h_k); deck 003, 1a; deck 004, vector passes (z_k, y_k)

    x is cast once to the dtype of the first parameter.
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__(*layers)
        self.input_shape = _first_fixed(layers)
        self.shapes()

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.clear_cache()
        y = as_numbers(x, self, self.dtype)
        for i, layer in enumerate(self.layers):
            with self._place(i):
                y = layer.forward(y)
        return y

    def backward(self, upstream: np.ndarray) -> np.ndarray:
        for i, layer in reversed([*enumerate(self.layers)]):
            with self._place(i):
                upstream = layer.backward(upstream)
        return upstream

    def jvp(self, dx: np.ndarray, dparameters: Changes = None) -> np.ndarray:
        changes = self._split(dparameters)
        for i, layer in enumerate(self.layers):
            with self._place(i):
                dx = layer.jvp(dx, changes[i])
        return dx

    def update(self, learning_rate: float) -> None:
        """One step of gradient descent, W <- W - learning_rate dW, for every parameter."""
        rate = checked_rate(learning_rate, who="Sequential.update")
        gradients = self.checked_gradients()
        for name, parameter in self.parameters().items():
            parameter -= rate * gradients[name]

    def predict(self, x: np.ndarray | Rows, batch_size: int = 1024) -> np.ndarray:
        """The outputs for x, computed in batches; clears the caches.

        x may be a memory map, or `mlp.rows.Rows`: only the outputs take memory.
        """
        batch_size = checked_whole(batch_size, "batch_size", "predict")
        if np.ndim(x) == 0:
            raise ValueError(f"predict: expected x of shape (N, ...), got {x!r}")
        forward, dtype, n = Forward(self._in_order()), self.dtype, len(x)
        for start in range(0, max(n, 1), batch_size):
            rows = x[start : start + batch_size]
            try:
                part = forward(as_numbers(rows, self, dtype))
            except Exception:
                part = self.forward(rows)  # its errors say in which layer
            if not start:
                alone = forward.ours and n <= batch_size
                y = part if alone else np.empty((n, *part.shape[1:]), part.dtype)
            if y is not part:
                _put(part, y[start : start + batch_size])
        self.clear_cache()
        return y

    def parameter_vector(self) -> np.ndarray:
        """All parameters as one new vector, in the order of `parameters()`."""
        return np.concatenate([p.ravel() for p in self.parameters().values()] or [np.zeros(0)])

    def load_vector(self, vector: np.ndarray) -> None:
        """Set all parameters from one vector, the inverse of `parameter_vector`."""
        parameters = self.parameters().values()
        size = sum(p.size for p in parameters)
        vector = self.checked("vector", vector, (size,), self.dtype)
        ends = np.cumsum([p.size for p in parameters])[:-1]
        for parameter, part in zip(parameters, np.split(vector, ends), strict=bool(size)):
            np.copyto(parameter, part.reshape(parameter.shape), casting="same_kind")

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.shapes(tuple(input_shape))[-1]  # type: ignore[return-value]  # known input

    def shapes(self, shape: tuple[int, ...] | None = None) -> list[tuple[int, ...] | None]:
        """Output shape of every layer (of one sample), None where not known.

        `shape` is the input's; without it, the first layer that fixes one starts the chain.
        Raises ValueError, naming both layers, where two do not chain.
        """
        shapes: list[tuple[int, ...] | None] = []
        giver = "the input"
        for i, layer in enumerate(self.layers):
            if shape is None:
                shape = layer.input_shape
            if shape is not None:
                try:
                    out = layer.output_shape(shape)
                except ValueError as error:
                    raise ValueError(
                        f"Sequential: {giver} gives samples of shape {shape}, "
                        f"which layer {i} does not take: {error}"
                    ) from error
                if out != shape or layer.input_shape is not None:  # others pass a shape on
                    giver = f"layer {i} {layer.short_name()}"
                shape = out
            shapes.append(shape)
        return shapes

    def _in_order(self) -> Iterator[Layer]:
        """The layers in a row, those of nested networks among them."""
        for layer in self.layers:
            if type(layer) is Sequential:
                yield from layer._in_order()
            else:
                yield layer

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Sequential(*self.layers[index])
        return self.layers[index]

    def __repr__(self) -> str:
        head, rows = self._table()
        rows = [head, *rows]
        wide = [max(len(row[c]) for row in rows) for c in range(3)]
        return "\n".join(
            f"{layer:<{wide[0]}}  {shape:<{wide[1]}}  {size:>{wide[2]}}"
            for layer, shape, size in rows
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: the table of `repr`."""
        return as_html(*self._table())

    def _table(self) -> tuple[tuple[str, str, str], list[tuple[str, str, str]]]:
        total = sum(p.size for p in self.parameters().values())
        rows = [*self._rows(self.input_shape), ("total", "", f"{total:,}")]
        return ("layer", "output shape", "parameters"), rows

    def _inputs(self, shape: tuple[int, ...] | None) -> list[tuple[int, ...] | None]:
        return [shape, *self.shapes(shape)[:-1]]


def _put(outputs: np.ndarray, place: np.ndarray) -> None:
    if outputs.shape != place.shape:
        raise ValueError(
            f"predict: expected outputs of shape {place.shape}, a row for each row of x, "
            f"got {outputs.shape}"
        )
    np.copyto(place, outputs, "same_kind")


def _first_fixed(layers: tuple[Layer, ...]) -> tuple[int, ...] | None:
    """The input shape that a layer fixes, if only layers that keep shapes come before it."""
    for layer in layers:
        if layer.input_shape is not None or type(layer).output_shape is not Layer.output_shape:
            return layer.input_shape
    return None
