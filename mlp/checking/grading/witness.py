"""The child process that says nothing but numbers: what the student's code computes.

Its parent compares them with its own, in a process where the student's code never ran. So neither
a comparison that is fooled (objects equal to everything, a patched NumPy) nor a forged line earns a
point. The code of our layers is closed before the student's is asked: one that hands its work on to
ours, under whatever name, stops with an error.
"""

import builtins
import json
import os
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mlp import losses
from mlp.checking.grading.numbers import SAMPLES, draw_all, form_of, upstream_of
from mlp.checking.students.adapters import ObjectSubject, Subject
from mlp.checking.students.building import build, find_parameters
from mlp.checking.students.child import Task, begin, say
from mlp.checking.students.forms import situations
from mlp.checking.students.loading import Entry, find, load
from mlp.checking.students.situations import Situation
from mlp.checking.students.standins import restore_old_names
from mlp.checking.students.trials import backward, describe, forward
from mlp.layers import Affine, MaxPool, Multiply, ReLU, Sigmoid, Softmax

OURS = (Affine, MaxPool, Multiply, ReLU, Sigmoid, Softmax)
COMPUTING = ("forward", "backward", "jvp", "divergence", "gradient", "probabilities")
CLOSED = "a layer of mlp is no answer: write your own"


@dataclass(frozen=True)
class Question(Task):
    """What the child is asked, besides the layers in `only`."""

    network: dict[str, Any] = field(default_factory=dict)
    """The layers by task and size, with the right inputs, upstreams and parameters."""


def main(question: Question) -> None:
    """Say the numbers of each layer, and those of the network."""
    with open(question.results, "a", encoding="utf-8", buffering=1) as out:
        key = question.key
        begin(question)
        restore_old_names()  # this changes NumPy, and for the better
        untouched = _snapshot()
        search = [Path(folder) for folder in question.search]
        definitions_only = question.definitions_only
        module = load(Path(question.path), search=search, definitions_only=definitions_only).module
        entries = {e.name: e for e in find(module, question.kinds)}
        say(out, key, loaded=[*entries], error=None, notes=[])
        found: dict[str, Situation | str] = {}
        for name in [n for n in question.only if n in entries]:
            say(out, key, start=name)
            found[name] = _found(entries[name])
        ways = {name: way for name, way in found.items() if isinstance(way, Situation)}
        ready = {name: (way.make(), way) for name, way in ways.items()}
        chain = _chain(question.network, entries, ways, module)
        copied = _copies(entries, question.only)
        _close_ours()
        for name in found:
            say(out, key, start=name)
            said = _numbers(*ready[name], question.seed) if name in ready else {"why": found[name]}
            said |= {"why": CLOSED} if name in copied else {}
            say(out, key, answer={"name": name} | said)
        if question.network:
            judge = ways.get(question.network["loss"]["name"])
            said = _network_numbers(chain, question.network, judge)
            say(out, key, answer={"network": said})
        say(out, key, answer={"patched": _changed(untouched)})
        say(out, key, end=True)
        os._exit(0)


def _found(entry: Entry) -> Situation | str:
    """The main way of using it, or why there is none."""
    try:
        if entry.nothing:
            return entry.nothing
        way = situations(entry)[0]
        way.make()
        return way
    except BaseException as error:
        return str(error) or type(error).__name__


def _numbers(subject: Subject, way: Situation, seed: int) -> dict[str, Any]:
    """Output and gradients for numbers that the parent draws as well."""
    try:
        sample = way.arrays(np.random.default_rng(0), SAMPLES)
        classes = sample["x"].shape[-1]
        forms = {name: form_of(array, classes) for name, array in sample.items()}
        arrays = draw_all(forms, seed)
        returned = _watched(subject)
        y = forward(subject, arrays)
        upstream = None if "target" in subject.inputs else upstream_of(y.shape, seed)
        gradients = _listed(backward(subject, upstream))
        alien = [type(value).__name__ for value in returned if not _is_plain(value)]
        return {"forms": forms, "y": y.tolist(), "gradients": gradients, "alien": alien}
    except BaseException as error:
        return {"why": str(error) or type(error).__name__}


