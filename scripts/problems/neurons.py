"""Around problem 14: its sums written out, its pictures, and how long loops and matrices take."""

from collections.abc import Sequence
from timeit import repeat
from typing import Any

import numpy as np

from mlp import Affine, Sequential, Sigmoid, trace
from mlp.seeing.graphs import Graph
from mlp.seeing.plots import BLUE, INK, PALE

LOW, HIGH = "₀₁₂₃₄₅₆₇₈₉", "⁰¹²³⁴⁵⁶⁷⁸⁹"


def network(*weights: np.ndarray) -> Sequential:
    """The engine's network of these weights, the biases in their first rows."""
    layers: list[Any] = []
    for w in weights:
        affine = Affine(len(w) - 1, w.shape[1])
        affine.W, affine.b = np.array(w[1:], float), np.array(w[0], float)
        layers += [affine, Sigmoid()]
    return Sequential(*layers)


def as_ours(dw: Sequence[np.ndarray]) -> np.ndarray:
    """Gradients with the biases in their first rows, in the order of the engine's vector."""
    return np.hstack([np.ravel([*w[1:], w[0]]) for w in dw])


def sums(k: int, w: np.ndarray, inputs: Sequence[float], z: np.ndarray, y: np.ndarray) -> list:
    """A row for each neuron of layer k: its name, its sum written out, z and y."""
    rows = []
    for j in range(w.shape[1]):
        terms = [f"{w[i, j]:+.4g} * {value:.4g}" for i, value in enumerate([1, *inputs])]
        rows.append((f"{j + 1} of layer {k}", " ".join(terms), z[j], y[j]))
    return rows


def drawn(weights: Sequence[np.ndarray], x: np.ndarray, dy: np.ndarray) -> Graph:
    """The graph of the network, with the names that deck 004 gives; dy is dDiv/dy of its output."""
    net = network(*weights)
    graph = trace(net, np.array([x], float), upstream=np.array([dy])).graph()
    for k in range(len(weights)):
        for place, letter in (((f"{2 * k}", "y"), "z"), ((f"{2 * k + 1}", "y"), "y")):
            for (j,), node in graph.places[place].items():
                node.name = name(letter, k + 1, j + 1)
        for (i, j), edge in graph.places[f"{2 * k}", "W"].items():
            edge.weight.name = name("w", k + 1, i + 1, j + 1)
        for (j,), edge in graph.places[f"{2 * k}", "b"].items():
            edge.weight.name = name("w", k + 1, 0, j + 1)
    graph.goal = "Div"
    return graph


def name(letter: str, layer: int, *indices: int) -> str:
    """As in z₁⁽²⁾."""
    return letter + "".join(LOW[i] for i in indices) + f"⁽{HIGH[layer]}⁾"


def draw_network(figure: Any, widths: Sequence[int]) -> None:
    """Circles in columns, every one joined with all of the next; the constant 1 on top."""
    figure.set_size_inches(8, 4)
    axes = figure.subplots()
    axes.axis("off")
    axes.set(
        aspect="equal", xlim=(-0.7, 3 * len(widths) - 2.1), ylim=(-1.4 * max(widths) - 0.6, 0.6)
    )
    for k, width in enumerate(widths):
        last = k == len(widths) - 1
        for j in range(int(last), width + 1):
            letter = name("x", 0, j)[:2] if k == 0 else name("y", k, j)
            _circle(axes, (3 * k, -1.4 * j), letter if j else "1", constant=j == 0)
            for below in range(1, widths[k + 1] + 1) if not last else ():
                ends = (3 * k + 0.42, 3 * k + 2.58), (-1.4 * j, -1.4 * below)
                axes.plot(*ends, color=PALE, linewidth=1, linestyle="-" if j else "--", zorder=1)
                at = 3 * k + 1.07, -1.4 * (j + 0.3 * (below - j))  # before the edges cross
                look = {"color": BLUE, "fontsize": 10, "bbox": {"color": "white", "pad": 0.5}}
                text = name("w", k + 1, j, below)
                axes.text(*at, text, ha="center", va="center", **look)


def _circle(axes: Any, at: tuple[float, float], text: str, constant: bool) -> None:
    from matplotlib.patches import Circle

    face = "#eef2f5" if constant else "white"
    axes.add_patch(Circle(at, 0.42, facecolor=face, edgecolor=INK, linewidth=1.2, zorder=2))
    axes.text(*at, text, ha="center", va="center", zorder=3)


def times(width: int, loops: Any, matrices: Any) -> tuple[float, ...]:
    """The width, and microseconds per sample of forward and backward through two layers."""
    w, rows = np.ones((width + 1, width)) / width, np.ones((16, width))
    calls = (
        lambda: loops(rows[0], w, w, rows[0]),
        lambda: matrices(rows[:1], w, w, rows[:1]),
        lambda: matrices(rows, w, w, rows),
    )
    slow, one, sixteen = (min(repeat(call, number=1, repeat=5)) * 1e6 for call in calls)
    return width, slow, one, slow / one, sixteen / 16
