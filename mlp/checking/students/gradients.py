"""The gradients: right or wrong, and if wrong, which mistake it is."""

from typing import Any

import numpy as np

from mlp.checking import diagnosis
from mlp.checking.comparing import independent
from mlp.checking.diagnosis import Evidence
from mlp.checking.report import Row, worst_entries
from mlp.checking.students import conventions, probes
from mlp.checking.students.building import Size
from mlp.checking.students.examination import AVERAGED, WHEN_AVERAGED, Examination, Wrong
from mlp.checking.students.forms import affine
from mlp.checking.students.references import OwnForward, PoolReference
from mlp.checking.students.situations import BATCHES, Situation
from mlp.checking.students.trials import (
    LEAST,
    Arrays,
    Broken,
    Trial,
    WrongOutput,
    backward,
    close,
    fitted,
    forward,
    run,
)
from mlp.layers import Multiply

LARGEST_JACOBIAN = 30
SHORT: dict[type[np.floating], int] = {np.float32: 64, np.float16: 2}
"""Dtypes that a right gradient may have been cut to, and by how many eps of the largest number it
may then be off: sums in float32 are, and single numbers in float16."""
UNUSED = 13
"""A number of samples that no other check uses."""
VISIBLE = 1e-3
"""A comparison that could not have seen a relative error of this size proves nothing."""


def gradients_are_right(examination: Examination, s: Situation, is_main: bool) -> bool:
    """Judge the gradients in one situation; findings and rows go into the examination."""
    rng = np.random.default_rng(examination.seed + 1)
    try:
        trials = [run(s.make(), s.arrays(rng, n), None, rng) for n in s.batches]
    except Broken as error:
        if examination.entry.kind == "Affine" and _named_when_square(examination, error):
            return False
        if error.stage == "backward" and probes.remembers(s, examination.seed):
            examination.blame("stale-cache", "", f"With another batch size, {error}.")
            return False
        raise
    truths = [s.reference.gradients(t.arrays, t.upstream) for t in trials]
    wrong = [wrong_arrays(s, t, truth) for t, truth in zip(trials, truths, strict=True)]
    names = [a for a in truths[0] if any(a in w for w in wrong)]
    if examination.entry.is_pair and not any(g is not None for g in trials[0].gradients.values()):
        raise WrongOutput("backward returned None")
    if not wrong[0]:  # show the batch that went wrong
        trials, truths = trials[::-1], truths[::-1]
    shown = {n for n, row in examination.rows.items() if row.verdict == "FAIL"}
    new = truths[0] if is_main else {n: truths[0][n] for n in names if n not in shown}
    if new:
        fill_rows(examination, s, trials[0], new, [n for n in names if n in new])
    if names and _only_averaged(examination, s, trials, truths, names):
        return True
    if names:
        _diagnose(examination, s, trials, truths, names)
        examination.wrong = examination.wrong or Wrong(s, names, trials[0])
    _style(examination, s, trials[0], truths[0], names)
    return not names


def _only_averaged(
    examination: Examination,
    s: Situation,
    trials: list[Trial],
    truths: list[Arrays],
    names: list[str],
) -> bool:
    pairs = zip(trials, truths, strict=True)
    if (
        "target" in trials[0].arrays
        or "x" in names
        or not all(conventions.averaged(t.gradients, g, t.n) for t, g in pairs)
    ):
        return False
    if examination.loss_divides:
        why = "A loss in this file divides by the number of samples already."
        examination.blame("batch-mean-extra", "", why)
        return False
    examination.notes += [AVERAGED, WHEN_AVERAGED]
    averages = {name: truths[0][name] / trials[0].n for name in names}
    fill_rows(examination, s, trials[0], averages, [])
    examination.pictures.clear()
    return True


def _style(
    examination: Examination, s: Situation, trial: Trial, truths: Arrays, wrong: list[str]
) -> None:
    """What is unusual about the right ones: their shape or their dtype."""
    for name in [n for n in truths if n not in wrong]:
        found, own = trial.gradients[name], trial.arrays[name].shape
        if found.ndim > len(own):
            examination.blame("extra-axis", "", f"d{name} has the shape {found.shape}, not {own}.")
        elif found.shape != own:
            text = f"the gradient of {name} has the shape {found.shape}, {name} has {own}"
            text += ": updates work all the same"
            examination.notes.append(text)
        if found.dtype.kind in "biu":
            detail = f"d{name} is {found.dtype}; the numbers are exact here."
            examination.blame("dtype-changed", "whole", detail)
        elif not close(fitted(found, truths[name]), truths[name], s.reference.tolerance):
            dtype = cut_to(fitted(found, truths[name]), truths[name])
            if dtype is not None:
                detail = f"d{name} has been cut to {dtype}."
                examination.blame("dtype-changed", "", detail)


