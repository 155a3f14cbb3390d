"""Derivatives without calculus, to hold the hand-derived ones against.

Every function gives an array of shape (*shape of f(x), *shape of x): outputs first (numerator
layout), so for a scalar f it is the gradient in the shape of x.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from mlp import Sequential

EPS = float(np.finfo(np.float64).eps)
Function = Callable[..., Any]
"""Of one array; gives an array or a number."""


def one_sided(f: Function, x: np.ndarray, h: float = 1e-8) -> np.ndarray:
    """(f(x + h e_i) - f(x)) / h: error of order h plus rounding of order 1e-16 / h."""
    x = np.asarray(x, float)
    y = np.asarray(f(x))
    return _columns(lambda e: (f(x + h * e) - y) / h, x)


def central(f: Function, x: np.ndarray, h: float = 6e-6) -> np.ndarray:
    """(f(x + h e_i) - f(x - h e_i)) / 2h: error of order h^2 plus rounding of order 1e-16 / h."""
    x = np.asarray(x, float)
    return _columns(lambda e: (np.asarray(f(x + h * e)) - f(x - h * e)) / (2 * h), x)


def complex_step(f: Function, x: np.ndarray, h: float = 1e-30) -> np.ndarray:
    """Im f(x + i h e_k) / h: nothing is subtracted, so exact to rounding. f must be analytic."""
    x = np.asarray(x, complex)
    return _columns(lambda e: np.imag(f(x + 1j * h * e)) / h, x)


def of_parameters(net: Sequential, value: Callable[[Sequential], complex]) -> np.ndarray:
    """Complex-step gradient of value(net) in all parameters, in the order of parameter_vector."""
    twin = net.astype(complex)

    def at(vector: np.ndarray) -> complex:
        twin.load_vector(vector)
        return value(twin)

    return complex_step(at, twin.parameter_vector())


def gradient_vector(net: Sequential) -> np.ndarray:
    """All gradients of net as one vector, in the order of parameter_vector."""
    return np.concatenate([g.ravel() for g in net.gradients().values() if g is not None])


def _columns(slope: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    units = np.eye(x.size).reshape(x.size, *x.shape)
    columns = np.stack([slope(e) for e in units], axis=-1)
    return columns.reshape((*columns.shape[:-1], *x.shape))
