"""The forward pass, which is judged first."""

import numpy as np

from mlp.checking import diagnosis
from mlp.checking.students.examination import Examination, Wrong
from mlp.checking.students.references import LossReference, OwnForward, Reference, loss_references
from mlp.checking.students.situations import Situation
from mlp.checking.students.trials import (
    Arrays,
    Trial,
    close,
    forward,
)


def output_is_right(examination: Examination, s: Situation) -> bool:
    """Judge the output in one situation; findings go into the examination."""
    rng = np.random.default_rng(examination.seed)
    trials = [s.arrays(rng, n) for n in s.batches]
    outputs = [forward(s.make(), arrays) for arrays in trials]
    if s.right:
        if isinstance(s.reference, LossReference) and s.reference.epsilon:
            examination.blame("log-epsilon", "", f"forward takes log(p + {s.reference.epsilon:g}).")
        if not isinstance(s.reference, OwnForward):
            _precision(examination, s, trials, outputs)
        return True
    _closest(s, trials, outputs)
    names, text = [], ""
    for arrays, y in zip(trials, outputs, strict=True):
        truth = s.reference.forward(arrays)
        names.append(diagnosis.wrong_output(s.kind, arrays, y, truth))
        text = text or difference(y, truth, s.reference.label)
    identity = names[0] if len(set(names)) == 1 else "forward-wrong"
    examination.blame(identity, "forward", text)
    trial = Trial(trials[0], np.ones(outputs[0].shape), outputs[0])
    examination.wrong = examination.wrong or Wrong(s, [], trial)
    return False


def _closest(s: Situation, trials: list[Arrays], outputs: list[np.ndarray]) -> None:
    """Compare a wrong loss with the averaging that comes nearest to it."""
    if not isinstance(s.reference, LossReference) or outputs[0].shape:
        return

    def gap(reference: Reference) -> float:
        truths = [reference.forward(arrays) for arrays in trials]
        return sum(abs(float(y - t)) for y, t in zip(outputs, truths, strict=True))

    plain = [r for r in loss_references(s.reference.kind) if not r.epsilon]
    s.reference = min(plain, key=gap)


def difference(y: np.ndarray, truth: np.ndarray, label: str) -> str:
    """Where the output differs most, in words."""
    who = f"{label}," if "," in label else label
    if y.shape != truth.shape:
        return f"forward gives the shape {y.shape}; {who} gives {truth.shape}."
    with np.errstate(all="ignore"):
        at = np.unravel_index(
            int(np.nanargmax(np.where(np.isnan(y), np.inf, abs(y - truth)))), y.shape
        )
    place = f" at {tuple(int(i) for i in at)}" if at else ""
    return f"forward gives {y[at]:.6g}{place}; {who} gives {truth[at]:.6g}."


def _precision(
    examination: Examination, s: Situation, trials: list[Arrays], outputs: list[np.ndarray]
) -> None:
    """Right to five digits; are the others there as well?"""
    pairs = list(zip(trials, outputs, strict=True))
    if all(close(y, s.reference.forward(a), 1e-10) for a, y in pairs):
        return
    if _cut_to_float32(s, trials[0], outputs[0]):
        examination.blame("dtype-changed", "", "forward computes float64 input in float32.")
        s.reference.tolerance = 1e-4
    elif all(close(y, s.reference.forward(a), 1e-6) for a, y in pairs):
        examination.notes.append("a clip or a tiny constant changes the output by less than 1e-6")
        s.reference.tolerance = 1e-5
    else:
        y, truth = outputs[0], s.reference.forward(trials[0])
        examination.blame("forward-wrong", "", difference(y, truth, s.reference.label))


def _cut_to_float32(s: Situation, arrays: Arrays, y: np.ndarray) -> bool:
    """Whether rounding the floats to float32 beforehand changes nothing, or y has that dtype."""
    if y.dtype == np.float32:
        return True
    rounded = {
        n: v.astype(np.float32).astype(np.float64) if v.dtype.kind == "f" else v
        for n, v in arrays.items()
    }
    inputs_only = arrays | {n: rounded[n] for n in s.make().inputs}
    return any(np.array_equal(forward(s.make(), a), y) for a in (rounded, inputs_only))
