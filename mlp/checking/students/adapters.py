"""One interface for all forms of homework: objects with attributes, and pairs of functions.

A Subject is one layer of a student, built and ready:

    parameters          names of its parameters ("W" and "b" where they play those parts)
    get(name), set(name, array)
    forward(*inputs)    the output, as the student returned it
    backward(upstream)  a dict: gradients of the inputs ("x", "y") and of the parameters

It never judges: what is missing is None.
"""

import contextlib
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np

from mlp.checking.students.blanks import is_blank
from mlp.checking.students.names import (
    BACKWARD_LIKE,
    BACKWARDS,
    FORWARD_LIKE,
    FORWARDS,
    meaning,
    plain,
)
from mlp.checking.students.neighbours import Line
from mlp.checking.students.results import named_results
from mlp.checking.students.slots import (
    Slot,
    arguments_of,
    attributes,
    gradient_holders,
    is_float_array,
    required,
    slots,
)
from mlp.checking.students.updating import RATE, rate_of

OUTPUTS = ("output", "outputs", "out")
INPUT_GRADIENTS = ("dinputs", "dinput", "dx", "gradinput", "inputgrad", "inputgradient", "dlossdx")
"""Where layers keep what forward and backward do not return."""


class Understanding(Protocol):
    """How a backward pass is called, and its results understood (see readings.py)."""

    def call(
        self, function: Callable, values: dict[str, Any], recorder: "Recorder | None" = None
    ) -> Any: ...

    def named(
        self, result: Any, names: tuple[str, ...], inputs: tuple[str, ...]
    ) -> dict[str, Any]: ...


class Subject:
    """Base of the two adapters."""

    inputs: tuple[str, ...] = ("x",)
    parameters: tuple[str, ...] = ()
    reading: Understanding | None = None
    """How its backward pass is called and understood, where it was found out."""
    updated = False
    """Whether its last backward pass has taken a step of descent, which was taken back."""

    def get(self, name: str) -> np.ndarray:
        """The live array of a parameter."""
        raise NotImplementedError

    def set(self, name: str, value: np.ndarray) -> None:
        """Replace the numbers of a parameter, in place where its dtype allows it."""
        raise NotImplementedError

    def forward(self, *inputs: np.ndarray) -> Any:
        """The student's output."""
        raise NotImplementedError

    def backward(self, *upstream: np.ndarray) -> dict[str, Any]:
        """The student's gradients by name."""
        raise NotImplementedError


