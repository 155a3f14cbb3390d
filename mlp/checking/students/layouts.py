"""Shapes of the arrays that a function takes: by their names, as it has no constructor to ask.

A layout that does not fit makes forward raise, and the next one is tried.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlp.checking.students.names import meaning, plain
from mlp.checking.students.values import Size

Shape = tuple[int, ...]
TIMES = 2
"""Steps of a sequence."""
CHANNELS, FILTERS, SIDE = 2, 3, 5
"""Of images; one that is pooled has one row and one column less, which windows of 2 divide."""

_STATE = re.compile(
    r"(prev(ious)?|last|old|init)[hcas]$|^[hcas](prev|last|old|0|init)$|^hidden|^hx$"
)
_INPUT = re.compile(r"^w(x|xh|ax|ih|in|xa)$|^u$")
_RECURRENT = re.compile(r"^w(h|hh|aa|hx|rec|ha)$")
_GATE = re.compile(r"^w[fgicou]$")
_OUTPUT = re.compile(r"^[wb](y|ya|hy|ay)$")
_SEQUENCE = re.compile(r"^[hacs](0|init)$")


@dataclass(frozen=True)
class Layout:
    """What the arguments of a function are given."""

    inputs: dict[str, Shape]
    """Shapes without the axis of the samples, which is the first."""
    parameters: dict[str, Shape]
    below: int = 0
    """Inputs are indices below this number, where it is not 0."""


def layouts(function: str, names: list[str], size: Size, columns: bool) -> list[Layout]:
    """Those that the names of a function and of its arguments allow; none if they tell nothing."""
    if any(_STATE.search(plain(n)) for n in names[1:]):
        return [
            _recurrent(names, size, gates, steps, columns)
            for steps in _steps(names)
            for gates in (1, 4, 3)
        ]
    if "embed" in plain(function) and len(names) == 2:
        return [Layout({names[0]: (TIMES,)}, {names[1]: (size.D, size.M)}, below=size.D)]
    if "conv" in plain(function) and len(names) > 1:
        return [_convolution(function, names, first) for first in (True, False)]
    return []


def _steps(names: list[str]) -> list[Shape]:
    """The axes before the last of x: a sequence where the states are the first ones of many."""
    many = any(_SEQUENCE.search(plain(n)) for n in names)
    return [(TIMES,), ()] if many else [(), (TIMES,)]


def _recurrent(names: list[str], size: Size, gates: int, steps: Shape, columns: bool) -> Layout:
    D, H = size.D, size.M
    inputs: dict[str, Shape] = {}
    parameters: dict[str, Shape] = {}
    for i, name in enumerate(names):
        spelling = plain(name)
        if i == 0:
            inputs[name] = (D, *steps) if columns else (*steps, D)
        elif _STATE.search(spelling):
            inputs[name] = (H,)
        elif spelling.startswith(("w", "u")):
            shape = _matrix(spelling, D, H, gates)
            parameters[name] = shape[::-1] if columns else shape
        else:
            width = H - 1 if _OUTPUT.search(spelling) else gates * H
            parameters[name] = (width, 1) if columns else (width,)
    return Layout(inputs, parameters)


def _matrix(spelling: str, D: int, H: int, gates: int) -> Shape:
    """Rows are inputs; matrices of single gates take the input and the state side by side."""
    if _OUTPUT.search(spelling):
        return (H, H - 1)
    if _INPUT.search(spelling):
        return (D, gates * H)
    if _RECURRENT.search(spelling):
        return (H, gates * H)
    return (H + D, H) if _GATE.search(spelling) else (D, gates * H)


def _convolution(function: str, names: list[str], channels_first: bool) -> Layout:
    """Two orders of axes: (C, H, W) with filters (F, C, 3, 3); (H, W, C) with (2, 2, C, F)."""
    side = SIDE - 1 if "pool" in plain(function) else SIDE
    if channels_first:
        image, filters = (CHANNELS, side, side), (FILTERS, CHANNELS, 3, 3)
    else:
        image, filters = (4, 4, CHANNELS), (2, 2, CHANNELS, FILTERS)
    if "depthwise" in plain(function):
        filters = (CHANNELS, 1, 3, 3)
    width = filters[0] if channels_first else FILTERS
    parameters: dict[str, Shape] = {}
    for i, name in enumerate(names[1:]):
        is_filter = meaning(name) == "W" or (i == 0 and meaning(name) != "b")
        vector = (width,) if channels_first else (1, 1, 1, width)
        parameters[name] = filters if is_filter else vector
    return Layout({names[0]: image}, parameters)


class Gathered:
    """A function of which one argument is a dict of arrays, taken as arguments of their own."""

    def __init__(self, function: Callable, argument: str, keys: list[str]) -> None:
        self.function, self.argument, self.keys = function, argument, keys

    def __call__(self, **given: Any) -> Any:
        whole = {key: given.pop(key) for key in self.keys}
        return self.function(**given, **{self.argument: whole})
