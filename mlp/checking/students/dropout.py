"""Layers that drop some of their inputs at random: their mask shows in their output.

With y = m x the right gradient is m U for the very m of that forward pass, so one pass of each
kind is enough, and nothing has to be repeatable.
"""

from dataclasses import replace

import numpy as np

from mlp.checking.diagnosis.evidence import same
from mlp.checking.report import Counterexample
from mlp.checking.students.examination import Examination
from mlp.checking.students.gradients import fill_rows
from mlp.checking.students.references import Reference
from mlp.checking.students.situations import BATCHES, Situation
from mlp.checking.students.trials import Arrays, Trial, close, run

NOTE = "it is random: compared with the mask that its own output shows, on one pass"


class ShownMask(Reference):
    """y = m x, with the m of one forward pass."""

    oracle = "the mask in its output"

    def __init__(self, trial: Trial) -> None:
        self.mask = trial.y / trial.arrays["x"]

    def gradients(self, arrays: Arrays, upstream: np.ndarray) -> Arrays:
        return {"x": self.mask * upstream}


def judged(examination: Examination, s: Situation) -> bool:
    """Judge a random layer if it is a dropout; False if it is none."""
    rng = np.random.default_rng(examination.seed)
    trials = [_shown(s, n, rng) for n in BATCHES]
    if not all(_is_dropout(trial) for trial in trials):
        return False
    examination.notes.append(NOTE)
    for trial in trials:
        seen = replace(s, reference=ShownMask(trial))
        truths = seen.reference.gradients(trial.arrays, trial.upstream)
        found = trial.gradients.get("x")
        right = found is not None and close(found, truths["x"], seen.reference.tolerance)
        examination.oracle = ShownMask.oracle
        fill_rows(examination, seen, trial, truths, [] if right else ["x"])
        if not right:
            examination.blame(_name(trial, found), "", "Wrong: dx.")
            examination.counterexample = _counterexample(s, rng)
            break
    return True


def _shown(s: Situation, n: int, rng: np.random.Generator) -> Trial:
    """A pass that drops something and keeps something: a mask for all samples may do neither."""
    for _ in range(20):
        trial = run(s.make(), s.arrays(rng, n), None, rng)
        if trial.y.any() and not trial.y.all():
            break
    return trial


def _counterexample(s: Situation, rng: np.random.Generator) -> Counterexample | None:
    """One sample of whole numbers, with the output that shows the mask."""
    for _ in range(20):
        given = {"x": rng.integers(1, 4, s.draw(rng, 1)["x"].shape).astype(float)}
        ones = np.ones(given["x"].shape)
        trial = run(s.make(), s.arrays(rng, 1) | given, ones, rng)
        found, right = trial.gradients.get("x"), ShownMask(trial).mask
        if found is not None and not close(found, right, 1e-3):
            given |= {"output": trial.y, "upstream": ones}
            return Counterexample(given, "dx", found.astype(float), right)
    return None


def _is_dropout(trial: Trial) -> bool:
    """Whether each output is its input times 0 or times one and the same number."""
    x, y = trial.arrays["x"], trial.y
    kept = y != 0
    if x.shape != y.shape or not kept.any() or kept.all():
        return False
    return same(y, x * kept * float((y[kept] / x[kept]).mean()))


def _name(trial: Trial, found: np.ndarray | None) -> str:
    """Any mask but that of forward: none at all, one without its factor, or a new one."""
    if found is None or found.shape != trial.y.shape:
        return "wrong-shape"
    mask, factor = found / trial.upstream, float((trial.y / trial.arrays["x"]).max())
    known = [0.0, 1.0, factor]
    others = np.min([abs(mask - value) for value in known], axis=0)
    return "dropout-mask-missing" if close(others, 0 * others) else "unknown"
