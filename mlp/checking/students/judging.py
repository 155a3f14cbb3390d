"""Judge one layer: forward first, then gradients, then the contract, then its style.

What is found on the way is collected in an Examination, which becomes the report.
"""

import inspect
import re
import traceback
import warnings
from pathlib import Path

import numpy as np

from mlp.checking import diagnosis
from mlp.checking.report import Report
from mlp.checking.students import conventions, dropout, extremes, probes
from mlp.checking.students.adapters import backward_of
from mlp.checking.students.building import Size, wants_the_unknown
from mlp.checking.students.counterexample import at_kink, smallest
from mlp.checking.students.examination import AVERAGED, Examination, Finding, Wrong
from mlp.checking.students.forms import affine, situations
from mlp.checking.students.gradients import gradients_are_right, wrong_arrays
from mlp.checking.students.histories import HISTORIES, smallest_history
from mlp.checking.students.loading import Entry
from mlp.checking.students.outputs import difference, output_is_right
from mlp.checking.students.references import LossReference, OwnForward, PoolReference
from mlp.checking.students.situations import Situation
from mlp.checking.students.slots import required
from mlp.checking.students.sources import bound_by_imports, has_blank_branch
from mlp.checking.students.trials import (
    Arrays,
    Broken,
    NothingToCheck,
    Trial,
    WrongOutput,
    close,
    describe,
    run,
)

RANDOM_NAMES = re.compile("drop|noise|noisy|random", re.IGNORECASE)


def judge_entry(entry: Entry, seed: int = 0, loss_divides: bool = False) -> Report:
    """The report on one entry, whatever happens in it and whatever its file has done to NumPy."""
    examination = Examination(entry, seed, loss_divides)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _judged(examination)


def _judged(examination: Examination) -> Report:
    entry = examination.entry
    if entry.nothing:
        verdict = "unfinished" if entry.unfinished else "nothing to check"
        return examination.report(verdict, f"nothing to check: {entry.nothing}")
    try:
        _examine(examination)
    except NothingToCheck as blank:
        verdict = "unfinished" if "blank" in str(blank) else "nothing to check"
        return examination.report(verdict, f"nothing to check: {blank}")
    except (Broken, WrongOutput) as error:
        return _stopped(examination, error)
    except BaseException as error:
        return examination.report("ERROR", f"stopped by {describe(error)}")
    _show(examination)
    return examination.report()


def _show(examination: Examination) -> None:
    """Add the smallest counterexample: of one pass or, where that shows nothing, of several."""
    entry, mistakes = examination.entry, examination.mistakes
    if examination.wrong is not None and "stale-cache" not in mistakes:
        examination.counterexample = smallest(entry, examination.wrong)
    for identity in HISTORIES:
        if identity in mistakes and not examination.counterexample and examination.main is not None:
            examination.counterexample = smallest_history(entry, examination.main, identity)


def _stopped(examination: Examination, error: Broken | WrongOutput) -> Report:
    """The student's code raised, or gave no array: a mistake with a name, or not."""
    entry = examination.entry
    if examination.mistakes:
        _show(examination)
        known = any(str(error) in text for text in examination.mistakes.values())
        return examination.report(note=None if known else str(error))
    if _is_unfinished(entry, error):
        return examination.report("unfinished", f"it is unfinished: {error}")
    if missing := _not_imported(error):
        why = f"{missing} is imported in a file of it, and that import failed here"
        return examination.report("ERROR", f"{error}; {why}")
    if _is_integer_cast(error):
        examination.blame("integer-dtype", "", f"{str(error)[0].upper()}{str(error)[1:]}.")
        return examination.report()
    if _backward_is_broken(examination, error):
        examination.blame("unknown", "", f"{str(error)[0].upper()}{str(error)[1:]}.")
        return examination.report()
    if _hopeless(entry, error):
        why = f"nothing to check: found no way to build it ({error}); give make_{entry.name}()"
        return examination.report("nothing to check", why)
    return examination.report("ERROR", str(error))


def _is_unfinished(entry: Entry, error: Exception) -> bool:
    """Whether it gave None, or stumbled over a None in a function with a branch left blank."""
    if isinstance(error, WrongOutput):
        return "returned None" in str(error)
    stumbled = isinstance(error, Broken) and "NoneType" in str(error.cause)
    functions = entry.code if entry.is_pair else () if entry.is_class else (entry.code,)
    return stumbled and any(has_blank_branch(f) for f in functions)


def _not_imported(error: Exception) -> str | None:
    """The name that is not defined because a file could not import it: a module to be compiled."""
    cause = getattr(error, "cause", None)
    if not isinstance(cause, NameError) or cause.__traceback__ is None:
        return None
    frame = traceback.extract_tb(cause.__traceback__)[-1]
    bound = bound_by_imports(Path(frame.filename)) if frame.filename.endswith(".py") else set()
    return cause.name if cause.name in bound else None


def _backward_is_broken(examination: Examination, error: Exception) -> bool:
    """Whether backward raises on its own account, given the upstream and the cache it wants."""
    if not isinstance(error, Broken) or error.stage != "backward":
        return False
    if isinstance(error.cause, NameError):
        return True
    code = examination.entry.code
    alone = isinstance(code, tuple)
    if inspect.isclass(code) and examination.known:  # backward(self, upstream), on a batch
        alone = len(required(backward_of(code))) == 2
    return alone and isinstance(error.cause, ValueError | IndexError)


def _is_integer_cast(error: Exception) -> bool:
    """NumPy refused to add floats into an array of integers."""
    cause = getattr(error, "cause", None)
    return isinstance(cause, TypeError) and "to dtype('int" in str(cause)


