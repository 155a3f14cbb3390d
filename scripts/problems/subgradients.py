"""Around problem 17: leaky ReLU, the definition of a subgradient as a measure, and the pictures."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from book.page import Page
from mlp import ReLU
from mlp.layers import Layer
from mlp.seeing.plots import BLUE, INK, ORANGE, PALE
from problems.numeric import central

Vector = Sequence[float] | np.ndarray


def leaky(z: np.ndarray, a: Any) -> np.ndarray:
    return np.where(z > 0, z, a * z)


def steep(x: np.ndarray) -> np.ndarray:
    """|x_1| + 2 |x_2|"""
    return abs(x[..., 0]) + 2 * abs(x[..., 1])


def violation(f: Callable, v: Vector, at: np.ndarray, points: np.ndarray) -> float:
    """By how much f(x) - f(at) falls below v (x - at), at worst; 0 for a subgradient."""
    return max(0.0, ((points - at) @ np.asarray(v) - (f(points) - f(at))).max())


def misses(a: float, v: float) -> float:
    """The violation of v for leaky ReLU at 0, on 41 points from -1 to 1."""
    line = np.linspace(-1, 1, 41)[:, None]
    return violation(lambda z: leaky(z[..., 0], a), [v], np.zeros(1), line)


def engine_gradient(layer: Layer, z: Vector, upstream: Vector) -> np.ndarray:
    layer.forward(np.array([z], float))
    return layer.backward(np.array([upstream], float))[0]


def engine_slopes(z: np.ndarray, a: float, at_zero: float) -> np.ndarray:
    return engine_gradient(ReLU(negative_slope=a, at_zero=at_zero), z, np.ones(len(z)))


def randomized(page: Page) -> None:
    """2000 passes of leaky ReLU, each with slopes drawn from 1/8 to 1/3."""
    rng, z, layer = np.random.default_rng(17), np.array([-2.0, -0.5, 0.7, 3.0]), ReLU()
    passes = []
    for _ in range(2000):
        layer.negative_slope = drawn = rng.uniform(1 / 8, 1 / 3, 4)
        passes.append(layer.forward(z))
    numeric = np.diag(central(lambda z: leaky(z, drawn), z))
    page.equal("slopes of the last pass", layer.backward(np.ones(4)), numeric, 1e-9)
    page.proof("engine, slopes of the last pass = central differences")
    page.equal("mean of 2000 passes", np.mean(passes, axis=0), leaky(z, 11 / 48), 0.002)
    page.proof("the mean of 2000 passes, a from 1/8 to 1/3, = leaky ReLU with a = 11/48")


def draw_subgradients(figure: Any) -> None:
    axes, z = figure.subplots(), np.linspace(-2, 2, 101)
    for v in (-0.3, 0, 0.25, 0.5, 0.75, 1, 1.5):
        inside = 0 <= v <= 1
        colour, line = (BLUE, "-") if inside else (ORANGE, "--")
        label = {0.5: "subgradients at 0", 1.5: "not: above ReLU somewhere"}.get(v)
        axes.plot(z, v * z, line, color=colour, linewidth=1, label=label)
    axes.plot(z, leaky(z, 0), color=INK, linewidth=3, label="ReLU")
    axes.legend(loc="upper left")
    axes.set(ylim=(-1, 2), xlabel="$z$")


def draw_max(figure: Any) -> None:
    figure.set_size_inches(6, 6)
    axes = figure.subplots()
    grid = np.stack(np.meshgrid(np.linspace(-1, 3, 161), np.linspace(-2.5, 2.5, 201)), axis=-1)
    look = {"levels": np.arange(0.5, 8, 0.5), "colors": PALE, "linewidths": 0.8}
    lines = axes.contour(grid[..., 0], grid[..., 1], steep(grid), **look)
    axes.clabel(lines, levels=[1, 2, 3, 4, 5, 6], fontsize=9, fmt="%g")
    for name, end, colour in (("$v$", (2, 2), BLUE), ("$-v$", (0, -2), ORANGE)):
        arrow = {"arrowstyle": "-|>", "color": colour, "lw": 2.5, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", end, (1, 0), arrowprops=arrow)
        axes.text(end[0] + 0.12, end[1], name, color=colour, va="center")
    axes.plot(1, 0, "o", color=INK)
    axes.text(1.15, -0.1, "(1, 0)", va="center")
    axes.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    axes.set_title("$|x_1| + 2|x_2|$ rises along $v$ and along $-v$")
    axes.grid(False)
