"""The Jacobian of a layer as one array, for looking and testing; training never builds it."""

from collections.abc import Iterator

import numpy as np

from mlp.checking import oracles
from mlp.checking.forwards import Forwards
from mlp.layers import Layer
from mlp.layers.arrays import as_numbers


def jacobian(layer: Layer, x: np.ndarray, wrt: str = "x", route: str = "backward") -> np.ndarray:
    """The generalized Jacobian dy/dx, or dy/dW for wrt="W": output shape + input shape.

    Entry [j, i], for multi-indices j and i, is dy_j / dx_i (deck 001, numerator layout); the batch
    axes of y and x are both in it. `wrt` is "x" or the name of a parameter, "W" or "0.W".

    There are three routes:

    "backward"  row by row: backward of the unit upstream e_j is row j, as J^T e_j
    "jvp"       column by column: jvp of the unit change e_i is column i, J e_i
    "numeric"   column by column from forward alone, in float64: complex step where forward is
                analytic, extrapolated central differences where it is not

    The three agree, to rounding (1e-15; 1e-11 for differences), unless x sits on a kink. Works on
    a copy: parameters, gradients and caches of `layer` stay what they are.
    Raises ValueError for an unknown name or route.
    """
    if not isinstance(layer, Layer):
        raise TypeError(f"jacobian: expected a layer such as Affine(3, 2), got {layer!r}")
    routes = {"backward": _rows, "jvp": _columns, "numeric": _numeric_columns}
    names = ["x", *layer.parameters()]
    if wrt not in names:
        raise ValueError(f"jacobian: expected wrt to be one of {names}, got {wrt!r}")
    if route not in routes:
        raise ValueError(f"jacobian: expected route to be one of {[*routes]}, got {route!r}")
    x = as_numbers(x, "jacobian", layer.dtype)
    if route == "numeric":
        x = x.astype(np.float64)
    copy = layer.astype(x.dtype)
    y = copy.forward(x)
    point = x if wrt == "x" else copy.parameters()[wrt]
    parts = [part.ravel() for part in routes[route](copy, x, wrt, y.shape, point)]
    sides = (y.size, point.size) if route == "backward" else (point.size, y.size)
    J = np.array(parts, y.dtype).reshape(sides)
    return (J if route == "backward" else J.T).reshape(y.shape + point.shape)


def _rows(
    layer: Layer, x: np.ndarray, wrt: str, shape: tuple[int, ...], point: np.ndarray
) -> Iterator[np.ndarray]:
    for unit in _units(shape, point.dtype):
        dx = layer.backward(unit)
        yield np.array(dx if wrt == "x" else layer.gradients()[wrt])


def _columns(
    layer: Layer, x: np.ndarray, wrt: str, shape: tuple[int, ...], point: np.ndarray
) -> Iterator[np.ndarray]:
    for unit in _units(point.shape, point.dtype):
        yield layer.jvp(unit) if wrt == "x" else layer.jvp(np.zeros_like(x), {wrt: unit})


def _numeric_columns(
    layer: Layer, x: np.ndarray, wrt: str, shape: tuple[int, ...], point: np.ndarray
) -> Iterator[np.ndarray]:
    f = Forwards(layer, x).of(wrt)
    if oracles.why_not_analytic(f, point, np.random.default_rng(0)) is None:
        for unit in _units(point.shape, point.dtype):
            yield oracles.push(f, point, unit)
    else:
        for i in range(point.size):
            yield oracles.central(f, point, i)


def _units(shape: tuple[int, ...], dtype: np.dtype) -> Iterator[np.ndarray]:
    """The unit arrays of this shape, in row-major order."""
    unit = np.zeros(shape, dtype)
    for i in range(unit.size):
        unit.flat[i] = 1
        yield unit
        unit.flat[i] = 0