def _watched(subject: Subject) -> list[Any]:
    """What the student's code returns from now on, before anything is made of it."""
    returned: list[Any] = []
    ask_forward, ask_backward = subject.forward, subject.backward

    def watched_forward(*inputs: np.ndarray) -> Any:
        returned.append(ask_forward(*inputs))
        return returned[-1]

    def watched_backward(*upstream: np.ndarray) -> dict[str, Any]:
        found = ask_backward(*upstream)
        returned.extend(found.values())
        return found

    vars(subject).update(forward=watched_forward, backward=watched_backward)
    return returned


def _is_plain(value: Any) -> bool:
    """Whether no class of the student's own stands for an array or a number."""
    return value is None or type(value).__module__.partition(".")[0] in ("numpy", "builtins")


def _listed(gradients: dict[str, Any]) -> dict[str, Any]:
    return {n: None if g is None else np.asarray(g).tolist() for n, g in gradients.items()}


def _chain(
    network: dict[str, Any],
    entries: dict[str, Entry],
    ways: dict[str, Situation],
    module: types.ModuleType,
) -> list[Subject | str]:
    """The student's layers in the order of the network, from their own class or put together.

    A text stands for a layer that there is not, and says why.
    """
    places = network.get("places", [])
    made_by = vars(module).get(network["class"]) if network.get("class") else None
    if made_by is None:
        return [_made(place, entries, ways) for place in places]
    try:
        layers = list(made_by().layers)
        return [
            ObjectSubject(layer, ("x",), find_parameters(layer, place["kind"]))
            for layer, place in zip(layers, places, strict=True)
        ]
    except BaseException as error:
        return [f"its {network['class']} cannot be made: {describe(error)}"] * len(places)


def _made(
    place: dict[str, Any], entries: dict[str, Entry], ways: dict[str, Situation]
) -> Subject | str:
    name, way = place["name"], ways.get(place["name"])
    if way is None:
        return f"there is no {name} that works"
    try:
        D, M = place["sizes"] or (way.size.D, way.size.M)
        return build(entries[name], replace(way.size, D=D, M=M), way.recipe)
    except BaseException as error:
        return f"it cannot be made: {describe(error)}"


def _network_numbers(
    chain: list[Subject | str], network: dict[str, Any], loss: Situation | None
) -> dict[str, Any]:
    """Each layer twice: alone, for the right input and upstream, and in its turn, for what it gets.

    Where a layer stops with an error the next one gets the right numbers.
    """
    places = network["places"]
    alone = [_tried(_alone, s, p) for s, p in zip(chain, places, strict=True)]
    turn: list[dict[str, Any]] = []
    x = np.array(places[0]["x"])
    for subject, place in zip(chain, places, strict=True):
        said = _tried(_forward, subject, place, x)
        turn.append({"x": x} | said)
        x = said.get("y", np.array(place["y"]))
    upstream = np.array(places[-1]["upstream"])
    if loss is not None:
        own = _tried(_of_loss, loss, x, network["loss"]["labels"]).get("x")
        upstream = own if own is not None and own.shape == upstream.shape else upstream
    for k in reversed(range(len(chain))):
        said = _tried(_backward, chain[k], upstream)
        turn[k] |= {"upstream": upstream} | said
        found, right = said.get("gradients", {}).get("x"), np.array(places[k]["dx"])
        upstream = found if found is not None and found.shape == right.shape else right
    return {"alone": [_plain(a) for a in alone], "turn": [_plain(t) for t in turn]}


def _alone(subject: Subject | str, place: dict[str, Any]) -> dict[str, Any]:
    said = _forward(subject, place, np.array(place["x"]))
    return said | _backward(subject, np.array(place["upstream"]))


def _forward(subject: Subject | str, place: dict[str, Any], x: np.ndarray) -> dict[str, Any]:
    if isinstance(subject, str):
        raise ValueError(subject)
    return {"y": forward(subject, _oriented(subject, place["parameters"]) | {"x": x})}


