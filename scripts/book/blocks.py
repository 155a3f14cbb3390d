"""What a problem is made of, piece by piece, before anything is printed."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Prose(NamedTuple):
    """A paragraph; formulas within it stand in `backticks`, in plain notation."""

    text: str


class Slip(NamedTuple):
    """What a deck has wrong or leaves open, and what is right."""

    text: str


class Question(NamedTuple):
    letter: str
    text: str


class Answer(NamedTuple):
    """Here begins the answer to the question of this letter."""

    letter: str


class Formula(NamedTuple):
    """One line of a derivation: as LaTeX, as plain text, and why it holds."""

    latex: str
    plain: str
    because: str


class Numbers(NamedTuple):
    """A value under its name; `given`: part of the statement, not of an answer."""

    name: str
    value: Any
    given: bool


class Table(NamedTuple):
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Code(NamedTuple):
    """A function of the solution, and the line that calls it with the given numbers.

    `known`: the page has shown the function already; the call says enough.
    """

    function: Callable
    call: str
    known: bool = False

    @property
    def text(self) -> str:
        return self.call if self.known else f"{self.source}\n\n{self.call}"

    @property
    def source(self) -> str:
        """The function without its docstring, which the text around it replaces."""
        source = textwrap.dedent(inspect.getsource(self.function))
        definition = ast.parse(source).body[0]
        body = getattr(definition, "body", [])
        if len(body) < 2 or ast.get_docstring(definition) is None:  # type: ignore[arg-type]
            return source.rstrip()
        lines = source.splitlines()
        kept = lines[: body[0].lineno - 1] + lines[body[0].end_lineno :]
        return "\n".join(kept).rstrip()


class Picture(NamedTuple):
    """save(path) draws it; the ending of path says the format."""

    name: str
    caption: str
    save: Callable[[Path], Any]


class Check(NamedTuple):
    label: str
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return self.error <= self.tolerance  # False for NaN


class Proof(NamedTuple):
    """One line for the checks since the last one."""

    text: str
    checks: Sequence[Check]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def error(self) -> float:
        return max((check.error for check in self.checks), default=0.0)


Block = Prose | Slip | Question | Answer | Formula | Numbers | Table | Code | Picture | Proof
