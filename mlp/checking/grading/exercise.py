"""What is expected of a submission, and for how many points: the file `exercise.toml`.

    title = "..."                    on all pages
    [conventions]
    loss = "rows"                    the average over rows or "entries", a "sum", or "any" of them
    parameters = "sum"               dW and db are sums over the batch; "any": also averages
    [points]                         of each task, unless it says otherwise
    forward = 1
    gradient = 1                     for each: dx, dW, db
    style = 1
    [tasks.Affine]                   a class, or functions affine_forward and affine_backward
    kind = "Affine"                  if the name does not say it
    forward = 2
    gradients = {x = 1, W = 2, b = 1}
    [network]                        optional: the student's own layers as one network
    class = "Network"                theirs, with `.layers`; without it we put them together
    layers = ["Affine(6, 5)", "ReLU()", "Affine(5, 3)"]
    loss = "SoftmaxCrossEntropy"
    points = 1                       for each layer

Any mistake in it is one ValueError that says where.
"""

import itertools
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlp.checking.students.names import LOSSES, kind_of, plain
from mlp.errors import DataError

SHARES = {
    "rows": "averaged over the samples",
    "entries": "averaged over all entries",
    "sum": "summed over the batch",
}
"""Conventions for losses, and what the check calls them."""
ARRAYS = {"Affine": ("x", "W", "b")}
KEYS = {
    "": {"title", "conventions", "points", "tasks", "network"},
    "conventions": {"loss", "parameters"},
    "points": {"forward", "gradient", "style"},
    "network": {"class", "layers", "loss", "points"},
    "tasks": {"kind", "forward", "gradients", "style"},
}


@dataclass(frozen=True)
class Task:
    """One layer or loss that is expected, and its points."""

    name: str
    kind: str | None
    forward: float
    gradients: dict[str, float]
    style: float

    @property
    def points(self) -> float:
        """All that can be had for it."""
        return self.forward + sum(self.gradients.values()) + self.style


@dataclass(frozen=True)
class Place:
    """A layer of the network: which task's, and the widths that it is built for."""

    task: str
    sizes: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.task}({', '.join(map(str, self.sizes))})"


@dataclass(frozen=True)
class Network:
    """The layers in their order, the loss, and the points for each layer."""

    places: list[Place]
    loss: str
    points: float
    made_by: str | None = None
    """The class of the student's that holds them in `.layers`."""


@dataclass(frozen=True)
class Exercise:
    """All tasks, what is enforced, and the text that they were read from."""

    title: str
    tasks: list[Task]
    loss: str
    parameters: str
    network: Network | None = None
    text: bytes = field(default=b"", repr=False)

    @property
    def points(self) -> float:
        """All that can be had."""
        network = self.network.points * len(self.network.places) if self.network else 0
        return sum(task.points for task in self.tasks) + network

    def task_of(self, name: str) -> Task | None:
        """The task that a class or function of a student means, also in other letters."""
        exact = [t for t in self.tasks if t.name == name]
        return next(iter([*exact, *(t for t in self.tasks if plain(t.name) == plain(name))]), None)


def read_exercise(path: Path) -> Exercise:
    """The exercise in the file; DataError that names the file and the place."""
    text = path.read_bytes()
    try:
        return _exercise(tomllib.loads(text.decode("utf-8")), path.stem, text)
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: {error}") from None


def _exercise(data: dict[str, Any], title: str, text: bytes) -> Exercise:
    _known(data, "", "the file")
    conventions, points = data.get("conventions", {}), data.get("points", {})
    _known(conventions, "conventions", "[conventions]")
    _known(points, "points", "[points]")
    tasks = [_task(name, table, points) for name, table in data.get("tasks", {}).items()]
    if not tasks:
        raise ValueError('expected a table for each task, e.g. [tasks.ReLU] or [tasks."fc"]')
    network = _network(data["network"], tasks) if "network" in data else None
    loss = _one_of(conventions.get("loss", "any"), [*SHARES, "any"], "[conventions] loss")
    parameters = conventions.get("parameters", "any")
    _one_of(parameters, ["sum", "any"], "[conventions] parameters")
    return Exercise(str(data.get("title", title)), tasks, loss, parameters, network, text)


def _known(table: dict[str, Any], which: str, where: str) -> None:
    if unknown := [key for key in table if key not in KEYS[which]]:
        raise ValueError(f"{where} has {unknown[0]!r}, expected {', '.join(sorted(KEYS[which]))}")


def _one_of(value: Any, allowed: list[str], where: str) -> str:
    if value not in allowed:
        raise ValueError(f"{where} is {value!r}, expected one of {', '.join(allowed)}")
    return str(value)


def _points(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        raise ValueError(f"{where} is {value!r}, expected points, a number from 0")
    return float(value)


def _task(name: str, table: dict[str, Any], points: dict[str, Any]) -> Task:
    where = f"[tasks.{name}]"
    _known(table, "tasks", where)
    kind = kind_of(str(table.get("kind", name)))
    if "kind" in table and kind is None:
        raise ValueError(f"{where} kind is {table['kind']!r}, which is no layer or loss of ours")
    each = _points(points.get("gradient", 1), "[points] gradient")
    usual = dict.fromkeys(ARRAYS.get(kind or "", ("x",)), each)
    gradients = {k: _points(v, f"{where} {k}") for k, v in table.get("gradients", usual).items()}
    forward, style = (
        _points(table.get(part, points.get(part, 1)), f"{where} {part}")
        for part in ("forward", "style")
    )
    return Task(name, kind, forward, gradients, style)


def _network(table: dict[str, Any], tasks: list[Task]) -> Network:
    _known(table, "network", "[network]")
    kinds = {t.name: t.kind for t in tasks}
    places = [_place(text, kinds) for text in table.get("layers", [])]
    loss = table.get("loss", "SoftmaxCrossEntropy")
    if not places or loss not in LOSSES or loss == "KLDivergence":
        raise ValueError('[network] needs layers = ["Affine(6, 5)", ...] and the name of a loss')
    widths = [place for place in places if place.sizes]
    for before, after in itertools.pairwise(widths):
        if before.sizes[1] != after.sizes[0]:
            raise ValueError(f"[network] {before} gives {before.sizes[1]} columns to {after}")
    name = table.get("class")
    points = _points(table.get("points", 1), "[network] points")
    return Network(places, loss, points, None if name is None else str(name))


def _place(text: Any, kinds: dict[str, str | None]) -> Place:
    found = re.fullmatch(r"(\w+)\s*(?:\(([\d\s,]*)\))?", str(text))
    if found is None or kinds.get(found[1]) not in ("Affine", "ReLU", "Sigmoid", "Softmax"):
        raise ValueError(
            f"[network] layers has {text!r}, expected a task of the kind Affine, ReLU, Sigmoid or "
            'Softmax with its widths, e.g. "Affine(6, 5)"'
        )
    sizes = tuple(int(word) for word in re.findall(r"\d+", found[2] or ""))
    if len(sizes) != (2 if kinds[found[1]] == "Affine" else 0) or 0 in sizes:
        raise ValueError(f'[network] {text!r}: expected "Affine(inputs, outputs)" or "ReLU()"')
    return Place(found[1], sizes)
