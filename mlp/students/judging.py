"""Judge one layer: forward first, then gradients, then the contract, then the dtype.

The verdict is one dict, ready for JSON; its fields are those of `scripts/gradcheck.py --json`.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlp import diagnosis
from mlp.diagnosis import Evidence
from mlp.layers import MaxPool, Multiply
from mlp.students import conventions, extremes, probes
from mlp.students.building import Size, wants_the_unknown
from mlp.students.loading import Entry
from mlp.students.references import LossReference, OwnForward
from mlp.students.situations import Situation, affine, situations
from mlp.students.trials import (
    Arrays,
    Broken,
    NothingToCheck,
    Trial,
    WrongOutput,
    backward,
    close,
    forward,
    run,
)

LARGEST_JACOBIAN = 30
RANDOM_NAMES = re.compile("drop|noise|noisy|random", re.IGNORECASE)
BATCHES = (7, 11)
"""Sizes that are no width and no number of classes in any situation."""


@dataclass
class Finding:
    """One thing that is wrong."""

    identity: str
    text: str


@dataclass
class Case:
    """What is known about an entry so far."""

    entry: Entry
    seed: int
    divides: bool
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    pictures: dict[str, list[Any]] = field(default_factory=dict)
    oracle: str | None = None
    kink: bool = False

    def blame(self, identity: str, aspect: str = "", detail: str = "", **more: Any) -> None:
        """Add a finding; an id counts once."""
        if identity not in [f.identity for f in self.findings]:
            self.findings.append(
                Finding(identity, diagnosis.explain(identity, aspect, detail, **more))
            )


def check(entry: Entry, seed: int = 0, divides: bool = False) -> dict[str, Any]:
    """The record of one entry. `divides`: whether a loss of the same file averages."""
    case = Case(entry, seed, divides)
    if entry.nothing:
        return record(case, "NOTHING TO CHECK", note=f"nothing to check: {entry.nothing}")
    try:
        return _judge(case)
    except Judged:
        return record(case, "FAIL")
    except NothingToCheck as blank:
        return record(case, "NOTHING TO CHECK", note=f"nothing to check: {blank}")
    except (Broken, WrongOutput) as error:
        if _is_integer_cast(error):
            case.blame("integer-dtype", "", f"{str(error)[0].upper()}{str(error)[1:]}.")
            return record(case, "FAIL")
        if _hopeless(entry, error):
            why = f"nothing to check: found no way to build it ({error}); give make_{entry.name}()"
            return record(case, "NOTHING TO CHECK", note=why)
        return record(case, "ERROR", note=str(error))


def _is_integer_cast(error: Exception) -> bool:
    """NumPy refused to add floats into an array of integers."""
    cause = getattr(error, "cause", None)
    return isinstance(cause, TypeError) and "to dtype('int" in str(cause)


def _hopeless(entry: Entry, error: Exception) -> bool:
    """A class of unknown kind that no plan can build is no layer, but a network, a trainer..."""
    if entry.kind is not None or not entry.is_class or entry.make is not None:
        return False
    if not isinstance(error, Broken) or isinstance(error.cause, SystemExit | MemoryError):
        return False
    return error.stage == "constructor" or wants_the_unknown(entry)


def _judge(case: Case) -> dict[str, Any]:
    found = _situations(case)
    main = found[0]
    case.oracle = main.reference.oracle
    for situation in found:
        case.notes += [n for n in situation.notes if n not in case.notes]
    case.notes += conventions.notes(main)
    if _random(case, main):
        return record(case, "FAIL")
    outputs = [_forward_is_right(case, s) for s in found]  # all of them, also after a failure
    if not all(outputs):
        _behaviour(case, main)
        return record(case, "FAIL")
    gradients = [_gradients_are_right(case, s, main is s) for s in found]
    _behaviour(case, main)
    if all(gradients):
        _at_kinks(case, main)
        _other_batches(case, main)
        _extremes(case, main)
    _dtypes(case, main)
    return record(case, _verdict(case, main))


def _random(case: Case, main: Situation) -> bool:
    """Random outputs explain everything else; layers named for them are not checked."""
    try:
        findings = list(probes.deterministic(probes.Bench(main, case.seed + 2)))
    except (Broken, WrongOutput):
        return False
    if findings and main.kind is None and RANDOM_NAMES.search(case.entry.name):
        raise NothingToCheck("it is random, as its name says")
    for identity, text in findings:
        case.blame(identity, "", text)
    return bool(findings)


def _situations(case: Case) -> list[Situation]:
    try:
        return situations(case.entry)
    except (Broken, WrongOutput) as error:
        if case.entry.kind == "Affine" and getattr(error, "stage", "") == "forward":
            _try_square(case, error)
        raise


def _try_square(case: Case, error: Exception) -> None:
    """A forward pass that only runs when W is square has W the wrong way round."""
    try:
        affine(case.entry, Size(D=4, M=4))
    except (Broken, WrongOutput):
        return
    case.blame("transposed", "forward", f"With 5 inputs and 3 outputs, {error}.")
    raise Judged from error


class Judged(Exception):
    """The verdict is reached before any situation could be made."""


def _verdict(case: Case, main: Situation) -> str:
    if case.findings:
        return "FAIL"
    if any(row["verdict"] == "INCONCLUSIVE" for row in case.rows.values()):
        return "INCONCLUSIVE"
    return "KINK" if case.kink else "PASS"


def _forward_is_right(case: Case, s: Situation) -> bool:
    rng = np.random.default_rng(case.seed)
    trials = [s.arrays(rng, n) for n in BATCHES]
    outputs = [forward(s.make(), arrays) for arrays in trials]
    if s.right:
        if not isinstance(s.reference, OwnForward):
            _precision(case, s, trials, outputs)
        return True
    names, text = [], ""
    for arrays, y in zip(trials, outputs, strict=True):
        truth = s.reference.forward(arrays)
        names.append(diagnosis.wrong_output(s.kind, arrays, y, truth))
        text = text or _difference(y, truth, s.reference.label)
    identity = names[0] if len(set(names)) == 1 else "forward-wrong"
    case.blame(identity, "forward", text)
    return False


def _difference(y: np.ndarray, truth: np.ndarray, label: str) -> str:
    """Where the output differs most, in words."""
    if y.shape != truth.shape:
        return f"forward gives the shape {y.shape}, {label} gives {truth.shape}."
    with np.errstate(all="ignore"):
        at = np.unravel_index(
            int(np.nanargmax(np.where(np.isnan(y), np.inf, abs(y - truth)))), y.shape
        )
    place = f" at {tuple(int(i) for i in at)}" if at else ""
    return f"forward gives {y[at]:.6g}{place}, {label} gives {truth[at]:.6g}."


def _precision(case: Case, s: Situation, trials: list[Arrays], outputs: list[np.ndarray]) -> None:
    """Right to five digits; are the others there as well?"""
    pairs = list(zip(trials, outputs, strict=True))
    if all(close(y, s.reference.forward(a), 1e-10) for a, y in pairs):
        return
    if _cut_to_float32(s, trials[0], outputs[0]):
        case.blame("dtype-changed", "", "forward computes float64 input in float32.")
        s.reference.tolerance = 1e-4
    elif all(close(y, s.reference.forward(a), 1e-6) for a, y in pairs):
        case.notes.append("a clip or a tiny constant changes the output by less than 1e-6")
        s.reference.tolerance = 1e-5
    else:
        y, truth = outputs[0], s.reference.forward(trials[0])
        case.blame("forward-wrong", "", _difference(y, truth, s.reference.label))


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


def _gradients_are_right(case: Case, s: Situation, is_main: bool) -> bool:
    rng = np.random.default_rng(case.seed + 1)
    try:
        trials = [run(s.make(), s.arrays(rng, n), None, rng) for n in BATCHES]
    except Broken as error:
        if case.entry.kind == "Affine" and _named_when_square(case, error):
            return False
        if error.stage == "backward" and probes.remembers(s, case.seed):
            case.blame("stale-cache", "", f"With another batch size, {error}.")
            return False
        raise
    truths = [s.reference.gradients(t.arrays, t.upstream) for t in trials]
    wrong = [_wrong_arrays(s, t, truth) for t, truth in zip(trials, truths, strict=True)]
    names = [a for a in truths[0] if any(a in w for w in wrong)]
    if is_main or names:
        _fill_rows(case, s, trials[0], truths[0], names)
    if names and _only_averaged(case, trials, truths, names):
        return True
    if names:
        _diagnose(case, s, trials, truths, names)
    _bias_shape(case, trials[0])
    return not names


def _only_averaged(case: Case, trials: list[Trial], truths: list[Arrays], names: list[str]) -> bool:
    pairs = zip(trials, truths, strict=True)
    if "x" in names or not all(conventions.averaged(t.gradients, g, t.n) for t, g in pairs):
        return False
    if case.divides:
        why = "A loss in this file divides by the number of samples already."
        case.blame("batch-mean-extra", "", why)
        return False
    case.notes.append("gradients of parameters are averaged over the batch, not summed")
    for name in names:
        case.rows[name]["verdict"] = "PASS"
    case.pictures.clear()
    return True


def _bias_shape(case: Case, trial: Trial) -> None:
    b, db = trial.arrays.get("b"), trial.gradients.get("b")
    if b is not None and db is not None and b.shape != db.shape and b.size == db.size:
        case.notes.append(f"the gradient of b has the shape {db.shape}, b has {b.shape}")


def _wrong_arrays(s: Situation, trial: Trial, truth: Arrays) -> list[str]:
    return [name for name, value in truth.items() if _is_wrong(s, trial, name, value)]


def _is_wrong(s: Situation, trial: Trial, name: str, truth: np.ndarray) -> bool:
    found = trial.gradients.get(name)
    if found is None:
        return True
    if name == "b" and found.ndim == 1 and truth.shape == (1, found.size):
        found = found.reshape(truth.shape)
    if found.shape != truth.shape:
        return True
    if close(found, truth, s.reference.tolerance):
        return False
    return not (isinstance(s.reference, OwnForward) and _excused(s, trial, name, found, truth))


def _excused(s: Situation, trial: Trial, name: str, found: np.ndarray, truth: np.ndarray) -> bool:
    """Whether all wrong entries lie on kinks that the differences stepped over."""
    scale = max(1e-3, float(np.max(abs(truth), initial=0)))
    wrong = np.flatnonzero(~(abs(found - truth) <= s.reference.tolerance * scale))
    return len(wrong) <= 5 and all(
        s.reference.excuses(name, trial.arrays, trial.upstream, found, int(i)) for i in wrong
    )


def _named_when_square(case: Case, error: Broken) -> bool:
    """backward only runs when W is square (and N equal to it): name it there."""
    detail = f"With 5 inputs and 3 outputs, {error}."
    for batches in (BATCHES, (4, 4)):
        try:
            s = affine(case.entry, Size(D=4, M=4))[0]
            rng = np.random.default_rng(case.seed + 1)
            trials = [run(s.make(), s.arrays(rng, n), None, rng) for n in batches]
        except (Broken, WrongOutput):
            continue
        truths = [s.reference.gradients(t.arrays, t.upstream) for t in trials]
        names = [a for a in truths[0] if _is_wrong(s, trials[0], a, truths[0][a])]
        if names:
            _fill_rows(case, s, trials[0], truths[0], names)
            _diagnose(case, s, trials, truths, names, detail)
            return True
    return False


def _diagnose(
    case: Case,
    s: Situation,
    trials: list[Trial],
    truths: list[Arrays],
    names: list[str],
    detail: str = "",
) -> None:
    missing = [n for n in names if trials[0].gradients.get(n) is None]
    if missing == names:
        case.blame("unknown", "missing", f"No gradient was found for {', '.join(names)}.")
        return
    present = [n for n in names if n not in missing]
    pieces = [_evidence(s, t, g, present) for t, g in zip(trials, truths, strict=True)]
    identity, also = diagnosis.name(pieces)
    what = ", ".join("d" + n for n in names)
    is_loss = "target" in trials[0].arrays
    found, truth = trials[0].gradients[present[0]], truths[0][present[0]]
    factor = diagnosis.ratio(found, truth) if found.shape == truth.shape else None
    if found.shape != truth.shape:
        detail = detail or f"d{present[0]} has the shape {found.shape}, expected {truth.shape}."
    detail = detail or f"Wrong: {what}."
    case.blame(identity, "loss" if is_loss else "", detail, factor=factor)
    for other in also:
        case.blame(other)


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
    layer = getattr(s.reference, "layer", None)
    if isinstance(layer, MaxPool):
        return conventions.windows_of(layer, trial.arrays["x"].shape)
    if isinstance(layer, Multiply):
        width = trial.arrays["x"].shape[1]
        pairs = layer.pairs if layer.pairs is not None else np.arange(width).reshape(-1, 2)
        return np.asarray(pairs)
    return None


def _fill_rows(case: Case, s: Situation, trial: Trial, truths: Arrays, wrong: list[str]) -> None:
    """One row for each array: how far off, and the worst entries of a wrong one."""
    for name, truth in truths.items():
        found = trial.gradients.get(name)
        row: dict[str, Any] = {"name": name, "shape": list(trial.arrays[name].shape)}
        row["verdict"] = "FAIL" if name in wrong else "PASS"
        row["resolution"] = s.reference.tolerance
        if found is None or found.size != truth.size:
            row["max_error"] = None
        else:
            found = found.reshape(truth.shape)
            row |= _errors(found, truth, name in wrong)
        case.rows[name] = row
        if name in wrong and found is not None:
            case.pictures[f"d{name}"] = [np.asarray(found, float).tolist(), truth.tolist()]
    if "x" in wrong and trial.y.ndim and trial.y[0].size <= LARGEST_JACOBIAN:
        case.pictures |= _jacobian(s, trial)
    if not any(np.any(t) for t in truths.values()):
        for row in case.rows.values():
            row["verdict"] = "PASS" if row["verdict"] == "PASS" else "FAIL"


def _jacobian(s: Situation, trial: Trial) -> dict[str, list[Any]]:
    """dy/dx of the first sample, row by row: the gradients for upstreams with a single 1."""
    mine, right = [], []
    evidence = _evidence(s, trial, {}, [])
    for j in range(trial.y[0].size):
        upstream = np.zeros(trial.y.shape)
        upstream.reshape(trial.n, -1)[0, j] = 1.0
        try:
            mine.append(np.ravel(evidence.probe(upstream)["x"][0]).astype(float).tolist())
        except (Broken, TypeError):
            return {}
        right.append(evidence.right(upstream)["x"][0].ravel().tolist())
    return {"Jacobian": [mine, right]} if np.shape(mine) == np.shape(right) else {}


def _errors(found: np.ndarray, truth: np.ndarray, wrong: bool) -> dict[str, Any]:
    error = abs(found - truth).astype(float)
    largest = float(np.max(abs(truth), initial=0.0)) or 1.0
    row: dict[str, Any] = {"max_error": float(np.max(error, initial=0.0)) / largest}
    if wrong:
        order = np.argsort(-np.where(np.isnan(error), np.inf, error), axis=None)[:10]
        row["worst"] = [
            {
                "at": [int(i) for i in np.unravel_index(k, truth.shape)],
                "analytic": float(found.flat[k]),
                "reference": float(truth.flat[k]),
            }
            for k in order
        ]
    return row


def _behaviour(case: Case, main: Situation) -> None:
    try:
        found = probes.findings(main, case.seed + 2)
    except (Broken, WrongOutput):  # named by now
        return
    for identity, text in found:
        if identity is None:
            case.notes.append(text)
        else:
            case.blame(identity, "", text)


def _at_kinks(case: Case, main: Situation) -> None:
    if main.kind == "ReLU":
        found = conventions.relu_at_zero(main, case.seed + 3)
    elif main.kind == "MaxPool":
        found = conventions.pool_ties(main, case.seed + 3)
    else:
        return
    if found.accepted:
        case.notes.append(found.text)
        case.kink = not found.usual
    else:
        case.blame(found.identity, "", found.text)


def _other_batches(case: Case, main: Situation) -> None:
    """One, two and seven samples, which must not be a special case."""
    if isinstance(main.reference, LossReference) and main.reference.kind == "KLDivergence":
        return
    rng = np.random.default_rng(case.seed + 4)
    for n in (1, 2, 7):
        arrays = main.arrays(rng, n)
        who = "one sample" if n == 1 else f"{n} samples"
        try:
            trial = run(main.make(), arrays, None, rng)
        except (Broken, WrongOutput) as error:
            case.blame("wrong-shape", "", f"For a batch of {who}, {error}.")
            return
        truth = main.reference.forward(arrays)
        if not close(trial.y, truth, 10 * main.reference.tolerance):
            name = diagnosis.wrong_output(main.kind, arrays, trial.y, truth)
            case.blame(name, "", f"For a batch of {who}: {_difference(trial.y, truth, 'it')}")
            return
        _check_batch(case, main, trial, who)


def _check_batch(case: Case, main: Situation, trial: Trial, who: str) -> None:
    truths = main.reference.gradients(trial.arrays, trial.upstream)
    wrong = _wrong_arrays(main, trial, truths)
    averages = "gradients of parameters are averaged over the batch, not summed" in case.notes
    if wrong and not (averages and conventions.averaged(trial.gradients, truths, trial.n)):
        shapes = [n for n in wrong if np.shape(trial.gradients.get(n)) != truths[n].shape]
        name = "wrong-shape" if shapes else "unknown"
        case.blame(name, "", f"For a batch of {who} d{wrong[0]} is wrong.")


def _extremes(case: Case, main: Situation) -> None:
    for identity, text in extremes.overflows(main, case.seed + 5):
        if identity is None:
            case.notes.append(text)
        else:
            case.blame(identity, "", text)


def _dtypes(case: Case, main: Situation) -> None:
    for identity, text in extremes.dtypes(main, case.seed + 6):
        if identity is None:
            case.notes.append(text)
        else:
            case.blame(identity, "", text)


def record(case: Case, verdict: str, note: str | None = None) -> dict[str, Any]:
    """The result as plain data."""
    if note is not None:
        case.notes.append(note)
    rows = list(case.rows.values())
    errors = [r["max_error"] for r in rows if r.get("max_error") is not None]
    return {
        "name": case.entry.name,
        "verdict": verdict,
        "oracle": case.oracle,
        "max_error": max(errors, default=None),
        "resolution": max((r["resolution"] for r in rows), default=None),
        "diagnosis": _named(case.findings),
        "notes": list(dict.fromkeys(case.notes)),
        "arrays": rows,
        "pictures": case.pictures,
    }


def _named(findings: list[Finding]) -> dict[str, Any] | None:
    """The first finding, unless it is general and a later one explains it."""
    if not findings:
        return None
    first = findings[0]
    if first.identity == "unknown":
        first = next((f for f in findings if f.identity not in diagnosis.GENERAL), first)
    also = [f.identity for f in findings if f is not first and f.identity != "unknown"]
    return {"id": first.identity, "text": first.text, "also": also}