def cut_to(found: np.ndarray, truth: np.ndarray) -> np.dtype | None:
    """The dtype that a right gradient has been cut to, whatever its own dtype says."""
    for dtype, count in SHORT.items() if found.dtype.kind == "f" else ():
        with np.errstate(all="ignore"):
            short = bool((found.astype(dtype) == found).all())
        if short and close(found.astype(np.float64), truth, count * float(np.finfo(dtype).eps)):
            return np.dtype(dtype)
    return None


def wrong_arrays(s: Situation, trial: Trial, truth: Arrays) -> list[str]:
    """Names of the arrays whose gradients are wrong."""
    return [name for name, value in truth.items() if _is_wrong(s, trial, name, value)]


def _is_wrong(s: Situation, trial: Trial, name: str, truth: np.ndarray) -> bool:
    found = trial.gradients.get(name)
    if found is None:
        return True
    if name not in ("x", "y"):
        found = fitted(found, truth)
        if found.shape == () and not found.any() and not truth.any():
            return False  # a plain 0 for what has no influence
    if found.shape != truth.shape:
        return True
    if close(found, truth, s.reference.tolerance):
        return False
    if cut_to(found, truth) is not None:
        return False
    others = s.reference.also_right(name, trial.arrays, trial.upstream)
    if any(close(found, other, 1e-6) for other in others):
        return False
    return not _excused(s, trial, name, found, truth)


def _excused(s: Situation, trial: Trial, name: str, found: np.ndarray, truth: np.ndarray) -> bool:
    """Whether all wrong entries lie on kinks that the differences stepped over."""
    scale = max(1e-3, float(np.max(abs(truth), initial=0)))
    wrong = np.flatnonzero(~(abs(found - truth) <= s.reference.tolerance * scale))
    return len(wrong) <= 5 and all(
        s.reference.excuses(name, trial.arrays, trial.upstream, found, int(i)) for i in wrong
    )


def _named_when_square(examination: Examination, error: Broken) -> bool:
    """backward only runs when W is square (and N equal to it): name it there."""
    detail = f"With 5 inputs and 3 outputs, {error}."
    for batches in (BATCHES, (4, 4)):
        try:
            s = affine(examination.entry, Size(D=4, M=4))[0]
            rng = np.random.default_rng(examination.seed + 1)
            trials = [run(s.make(), s.arrays(rng, n), None, rng) for n in batches]
        except (Broken, WrongOutput):
            continue
        truths = [s.reference.gradients(t.arrays, t.upstream) for t in trials]
        names = [a for a in truths[0] if _is_wrong(s, trials[0], a, truths[0][a])]
        if names:
            fill_rows(examination, s, trials[0], truths[0], names)
            _diagnose(examination, s, trials, truths, names, detail)
            examination.wrong = examination.wrong or Wrong(s, names, trials[0])
            return True
    return False


def _diagnose(
    examination: Examination,
    s: Situation,
    trials: list[Trial],
    truths: list[Arrays],
    names: list[str],
    detail: str = "",
) -> None:
    missing = [n for n in names if trials[0].gradients.get(n) is None]
    if missing == names:
        examination.blame("unknown", "missing", f"No gradient was found for {', '.join(names)}.")
        return
    present = [n for n in names if n not in missing]
    pieces = [_evidence(s, t, g, present) for t, g in zip(trials, truths, strict=True)]
    identity, also = diagnosis.name(pieces)
    if identity == "unknown" and _right_once(s, examination.seed):
        text = "It is right for the first batch of a shape, and wrong for the next one."
        examination.blame("stale-cache", "", text)
        return
    if identity == "unknown" and _right_as_made(s, examination.seed):
        examination.blame(
            "stale-cache", "", "It is right with the parameters it was made with only."
        )
        return
    what = ", ".join("d" + n for n in names)
    is_loss = "target" in trials[0].arrays
    found, truth = trials[0].gradients[present[0]], truths[0][present[0]]
    factor = diagnosis.ratio(found, truth) if found.shape == truth.shape else None
    if found.shape != truth.shape:
        detail = detail or f"d{present[0]} has the shape {found.shape}, expected {truth.shape}."
    detail = detail or f"Wrong: {what}."
    examination.blame(identity, "loss" if is_loss else "", detail, factor=factor)
    for other in also:
        examination.blame(other)


def _right_once(s: Situation, seed: int) -> bool:
    """Whether it is right for the first batch of a size that was not used before, and only then."""
    rng = np.random.default_rng(seed + 1)
    right = []
    for _ in range(2):
        try:
            trial = run(s.make(), s.arrays(rng, UNUSED), None, rng)
        except (Broken, WrongOutput):
            return False
        right.append(
            not wrong_arrays(s, trial, s.reference.gradients(trial.arrays, trial.upstream))
        )
    return right == [True, False]


def _right_as_made(s: Situation, seed: int) -> bool:
    """Whether only other parameters than those of the constructor make it wrong."""
    rng = np.random.default_rng(seed + 1)
    subject = s.make()
    made = {name: subject.get(name).copy() for name in subject.parameters}
    trial = run(subject, s.draw(rng, s.batches[0]) | made, None, rng)
    truth = s.reference.gradients(trial.arrays, trial.upstream)
    return bool(made) and not wrong_arrays(s, trial, truth)


