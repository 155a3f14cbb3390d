"""Which problems there are, and how one is solved.

A problem is a file pNN_name.py in the folder `problems` with TITLE, DECKS, NUMBERS (the given
numbers by name), ask(page, **numbers) for the statement and solve(page) for the answers; and for
exercise sheets draw(rng), other numbers under the same names, and answers(**numbers), the values
that are asked for: {letter: {name: value}}.
"""

import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

from book.blocks import Block
from book.page import Page

FOLDER = Path(__file__).parents[1] / "problems"
PROBLEMS = sorted(path.stem for path in FOLDER.glob("p??_*.py"))
DECKS = {
    "000": "Backpropagation: computation graphs, ReLU, sigmoid and linear layers",
    "001": "Computational graphs and backprop (Deep Learning, EN.601.482/682)",
    "002": "Gradients (Lecture 07a, DL4DS, spring 2025)",
    "003": "Section 8: backpropagation, questions 1, 3.1, 3.2 and 3.3",
    "004": "Forward and backward propagation (CSE 849 Deep Learning, spring 2025)",
}
"""What the lecture decks are about; a deck is called by its number everywhere else."""


def load(stem: str) -> ModuleType:
    return importlib.import_module(f"problems.{stem}")


def heading(stem: str) -> str:
    return f"Problem {int(stem[1:3])}: {load(stem).TITLE}"


def chosen(words: Iterable[str]) -> list[str]:
    """The problems that numbers, parts of names or "all" mean; LookupError for none."""
    return sorted({stem for word in words for stem in _matching(word)})


def _matching(wanted: str) -> list[str]:
    if wanted == "all":
        return PROBLEMS
    if wanted.isdecimal():
        found = [stem for stem in PROBLEMS if int(stem[1:3]) == int(wanted)]
    else:
        found = [stem for stem in PROBLEMS if wanted.lower() in stem]
    if not found:
        raise LookupError(f"no problem {wanted!r}; run without arguments to list them")
    return found


def solved(stem: str, show: Callable[[Block], None] = lambda block: None) -> Page:
    """The page of a problem, each piece of it shown as it comes."""
    problem, page = load(stem), Page(stem, show)
    problem.ask(page, **problem.NUMBERS)
    problem.solve(page)
    page.close()
    return page
