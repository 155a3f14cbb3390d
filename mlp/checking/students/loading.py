"""Find the layers in a student's file: classes, pairs of functions, loss functions."""

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from mlp.checking.students.adapters import (
    backward_of,
    forward_of,
)
from mlp.checking.students.blanks import is_blank
from mlp.checking.students.importing import Tree, failed, run_file
from mlp.checking.students.names import (
    TARGETS,
    is_loss,
    kind_of,
    meaning,
    plain,
    target_comes_first,
)
from mlp.checking.students.slots import keys_of, required
from mlp.checking.students.standins import restore_old_names
from mlp.checking.students.tensors import of_arrays, torch_of
from mlp.checking.students.weighted import roles


class Loaded(NamedTuple):
    """A file that was run as a module."""

    module: ModuleType
    error: BaseException | None
    notes: list[str]


_TESTING = re.compile(r"(^|_)(tests?|check|case)(_|$)", re.IGNORECASE)
"""Functions that try a layer, or hold numbers for it."""


@dataclass
class Entry:
    """One layer of the file: its name, its code, and why there is nothing to check, if so."""

    name: str
    code: Any
    kind: str | None
    make: Callable[[], Any] | None = None
    nothing: str | None = None
    unfinished: bool = False
    """Whether there is nothing to check because something is still to be written."""
    columns: bool | None = None
    """Whether samples are columns, where the user said so."""

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
    if error is None and tree.failures.get(path) and not find(module, {}):
        error = tree.failures[path][0][1]
        if sum(map(len, tree.failures.values())) == 1:  # which the error says
            return Loaded(module, error, tree.notes)
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
        elif _is_function(value) and not (name.startswith("_") or _TESTING.search(name)):
            entry = _function_entry(name, value, vars(module))
        if entry is not None:
            if entry.is_pair and (torch := torch_of(vars(module))):
                entry.code = tuple(of_arrays(f, torch) for f in entry.code)
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


def guess_names(path: Path) -> list[str]:
    """Names of layers from the text alone, for a file that cannot be run."""
    text = path.read_text(errors="replace")
    classes = re.findall(r"^class\s+(\w+)(.*?)(?=^class\s|\Z)", text, flags=re.M | re.S)
    found = [name for name, body in classes if re.search(r"\bdef backward\b", body)]
    pairs = re.findall(r"^def (\w+)_forward\b", text, flags=re.M)
    losses = [n for n in re.findall(r"^def (\w+)\(", text, flags=re.M) if n.endswith("_loss")]
    return [*found, *(p for p in pairs if f"def {p}_backward" in text), *losses]


def _class_entry(name: str, cls: Any, module: dict[str, Any]) -> Entry | None:
    forward, backward = forward_of(cls), backward_of(cls)
    usual = any(hasattr(cls, n) for n in ("forward", "backward")) or "__call__" in vars(cls)
    if not (usual or (forward and backward)) or issubclass(cls, BaseException):
        return None
    entry = Entry(name, cls, kind_of(name), make=_maker(name, module))
    if _is_pair_of_functions(cls):
        entry.code = (cls.forward, cls.backward)
    if not (callable(forward) and callable(backward)):
        missing = "backward" if callable(forward) else "forward"
        entry.nothing = f"it has no {missing}"
    elif _trains_itself(name, backward):
        entry.nothing = "it is a whole network: its layers are checked one by one"
    elif inspect.isabstract(cls):
        entry.nothing = "it is an abstract base class"
    else:
        _mark_blanks(entry, forward, backward)
    if (entry.unfinished and _subclasses(cls, module)) or _is_only_a_base(cls, module):
        entry.nothing, entry.unfinished = "it is a base class", False
    return entry


def _trains_itself(name: str, backward: Callable) -> bool:
    """Whether a class called a network has a backward pass from samples and targets."""
    wanted = [plain(n) for n in required(backward) if n != "self"]
    named = re.search("net|model|mlp|perceptron|classifier|regression", plain(name)) is not None
    return named and len(wanted) >= 2 and any(n in ("y", *TARGETS.split()) for n in wanted[1:])


def _subclasses(cls: Any, module: dict[str, Any]) -> list[Any]:
    found = [v for v in module.values() if inspect.isclass(v)]
    return [v for v in found if v is not cls and issubclass(v, cls)]


def _is_only_a_base(cls: Any, module: dict[str, Any]) -> bool:
    """Whether several classes are made of it, and each has a forward and a backward of its own."""
    made = _subclasses(cls, module)
    own = (forward_of(cls), backward_of(cls))
    return len(made) > 1 and all(
        forward_of(v) is not own[0] and backward_of(v) is not own[1] for v in made
    )


def _is_pair_of_functions(cls: Any) -> bool:
    """A class that is but a place for two functions: `forward(x, w, b)`, `backward(u, cache)`."""
    kept = [inspect.getattr_static(cls, n, None) for n in ("forward", "backward")]
    if not all(isinstance(k, staticmethod) or _without_self(k) for k in kept):
        return False
    if is_loss(kind_of(cls.__name__)):
        return False
    return len(required(cls.backward)) >= 2


def _without_self(method: Any) -> bool:
    """A function in a class that takes no instance: it is called through the class."""
    first = next(iter(inspect.signature(method).parameters), "self") if callable(method) else "self"
    return inspect.isfunction(method) and first not in ("self", "cls", "this", "_", "s", "ctx")


def _maker(name: str, module: dict[str, Any]) -> Callable[[], Any] | None:
    wanted = f"make{plain(name)}"
    return next(
        (v for k, v in module.items() if plain(k) == wanted and inspect.isfunction(v)), None
    )


