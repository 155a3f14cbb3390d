"""The table, the JSON file and the picture."""

import json
import os
import pathlib
import platform
from typing import Any

from bench.rounds import CONTENDERS, PEERS, geometric_mean, middle, ratios

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
    """Microseconds per step of ours, and the others' time over ours with quartiles."""
    others = [name for name in CONTENDERS if name != "ours"]
    rows = [["network @ batch", "us/step", "over floor", *(CONTENDERS[n] for n in others[1:])]]
    for result in results:
        median = middle(result["seconds"]["ours"])[0]
        row = [result["cell"], f"{median * 1e6:,.1f}", _shown(ratios(result, "ours", "floor"))]
        rows.append(row + [_shown(ratios(result, name, "ours")) for name in others[1:]])
    means = [geometric_mean(results, name) for name in others[1:]]
    rows.append(["geometric mean", "", "", *("" if m is None else f"{m:.2f}" for m in means)])
    return aligned(rows)


def aligned(rows: list[list[str]]) -> str:
    wide = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [f"{row[0]:<{wide[0]}}"]
        cells += [f"{cell:>{w}}" for cell, w in zip(row[1:], wide[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def write_json(path: pathlib.Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


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