class ObjectSubject(Subject):
    """An object with `forward(x)` and `backward(upstream)` that keeps what it needs."""

    called = False
    """Whether forward is to be reached by calling the object, which keeps what backward needs."""

    def __init__(
        self, instance: Any, inputs: tuple[str, ...], parameters: dict[str, "Slot"]
    ) -> None:
        self.instance = instance
        self.inputs = inputs
        self.parameters = tuple(parameters)
        self._slots = parameters
        self._noticed: dict[str, str] = {}
        self._cache: Any = None
        self._last: tuple = ()

    def get(self, name: str) -> np.ndarray:
        return self._slots[name].read()

    def set(self, name: str, value: np.ndarray) -> None:
        old = self.get(name)
        if old.shape == value.shape and old.dtype == value.dtype and old.flags.writeable:
            old[...] = value
            if self.get(name) is old:
                return
        twins = [p for p in slots(self.instance) if p.read() is old] or [self._slots[name]]
        new = value.copy()
        for slot in twins:
            with contextlib.suppress(AttributeError):  # a property without setter, a frozen class
                slot.write(new)

    def forward(self, *inputs: np.ndarray) -> Any:
        if hasattr(self.instance, "flush_gradients"):  # it collects batches until then
            with contextlib.suppress(AssertionError):
                self.instance.flush_gradients()
        call = self.instance if self.called else call_forward(self.instance)
        result = call(*inputs)
        if _is_with_cache(result):
            self._cache = result[1] if len(result) == 2 else result[1:]
            result = result[0]
        if result is None:
            result = kept(self.instance, OUTPUTS)
        self._last = (*inputs, result)
        return result

    @property
    def gradient_function(self) -> Callable:
        """What is called for the gradients."""
        return backward_of(self.instance)

    def backward(self, *upstream: np.ndarray) -> dict[str, Any]:
        _clear(self.instance)
        before = {p.path: np.array(p.read()) for p in slots(self.instance)}
        names = (*self.inputs, *self.parameters)
        recorder = Recorder()
        if self.reading is not None:
            sources = {"upstream": upstream[0] if upstream else None, "cache": self._cache}
            if self._last:
                sources |= {"x": self._last[0], "y": self._last[-1]}
            result = self.reading.call(self.gradient_function, sources, recorder)
            found = self.reading.named(result, names, self.inputs)
        else:
            method = self.gradient_function
            extra = required(method)[len(upstream) :]
            if "wrt" in inspect.signature(method).parameters:
                found = self._one_by_one(method, upstream)
            else:
                result = method(*upstream, *(default_for(name, recorder) for name in extra))
                found = named_results(result, names, self.inputs)
        if found.get("x") is None and self.inputs[0] == "x":
            found["x"] = kept(self.instance, INPUT_GRADIENTS)
        steps = self._steps(before)
        for name in self.parameters:
            ways = (
                lambda n: self._slots[n].gradient(self.instance),
                steps.get,
                lambda n: self._written(n, before),
                lambda n: recorded(self.instance, recorder, self.get(n)),
            )
            for way in ways:
                if found.get(name) is None:
                    found[name] = way(name)
        return found

    def _one_by_one(self, method: Callable, upstream: tuple[np.ndarray, ...]) -> dict[str, Any]:
        """The gradients of `backward(upstream, wrt="w")`, each asked for by its name."""
        found: dict[str, Any] = {}
        for name in (self.inputs[0], *self.parameters):
            for asked in {"x": ("x", "a", "input", "inputs")}.get(name, (name, name.lower())):
                with contextlib.suppress(Exception):
                    result = method(*(u.copy() for u in upstream), wrt=asked)
                    if found.get(name) is None:
                        found[name] = result
        return found

    def _steps(self, before: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Gradients by what a step of descent has made of the parameters; it is taken back."""
        rate = rate_of(self.instance, self.gradient_function)
        if rate is None:
            return {}
        found = {}
        for name, slot in self._slots.items():
            old, new = before.get(slot.path), self.get(name)
            if old is None or np.array_equal(old, new):
                continue
            with contextlib.suppress(ValueError):  # shapes that do not fit together
                found[name] = (old - new) / rate
            self.set(name, old)
        self.updated = bool(found)
        return found

    def _written(self, parameter: str, before: dict[str, np.ndarray]) -> Any:
        """The only array like the parameter that backward has written, under whatever name."""
        value = self.get(parameter)
        alike = {
            p.path: p.read()
            for p in slots(self.instance)
            if p.read().shape == value.shape and p.read() is not value
        }
        written = [q for q in alike if not np.array_equal(alike[q], before.get(q, np.nan))]
        if len(written) == 1:
            self._noticed[parameter] = written[0]
        return alike.get(self._noticed.get(parameter, ""))


CLEARING = re.compile(r"(zero|clear|reset)_?(the_)?(grads?|gradients?)(_\w+)?")


def _clear(instance: Any) -> None:
    """Set gradients to 0 that are collected until the layer is told to: its own way to do so."""
    for name in dir(instance):
        if CLEARING.fullmatch(name):
            with contextlib.suppress(TypeError):
                getattr(instance, name)()
    if hasattr(instance, "flush_gradients"):  # which would take what forward has kept with it
        for _, holder in gradient_holders(instance):
            for value in holder.values() if isinstance(holder, dict) else holder:
                if is_float_array(value):
                    value[...] = 0


def kept(instance: Any, names: Iterable[str]) -> Any:
    """The array or number that an object keeps under one of the names, or None."""
    own = {plain(n): v for n, v in attributes(instance).items()}
    found = (own[n] for n in names if n in own)
    return next((v for v in found if isinstance(v, np.ndarray | float)), None)


class Recorder:
    """Stands where an optimizer is wanted: keeps the gradients, and changes no parameter."""

    def __init__(self) -> None:
        self.seen: list[tuple[np.ndarray, np.ndarray]] = []

    def update(self, *arrays: Any, **named: Any) -> Any:
        """Keep pairs of a parameter and its gradient; the parameter comes back as it was."""
        given = [a for a in (*arrays, *named.values()) if isinstance(a, np.ndarray)]
        self.seen += [(one, other) for i, one in enumerate(given) for other in given[i + 1 :]]
        return given[0] if given else None

    __call__ = get_update = apply = step = get_gradient = compute = calculate = update

    def __deepcopy__(self, memo: dict) -> "Recorder":
        return self

    def __copy__(self) -> "Recorder":
        return self


def recorded(instance: Any, recorder: Recorder, value: np.ndarray) -> Any:
    """The gradient that an optimizer was given together with the array of this parameter."""
    recorders = [v for v in attributes(instance).values() if isinstance(v, Recorder)]
    for one in (recorder, *recorders):
        for parameter, gradient in reversed(one.seen):
            if parameter is value or (
                parameter.shape == value.shape and np.array_equal(parameter, value)
            ):
                return gradient
    return None


def _is_with_cache(result: Any) -> bool:
    """(out, cache): what forward of some classes returns."""
    return isinstance(result, tuple) and len(result) >= 2 and isinstance(result[0], np.ndarray)


def as_number(value: Any) -> Any:
    """A loss of shape (1,) or (1, 1) as one of shape ()."""
    return value.reshape(()) if isinstance(value, np.ndarray) and value.size == 1 else value


def call_forward(instance: Any) -> Callable:
    """The bound forward pass, with flags (train, mode) that are required or off switched on."""
    method = forward_of(instance)
    flags = training_flags(method)
    return (lambda *x: method(*x, **flags)) if flags else method


_NOT_TRAINING = re.compile("(is)?(eval|test|infer)")
"""Plain names of flags that say that the layer is not being trained."""


def training_flags(function: Callable) -> dict[str, bool]:
    """Flags to pass: some layers keep what backward needs only while training."""
    flags = [p for p in arguments_of(function) if meaning(p.name) == "flag"]
    wanted = {p.name: not _NOT_TRAINING.match(plain(p.name)) for p in flags}
    return {p.name: wanted[p.name] for p in flags if p.default in (not wanted[p.name], p.empty)}


def forward_of(layer: Any) -> Any:
    """The forward pass of a class or an object, under any of its usual names."""
    return _method(layer, FORWARDS, FORWARD_LIKE)


def backward_of(layer: Any) -> Any:
    """The backward pass of a class or an object, under any of its usual names."""
    return _method(layer, BACKWARDS, BACKWARD_LIKE)


def _method(layer: Any, names: tuple[str, ...], alike: re.Pattern) -> Any:
    cls = layer if inspect.isclass(layer) else type(layer)
    usual = getattr(layer, names[0], None) if hasattr(cls, names[0]) else None
    if callable(usual) and not is_blank(usual):
        return usual
    own = {n: v for n in dir(layer) if callable(v := getattr(layer, n, None))}
    spelled = {plain(n): v for n, v in own.items() if not n.startswith("__")}
    others = [n for n in vars(cls) if n in own and n[0] != "_" and alike.fullmatch(plain(n))]
    usual = _first(layer, own, spelled, names)
    if others and (usual is None or is_blank(usual)):
        return own[others[0]]
    return usual


def _first(layer: Any, own: dict[str, Any], spelled: dict[str, Any], names: tuple[str, ...]) -> Any:
    cls = layer if inspect.isclass(layer) else type(layer)
    for name in names:
        if name == "__call__":
            defined = any(name in vars(c) for c in cls.__mro__)
            return getattr(layer, name) if defined else None
        if name in own or plain(name) in spelled:
            return own.get(name) or spelled[plain(name)]
    return None


_FUNCTIONS = ("actfn", "activationfn", "activationfunction", "activationfunc", "actfunc")
"""Arguments of a gradient that want the activation before it."""


def is_setting(argument: str) -> bool:
    """Whether an argument of backward wants no array: a learning rate, an optimizer, a name."""
    known = meaning(argument) in ("rate", "slope", "text", "flag") and plain(argument) != "p"
    return known or "optim" in plain(argument) or plain(argument) in _FUNCTIONS


def default_for(argument: str, recorder: Recorder | None = None) -> Any:
    """Something harmless for an argument of backward beyond the upstream."""
    if "optim" in plain(argument):
        return recorder
    if plain(argument) in _FUNCTIONS:
        return Line()
    if meaning(argument) == "text":
        return "relu"
    return RATE if meaning(argument) in ("rate", "slope") else None
