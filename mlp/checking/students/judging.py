"""Judge one layer: forward first, then gradients, then the contract, then the dtype.

The verdict is one dict, ready for JSON; its fields are those of `scripts/gradcheck.py --json`.
"""

import re
from typing import Any

import numpy as np

from mlp.checking import diagnosis
from mlp.checking.students import conventions, extremes, probes
from mlp.checking.students.building import Size, wants_the_unknown
from mlp.checking.students.case import AVERAGED, Case, record
from mlp.checking.students.gradients import gradients_are_right, wrong_arrays
from mlp.checking.students.loading import Entry
from mlp.checking.students.outputs import difference, output_is_right
from mlp.checking.students.references import LossReference
from mlp.checking.students.situations import Situation, affine, situations
from mlp.checking.students.trials import (
    Broken,
    NothingToCheck,
    Trial,
    WrongOutput,
    close,
    run,
)

RANDOM_NAMES = re.compile("drop|noise|noisy|random", re.IGNORECASE)


def check(entry: Entry, seed: int = 0, divides: bool = False) -> dict[str, Any]:
    """The record of one entry. `divides`: whether a loss of the same file averages."""
    case = Case(entry, seed, divides)
    if entry.nothing:
        return record(case, "nothing to check", note=f"nothing to check: {entry.nothing}")
    try:
        return _judge(case)
    except Judged:
        return record(case, "FAIL")
    except NothingToCheck as blank:
        return record(case, "nothing to check", note=f"nothing to check: {blank}")
    except (Broken, WrongOutput) as error:
        if _is_integer_cast(error):
            case.blame("integer-dtype", "", f"{str(error)[0].upper()}{str(error)[1:]}.")
            return record(case, "FAIL")
        if _hopeless(entry, error):
            why = f"nothing to check: found no way to build it ({error}); give make_{entry.name}()"
            return record(case, "nothing to check", note=why)
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
    outputs = [output_is_right(case, s) for s in found]  # all of them, also after a failure
    if not all(outputs):
        _behaviour(case, main)
        return record(case, "FAIL")
    gradients = [gradients_are_right(case, s, main is s) for s in found]
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
        return [*situations(case.entry), *_when_square(case.entry)]
    except (Broken, WrongOutput) as error:
        if case.entry.kind == "Affine" and getattr(error, "stage", "") == "forward":
            _try_square(case, error)
        raise


def _when_square(entry: Entry) -> list[Situation]:
    """D and M equal, where a product with the wrong factor first fits."""
    if entry.kind != "Affine":
        return []
    try:
        found = affine(entry, Size(D=4, M=4))
    except (Broken, WrongOutput):
        return []
    subject = found[0].make()
    return found if "W" in subject.parameters and subject.get("W").shape == (4, 4) else []


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
            case.blame(name, "", f"For a batch of {who}: {difference(trial.y, truth, 'it')}")
            return
        _check_batch(case, main, trial, who)


def _check_batch(case: Case, main: Situation, trial: Trial, who: str) -> None:
    truths = main.reference.gradients(trial.arrays, trial.upstream)
    wrong = wrong_arrays(main, trial, truths)
    averages = AVERAGED in case.notes
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
