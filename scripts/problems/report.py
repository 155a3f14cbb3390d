"""What a problem says while it is solved: claim, derivation, numbers, checks, pictures.

All text fits 80 columns. Every check prints the error it measured beside the tolerance, and the
report remembers it. Pictures share one style and are drawn only when a folder is given for them.
"""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mlp.seeing import plots
from mlp.seeing.drawing import draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlp.seeing.graphs import Graph

WIDTH = 79
COLOURS = plots.COLOURS
LECTURE = {"font.size": 12, "axes.titlesize": 13, "axes.titleweight": "normal", "savefig.dpi": 160}
"""What the common style leaves too small for a lecture room."""


class Check(NamedTuple):
    label: str
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return self.error <= self.tolerance  # False for NaN


@dataclass
class Report:
    """Prints a solution as it goes along and keeps its checks.

    `name` begins the file names of the pictures; `figures` is their folder (None: no pictures).
    """

    name: str
    figures: Path | None = None
    checks: list[Check] = field(default_factory=list)

    def claim(self, text: str) -> None:
        """What is to be shown, in a sentence or two (wrapped)."""
        print("\n" + textwrap.fill(_joined(text), WIDTH))

    def derive(self, text: str) -> None:
        """A few lines of plain notation, printed as they stand."""
        print(textwrap.indent(textwrap.dedent(text).strip("\n"), "    "))

    def slip(self, text: str) -> None:
        """What a deck has wrong or leaves open, and what is right (wrapped)."""
        lead = "  deck slip: "
        print(textwrap.fill(lead + _joined(text), WIDTH, subsequent_indent=" " * len(lead)))

    def show(self, label: str, value: Any) -> None:
        """A number, an array or a few lines of text under a label."""
        lines = _compact(value).splitlines()
        lead = f"  {label}: " if label else "  "
        if len(lines) == 1 and len(lead + lines[0]) <= WIDTH:
            print(lead + lines[0])
        else:
            print(lead.rstrip() + "\n" + textwrap.indent("\n".join(lines), "    "))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Numbers in columns, right-aligned."""
        cells = [[*columns], *([_compact(value) for value in row] for row in rows)]
        wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            print("    " + "  ".join(f"{c:>{w}}" for c, w in zip(row, wide, strict=True)))

    def check(self, label: str, error: float, tolerance: float) -> None:
        """Record whether error <= tolerance, and print both; NaN fails."""
        check = Check(label, float(error), float(tolerance))
        self.checks.append(check)
        mark = "ok  " if check.passed else "FAIL"
        lines = textwrap.wrap(label, 42)
        limit = f"at most {check.tolerance:.0e}" if check.tolerance else "exactly 0"
        numbers = f"error {check.error:<8.2g} {limit}"
        print(f"  {mark}  {lines[0]:<42} {numbers if len(lines) == 1 else ''}".rstrip())
        for i, line in enumerate(lines[1:], 2):
            print(f"        {line:<42} {numbers if i == len(lines) else ''}".rstrip())

    def equal(self, label: str, a: Any, b: Any, tolerance: float) -> None:
        """Check the largest |a - b| over max(1, largest |entry|); shapes must agree exactly."""
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape:
            raise ValueError(f"{label}: expected two arrays of one shape, got {a.shape}, {b.shape}")
        scale = max(1.0, np.abs(a).max(initial=0), np.abs(b).max(initial=0))
        self.check(label, np.abs(a - b).max(initial=0) / scale, tolerance)

    def figure(self, name: str, draw: "Callable[[Figure], None]") -> None:
        """Save what `draw(figure)` draws, as <problem>_<name>.png; nothing without a folder."""
        if self.figures is None:
            return
        path = self.figures / f"{self.name}_{name}.png"
        plots.figure((8.0, 4.5), path, draw, LECTURE)
        print(f"  picture: {path.name}")

    def graph(self, name: str, graph: "Graph") -> None:
        """Save the drawing of a computation graph, as `figure` does."""
        if self.figures is not None:
            path = self.figures / f"{self.name}_{name}.png"
            draw(graph, path)
            print(f"  picture: {path.name}")

    def curves(
        self,
        name: str,
        x: np.ndarray,
        curves: Mapping[str, np.ndarray],
        guides: Mapping[str, np.ndarray] | None = None,
        log: str = "",
        **labels: Any,
    ) -> None:
        """A picture of labelled curves over one x; guides are grey and dashed.

        `log` names the axes with a logarithmic scale: "", "x", "y" or "xy". Labels (and limits)
        are those of matplotlib's Axes.set.
        """

        def draw(figure: "Figure") -> None:
            axes = figure.subplots()
            axes.set(**{f"{axis}scale": "log" for axis in log} | labels)
            for (label, y), marker in zip(curves.items(), cycle("osD^vPX")):
                axes.plot(x, y, marker=marker if len(x) < 40 else None, label=label)
            for (label, y), line in zip((guides or {}).items(), cycle(["--", ":", "-."])):
                axes.plot(x, y, line, color="#555555", label=label)
            axes.legend()

        self.figure(name, draw)

    @property
    def passed(self) -> bool:
        """Whether there were checks and none failed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def summary(self) -> str:
        failed = sum(not check.passed for check in self.checks)
        largest = np.max([check.error for check in self.checks], initial=0)
        verdict = f"{failed} of {len(self.checks)} FAILED" if failed else "all passed"
        return f"{len(self.checks):3} checks, largest error {largest:<8.2g} {verdict}"


def _joined(text: str) -> str:
    return " ".join(text.split())


def _compact(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray) and value.ndim:
        return np.array2string(value, precision=5, suppress_small=True, max_line_width=WIDTH - 4)
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    return str(value)