def _hopeless(entry: Entry, error: Exception) -> bool:
    """A class of unknown kind that no recipe can build is no layer, but a network, a trainer..."""
    if entry.kind is not None or not entry.is_class or entry.make is not None:
        return False
    if not isinstance(error, Broken) or isinstance(error.cause, SystemExit | MemoryError):
        return False
    return error.stage == "constructor" or wants_the_unknown(entry)


def _examine(examination: Examination) -> None:
    """All checks in their order: what one of them finds may make the next ones pointless."""
    found = _situations(examination)
    main = examination.main = found[0]
    examination.oracle = main.reference.oracle
    if main.recipe.columns:  # there, 1/N stands in the layers
        examination.loss_divides = False
    for situation in found:
        examination.notes += situation.notes
    examination.notes += conventions.notes(main)
    if _random(examination, main):
        return
    outputs = [output_is_right(examination, s) for s in found]  # all of them, also after a failure
    examination.known = not isinstance(main.reference, OwnForward)
    if not all(outputs):
        examination.take(_behaviour(examination.entry, main, examination.seed + 2))
        return
    gradients = [gradients_are_right(examination, s, main is s) for s in found]
    examination.take(_behaviour(examination.entry, main, examination.seed + 2))
    if all(gradients):
        _at_kinks(examination, main)
        _other_batches(examination, main)
        examination.take(extremes.overflows(main, examination.seed + 5))
    examination.take(extremes.dtypes(main, examination.seed + 6))


def _random(examination: Examination, main: Situation) -> bool:
    """Random outputs explain everything else; layers named for them are not checked."""
    try:
        findings = list(probes.deterministic(probes.Bench(main, examination.seed + 2)))
    except (Broken, WrongOutput):
        return False
    if findings and main.kind is None and RANDOM_NAMES.search(examination.entry.name):
        if dropout.judged(examination, main):
            return True
        raise NothingToCheck("it is random, as its name says")
    examination.take(findings)
    return bool(findings)


def _situations(examination: Examination) -> list[Situation]:
    try:
        return [*situations(examination.entry), *_when_square(examination.entry)]
    except (Broken, WrongOutput) as error:
        if examination.entry.kind == "Affine" and getattr(error, "stage", "") == "forward":
            _try_square(examination, error)
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


def _try_square(examination: Examination, error: Exception) -> None:
    """A forward pass that only runs when W is square has W the wrong way round."""
    try:
        affine(examination.entry, Size(D=4, M=4))
    except (Broken, WrongOutput):
        return
    examination.blame("transposed", "forward", f"With 5 inputs and 3 outputs, {error}.")


RECURRENT = re.compile("rnn|lstm|gru|recurrent", re.IGNORECASE)
"""Names of layers that remember what they were given before: they are meant to."""


def _behaviour(entry: Entry, main: Situation, seed: int) -> list[Finding]:
    try:
        found = probes.findings(main, seed)
        if RECURRENT.search(entry.name):
            memory = ("stale-cache", "accumulates", "unknown")
            found = [f for f in found if f.identity not in memory]
        return found
    except (Broken, WrongOutput):  # named by now
        return []


def _at_kinks(examination: Examination, main: Situation) -> None:
    if main.kind == "ReLU":
        found = conventions.relu_at_zero(main, examination.seed + 3)
    elif isinstance(main.reference, PoolReference):
        found = conventions.pool_ties(main, main.reference, examination.seed + 3)
    else:
        return
    if found.accepted:
        examination.notes.append(found.text)
        examination.kink = not found.usual
    else:
        examination.blame(found.identity, "", found.text)
        examination.counterexample = at_kink(examination.entry, main)


def _other_batches(examination: Examination, main: Situation) -> None:
    """One, two and seven samples, which must not be a special examination."""
    if isinstance(main.reference, LossReference) and main.reference.kind == "KLDivergence":
        return
    rng = np.random.default_rng(examination.seed + 4)
    for n in (1, 2, 7) if main.size.image is None else (1, 2):
        arrays = main.arrays(rng, n)
        who = "one sample" if n == 1 else f"{n} samples"
        try:
            trial = run(main.make(), arrays, None, rng)
        except (Broken, WrongOutput) as error:
            examination.blame("wrong-shape", "", f"For a batch of {who}, {error}.")
            return
        truth = main.reference.forward(arrays)
        if not close(trial.y, truth, 10 * main.reference.tolerance):
            name = diagnosis.wrong_output(main.kind, arrays, trial.y, truth)
            examination.blame(name, "", f"For a batch of {who}: {difference(trial.y, truth, 'it')}")
            return
        _check_batch(examination, main, trial, who)


def _check_batch(examination: Examination, main: Situation, trial: Trial, who: str) -> None:
    truths = main.reference.gradients(trial.arrays, trial.upstream)
    wrong = wrong_arrays(main, trial, truths)
    averages = AVERAGED in examination.notes
    averages = averages and conventions.averaged(trial.gradients, truths, trial.n)
    if wrong and ("x" in wrong or not averages):
        found = {n: trial.gradients.get(n) for n in wrong}
        shapes = [n for n, g in found.items() if g is None or g.shape != truths[n].shape]
        name = "wrong-shape" if shapes else "unknown"
        examination.blame(name, "", f"For a batch of {who} d{wrong[0]} is wrong.")
        unlike = [n for n in wrong if not (averages and _is_average(trial, truths, n))]
        examination.wrong = examination.wrong or Wrong(main, unlike, trial)


def _is_average(trial: Trial, truths: Arrays, name: str) -> bool:
    return name != "x" and conventions.averaged(trial.gradients, {name: truths[name]}, trial.n)
