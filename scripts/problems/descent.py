"""Descent on the least squares line of problem 13: by the engine, at length, and in pictures."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from book.page import Page
from mlp import Affine, Sequential, SquaredError
from mlp.seeing import plots
from problems.engine import backpropagate
from problems.numeric import EPS


def engine(phi: Any, x: Any, y: Any) -> tuple[float, np.ndarray]:
    """L and dL/dphi."""
    net = Sequential(Affine(1, 1))
    net.load_vector(np.asarray(phi, float)[::-1])  # (W, b)
    columns = np.asarray(x, float)[:, None], np.asarray(y, float)[:, None]
    value, _, gradient = backpropagate(net, SquaredError(reduction="sum"), *columns)
    return value, gradient[::-1]


def by_engine(phi: Any, x: Any, y: Any, alpha: float, batches: Any, reduction: str) -> np.ndarray:
    """phi at the start and after a step with each of the batches."""
    net, squares = Sequential(Affine(1, 1)), SquaredError(reduction=reduction)
    path = [np.asarray(phi, float)]
    net.load_vector(path[0][::-1])
    for batch in batches:
        backpropagate(net, squares, x[batch, None] * 1.0, y[batch, None] * 1.0)
        net.update(alpha)
        path.append(net.parameter_vector()[::-1].copy())
    return np.array(path)


def steps(gradient: Callable, phi: Any, alpha: float, x: Any, y: Any, batches: Any) -> np.ndarray:
    path = [phi]
    for batch in batches:
        path.append(path[-1] - alpha * gradient(path[-1], x[batch], y[batch]))
    return np.array(path)


def twelve_points() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, y, a start, and the best parameters of twelve points near a line."""
    rng, x = np.random.default_rng(13), np.linspace(0, 2, 12)
    y = 0.4 + 0.6 * x + 0.15 * rng.normal(size=12)
    A = _rows(x)
    return x, y, np.array([1.6, 1.3]), np.linalg.solve(A.T @ A, A.T @ y)


def _rows(x: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(x)), x])


