"""Around problem 18: the engine's network, its gradients, and the picture of the Jacobians."""

from collections.abc import Callable
from typing import Any

import numpy as np

from book.page import Page
from mlp import Affine, Multiply, Sequential, Sigmoid, Softmax, SquaredError
from mlp.seeing.plots import SIGNED
from problems.engine import backpropagate, complex_step_gradient
from problems.numeric import complex_step

DIVERGENCE = SquaredError(reduction="sum")
LAYERS = ("W1", "b1", "W2", "b2", "W3", "b3")


def network(*layers: np.ndarray) -> Sequential:
    """From W1, b1, W2, b2, W3, b3 as the columns have them."""
    (W1, b1, W2, b2, W3, b3) = layers
    first, second, third = (Affine(*W.T.shape) for W in (W1, W2, W3))
    net = Sequential(first, Sigmoid(), second, Multiply(), third, Softmax())
    net.load_vector(np.hstack([W1.T.ravel(), b1, W2.T.ravel(), b2, W3.T.ravel(), b3]) * 1.0)
    return net


def compare_columns(page: Page, forward: Callable) -> None:
    """The backward pass of one sample against the complex step, parameter by parameter."""
    at = {name: page.values[name] for name in ("x", *LAYERS)}

    def divergence(name: str, value: np.ndarray) -> complex:
        return ((forward(**at | {name: value})[-1] - page.values["d"]) ** 2).sum()

    for name in at:
        numeric = complex_step(lambda value, name=name: divergence(name, value), at[name])
        ours = page.values[f"grad_{name.replace('b', 'z')}"]  # the gradient in b is that in z
        page.equal(f"nabla_{name} D", ours, numeric.T, 1e-14)


def compare_rows(page: Page, rows: list[np.ndarray], both_passes: Callable) -> None:
    """dW1, db1, ... db3 and dX against the columns, the engine and the complex step."""
    X, D = page.values["X"], page.values["D"]
    layers = [page.values[name] for name in LAYERS]
    first, second = (both_passes(x, *layers, d)[1] for x, d in zip(X, D, strict=True))
    for name, row in zip(LAYERS, rows, strict=False):
        key = f"grad_{name.replace('b', 'z')}"
        page.equal(f"columns, added up: d{name}", row, first[key] + second[key], 1e-14)
    page.equal("columns: dX", rows[-1], np.array([first["grad_x"], second["grad_x"]]), 1e-14)
    net = network(*layers)
    _, dX, engine = backpropagate(net, DIVERGENCE, 1.0 * X, 1.0 * D)
    flat = np.hstack([part.ravel() for part in rows])
    page.equal("engine", flat, np.hstack([engine, dX.ravel()]), 1e-14)
    numeric = complex_step_gradient(net, DIVERGENCE, 1.0 * X, 1.0 * D)
    page.equal("complex step", flat[: -X.size], numeric, 1e-14)


def draw_jacobians(figure: Any, chain: list[np.ndarray]) -> None:
    figure.set_size_inches(10, 3.9)
    titles = ["$J_3$, softmax", "$W_3$", "$J_2$, products", "$W_2$", "$J_1$, sigmoid", "$W_1$"]
    axes = figure.subplots(1, 6, width_ratios=[max(matrix.shape[1], 2.4) for matrix in chain])
    for axis, matrix, title in zip(axes, chain, titles, strict=True):
        limit = 1.6 * abs(matrix).max()  # pale enough for the numbers
        axis.imshow(matrix, cmap=SIGNED, vmin=-limit, vmax=limit)
        for (j, i), value in np.ndenumerate(matrix):
            axis.text(i, j, f"{value:.2g}", ha="center", va="center", fontsize=9)
        axis.set(xticks=[], yticks=[])
        axis.set_title(f"{title}\n{matrix.shape[0]} x {matrix.shape[1]}", fontsize=11, loc="center")
        axis.grid(False)