def _evidence(s: Situation, trial: Trial, truth: Arrays, names: list[str]) -> Evidence:
    def probe(upstream: np.ndarray) -> dict[str, Any]:
        subject = s.make()
        forward(subject, trial.arrays)
        return backward(subject, upstream)

    return Evidence(
        kind=s.kind,
        arrays=trial.arrays,
        upstream=trial.upstream,
        y=trial.y,
        found=trial.gradients,
        truth=truth,
        wrong=names,
        right=lambda upstream: s.reference.gradients(trial.arrays, upstream),
        probe=probe,
        wiring=_wiring(s, trial),
    )


def _wiring(s: Situation, trial: Trial) -> np.ndarray | None:
    if isinstance(s.reference, PoolReference):
        return s.reference.windows(trial.arrays["x"].shape)
    layer = s.reference.layer
    if isinstance(layer, Multiply):
        width = trial.arrays["x"].shape[1]
        pairs = layer.pairs if layer.pairs is not None else np.arange(width).reshape(-1, 2)
        return np.asarray(pairs)
    return None


def fill_rows(
    examination: Examination, s: Situation, trial: Trial, truths: Arrays, wrong: list[str]
) -> None:
    """One row for each array: how far off, and the worst entries of a wrong one."""
    for name, truth in truths.items():
        found = trial.gradients.get(name)
        examination.rows[name] = _row(s, trial, name, truth, name in wrong)
        if name in wrong and found is not None:
            examination.pictures[f"d{name}"] = found.astype(float), truth
    if "x" in wrong and trial.y.ndim and trial.y[0].size <= LARGEST_JACOBIAN:
        examination.pictures |= _jacobian(s, trial)
    rows = examination.rows.values()
    if any(row.verdict == "PASS" for row in rows):
        for row in rows:
            if row.verdict == "INCONCLUSIVE" and _without_influence(s, trial, row.name):
                row.verdict, row.resolution = "PASS", 0.0
                row.notes = [f"forward does not depend on {row.name}"]


def _row(s: Situation, trial: Trial, name: str, truth: np.ndarray, wrong: bool) -> Row:
    """The gradient with respect to one array; `wrong` is the judgement on it."""
    found = trial.gradients.get(name)
    largest = float(np.max(abs(truth), initial=0.0))
    tolerance = s.reference.tolerance * max(largest, LEAST)  # as `close` has it
    row = Row(
        name=name,
        shape=trial.arrays[name].shape,
        verdict="FAIL" if wrong else "PASS",
        oracle=s.reference.oracle,
        checked=truth.size,
        max_error=None,
        resolution=tolerance / largest if largest else np.inf,
    )
    if found is not None and found.size == truth.size:
        value, right = found.astype(float).ravel(), truth.ravel()
        row.max_error = float(np.max(abs(value - right), initial=0.0)) / (largest or 1.0)
        if wrong:
            each, allowed = np.arange(truth.size), np.full(truth.size, tolerance)
            row.wrong, row.wrong_count = worst_entries(each, truth.shape, value, right, allowed)
    if not wrong and row.resolution > VISIBLE:
        row.verdict = "INCONCLUSIVE"
        row.notes.append(
            f"d{name} is 0 wherever it was tried: a backward that is wrong elsewhere would not show"
        )
    return row


def _without_influence(s: Situation, trial: Trial, name: str) -> bool:
    """Whether the output is the same for any values of the array, so that 0 is no accident."""
    rng = np.random.default_rng(0)
    try:
        f = OwnForward(s.make).along(name, trial.arrays)
        return independent(f, trial.arrays[name], rng)
    except (Broken, WrongOutput):
        return False


def _jacobian(s: Situation, trial: Trial) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """dy/dx of the first sample, row by row: the gradients for upstreams with a single 1.

    Where samples are coupled, the columns are the inputs of all of them, one after another.
    """
    mine, right = [], []
    if len(trial.y) != trial.n:
        return {}
    evidence = _evidence(s, trial, {}, [])
    for j in range(trial.y[0].size):
        upstream = np.zeros(trial.y.shape)
        upstream.reshape(trial.n, -1)[0, j] = 1.0
        try:
            mine.append(np.asarray(evidence.probe(upstream)["x"], float).reshape(trial.n, -1))
        except (Broken, TypeError, ValueError):
            return {}
        right.append(np.asarray(evidence.right(upstream)["x"], float).reshape(trial.n, -1))
    if np.shape(mine) != np.shape(right):
        return {}
    coupled = np.any(np.array([mine, right])[:, :, 1:])
    seen = trial.n if coupled else 1
    drawn, reference = (np.array([row[:seen].ravel() for row in part]) for part in (mine, right))
    return {"Jacobian-samples" if coupled else "Jacobian": (drawn, reference)}
