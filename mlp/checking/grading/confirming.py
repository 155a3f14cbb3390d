"""Whether what the witness said is right: the student's numbers beside our own.

Here, in the parent, none of the student's code has ever run.
"""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mlp.checking.grading.exercise import SHARES, Exercise, Task
from mlp.checking.grading.network import Judged, plan
from mlp.checking.grading.numbers import SAMPLES, Form, draw_all, upstream_of
from mlp.checking.grading.witness import Question
from mlp.checking.students.references import (
    PLAIN,
    AffineReference,
    LayerReference,
    LossReference,
    PoolReference,
    ProductReference,
    Reference,
    loss_references,
)
from mlp.checking.students.sandbox import Limits, Start, ask, search_path
from mlp.checking.students.trials import close
from mlp.layers import MaxPool, Multiply

TOLERANCE = 1e-4
"""Relative: this is no check of precision; float32 is confirmed too."""


@dataclass
class Confirmed:
    """What of a task is right by the numbers; `why` says what is not."""

    forward: bool = False
    gradients: dict[str, bool] = field(default_factory=dict)
    why: str = ""
    no_reference: bool = False
    """There is no layer of ours of that kind, so nothing was compared."""
    convention: str = ""
    """What the exercise enforces, and the student does otherwise."""


@dataclass
class Testimony:
    """What was found out about a file's layers, by their names in the file."""

    tasks: dict[str, Confirmed]
    network: list[Judged] | None = None
    tampered: str | None = None


def confirm(
    file: Path,
    wanted: dict[str, Task],
    exercise: Exercise,
    limits: Limits,
    seed: int,
    start: Start | None = None,
    definitions_only: bool = False,
) -> Testimony:
    """Ask a child for the numbers of the layers (names in the file), and compare them.

    The file is loaded as the check has loaded it: `definitions_only` if that took too long.
    """
    right = plan(exercise, seed) if exercise.network else None
    question = Question(
        file=file.name,
        path=str(file.resolve()),
        only=[*wanted],
        kinds={name: task.kind for name, task in wanted.items() if task.kind},
        seed=seed,
        mebibytes=limits.mebibytes,
        guarded=limits.guarded,
        search=search_path(),
        definitions_only=definitions_only,
        network=right.question(wanted) if right else {},
    )
    answers, why = _answers(question, limits, start)
    said = {a["name"]: a for a in answers if isinstance(a.get("name"), str)}
    silent = {"why": why or "its process gave no numbers"}
    tasks = {n: _compared(said.get(n, silent), t, exercise, seed) for n, t in wanted.items()}
    patched = [str(name) for a in answers for name in a.get("patched", ())]
    aliens = [str(name) for a in answers for name in a.get("alien", ())]
    tampered = None
    if patched:
        tampered = f"it has replaced {', '.join(patched[:3])}"
    elif aliens:
        tampered = f"it returns objects of a class of its own ({aliens[0]}) for arrays"
    about = next((a["network"] for a in answers if "network" in a), silent)
    return Testimony(tasks, right.judge(about) if right else None, tampered)


def _answers(
    question: Question, limits: Limits, start: Start | None
) -> tuple[list[dict[str, Any]], str]:
    """What the children say, and how the last one ended.

    A layer that ends its process is left out, and the others are asked again.
    """
    deadline = time.monotonic() + limits.seconds
    names, answers = question.only, list[dict[str, Any]]()
    while True:
        run, why = ask(replace(question, only=names), deadline - time.monotonic(), start)
        answers += [a for a in run.answers if isinstance(a, dict)]
        if run.ended or run.current not in names or time.monotonic() > deadline:
            return answers, why
        answers.append({"name": run.current, "why": why})
        names = [name for name in names if name != run.current]


def _compared(said: dict[str, Any], task: Task, exercise: Exercise, seed: int) -> Confirmed:
    if task.kind is None:
        return Confirmed(True, no_reference=True)
    if "why" in said:
        return Confirmed(why=str(said["why"]))
    try:
        forms = {n: Form(f[0], tuple(f[1]), f[2]) for n, f in said["forms"].items()}
        return _judged(said, forms, task, exercise, seed)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        return Confirmed(why=f"its numbers cannot be compared: {error}")


def _judged(
    said: dict[str, Any], forms: dict[str, Form], task: Task, exercise: Exercise, seed: int
) -> Confirmed:
    if forms["x"].shape[0] != SAMPLES or min(forms["x"].shape) < 2:
        raise ValueError(f"x has the shape {forms['x'].shape}")
    arrays = draw_all(forms, seed)
    y = np.array(said["y"], float)
    for reference in references(task.kind or "", forms):
        try:
            if not close(y, reference.forward(arrays), TOLERANCE):
                continue
            right = reference.gradients(arrays, upstream_of(y.shape, seed))
        except (ValueError, TypeError):
            continue
        return _gradients(said["gradients"], right, reference, exercise)
    return Confirmed(why="its output is not that of the reference")


def _gradients(
    found: dict[str, Any], right: dict[str, np.ndarray], reference: Reference, exercise: Exercise
) -> Confirmed:
    verdicts, reasons = {}, []
    for name, truth in right.items():
        value = np.array(found.get(name), float) if found.get(name) is not None else np.empty(0)
        value = value.reshape(truth.shape) if value.size == truth.size else value
        averaged = name != "x" and close(value, truth / SAMPLES, TOLERANCE)
        verdicts[name] = close(value, truth, TOLERANCE) or (
            averaged and exercise.parameters == "any"
        )
        if averaged and not verdicts[name]:
            reasons.append(f"d{name} is an average over the batch; the exercise asks for the sum")
    forward = True
    if isinstance(reference, LossReference) and exercise.loss != "any":
        wanted = SHARES[exercise.loss]
        if reference.share != wanted:
            forward = False
            reasons.append(f"the loss is {reference.share}; the exercise asks for: {wanted}")
    return Confirmed(forward, verdicts, convention="; ".join(reasons))


def references(kind: str, forms: dict[str, Form]) -> list[Reference]:
    """What a layer of that kind may be, by the conventions that the check accepts."""
    if kind == "Affine":
        return [AffineReference(False), AffineReference(True)]
    if kind in PLAIN:
        return [LayerReference(PLAIN[kind]())]
    if kind == "Multiply":
        return [ProductReference()] if "y" in forms else [LayerReference(Multiply())]
    if kind == "MaxPool":
        pools = [(k, s) for k in (2, 3, 4) for s in (k, 1, 2)]
        vectors: list[Reference] = [PoolReference(MaxPool(k, s)) for k, s in pools]
        return [*vectors, *(PoolReference(MaxPool((k, k), s)) for k, s in pools)]
    return [*loss_references(kind)]
