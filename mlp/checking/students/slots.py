"""Where an object keeps its arrays, and the gradients of them."""

import dis
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mlp.checking.students.names import BIASES, WEIGHTS, gradient_names, plain

GRADIENT_HOLDERS = {"grads", "grad", "gradients", "gradient", "dparams", "paramgrads", "g"}


class Slot:
    """Where an object keeps an array: an attribute, a key of a dict, a position in a list."""

    def __init__(self, holder: Any, key: Any, path: str) -> None:
        self.holder, self.key, self.path = holder, key, path

    @property
    def name(self) -> str:
        """The last part of the path: how the student calls it."""
        return str(self.key)

    def read(self) -> Any:
        if isinstance(self.holder, dict | list):
            return self.holder[self.key]
        return getattr(self.holder, self.key, None)

    def write(self, value: np.ndarray) -> None:
        if isinstance(self.holder, dict | list):
            self.holder[self.key] = value
        else:
            setattr(self.holder, self.key, value)

    def gradient(self, instance: Any) -> Any:
        """The gradient that the student keeps for the parameter in this slot, or None."""
        if not isinstance(self.holder, dict | list) and self.holder is not instance:
            return first_attribute(self.holder, ("grad", "g", "gradient", "d"))
        if isinstance(self.holder, list):
            return self._beside_in_lists(instance)
        names = gradient_names(self.name)
        for slot in slots(instance, everything=True):
            if plain(slot.name) in names and slot.read() is not None:
                return slot.read()
        return self._in_holder(instance)

    def _in_holder(self, instance: Any) -> Any:
        """In a dict of gradients under the parameter's own name, or a list in its order."""
        for name, value in gradient_holders(instance):
            del name
            if isinstance(value, dict):
                own = {plain(str(k)): v for k, v in value.items()}
                roots = next((r for r in (WEIGHTS, BIASES) if plain(self.name) in r), set())
                for root in [plain(self.name), *sorted(roots)]:
                    if root in own:
                        return own[root]
            elif isinstance(value, list | tuple) and len(value) <= 2:
                index = 1 if plain(self.name) in BIASES else 0
                if index < len(value):
                    return value[index]
        return None

    def _beside_in_lists(self, instance: Any) -> Any:
        for _, value in gradient_holders(instance):
            if isinstance(value, list | tuple) and len(value) > self.key:
                return value[self.key]
        wanted = gradient_names("b" if self.key else "W")
        for slot in slots(instance, everything=True):
            if plain(slot.name) in wanted:
                return slot.read()
        return None


def gradient_holders(instance: Any) -> Iterator[tuple[str, Any]]:
    """Attributes (or methods without arguments) that hold several gradients."""
    for name in dir(instance):
        root = plain(name).removeprefix("get")
        if root not in GRADIENT_HOLDERS:
            continue
        value = getattr(instance, name, None)
        if inspect.ismethod(value) and not required(value):
            value = value()
        if isinstance(value, dict | list | tuple):
            yield name, value


def attributes(instance: Any) -> dict[str, Any]:
    """Attributes of the object itself, then properties and slots of its class."""
    found = dict(vars(instance)) if hasattr(instance, "__dict__") else {}
    for name in dir(type(instance)):
        kept = getattr(type(instance), name, None)
        if not name.startswith("__") and (
            isinstance(kept, property) or inspect.ismemberdescriptor(kept)
        ):
            found.setdefault(name, getattr(instance, name, None))
    return found


def slots(instance: Any, everything: bool = False) -> list[Slot]:
    """Places of float arrays (or, with everything, of anything) in an object."""
    found: list[Slot] = []
    for name, value in attributes(instance).items():
        if isinstance(value, dict):
            found += [Slot(value, key, f"{name}[{key!r}]") for key in value]
        elif isinstance(value, list) and not everything:
            found += [Slot(value, i, f"{name}[{i}]") for i in range(len(value))]
        elif (inner := data_attribute(value)) is not None:
            found.append(Slot(value, inner, name))
        found.append(Slot(instance, name, name))
    return found if everything else [p for p in found if is_float_array(p.read())]


def data_attribute(value: Any) -> str | None:
    """The name of the array inside a student's own Parameter object."""
    if isinstance(value, np.ndarray) or not hasattr(value, "__dict__"):
        return None
    names = ("data", "value", "val", "values", "array", "w", "weight")
    return next((n for n in names if is_float_array(getattr(value, n, None))), None)


def first_attribute(holder: Any, names: tuple[str, ...]) -> Any:
    return next((getattr(holder, n) for n in names if hasattr(holder, n)), None)


def is_float_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def required(function: Callable) -> list[str]:
    """Names of the positional or keyword arguments that have no default."""
    kinds = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    return [p.name for p in arguments_of(function) if p.default is p.empty and p.kind in kinds]


def arguments_of(function: Callable) -> list[inspect.Parameter]:
    """What a function or a bound method takes; each layer is asked hundreds of times."""
    if inspect.isfunction(function):
        return _known_arguments(function)
    if inspect.ismethod(function) and inspect.isfunction(function.__func__):
        every = _known_arguments(function.__func__)
        takes_all = bool(every) and every[0].kind is inspect.Parameter.VAR_POSITIONAL
        return every if takes_all else every[1:]
    return _arguments(function)


def _arguments(function: Callable) -> list[inspect.Parameter]:
    return [*inspect.signature(function).parameters.values()]


_known_arguments = functools.lru_cache(maxsize=256)(_arguments)


def keys_of(function: Callable, argument: str) -> list[str]:
    """The constant keys under which a function looks into an argument: `parameters["Wax"]`.

    Functions of the same file that it names, and that have an argument of that name, count.
    """
    if not inspect.isfunction(function):
        return []
    named = [function.__globals__.get(n) for n in function.__code__.co_names]
    passed = [
        f for f in named
        if inspect.isfunction(f) and f.__module__ == function.__module__ and f is not function
        and argument in inspect.signature(f).parameters
    ]  # fmt: skip
    return list(dict.fromkeys(k for f in (function, *passed) for k in _own_keys(f, argument)))


def _own_keys(function: Callable, argument: str) -> list[str]:
    steps = list(dis.get_instructions(function))
    return [
        key.argval
        for holder, key, looks in zip(steps, steps[1:], steps[2:], strict=False)
        if holder.opname.startswith("LOAD_FAST")
        and holder.argval == argument
        and isinstance(key.argval, str)
        and key.opname == "LOAD_CONST"
        and looks.opname in ("BINARY_SUBSCR", "BINARY_OP")
    ]