_PARTNERS = (
    "{}_backward", "{}_backprop", "{}_back", "backward_{}", "{}_prime", "{}_derivative",
    "{}_deriv", "{}_grad", "{}_gradient", "{}_der", "{}_diff", "d_{}", "d{}", "grad_{}",
    "gradient_{}", "derivative_{}", "derivative_of_{}", "deriv_{}", "der_{}", "diff_{}",
    "{}_delta", "{}_derivation", "derivate_{}", "{}_derivate", "{}_backwards", "{}_bwd",
)  # fmt: skip
"""Names of the function that goes with one called `{}`."""


def _function_entry(name: str, function: Callable, module: dict[str, Any]) -> Entry | None:
    if "forward" in name:
        return _pair_entry(name, function, module)
    if "backward" in name:
        return _lonely_backward(name, function, module)
    spelled = {plain(n): n for n in module}
    partner = next((n for p in _PARTNERS if (n := spelled.get(plain(p.format(name))))), None)
    if partner and _is_function(module[partner]):
        entry = Entry(name, (function, module[partner]), kind_of(name))
        wanted = [n for n in required(function) if meaning(n) != "flag"]
        if len(wanted) == 2 and not is_loss(entry.kind) and target_comes_first(*wanted) is None:
            return _loss_entry(name, function)
        _mark_blanks(entry, function, module[partner])
        return entry
    if any(_undone(p, plain(name)) in spelled for p in _PARTNERS):
        return None
    if flag := _derivative_flag(function):
        return Entry(name, (function, functools.partial(function, **{flag: True})), kind_of(name))
    return _loss_entry(name, function)


def _derivative_flag(function: Callable) -> str | None:
    """The argument that makes a function its own derivative: `sigmoid(x, derivative=False)`."""
    return next(
        (
            p.name
            for p in inspect.signature(function).parameters.values()
            if p.default is False and _DERIVATIVE.search(plain(p.name))
        ),
        None,
    )


_DERIVATIVE = re.compile(r"prime|deriv|^grad|^backward$|^backprop$|^d$|^dx$|^der$")


def _lonely_backward(name: str, function: Callable, module: dict[str, Any]) -> Entry | None:
    """A backward pass without a forward pass of its own; an alternative shares another's."""
    forward, stem = name.replace("backward", "forward"), _stem(name, "backward")
    if forward in module or stem in module:
        return None
    shared = module.get(re.sub(r"_?alt(ernative)?_?\d*$", "", forward))
    if _is_function(shared):
        return Entry(stem, (shared, function), kind_of(re.sub(r"_?alt.*$", "", stem)))
    return Entry(stem, function, kind_of(stem), nothing=f"there is no {forward}")


def _undone(pattern: str, name: str) -> str | None:
    """The plain name whose partner this is, or None."""
    before, after = (plain(part) for part in pattern.split("{}"))
    long = len(name) > len(before) + len(after)
    if not (long and name.startswith(before) and name.endswith(after)):
        return None
    return name[len(before) : len(name) - len(after)]


def _pair_entry(name: str, function: Callable, module: dict[str, Any]) -> Entry | None:
    stem = _stem(name, "forward")
    wanted = name.replace("forward", "backward")
    partner: Any = module.get(wanted) or module.get(f"{stem}_backward")
    if not stem or (not _is_function(partner) and len(required(function)) > 4):
        return None
    entry = Entry(stem, (function, partner), kind_of(stem))
    if not _is_function(partner):
        entry.nothing = f"there is no {wanted}"
    elif len(required(function)) > 1 and required(function) == required(partner):
        entry.nothing = (
            f"{partner.__name__} takes what {name} takes, and no upstream: "
            "of which of them it gives the derivative is unknown"
        )
    elif _is_network(function, partner):
        entry.nothing = "it is a whole network: its layers are checked one by one"
    else:
        _mark_blanks(entry, function, partner)
    return entry


def _is_network(forward: Callable, backward: Callable) -> bool:
    """Parameters of several layers in a dict, or a backward pass that starts at the targets."""
    numbered = [k for n in required(forward) for k in keys_of(forward, n) if re.search(r"\d$", k)]
    wanted = [plain(n) for n in required(backward)]
    from_targets = len(wanted) >= 3 and any(n in ("y", *TARGETS.split()) for n in wanted[1:])
    return bool(numbered) or (from_targets and not {"x", "y"} >= set(wanted))


def _stem(name: str, word: str) -> str:
    """max_pool_forward_naive is max_pool."""
    whole = re.sub(rf"_?{word}_?", "_", name).strip("_")
    return re.sub(r"_naive$", "", whole)


def _is_function(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, functools.partial)


def _loss_entry(name: str, function: Callable) -> Entry | None:
    wanted = [n for n in required(function) if meaning(n) != "flag"]
    masked = len(wanted) == 3 and plain(wanted[2]) == "mask"
    if len(wanted) != 2 and not masked and not roles(function):
        return None
    if not roles(function) and not (name.endswith(("_loss", "_cost")) or is_loss(kind_of(name))):
        return None
    entry = Entry(name, function, kind_of(name))
    if is_blank(function):
        entry.nothing, entry.unfinished = "it is still blank", True
    return entry


def _mark_blanks(entry: Entry, forward: Any, backward: Any) -> None:
    """Say which of the two is still to be written."""
    blanks = [n for n, f in (("forward", forward), ("backward", backward)) if is_blank(f)]
    if len(blanks) == 2:
        entry.nothing = "forward and backward are blank"
    elif blanks:
        entry.nothing = f"{blanks[0]} is still blank"
    entry.unfinished = bool(blanks)
