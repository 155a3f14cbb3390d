"""The pictures of problem 15: who influences whom, the Jacobian, the pull of two divergences."""

from typing import Any

import numpy as np

from mlp.seeing.plots import BLUE, INK, PALE, SIGNED

SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"


def draw_influence(figure: Any, units: int = 4) -> None:
    figure.set_size_inches(8, 3.6)
    for axes, every in zip(figure.subplots(1, 2), (False, True), strict=True):
        axes.axis("off")
        axes.set(xlim=(-0.6, 3.6), ylim=(-units + 0.4, 0.6), aspect="equal")
        axes.set_title("vector activation" if every else "scalar activation", loc="center")
        for i in range(units):
            axes.text(0, -i, f"z{SUBSCRIPTS[i + 1]}", **_circle())
            axes.text(3, -i, f"y{SUBSCRIPTS[i + 1]}", **_circle())
            for j in range(units) if every else [i]:
                look = {
                    "color": BLUE if i == 0 else PALE,
                    "lw": 1.8 if i == 0 else 0.9,
                    "zorder": 2 - i,
                }
                arrow = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0} | look
                axes.annotate("", (2.74, -j), (0.26, -i), arrowprops=arrow)


def _circle() -> dict[str, Any]:
    box = {"boxstyle": "circle,pad=0.35", "facecolor": "white", "edgecolor": INK}
    return {"ha": "center", "va": "center", "bbox": box}


def draw_jacobian(figure: Any, jacobian: np.ndarray) -> None:
    figure.set_size_inches(5.5, 4.2)
    axes, end = figure.subplots(), len(jacobian) + 0.5
    limit = 1.6 * abs(jacobian).max()  # pale enough for the numbers
    box = (0.5, end, end, 0.5)
    image = axes.imshow(jacobian, cmap=SIGNED, vmin=-limit, vmax=limit, extent=box)
    for (j, i), value in np.ndenumerate(jacobian):
        axes.text(i + 1, j + 1, f"{value:.4f}", ha="center", va="center")
    figure.colorbar(image, ax=axes)
    axes.grid(False)
    ticks = range(1, len(jacobian) + 1)
    axes.set(xlabel="input $i$", ylabel="output $j$", xticks=ticks, yticks=ticks)
    axes.set_title("$\\partial y_j / \\partial z_i$")


def draw_pulls(figure: Any) -> None:
    axes, margin = figure.subplots(), np.linspace(-8, 8, 161)
    y = 1 / (1 + np.exp(-margin))  # of the right class, out of two
    axes.plot(margin, 1 - y, label="KL divergence: $1 - y$")
    axes.plot(margin, 4 * y * (1 - y) ** 2, "--", label="squared error: $4 y (1 - y)^2$")
    axes.set(xlabel="$z$ of the right class minus $z$ of the wrong one", ylim=(-0.05, 1.3))
    axes.set_ylabel("pull $-\\partial Div / \\partial z$ on the right class")
    axes.legend()