def _backward(subject: Subject | str, upstream: np.ndarray) -> dict[str, Any]:
    if isinstance(subject, str):
        raise ValueError(subject)
    return {"gradients": backward(subject, upstream)}


def _of_loss(loss: Situation, y: np.ndarray, labels: list[int]) -> dict[str, Any]:
    """The gradient of the student's own loss, with the labels in the form that it takes."""
    target = loss.arrays(np.random.default_rng(0), SAMPLES)["target"]
    given = np.array(labels) if target.ndim == 1 else np.eye(y.shape[1])[labels]
    subject = loss.make()
    forward(subject, {"x": y, "target": given})
    return backward(subject, None)


def _oriented(subject: Subject, parameters: dict[str, Any]) -> dict[str, np.ndarray]:
    """The parameters in the shapes of the student's: W may be (out, in)."""
    arrays = {}
    for name in subject.parameters:
        value, shape = np.array(parameters[name]), subject.get(name).shape
        arrays[name] = value.T if value.T.shape == shape else value.reshape(shape)
    return arrays


def _tried(ask: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    try:
        return ask(*given)
    except BaseException as error:
        return {"why": str(error) or type(error).__name__}


def _plain(said: dict[str, Any]) -> dict[str, Any]:
    """Arrays as lists."""
    return {
        key: _listed(value) if isinstance(value, dict) else np.asarray(value).tolist()
        for key, value in said.items()
    }


def _our_functions() -> Iterator[types.FunctionType]:
    """All methods of our layers and losses that compute."""
    theirs = [c for c in vars(losses).values() if isinstance(c, type)]
    for cls in (*OURS, *theirs):
        if cls.__module__.startswith("mlp."):
            yield from (
                f
                for name, f in vars(cls).items()
                if name in COMPUTING and isinstance(f, types.FunctionType)
            )


def _close_ours() -> None:
    """The code of our layers raises from now on, also where it was taken away before."""

    def closed(*arguments: Any, **named: Any) -> Any:
        raise RuntimeError("a layer of mlp is no answer: write your own")  # a global is not seen

    for function in _our_functions():
        if not function.__code__.co_freevars:
            function.__code__ = closed.__code__


def _copies(entries: dict[str, Entry], names: list[str]) -> set[str]:
    """Names of layers with a method that is ours, or the same instruction by instruction."""
    ours = {_fingerprint(f) for f in _our_functions()}
    found = set()
    for name in names:
        code = entries[name].code if name in entries else None
        methods = [getattr(code, n, None) for n in ("forward", "backward")]
        functions = [*(code if isinstance(code, tuple) else methods)]
        if any(_fingerprint(f) in ours for f in functions if isinstance(f, types.FunctionType)):
            found.add(name)
    return found


def _fingerprint(function: types.FunctionType) -> tuple[Any, ...]:
    code = function.__code__
    return code.co_code, code.co_names, code.co_varnames


def _snapshot() -> dict[str, dict[str, Any]]:
    """The functions of NumPy, and those of Python that compare, before the student's code runs."""
    whole = {m.__name__: vars(m) for m in (np, np.linalg, np.random)}
    comparing = ("abs", "all", "any", "bool", "float", "isinstance", "len", "max", "min", "sum")
    some = {"builtins": {name: getattr(builtins, name) for name in comparing}}
    return {
        module: {name: value for name, value in functions.items() if callable(value)}
        for module, functions in (whole | some).items()
    }


def _changed(untouched: dict[str, dict[str, Any]]) -> list[str]:
    """Names of functions that are no longer what they were."""
    return [
        f"{module}.{name}"
        for module, functions in untouched.items()
        for name, value in functions.items()
        if vars(sys.modules[module]).get(name) is not value
    ]


def start() -> None:
    """Answer the question that standard input holds."""
    main(Question(**json.load(sys.stdin)))


if __name__ == "__main__":
    start()
