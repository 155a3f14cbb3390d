"""A problem as a notebook: its text, its given numbers and its solution, ready to be run.

A code cell holds all that it needs: the functions that the solution calls are written out before
it, so that a notebook needs nothing but NumPy and this package.
"""

import ast
import builtins
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from book.blocks import Block, Code, Numbers
from book.markdown import markdown

OURS = ("problems.", "book.")
LARGEST = 400
"""Entries of a given array: larger ones belong into a function that makes them."""


def notebook(title: str, blocks: Sequence[Block], pictures: Path, beside: Path) -> Any:
    """The pieces as a notebook (nbformat). Pictures are drawn into a folder of their own."""
    from nbformat import v4

    cells, written = [], _Written()
    text, numbers, run = [title], list[str](), list[str]()
    """What the next cells will hold; the names that the last code cell prints."""
    for block in [*blocks, None]:
        is_given = isinstance(block, Numbers) and block.given
        if text and (is_given or isinstance(block, Code) or block is None):
            cells.append(v4.new_markdown_cell("\n\n".join(text)))
            text = []
        if numbers and not is_given:
            lines = [*written.once("import numpy as np"), "\n".join(numbers)]
            cells.append(v4.new_code_cell("\n\n".join(lines)))
            numbers = []
        match block:
            case Numbers(name, value, given=True):
                numbers.append(assigned(name, value))
            case Numbers(name) if name in run:
                pass  # the cell above prints it
            case Code(function, call):
                run = [target.strip() for target in call.split("=")[0].split(",")]
                prints = "\n".join(f'print("{name} =", {name}, sep="\\n")' for name in run)
                lines = [*written.needed(function), f"{call}\n{prints}"]
                cells.append(v4.new_code_cell("\n\n\n".join(lines)))
            case None:
                break
            case _:
                text += [made] if (made := markdown([block], pictures, beside)) else []
    for number, cell in enumerate(cells):  # an id by place: the same book gives the same files
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def assigned(name: str, value: Any) -> str:
    """name = value, as Python."""
    if isinstance(value, np.ndarray):
        if value.size > LARGEST:
            raise ValueError(f"{name}: expected at most {LARGEST} entries, got {value.size}")
        return f"{name} = np.array({value.tolist()!r})"
    return f"{name} = {value.item() if isinstance(value, np.generic) else value!r}"


class _Written:
    """What the cells so far have imported and defined."""

    def __init__(self) -> None:
        self._done: set[str] = set()

    def once(self, line: str) -> list[str]:
        """An import, if no cell has it yet."""
        new = [line] * (line not in self._done)
        self._done.add(line)
        return new

    def needed(self, function: Callable) -> list[str]:
        """Imports and definitions for a function, those that it calls first, and itself."""
        imports: list[str] = []
        definitions: list[str] = []
        self._collect(function.__name__, sys.modules[function.__module__], imports, definitions)
        return ["\n".join(imports)] * bool(imports) + definitions

    def _collect(
        self, name: str, module: ModuleType, imports: list[str], definitions: list[str]
    ) -> None:
        node = _top_level(module).get(name)
        if node is None:
            raise ValueError(f"{module.__name__} defines no {name} that a notebook could show")
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._collect_import(name, node, imports, definitions)
            return
        key = f"{module.__name__}.{name}"
        if key in self._done:
            return
        self._done.add(key)
        for used in _names(node):
            if used in _top_level(module):
                self._collect(used, module, imports, definitions)
        definitions.append(_source(node, module))

    def _collect_import(
        self,
        name: str,
        node: ast.Import | ast.ImportFrom,
        imports: list[str],
        definitions: list[str],
    ) -> None:
        alias = next(a for a in node.names if (a.asname or a.name) == name)
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(OURS):
            self._collect(alias.name, sys.modules[str(node.module)], imports, definitions)
            return
        renamed = f" as {alias.asname}" if alias.asname else ""
        source = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
        imports += self.once(f"{source}import {alias.name}{renamed}")


def _top_level(module: ModuleType) -> dict[str, ast.stmt]:
    """What a module defines and imports, by name."""
    found: dict[str, ast.stmt] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = node
            case ast.Assign(targets=[ast.Name(id=name)]):
                found[name] = node
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                found |= {alias.asname or alias.name: node for alias in names}
    return found


def _names(node: ast.stmt) -> list[str]:
    names = (part.id for part in ast.walk(node) if isinstance(part, ast.Name))
    return [name for name in dict.fromkeys(names) if not hasattr(builtins, name)]


def _source(node: ast.stmt, module: ModuleType) -> str:
    lines = inspect.getsource(module).splitlines()
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    return "\n".join(lines[first - 1 : node.end_lineno])
