"""What a run shows: progress, the table, the JSON file and the picture."""

import json
import os
import pathlib
import platform
import sys
from typing import Any

from bench.rounds import CONTENDERS, PEERS, SHORT, geometric_mean, middle, ratios
from mlp.tables import as_text

OTHERS = ("textbook", *PEERS)
HEADING = "mlp's time per step, that over its floor, and the others' time over mlp's"
COLOURS = dict(zip(PEERS, ("#d1495b", "#edae49", "#30638e", "#8d96a3"), strict=True))


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    names = {
        line.split(":")[1].strip()
        for line in _lines("/proc/cpuinfo")
        if line.startswith("model name")
    }
    return {
        "processor": ", ".join(sorted(names)) or platform.processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "openblas_kernels": os.environ.get("OPENBLAS_CORETYPE", "its own choice"),
    }


def table(results: list[dict[str, Any]]) -> str:
    """Our time per step, over the floor, and the others' over ours: medians, then quartiles."""
    medians, quartiles = [["network @ batch", "us/step", "/floor"]], [["quartiles", "", "/floor"]]
    for rows in (medians, quartiles):
        rows[0] += [SHORT[name] for name in OTHERS]
    for result in results:
        each = [ratios(result, "ours", "floor"), *(ratios(result, n, "ours") for n in OTHERS)]
        middles = [values and middle(values) for values in each]
        microseconds = middle(result["seconds"]["ours"])[0] * 1e6
        medians.append([result["cell"], f"{microseconds:,.1f}"])
        medians[-1] += [f"{m[0]:.2f}" if m else "-" for m in middles]
        quartiles.append([result["cell"], ""])
        quartiles[-1] += [f"{m[1]:.2f}-{m[2]:.2f}" if m else "-" for m in middles]
    means = [geometric_mean(results, name) for name in OTHERS]
    medians.append(["geometric mean", "", "", *(f"{m:.2f}" if m else "-" for m in means)])
    return f"{HEADING}\n\n{as_text(medians)}\n\n{as_text(quartiles)}"


def write(path: pathlib.Path, content: dict[str, Any], text: str) -> None:
    """The JSON file, and the table on the terminal and in a file beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")
    path.with_suffix(".txt").write_text(text + "\n")
    print(text)


def say(line: str) -> None:
    """What is being done, on one line of a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def picture(path: pathlib.Path, results: list[dict[str, Any]], title: str) -> None:
    """The peers' time over ours, cell by cell, with quartiles; the line at 1 is us."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FixedLocator, NullLocator

    figure, axes = plt.subplots(figsize=(9, 5.2), layout="constrained")
    for k, name in enumerate(PEERS):
        known = [(i, r) for i, res in enumerate(results) if (r := ratios(res, name, "ours"))]
        if not known:
            continue
        middles = [middle(r) for _, r in known]
        axes.errorbar(
            [m for m, _, _ in middles],
            [i + 0.16 * (k - 1.5) for i, _ in known],
            xerr=[[m - low for m, low, _ in middles], [high - m for m, _, high in middles]],
            fmt="o",
            markersize=5,
            color=COLOURS[name],
            label=CONTENDERS[name],
        )
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    ticks = [0.5, 1, 2, 5, 10, 20, 50, 100]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(results)), [result["cell"] for result in results])
    axes.invert_yaxis()
    axes.grid(axis="x", color="#dddddd", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("time of one training step over ours (right of 1: they take longer)")
    axes.set_title(title, loc="left")
    if axes.get_legend_handles_labels()[0]:  # some peer is here
        axes.legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _shown(values: list[float] | None) -> str:
    if values is None:
        return "-"
    median, low, high = middle(values)
    return f"{median:.2f} [{low:.2f}, {high:.2f}]"


def _lines(path: str) -> list[str]:
    try:
        return pathlib.Path(path).read_text().splitlines()
    except OSError:
        return []
