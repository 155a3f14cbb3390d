"""What watching saw of each layer, against the epochs: gradients, steps, ranges, lost units."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mlp.seeing import plots

__all__ = ["layers", "panel"]

PANELS = {
    "gradient_norm": ("Gradients", "norm of dL/d(weights)"),
    "update_ratio": ("Steps", "size of a step / of the weights"),
    "range": ("Outputs", "lowest and highest"),
    "lost": ("Lost units", "share dead or saturated"),
}
"""What each panel shows: its title, and the name of its axis."""
LOGARITHMIC = ("gradient_norm", "update_ratio")
USUAL = 1e-3
"""The size of a step, relative to the weights, that most trainings do well with."""
LINES = ("-", "--", "-.", ":")

History = Sequence[Mapping[str, Any]]
Names = Mapping[str, str]


def layers(history: History, names: Names, *, path: plots.Target = None) -> Any:
    """All panels; `history` is that of a watched training, `names` says what each layer is."""

    def draw(picture: Any) -> None:
        for axes, what in zip(picture.subplots(2, 2).flat, PANELS, strict=True):
            _panel(axes, history, names, what)

    return plots.figure((10, 7.4), path, draw)


def panel(
    history: History, names: Names, what: str, *, ax: Any = None, path: plots.Target = None
) -> Any:
    """One of PANELS."""
    return plots.on_axes(lambda axes: _panel(axes, history, names, what), (4.6, 3.4), ax, path)


def shown(history: History) -> list[str]:
    """Which of PANELS have something to show."""
    return [what for what in PANELS if _quantities(what, history)]


def _quantities(what: str, history: History) -> list[str]:
    endings = {"range": (".low", ".high"), "lost": (".dead", ".saturated")}
    ending = endings.get(what, (f".{what}",))
    return [name for name in history[0] if name.endswith(ending)]


def _panel(axes: Any, history: History, names: Names, what: str) -> None:
    """A line for each layer, of the same colour and kind in every panel."""
    epochs = [record["epoch"] for record in history]
    marker = "o" if len(epochs) == 1 else ""
    order = {name: i for i, name in enumerate(_layers(history))}
    labelled: set[str] = set()
    highest = 0.0
    for quantity in _quantities(what, history):
        layer = quantity.rpartition(".")[0]
        look = {"color": _colour(order[layer], len(order)), "marker": marker}
        label = "_" if layer in labelled else f"{layer} {names.get(layer, '').partition('(')[0]}"
        labelled.add(layer)
        values = [record.get(quantity, math.nan) for record in history]  # an interrupt: none
        highest = max(highest, *values)
        axes.plot(epochs, values, LINES[order[layer] % len(LINES)], label=label, **look)
    title, unit = PANELS[what]
    axes.set(title=title, xlabel="epoch", ylabel=unit)
    plots.whole_epochs(axes)
    if what in LOGARITHMIC and highest > 0:
        axes.set_yscale("log", nonpositive="mask")
    if what == "update_ratio":
        axes.axhline(USUAL, color=plots.PALE, linewidth=1.0, zorder=1)
        axes.annotate("usual", (1, USUAL), xycoords=("axes fraction", "data"), ha="right",
                      va="bottom", fontsize=8, color=plots.PALE)  # fmt: skip
    if what == "lost":
        axes.set_ylim(-0.03, 1.03)
    if what == "range":
        axes.margins(y=0.3)  # room for the names
    if labelled:
        axes.legend(fontsize=8, ncols=2 if what == "range" or len(labelled) > 5 else 1)
    else:
        axes.text(0.5, 0.5, "no layer has any", transform=axes.transAxes, ha="center")


def _layers(history: History) -> list[str]:
    found = (name.rpartition(".")[0] for name in history[0])
    return [name for name in dict.fromkeys(found) if name]


def _colour(i: int, layers: int) -> Any:
    """Colours that everybody tells apart; where they do not suffice, from dark to light."""
    if layers <= len(plots.COLOURS):
        return plots.COLOURS[i]
    from matplotlib import colormaps

    return colormaps["viridis"](i / layers)
