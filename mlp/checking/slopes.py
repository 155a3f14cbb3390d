"""All derivatives of a function at one point, by differences, for any number of upstreams.

Richardson's extrapolation as in `oracles`; what is kept is the derivative of every output, so
that the gradient for a further upstream costs no further call of the function.
"""

from collections.abc import Callable

import numpy as np

from mlp.checking.oracles import EPS, Function, largest

LARGE = 20
"""Numbers in x that are perturbed one by one; of more, one of every row at the same time."""
Gradient = Callable[[np.ndarray], np.ndarray]


def by_differences(f: Function, x: np.ndarray) -> Gradient:
    """The gradient of <upstream, f> at x, in the shape of x, as a function of the upstream."""
    point = np.array(x, np.float64)
    shape = np.shape(f(point))
    if point.ndim and point.size > LARGE and shape and shape[0] == len(point):
        table = _by_rows(f, point)
        if table is not None:
            rows = len(point)
            return lambda u: np.einsum("ino,no->ni", table, u.reshape(rows, -1)).reshape(x.shape)
    sizes = np.maximum(abs(point), _typical(point)).ravel()
    flat = point.reshape(-1)
    one_by_one = [
        _slope(f, point, flat[i : i + 1], 1.0, _step(sizes[i])).ravel() for i in range(point.size)
    ]
    return lambda u: np.array([d @ u.ravel() for d in one_by_one]).reshape(x.shape)


def _by_rows(f: Function, point: np.ndarray) -> np.ndarray | None:
    """(numbers in a row, rows, outputs of a row); None where rows of x move other rows of f.

    Besides, f must be smooth where it is tried: steps in random directions must change f by what
    the table foretells.
    """
    rows, h = point.reshape(len(point), -1), _step(_typical(point))

    def slope(at: np.ndarray, direction: np.ndarray | float) -> np.ndarray:
        return _slope(f, point, at, direction, h).reshape(len(point), -1)

    table = np.stack([slope(rows[:, i], 1.0) for i in range(rows.shape[1])])
    rng = np.random.default_rng(0)
    for _ in range(2):
        v = rng.standard_normal(rows.shape)
        foretold = np.einsum("ino,ni->no", table, v)
        size = largest(np.einsum("ino,ni->no", abs(table), abs(v)))
        if not (abs(slope(rows, v) - foretold) <= 1e-7 * max(1.0, size)).all():
            return None
    return table


def _slope(
    f: Function, point: np.ndarray, at: np.ndarray, direction: np.ndarray | float, h: float
) -> np.ndarray:
    """The derivative of f(point) where `at`, a view of the point, moves in a direction."""
    saved, found = at.copy(), []
    for step in (h, h / 2):
        at[...] = saved + step * direction
        above = np.array(f(point))
        at[...] = saved - step * direction
        found.append((above - f(point)) / (2 * step))
        at[...] = saved
    return (4 * found[1] - found[0]) / 3  # what is left of the error is of order h^4


def _typical(point: np.ndarray) -> float:
    return min(1.0, float(np.sqrt(np.mean(point**2)))) or 1.0 if point.size else 1.0


def _step(size: float) -> float:
    return float(2.0 ** np.round(np.log2(EPS**0.2 * size)))
