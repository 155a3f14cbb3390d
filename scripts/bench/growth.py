"""How the time of a step grows with batch, width and depth, and memory with depth.

With W (D, M) and a batch of N a step costs three products of 2 N D M operations per layer, so
time should grow in proportion to the batch and the depth, and with the square of the width;
memory holds N numbers per unit and D M per layer, so it should grow in proportion to the depth.
"""

import argparse
import json
import subprocess
import sys
from typing import Any

import numpy as np

from bench import rounds
from bench.processes import environment
from bench.report import machine, say, write
from bench.work import Cell
from mlp.tables import as_text

AXES = {
    "batch": {n: Cell((512, 512, 512, 10), n) for n in (1, 4, 16, 64, 256, 1024)},
    "width": {w: Cell((w, w, w, w), 128) for w in (16, 32, 64, 128, 256, 512, 1024, 2048)},
    "depth": {k: Cell((256,) * (k + 1), 128) for k in (1, 2, 4, 8, 16, 32, 64)},
}
THEORY = {"batch": 1, "width": 2, "depth": 1, "memory": 1}
FITTED = 4
"""The slope is that of the largest sizes: small ones cost their calls, not their products."""


def main(options: argparse.Namespace) -> int:
    effort = rounds.QUICK if options.quick else rounds.FULL
    team = rounds.start(options.threads, ["ours"])
    try:
        curves = {axis: _times(team, cells, effort) for axis, cells in AXES.items()}
        curves["memory"] = _bytes(team, AXES["depth"])
    finally:
        team.close()
    say("")
    peak = _peak(options.threads)
    text = (
        f"{_table(curves)}\n\npeak memory of a run beyond its data: {peak['beyond_data']:.0f} MiB "
        f"(bound: {peak['bound']:.0f} MiB)"
    )
    name = options.out / f"growth-{options.threads}"
    write(name, {"machine": machine(), "curves": curves, "peak": peak}, text)
    _picture(name.with_suffix(".png"), curves)
    return 0


def _times(team: rounds.Team, cells: dict[int, Cell], effort: rounds.Effort) -> dict[int, float]:
    """Seconds per step, the median over rounds through all sizes."""
    worker = team.workers["ours"]
    seconds: dict[int, list[float]] = {size: [] for size in cells}
    for k in range(min(effort.rounds, 5)):
        for size, cell in cells.items():
            say(f"{cell}: round {k + 1}")
            worker.ask("build", sizes=cell.sizes, batch=cell.batch)
            seconds[size].append(worker.ask("step", seconds=effort.seconds)["seconds"])
    return {size: rounds.middle(each)[0] for size, each in seconds.items()}


def _bytes(team: rounds.Team, cells: dict[int, Cell]) -> dict[int, float]:
    worker = team.workers["ours"]
    return {
        size: worker.ask("memory", sizes=cell.sizes, batch=cell.batch)["bytes"]
        for size, cell in cells.items()
    }


def _peak(threads: int) -> dict[str, float]:
    words = [sys.executable, "-m", "bench.peak"]
    said = subprocess.run(words, env=environment(threads), stdout=subprocess.PIPE, check=True)
    return json.loads(said.stdout)


def slope(curve: dict[int, float]) -> float:
    """Of the line through the largest sizes in a log-log plot."""
    sizes, values = (list(part)[-FITTED:] for part in (curve, curve.values()))
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def _table(curves: dict[str, dict[int, float]]) -> str:
    rows = [["grows with", "from", "to", "slope", "theory"]]
    for axis, curve in curves.items():
        first, *_, last = curve
        rows.append([axis, _shown(axis, curve, first), _shown(axis, curve, last)])
        rows[-1] += [f"{slope(curve):.2f}", str(THEORY[axis])]
    return as_text(rows)


def _shown(axis: str, curve: dict[int, float], size: int) -> str:
    value = curve[size]
    amount = f"{value / 2**20:.2f} MiB" if axis == "memory" else f"{value * 1e6:,.1f} us"
    return f"{size}: {amount}"


def _picture(path: Any, curves: dict[str, dict[int, float]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, all_axes = plt.subplots(1, 4, figsize=(13, 3.4), layout="constrained")
    for axes, (axis, curve) in zip(all_axes, curves.items(), strict=True):
        sizes, values = np.array(list(curve)), np.array(list(curve.values()))
        unit = 2.0**-20 if axis == "memory" else 1e6
        theory = values[-1] * (sizes / sizes[-1]) ** THEORY[axis]
        axes.loglog(sizes, theory * unit, color="#999999", linestyle="--")
        axes.loglog(sizes, values * unit, "o-", color="#30638e", markersize=4)
        axes.set_title(f"slope {slope(curve):.2f}, theory {THEORY[axis]}", fontsize=10)
        axes.set_xlabel("depth (layers)" if axis == "memory" else axis)
        axes.set_ylabel("memory (MiB)" if axis == "memory" else "time of a step (µs)")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)
