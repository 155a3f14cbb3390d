"""Losses of weights: `softmax_loss(W, X, y, reg) -> (loss, dW)`, a classifier in one function.

What is checked is the gradient with respect to the weights, and the bias if there is one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlp.checking.students.adapters import Subject
from mlp.checking.students.names import BIASES, TARGETS, WEIGHTS, gradient_names, plain
from mlp.checking.students.slots import required

_DATA = {"x", "xbatch", "xtrain", "xdev", "data", "images", "input", "inputs", "features"}
_SETTINGS = {"reg", "lambda", "lambd", "lam", "lmbda", "regularization", "regstrength"}
_NAMED = re.compile("loss|cost|propagat|objective|gradient|logistic|regression|softmax|svm")


def roles(function: Callable) -> list[str] | None:
    """What each argument of such a loss is, in their order; None for any other function."""
    found = [_role(name) for name in required(function)]
    once = all(found.count(role) == 1 for role in ("W", "x", "target"))
    known = None not in found and found.count("b") <= 1 and found.count("setting") <= 1
    return [r for r in found if r] if once and known and _NAMED.search(function.__name__) else None


def _role(argument: str) -> str | None:
    name = plain(argument)
    tables = {
        "W": WEIGHTS | {"theta"}, "b": BIASES, "x": _DATA, "target": {"y", *TARGETS.split()},
        "setting": _SETTINGS,
    }  # fmt: skip
    return next((role for role, names in tables.items() if name in names), None)


@dataclass(frozen=True)
class Form:
    """Shapes of the weights and of the targets of n samples with D features."""

    W: tuple[int, ...]
    b: tuple[int, ...]
    target: str
    """"labels", "rows", "column" or "flat"."""
    columns: bool = False
    """Whether samples are columns; W is then the transpose, unless it is a single column."""


D, C = 5, 4
_CLASSES = [
    Form((D, C), (C,), "labels"),
    Form((C, D), (C, 1), "labels", columns=True),
    Form((D, C), (C,), "rows"),
]
_BINARY = [
    Form((D, 1), (), "column", columns=True),
    Form((D, 1), (), "column"),
    Form((D,), (), "flat"),
]


def forms(function: Callable) -> list[Form]:
    """The shapes to be tried, the likeliest first: those with a bias are mostly of one output."""
    return [*_BINARY, *_CLASSES] if "b" in (roles(function) or []) else [*_CLASSES, *_BINARY]


def draw(form: Form) -> Callable[[np.random.Generator, int], dict[str, np.ndarray]]:
    """Samples as rows, and their targets."""

    def drawn(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        labels = rng.permutation(np.arange(n) % (C - 1))
        binary = (labels > 0).astype(float)
        targets = {
            "labels": labels, "rows": np.eye(C)[labels], "column": binary[:, None], "flat": binary,
        }  # fmt: skip
        return {"x": rng.standard_normal((n, D)), "target": targets[form.target]}

    return drawn


class WeightedLoss(Subject):
    """Such a function, for samples as rows."""

    inputs = ("x", "target")

    def __init__(self, function: Callable, form: Form) -> None:
        self._function, self._form = function, form
        self._roles = roles(function) or []
        self.parameters = tuple(r for r in self._roles if r in ("W", "b"))
        rng = np.random.default_rng(3)
        shapes = {"W": form.W, "b": form.b}
        self._arrays = {name: rng.normal(size=shapes[name]) for name in self.parameters}
        self._arrays = {n: np.asarray(v) for n, v in self._arrays.items()}
        self._found: dict[str, Any] = {}

    def get(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def set(self, name: str, value: np.ndarray) -> None:
        self._arrays[name] = np.array(value)

    def forward(self, *inputs: np.ndarray) -> Any:
        x, target = (v.T if self._form.columns and v.ndim == 2 else v for v in inputs)
        given = {"x": x, "target": target, "setting": 0.1}
        given |= {n: v.copy() if v.shape else float(v) for n, v in self._arrays.items()}
        result = self._function(*(given[role] for role in self._roles))
        value, self._found = self._understood(result)
        return value

    def _understood(self, result: Any) -> tuple[Any, dict[str, Any]]:
        """The loss, and the gradients by name: the loss is the first or the last number."""
        if not isinstance(result, tuple):
            return _number(result), {}
        parts = list(result)
        at = next((i for i in (0, len(parts) - 1) if np.size(parts[i]) == 1 and not
                   isinstance(parts[i], dict)), None)  # fmt: skip
        if at is None:
            return result, {}
        value = _number(parts.pop(at))
        if len(parts) == 1 and isinstance(parts[0], dict):
            own = {plain(str(k)): v for k, v in parts[0].items()}
            names = {n: gradient_names(n) | {n.lower()} for n in self.parameters}
            return value, {
                n: next((own[k] for k in sorted(ks) if k in own), None) for n, ks in names.items()
            }
        return value, dict(zip(self.parameters, parts, strict=False))

    def backward(self, *upstream: np.ndarray) -> dict[str, Any]:
        found = {name: self._found.get(name) for name in self.parameters}
        return {n: v if v is None else np.asarray(v) for n, v in found.items()}


def _number(value: Any) -> Any:
    return np.asarray(value).reshape(()) if np.size(value) == 1 else value
