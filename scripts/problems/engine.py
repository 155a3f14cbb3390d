"""One pass of the engine, as the problems compare it with their own."""

from typing import Any

import numpy as np

from mlp import Sequential
from problems.numeric import gradient_vector, of_parameters


def backpropagate(
    net: Sequential, loss: Any, x: np.ndarray, target: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """The loss, dL/dx, and the gradients in the order of parameter_vector."""
    value = loss.forward(net.forward(x), target)
    dx = net.backward(loss.backward())
    return value, dx, gradient_vector(net)


def complex_step_gradient(
    net: Sequential, loss: Any, x: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """The gradients in the order of parameter_vector, by the complex step."""
    return of_parameters(net, lambda twin: loss.forward(twin.forward(x), target))


def slopes_along(
    net: Sequential, loss: Any, x: np.ndarray, target: np.ndarray, directions: np.ndarray
) -> np.ndarray:
    """The slope of the loss along each row of `directions`, by the complex step.

    Of random directions one is enough to show any wrong entry of a gradient, and it costs one pass
    instead of one for each parameter.
    """
    twin, at = net.astype(complex), net.parameter_vector()
    slopes = []
    for v in directions:
        twin.load_vector(at + 1e-30j * v)
        slopes.append(loss.forward(twin.forward(x), target).imag / 1e-30)
    return np.array(slopes)
