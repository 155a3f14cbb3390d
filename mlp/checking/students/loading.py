"""Find the layers in a student's file: classes, pairs of functions, loss functions."""

import dis
import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from mlp.checking.students.adapters import required
from mlp.checking.students.importing import Tree, failed, run_file
from mlp.checking.students.names import is_loss, kind_of, meaning, plain
from mlp.checking.students.standins import PYTHON_2, restore_old_names


class Loaded(NamedTuple):
    """A file that was run as a module."""

    module: ModuleType
    error: BaseException | None
    notes: list[str]


@dataclass
class Entry:
    """One layer of the file: its name, its code, and why there is nothing to check, if so."""

    name: str
    code: Any
    kind: str | None
    make: Callable[[], Any] | None = None
    nothing: str | None = None

    @property
    def is_class(self) -> bool:
        """A class, as opposed to functions."""
        return inspect.isclass(self.code)

    @property
    def is_pair(self) -> bool:
        """A pair of functions."""
        return isinstance(self.code, tuple)


def load(path: Path, *, search: list[Path] | None = None, definitions_only: bool = False) -> Loaded:
    """Run the file as a module; what it defined, what stopped it as a whole, and notes.

    `search` is the caller's PYTHONPATH. Statements that fail are left out, with a note; where no
    statement defined a layer, the first failure is the error.
    """
    restore_old_names()
    tree = Tree(path, search or [], definitions_only)
    module, error = run_file(tree)
    for name, value in PYTHON_2.items():
        vars(module).setdefault(name, value)
    if error is None and tree.failures.get(path) and not find(module, {}):
        error = tree.failures[path][0][1]
    return Loaded(module, error, [*tree.notes, *failed(tree)])


def find(module: ModuleType, names: dict[str, str]) -> list[Entry]:
    """The layers in the order in which the file defines them. `names`: kinds given by the user."""
    entries = []
    for name, value in list(vars(module).items()):
        entry = None
        made_by = value.func if isinstance(value, functools.partial) else value
        if getattr(made_by, "__module__", None) != module.__name__ or name.startswith("__"):
            continue
        if inspect.isclass(value) and value.__name__ == name:
            entry = _class_entry(name, value, vars(module))
        elif _is_function(value) and not name.startswith("_"):
            entry = _function_entry(name, value, vars(module))
        if entry is not None:
            entry.kind = names.get(entry.name) or _plausible(entry)
            entries.append(entry)
    return entries


def _plausible(entry: Entry) -> str | None:
    """Its kind, unless a loss is meant and there is no target: a layer called Quadratic."""
    if entry.nothing or not is_loss(entry.kind) or not (entry.is_class or entry.is_pair):
        return entry.kind
    forward = entry.code[0] if entry.is_pair else forward_of(entry.code)
    inputs = [n for n in required(forward) if n != "self" and meaning(n) != "flag"]
    return entry.kind if len(inputs) >= 2 else None


def forward_of(cls: type) -> Any:
    """The forward pass of a class, which may be called `__call__`."""
    return getattr(cls, "forward", None) or cls.__call__


def guess_names(path: Path) -> list[str]:
    """Names of layers from the text alone, for a file that cannot be run."""
    text = path.read_text(errors="replace")
    classes = re.findall(r"^class\s+(\w+)(.*?)(?=^class\s|\Z)", text, flags=re.M | re.S)
    found = [name for name, body in classes if re.search(r"\bdef backward\b", body)]
    pairs = re.findall(r"^def (\w+)_forward\b", text, flags=re.M)
    losses = [n for n in re.findall(r"^def (\w+)\(", text, flags=re.M) if n.endswith("_loss")]
    return [*found, *(p for p in pairs if f"def {p}_backward" in text), *losses]


def _class_entry(name: str, cls: type, module: dict[str, Any]) -> Entry | None:
    forward = getattr(cls, "forward", None) or (cls.__dict__.get("__call__"))
    backward = getattr(cls, "backward", None)
    if forward is None and backward is None:
        return None
    if issubclass(cls, BaseException):
        return None
    entry = Entry(name, cls, kind_of(name), make=_maker(name, module))
    if not (callable(forward) and callable(backward)):
        missing = "backward" if callable(forward) else "forward"
        entry.nothing = f"it has no {missing}"
    elif inspect.isabstract(cls):
        entry.nothing = "it is an abstract base class"
    elif is_blank(forward) and is_blank(backward):
        entry.nothing = "forward and backward are blank"
    elif is_blank(forward) or is_blank(backward):
        entry.nothing = f"{'forward' if is_blank(forward) else 'backward'} is still blank"
    return entry


def _maker(name: str, module: dict[str, Any]) -> Callable[[], Any] | None:
    wanted = f"make{plain(name)}"
    return next(
        (v for k, v in module.items() if plain(k) == wanted and inspect.isfunction(v)), None
    )


def _function_entry(name: str, function: Callable, module: dict[str, Any]) -> Entry | None:
    if name.endswith("_forward"):
        stem = name.removesuffix("_forward")
        partner = module.get(f"{stem}_backward")
        entry = Entry(stem, (function, partner), kind_of(stem))
        if not _is_function(partner):
            entry.nothing = f"there is no {stem}_backward"
        elif is_blank(function) or is_blank(partner):
            entry.nothing = "it is still blank"
        return entry
    if name.endswith("_backward"):
        stem = name.removesuffix("_backward")
        if f"{stem}_forward" in module:
            return None
        return Entry(stem, function, kind_of(stem), nothing=f"there is no {stem}_forward")
    return _loss_entry(name, function)


def _is_function(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, functools.partial)


def _loss_entry(name: str, function: Callable) -> Entry | None:
    wanted = [n for n in required(function) if meaning(n) != "flag"]
    if len(wanted) != 2:
        return None
    if not (name.endswith("_loss") or is_loss(kind_of(name))):
        return None
    entry = Entry(name, function, kind_of(name))
    if is_blank(function):
        entry.nothing = "it is still blank"
    return entry


def is_blank(function: Any) -> bool:
    """A body of nothing but a docstring, pass, `...`, or raise NotImplementedError."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return False
    steps = [(i.opname, i.argval) for i in dis.get_instructions(code)]
    plain_steps = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "POP_TOP"}
    raising = {"LOAD_GLOBAL", "PRECALL", "CALL", "RAISE_VARARGS", "CACHE", "PUSH_NULL", "COPY_FREE"}
    if any(value == "NotImplementedError" for _, value in steps):
        return all(op in plain_steps | raising for op, _ in steps)
    returned = steps[-2][1] if len(steps) > 1 and steps[-2][0] == "LOAD_CONST" else steps[-1][1]
    return returned is None and all(op in plain_steps for op, _ in steps)
