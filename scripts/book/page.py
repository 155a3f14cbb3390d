"""The page that a problem writes: given, questions, and for each the answer and its proof.

A problem calls the methods in the order of reading. The page keeps the pieces, and hands each to
`show` as it comes; the forms (terminal, Markdown, notebook) are made from the pieces alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from book.blocks import (
    Answer,
    Block,
    Check,
    Code,
    Formula,
    Numbers,
    Picture,
    Proof,
    Prose,
    Question,
    Slip,
    Table,
)
from mlp.seeing import plots
from mlp.seeing.drawing import draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlp.seeing.graphs import Graph

COLOURS = plots.COLOURS
LECTURE = {"font.size": 12, "axes.titlesize": 13, "axes.titleweight": "normal", "savefig.dpi": 160}
"""What the common style leaves too small for a lecture room."""


@dataclass
class Page:
    """The pieces of one problem. `name` begins the file names of its pictures."""

    name: str
    show_block: Callable[[Block], None] = lambda block: None
    blocks: list[Block] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    _unproved: list[Check] = field(default_factory=list)

    # --- the statement ---

    def given(self, text: str, **numbers: Any) -> None:
        """What is given: a paragraph, and the numbers by name."""
        self._add(Prose(_joined(text)))
        for name, value in numbers.items():
            self.values[name] = value
            self._add(Numbers(name, value, given=True))

    def ask(self, letter: str, text: str) -> None:
        """A question that can be understood without the deck."""
        self._add(Question(letter, _joined(text)))

    # --- the answers ---

    def answer(self, letter: str) -> None:
        """What follows answers this question."""
        if Answer(letter) in self.blocks or letter not in self.letters:
            raise ValueError(f"{self.name}: no question ({letter}), or it is answered twice")
        self._close("")
        self._add(Answer(letter))

    def say(self, text: str) -> None:
        """A paragraph; formulas within it stand in `backticks`, in plain notation."""
        self._add(Prose(_joined(text)))

    def formula(self, latex: str, plain: str, because: str = "") -> None:
        """One line of a derivation, in both notations, and why it holds."""
        self._add(Formula(latex.strip(), plain.rstrip(), _joined(because)))

    def compute(self, names: str, function: Callable, arguments: str) -> Any:
        """Show the function, call it with the values of these names, show what it gives.

        `compute("dW, db", backward, "x, upstream")`: the values are kept under the new names.
        Returns what the function returns.
        """
        results = function(*(self.values[name.strip()] for name in arguments.split(",")))
        known = any(isinstance(b, Code) and b.function is function for b in self.blocks)
        self._add(Code(function, f"{names} = {function.__name__}({arguments})", known))
        keys = [name.strip() for name in names.split(",")]
        parts = results if len(keys) > 1 else [results]
        for name, value in zip(keys, parts, strict=True):
            self.values[name] = value
            self._add(Numbers(name, value, given=False))
        return results

    def show(self, name: str, value: Any) -> None:
        """A number, an array or a few lines of text under a name."""
        self._add(Numbers(name, value, given=False))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        self._add(Table([*columns], [[*row] for row in rows]))

    def slip(self, text: str) -> None:
        """What a deck has wrong or leaves open, and what is right."""
        self._add(Slip(_joined(text)))

    # --- the proof ---

    def check(self, label: str, error: float, tolerance: float) -> None:
        """Record whether error <= tolerance; NaN fails."""
        check = Check(label, float(error), float(tolerance))
        self.checks.append(check)
        self._unproved.append(check)

    def equal(self, label: str, a: Any, b: Any, tolerance: float) -> None:
        """Check the largest |a - b| over max(1, largest |entry|); shapes must agree exactly."""
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape:
            raise ValueError(f"{label}: expected two arrays of one shape, got {a.shape}, {b.shape}")
        scale = max(1.0, np.abs(a).max(initial=0), np.abs(b).max(initial=0))
        self.check(label, np.abs(a - b).max(initial=0) / scale, tolerance)

    def proof(self, text: str) -> None:
        """One line for all checks since the last proof: what agreed with what."""
        if not self._unproved:
            raise ValueError(f"{self.name}: {text!r} has no check behind it")
        self._close(_joined(text))

    def close(self) -> None:
        """The end: what was asked was answered, and what was checked is said."""
        self._close("")
        answered = [block.letter for block in self.blocks if isinstance(block, Answer)]
        if answered != self.letters:
            raise ValueError(f"{self.name}: asked {self.letters}, answered {answered}")

    @property
    def letters(self) -> list[str]:
        return [block.letter for block in self.blocks if isinstance(block, Question)]

    # --- the pictures ---

    def figure(self, name: str, draw: "Callable[[Figure], None]", caption: str = "") -> None:
        """What `draw(figure)` draws, 8 x 4.5 inches unless it sets another size."""

        def save(path: Any) -> None:
            plots.figure((8.0, 4.5), path, draw, LECTURE)

        self._add(Picture(f"{self.name}_{name}", _joined(caption), save))

    def graph(self, name: str, graph: "Graph", caption: str = "") -> None:
        """A computation graph: values above the edges, gradients below."""
        self._add(Picture(f"{self.name}_{name}", _joined(caption), lambda path: draw(graph, path)))

    def curves(
        self,
        name: str,
        x: np.ndarray,
        curves: Mapping[str, np.ndarray],
        guides: Mapping[str, np.ndarray] | None = None,
        log: str = "",
        caption: str = "",
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

        self.figure(name, draw, caption)

    # --- the outcome ---

    @property
    def passed(self) -> bool:
        """Whether there were checks and none failed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def summary(self) -> str:
        failed = sum(not check.passed for check in self.checks)
        largest = np.max([check.error for check in self.checks], initial=0)
        verdict = f"{failed} of {len(self.checks)} FAILED" if failed else "all passed"
        return f"{len(self.checks):3} checks, largest error {largest:<8.2g} {verdict}"

    def _close(self, text: str) -> None:
        if self._unproved:
            checks, self._unproved = self._unproved, []
            self._add(Proof(text or _all_labels(checks), checks))

    def _add(self, block: Block) -> None:
        self.blocks.append(block)
        self.show_block(block)


def _all_labels(checks: Sequence[Check]) -> str:
    return "; ".join(dict.fromkeys(check.label for check in checks))


def _joined(text: str) -> str:
    return " ".join(text.split())
