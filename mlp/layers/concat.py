import numpy as np

from mlp.layers.arrays import as_numbers
from mlp.layers.base import Changes, Layer
from mlp.layers.container import Container


class Concat(Container):
    """Branches side by side: each gets the same x, and their outputs are joined.

    Shapes   x whatever the branches take   y_k (N, ..., D_k)   y and upstream (N, ..., sum D_k)
    Forward  y = (f_1(x), f_2(x), ...) along the last axis
    Backward with U = (U_1, U_2, ...) cut at the same places: x reaches L on every branch, so
             dL/dx = sum_k J_k^T U_k, each term by `f_k.backward(U_k)`
    Jvp      dy = (J_1 dx, J_2 dx, ...)
    Keeps    the shape of y and the places to cut
    Raises   ValueError if the outputs differ in another axis than the last, or upstream is not
             like y; RuntimeError if backward or jvp comes before forward
    Source   decks 000 and 002, general computation graphs: gradients that meet are added
    """

    part = "branch"

    def __init__(self, *branches: Layer) -> None:
        super().__init__(*branches)
        known = (branch.input_shape for branch in branches if branch.input_shape is not None)
        self.input_shape = next(known, None)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.clear_cache()
        x = as_numbers(x, self, self.dtype)
        outputs = []
        for k, branch in enumerate(self.layers):
            with self._place(k):
                outputs.append(branch.forward(x))
        _check_joinable([y.shape for y in outputs])
        y = np.concatenate(outputs, axis=-1)
        cuts = np.cumsum([part.shape[-1] for part in outputs])[:-1]
        self._cache = y.shape, y.dtype, cuts
        return y

    def backward(self, upstream: np.ndarray) -> np.ndarray:
        shape, dtype, cuts = self.cached()
        parts = np.split(self.checked("upstream", upstream, shape, dtype), cuts, axis=-1)
        dx = []
        for k, branch in enumerate(self.layers):
            with self._place(k):
                dx.append(branch.backward(parts[k]))
        return sum(dx[1:], dx[0])

    def jvp(self, dx: np.ndarray, dparameters: Changes = None) -> np.ndarray:
        self.cached()
        changes, dy = self._split(dparameters), []
        for k, branch in enumerate(self.layers):
            with self._place(k):
                dy.append(branch.jvp(dx, changes[k]))
        return np.concatenate(dy, axis=-1)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        shapes = [branch.output_shape(input_shape) for branch in self.layers]
        _check_joinable([("N", *shape) for shape in shapes])
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    def _inputs(self, shape: tuple[int, ...] | None) -> list[tuple[int, ...] | None]:
        return [shape] * len(self.layers)


def _check_joinable(shapes: list[tuple]) -> None:
    if any(len(shape) < 2 or shape[:-1] != shapes[0][:-1] for shape in shapes):
        raise ValueError(
            "Concat: expected branches whose outputs differ in the last axis only, got "
            + ", ".join(map(str, shapes))
        )
