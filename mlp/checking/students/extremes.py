"""Inputs of +-1000, and float32: where the range and the precision of floats show."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mlp.checking.students.adapters import ObjectSubject, Subject
from mlp.checking.students.examination import Finding
from mlp.checking.students.references import LossReference, OwnForward, Reference
from mlp.checking.students.situations import Situation
from mlp.checking.students.slots import slots
from mlp.checking.students.trials import (
    Arrays,
    Broken,
    NothingToCheck,
    Trial,
    WrongOutput,
    close,
    forward,
    run,
)

EXACT = ("Affine", "ReLU", "Multiply", "MaxPool")
"""No exponential is in them: a wrong number at 1000 is no overflow, but a wrong formula."""


def large(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """+-1000 with a little noise; the first row all below, the second all above."""
    signs = rng.choice([-1.0, 1.0], x.shape)
    signs[0], signs[1:2] = -1.0, 1.0
    return 1000 * signs + x


def overflows(s: Situation, seed: int) -> Iterator[Finding]:
    """NaN, infinity or a wrong value where the right one is an ordinary number."""
    rng = np.random.default_rng(seed)
    arrays = s.arrays(rng, 7)
    if s.kind == "KLDivergence" or arrays["x"].dtype.kind != "f" or abs(arrays["x"]).max() <= 1:
        return
    for name in s.make().inputs:
        if name != "target":
            arrays[name] = large(arrays[name], rng)
    try:
        trial = run(s.make(), arrays, None, rng)
    except (Broken, WrongOutput) as error:
        yield Finding("overflow", f"For inputs of +-1000, {error}.")
        return
    judge = _black_box if isinstance(s.reference, OwnForward) else _against_reference
    yield from judge(s, trial)


def _against_reference(s: Situation, trial: Trial) -> Iterator[Finding]:
    truth = s.reference.forward(trial.arrays)
    if not close(trial.y, truth, 1e-6):
        if _capped(s.reference, trial, truth):
            yield Finding(
                None,
                "a clip or a tiny constant in the logarithm bounds the loss at +-1000: a network "
                "that is sure and wrong looks better than it is; log p can be computed from the "
                "logits, z - m - log(sum(exp(z - m))) with the row's largest m",
            )
            return
        lost = s.kind not in EXACT or not np.isfinite(trial.y).all()
        yield Finding("overflow" if lost else "forward-wrong", _compared("forward", trial.y, truth))
        return
    for name, right in s.reference.gradients(trial.arrays, trial.upstream).items():
        found = trial.gradients[name]
        scaled = right / trial.n if not close(found.reshape(right.shape), right, 1e-6) else right
        if not close(found.reshape(right.shape), scaled, 1e-6):
            lost = s.kind not in EXACT or not np.isfinite(found).all()
            yield Finding("overflow" if lost else "unknown", _compared(f"d{name}", found, right))
            return


def _compared(what: str, found: np.ndarray, right: np.ndarray) -> str:
    if found.shape != right.shape:
        return f"For inputs of +-1000 {what} has another shape."
    with np.errstate(all="ignore"):
        gap = np.where(np.isfinite(found), abs(found - right), np.inf)
    at = np.unravel_index(int(gap.argmax()), gap.shape)
    return f"For inputs of +-1000 {what} gives {found[at]:.6g}, right is {right[at]:.6g}."


def _capped(reference: Reference, trial: Trial, truth: np.ndarray) -> bool:
    """A cross-entropy of max(p, tiny) or p + tiny: finite, bounded, and with a finite gradient."""
    if not isinstance(reference, LossReference) or "CrossEntropy" not in reference.kind:
        return False
    gradient = trial.gradients["x"]
    if not (np.isfinite(trial.y) and gradient is not None and np.isfinite(gradient).all()):
        return False
    total = trial.y * (truth / truth if truth else 1.0)
    mild = -np.log(1e-6) / 1000
    return bool(mild * truth * 0.4 <= total <= truth * (1 + 1e-9))


def _black_box(s: Situation, trial: Trial) -> Iterator[Finding]:
    """Without a reference: the same forward in long double, which reaches much further."""
    finite = np.isfinite(trial.y)
    if not finite.all():
        exact = _in_long_double(s, trial.arrays)
        if exact is None or exact.shape != trial.y.shape:
            if np.isnan(trial.y).any():
                yield Finding("overflow", "For inputs of +-1000 forward gives NaN.")
        elif (np.isfinite(exact) & (abs(exact) < 1e300) & ~finite).any():
            yield Finding("overflow", "For inputs of +-1000 forward gives NaN or infinity.")
        return
    bad = [n for n, g in trial.gradients.items() if g is not None and not np.isfinite(g).all()]
    if bad:
        yield Finding("overflow", f"For inputs of +-1000 forward is finite, d{bad[0]} is not.")


def _in_long_double(s: Situation, arrays: Arrays) -> np.ndarray | None:
    wide = {n: v.astype(np.longdouble) if v.dtype.kind == "f" else v for n, v in arrays.items()}
    try:
        return forward(s.make(), wide)
    except (Broken, WrongOutput, NothingToCheck):
        return None


def dtypes(s: Situation, seed: int) -> Iterator[Finding]:
    """float64 gives float64; float32 (with float32 parameters, if any) gives float32."""
    rng = np.random.default_rng(seed)
    arrays = s.arrays(rng, 7)
    for dtype in (np.float64, np.float32):
        given = {n: v.astype(dtype) if v.dtype.kind == "f" else v for n, v in arrays.items()}
        subject = s.make()
        try:
            constant = _has_constants(subject)
            y = forward(subject, given)
            if any(subject.get(n).dtype != dtype for n in subject.parameters):
                continue
            if dtype == np.float32 and s.kind is None and constant:
                continue
            upstream = rng.standard_normal(y.shape).astype(dtype)
            trial = run(s.make(), given, upstream, rng)
        except (Broken, WrongOutput) as error:
            if dtype == np.float64:
                return  # nothing that has to do with the dtype
            yield Finding(None, f"float32 input is refused: {error}")
            continue
        yield from _changed(trial, np.dtype(dtype))


def _has_constants(subject: Subject) -> bool:
    """Arrays of its own that are no parameters: their dtype decides, as that of parameters."""
    held = slots(subject.instance) if isinstance(subject, ObjectSubject) else []
    known = {id(subject.get(name)) for name in subject.parameters}
    return any(id(p.read()) not in known and p.read().dtype == np.float64 for p in held)


def _changed(trial: Trial, dtype: np.dtype) -> Iterator[Finding]:
    loss = "target" in trial.arrays
    found: dict[str, Any] = {} if loss else {"forward": trial.y}
    found["dx"] = trial.gradients.get("x")
    if "y" in trial.arrays and not loss:
        found["dy"] = trial.gradients.get("y")
    for what, value in found.items():
        if value is None or value.dtype == dtype:
            continue
        text = f"With {dtype} input {what} is {value.dtype}."
        if value.dtype.kind in "biu":
            continue
        yield Finding(None if loss and dtype == np.float32 else "dtype-changed", text)
        return