def _eigenvalues(x: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(2 * _rows(x).T @ _rows(x))


def at_length(page: Page, gradient: Callable, loss: Callable) -> None:
    """Twelve points: where descent ends, how fast, and what happens just above the limit."""
    x, y, start, best = twelve_points()
    h, every = _eigenvalues(x), np.arange(12)
    limit = 2 / h[-1]
    full = steps(gradient, start, 0.5 * limit, x, y, [every] * 400)
    page.equal("400 steps reach the best", full[-1], best, 1e-12)
    above, left = (loss(phi, x, y) - loss(best, x, y) for phi in full[10:12])
    page.equal("the loss shrinks by (1 - alpha h)^2", left / above, (1 - h[0] / h[1]) ** 2, 1e-13)
    rows = []
    for c, fate in ((0.99, "converges"), (1.01, "diverges")):
        away = steps(gradient, start, c * limit, x, y, [every] * 1000) - best
        rows.append([f"{c} of the limit", f"{abs(away[-1]).max():.2g}", fate])
        v, w = away[120:122]  # the slow part has gone; two points, 16 operations, cond(H)
        rounding = 32 * EPS * h[1] / h[0] * (1 + 1 / abs(v).max())
        page.check(f"it {fate}: 1 - {2 * c} a step", abs(v @ w / (v @ v) - 1 + 2 * c), rounding)
    page.say("For twelve points near a line, and a learning rate just below and above the limit:")
    page.table(["`alpha`", "distance after 1000 steps", "so it"], rows)
    page.proof("twelve points: end and speed are those of the formula, on both sides of the limit")


def with_batches(page: Page, gradient: Callable) -> None:
    """Twelve points: batches of 3 on average, and paths with 12, 3 and 1 samples a step."""
    x, y, start, best = twelve_points()
    rng, limit, paths = np.random.default_rng(14), 2 / _eigenvalues(x)[-1], {}
    threes = [gradient(start, x[[*i]], y[[*i]]) for i in combinations(range(12), 3)]
    whole = gradient(start, x, y)
    page.equal("mean of all 220 batches of 3, times 4", 4 * np.mean(threes, axis=0), whole, 1e-14)
    for size, share in ((12, 0.9), (3, 1.5), (1, 2.5)):
        order = np.concatenate([rng.permutation(12) for _ in range(20)]).reshape(-1, size)
        path = steps(gradient, start, share * limit, x, y, order)
        for rate, reduction in ((share * limit, "sum"), (size * share * limit, "mean")):
            other = by_engine(start, x, y, rate, order, reduction)
            page.equal(f"batches of {size}: engine, {reduction}", other, path, 1e-13)
        paths[f"{size} a step, {len(order)} steps"] = path
    page.proof("twelve points: on average right; paths by hand = engine, with sum and with mean")
    page.figure("batches", lambda figure: _draw_paths(figure, x, y, best, paths), BATCHES)


BATCHES = """Twelve points near a line: twenty times through the data with all of them a step, with
batches of three, with single ones. The fewer, the more steps, and the more they hover around the
best parameters (star)."""
DARK = "Greys"
"""The loss has no sign, so it has neither of the colours of a sign."""


def draw_line(figure: Any, x: np.ndarray, y: np.ndarray, path: Sequence[Any]) -> None:
    axes, ends = figure.subplots(), np.array([min(x) - 0.3, max(x) + 0.3])
    A = _rows(x)
    lines = [*path, np.linalg.solve(A.T @ A, A.T @ y)]
    names = ["start", "after one step", "after two steps", "in the end"]
    for phi, name, look in zip(lines, names, (":", "--", "-.", "-"), strict=True):
        axes.plot(ends, phi[0] + phi[1] * ends, look, label=name)
    axes.plot(x, y, "o", color=plots.INK, markersize=8)
    axes.set(xlabel="x", ylabel="y", title="The line comes nearer to the points")
    axes.legend()


def draw_bowl(
    figure: Any, x: np.ndarray, y: np.ndarray, start: Any, alpha: float, loss: Callable
) -> None:
    """The loss as a surface and from above, with forty steps."""
    figure.set_size_inches(11, 4.8)
    every = [np.arange(len(x))] * 40
    path = by_engine(start, x, y, alpha, every, "sum")
    A = _rows(x)
    best = np.linalg.solve(A.T @ A, A.T @ y)
    reach = 1.3 * abs(path - best).max() + 0.3
    grid = np.meshgrid(*(np.linspace(b - reach, b + reach, 80) for b in best))
    surface = sum((grid[0] + grid[1] * x_i - y_i) ** 2 for x_i, y_i in zip(x, y, strict=True))
    heights = [loss(phi, x, y) for phi in path]
    bowl = figure.add_subplot(1, 2, 1, projection="3d")
    bowl.plot_surface(*grid, surface, cmap=DARK, alpha=0.6, linewidth=0)
    bowl.plot(*path.T, heights, "o-", color=plots.ORANGE, markersize=4, linewidth=1.5, zorder=9)
    bowl.set(xlabel="$\\phi_0$", ylabel="$\\phi_1$", zlabel="L", title="the bowl")
    bowl.view_init(35, -60)
    bowl.locator_params(nbins=4)
    above = figure.add_subplot(1, 2, 2)
    _contours(above, grid, surface)
    _path(above, path, best)
    above.set(title="from above", xlabel="$\\phi_0$", ylabel="$\\phi_1$")


def _contours(axes: Any, grid: Any, surface: np.ndarray) -> None:
    levels = np.geomspace(surface.min(), surface.max(), 13)
    axes.contourf(*grid, surface, levels, cmap=DARK)


def _path(axes: Any, path: np.ndarray, best: np.ndarray) -> None:
    axes.plot(*path.T, "o-", linewidth=1, markersize=3, color=plots.ORANGE)
    axes.plot(*path[0], "o", markersize=7, color=plots.ORANGE)
    axes.plot(*best, "*", markersize=13, color="black", markeredgecolor="white")


def _draw_paths(figure: Any, x: Any, y: Any, best: Any, paths: dict[str, np.ndarray]) -> None:
    figure.set_size_inches(11, 4.2)
    grid = np.meshgrid(np.linspace(-0.5, 2, 120), np.linspace(-0.6, 1.6, 120))
    surface = sum((grid[0] + grid[1] * x_i - y_i) ** 2 for x_i, y_i in zip(x, y, strict=True))
    for axes, (name, path) in zip(figure.subplots(1, 3, sharey=True), paths.items(), strict=True):
        _contours(axes, grid, surface)
        _path(axes, path, best)
        axes.set(title=name, xlabel="$\\phi_0$", ylabel="$\\phi_1$")
        axes.label_outer()
