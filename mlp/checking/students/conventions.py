"""Choices that are a matter of taste: found out and noted, never failed.

Kinks come here too: the slope of ReLU at 0, and where a tie in MaxPool sends its gradient.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlp.checking.students.references import AffineReference, LossReference, PoolReference
from mlp.checking.students.situations import Situation
from mlp.checking.students.trials import Arrays, Trial, close, run


@dataclass
class AtKink:
    """What a layer does at a kink: `accepted`, whether as our layer does, and words for it."""

    accepted: bool
    usual: bool
    text: str
    identity: str = "unknown"
    trial: Trial | None = None


def notes(situation: Situation) -> list[str]:
    """Notes on the conventions that the choice of the reference has settled."""
    reference = situation.reference
    if isinstance(reference, AffineReference) and reference.flipped:
        return ["weights are (out, in)"]
    if isinstance(reference, LossReference) and situation.right:
        return [f"the loss is {reference.label.partition(', ')[2]}"]
    if isinstance(reference, PoolReference):
        return [f"compared with {reference.label}"]
    return []


def averaged(found: dict[str, Any], truth: Arrays, n: int) -> bool:
    """Whether all parameter gradients, and not dx, are averages over the batch."""
    parameters = [name for name in truth if name not in ("x", "y", "target")]
    return bool(parameters) and all(
        found.get(name) is not None and close(found[name].reshape(-1), truth[name].reshape(-1) / n)
        for name in parameters
    )


def relu_at_zero(situation: Situation, seed: int) -> AtKink:
    """The slope at exactly 0: any from 0 to 1 is a subgradient."""
    rng = np.random.default_rng(seed)
    arrays = situation.arrays(rng, 7)
    arrays["x"] = rng.integers(-1, 2, arrays["x"].shape).astype(float)
    trial = run(situation.make(), arrays, None, rng)
    at = arrays["x"] == 0
    with np.errstate(all="ignore"):
        slopes = np.unique((trial.gradients["x"] / trial.upstream)[at].round(12)) + 0.0
    if close(trial.y, np.maximum(arrays["x"], 0)) and ((slopes >= 0) & (slopes <= 1)).all():
        words = f"{slopes[0]:g}" if len(slopes) == 1 else f"from {slopes[0]:g} to {slopes[-1]:g}"
        return AtKink(True, bool((slopes == 0).all()), f"the slope at 0 is {words}")
    return AtKink(False, False, "At x = 0 the slope is outside [0, 1].", trial=trial)


def pool_ties(situation: Situation, reference: PoolReference, seed: int) -> AtKink:
    """A tie may go to the first, to the last, or be split evenly."""
    rng = np.random.default_rng(seed)
    arrays = situation.arrays(rng, 7)
    arrays["x"] = rng.integers(0, 2, arrays["x"].shape).astype(float)
    trial = run(situation.make(), arrays, None, rng)
    windows = reference.windows(arrays["x"].shape)
    rules = {"to the first": "first", "to the last": "last", "evenly to all of the": "split"}
    for words, rule in rules.items():
        if close(trial.gradients["x"], tied(arrays["x"], trial.upstream, windows, rule)):
            return AtKink(True, rule == "first", f"ties go {words} maximum")
    if close(trial.gradients["x"], tied(arrays["x"], trial.upstream, windows, "all")):
        return AtKink(False, False, "Checked on tied windows.", "tie-all")
    if _conserved(trial, windows):
        return AtKink(True, False, "ties go to some maximum of the window")
    return AtKink(False, False, "On tied windows the gradient is wrong.", trial=trial)


def tied(x: np.ndarray, upstream: np.ndarray, windows: np.ndarray, rule: str) -> np.ndarray:
    """dL/dx of a pool with one of the rules for ties: first, last, split or all."""
    flat = x.reshape(-1, windows.max() + 1) if _fits(x, windows) else _rows(x, windows)
    u = upstream.reshape(len(flat), -1)
    dx = np.zeros(flat.shape)
    for j, window in enumerate(windows):
        top = flat[:, window] == flat[:, window].max(axis=1, keepdims=True)
        dx[:, window] += _shares(top, rule) * u[:, j : j + 1]
    return dx.reshape(x.shape)


def _shares(top: np.ndarray, rule: str) -> np.ndarray:
    if rule == "all":
        return top.astype(float)
    if rule == "split":
        return top / top.sum(axis=1, keepdims=True)
    winner = top.argmax(axis=1) if rule == "first" else top.shape[1] - 1 - top[:, ::-1].argmax(1)
    return np.eye(top.shape[1])[winner]


def _fits(x: np.ndarray, windows: np.ndarray) -> bool:
    return windows.max() + 1 == x[0].size


def _rows(x: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """x with its pooled axes as one: as many of the last ones as the windows need."""
    cells, axis = 1, x.ndim
    while cells <= windows.max():
        axis -= 1
        cells *= x.shape[axis]
    return x.reshape(-1, cells)


def _conserved(trial: Trial, windows: np.ndarray) -> bool:
    """Only maxima get a gradient, and each window passes on its upstream, no more and no less."""
    x, dx = _rows(trial.arrays["x"], windows), trial.gradients["x"]
    if dx.shape != trial.arrays["x"].shape or len(np.unique(windows)) != windows.size:
        return False
    flat, u = dx.reshape(x.shape), trial.upstream.reshape(len(x), -1)
    cells = flat[:, windows]
    top = x[:, windows] == x[:, windows].max(axis=-1, keepdims=True)
    return close(cells.sum(axis=-1), u) and not cells[~top].any()
