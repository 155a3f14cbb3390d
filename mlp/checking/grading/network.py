"""The layers of a submission as one network, with mistakes carried forward.

Each layer is asked twice: alone, with the input and the upstream that the right network would give
it, and in its turn, with what the student's own layers give it. A layer that is right for what it
got has made no mistake, however wrong its numbers are: the mistake is another's.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlp import losses
from mlp.checking.grading.exercise import Exercise, Network, Task
from mlp.checking.grading.numbers import SAMPLES
from mlp.checking.students.references import PLAIN
from mlp.checking.students.trials import close
from mlp.layers import Affine, Layer

TOLERANCE = 1e-4


@dataclass
class Judged:
    """One layer of the network: whether it costs points, and what is to be said."""

    task: str
    place: int
    right: bool
    """It is right for the right input and upstream, and for those that it got."""
    alone: bool
    carried: bool
    """Its numbers are wrong though it is right: a mistake of another layer, carried forward."""
    text: str
    tried: bool = True


@dataclass
class Plan:
    """The right network, with all its numbers."""

    network: Network
    kinds: dict[str, str | None]
    places: list[dict[str, Any]]
    labels: list[int]

    def question(self, wanted: dict[str, Task]) -> dict[str, Any]:
        """What the child needs, with the names that the tasks have in the file."""
        names = {task.name: name for name, task in wanted.items()}
        places = [
            {key: np.asarray(place[key]).tolist() for key in ("x", "y", "upstream", "dx")}
            | {"parameters": {n: p.tolist() for n, p in place["parameters"].items()}}
            | {"sizes": where.sizes, "kind": self.kinds[where.task]}
            | {"name": names.get(where.task, where.task)}
            for place, where in zip(self.places, self.network.places, strict=True)
        ]
        loss = {"name": names.get(self.network.loss, self.network.loss), "labels": self.labels}
        return {"class": self.network.made_by, "places": places, "loss": loss}

    def judge(self, said: Any) -> list[Judged]:
        """Each layer, by what the child has said."""
        try:
            pairs = list(zip(said["alone"], said["turn"], strict=True))
            if len(pairs) != len(self.places):
                raise ValueError("it has another number of layers")
            return [self._judged(k, alone, turn) for k, (alone, turn) in enumerate(pairs)]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            why = said.get("why") if isinstance(said, dict) else None
            text = f"not tried: {why or error}"
            tasks = [place.task for place in self.network.places]
            return [Judged(t, k, False, False, False, text, False) for k, t in enumerate(tasks)]

    def _judged(self, k: int, alone: dict[str, Any], turn: dict[str, Any]) -> Judged:
        place, task = self.places[k], self.network.places[k].task
        wrong_alone = self._wrong(k, place["x"], place["upstream"], alone)
        x, upstream = np.array(turn["x"], float), np.array(turn["upstream"], float)
        wrong_turn = self._wrong(k, x, upstream, turn)
        as_it_should = close(x, place["x"], TOLERANCE) and close(
            upstream, place["upstream"], TOLERANCE
        )
        right = not wrong_alone and not wrong_turn
        if wrong_alone:
            text = f"wrong for the right input and upstream: {wrong_alone}"
        elif wrong_turn:
            text = f"right alone, wrong among the others: {wrong_turn}"
        elif as_it_should:
            text = "right"
        else:
            text = "right for what it gets; what it gets is wrong, by a mistake of another layer"
        return Judged(task, k, right, not wrong_alone, right and not as_it_should, text)

    def _wrong(self, k: int, x: np.ndarray, upstream: np.ndarray, said: dict[str, Any]) -> str:
        """What differs from the right layer at that input and upstream; empty if nothing."""
        if "why" in said:
            return str(said["why"])
        parameters = self.places[k]["parameters"]
        layer = _layer(self.kinds[self.network.places[k].task], parameters)
        right = {"y": layer.forward(x)}
        right |= {"dx": layer.backward(upstream)}
        right |= {f"d{n}": np.asarray(g) for n, g in layer.gradients().items()}
        found = {"y": said["y"]} | {f"d{n}": g for n, g in said["gradients"].items()}
        return ", ".join(name for name in right if not _same(found.get(name), right[name]))


def _same(found: Any, right: np.ndarray) -> bool:
    """Also transposed (weights (out, in)), as a row, or averaged over the batch."""
    if found is None:
        return False
    value = np.array(found, float)
    if value.size != right.size:
        return False
    shapes = [value.T] if value.T.shape == right.shape != value.shape else [value]
    return any(
        close(v.reshape(right.shape), truth, TOLERANCE)
        for v in shapes
        for truth in (right, right / SAMPLES)
    )


def plan(exercise: Exercise, seed: int) -> Plan:
    """The right network for this exercise: parameters, inputs, outputs and gradients."""
    network, rng = exercise.network, np.random.default_rng([seed, 2])
    if network is None:
        raise ValueError("the exercise has no network")
    kinds = {task.name: task.kind for task in exercise.tasks}
    width = next((place.sizes[0] for place in network.places if place.sizes), 4)
    x = rng.standard_normal((SAMPLES, width))
    places: list[dict[str, Any]] = []
    layers: list[Layer] = []
    for where in network.places:
        parameters = {}
        if where.sizes:
            parameters = {n: rng.standard_normal(s) for n, s in _shapes(where.sizes).items()}
        layers.append(_layer(kinds[where.task], parameters))
        y = layers[-1].forward(x)
        places.append({"x": x, "y": y, "parameters": parameters})
        x = y
    loss = getattr(losses, network.loss)()
    labels = rng.integers(0, x.shape[1], SAMPLES)
    loss.forward(x, labels)
    upstream = loss.backward()
    for place, layer in zip(reversed(places), reversed(layers), strict=True):
        place["upstream"] = upstream
        place["dx"] = upstream = layer.backward(upstream)
    return Plan(network, kinds, places, labels.tolist())


def _shapes(sizes: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {"W": sizes, "b": sizes[1:]}


def _layer(kind: str | None, parameters: dict[str, np.ndarray]) -> Layer:
    """One of ours, with these parameters."""
    if kind != "Affine":
        return PLAIN[kind or ""]()
    layer = Affine(*parameters["W"].shape, init="zeros")
    layer.W, layer.b = parameters["W"], parameters["b"]
    return layer
