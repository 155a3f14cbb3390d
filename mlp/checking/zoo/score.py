"""How many planted mistakes are caught and named, beside what a plain check would have caught.

The plain check is the usual one: an upstream of ones, a numerical gradient of the layer's own
forward pass, and `numpy.allclose` with rtol=1e-3 and atol=1e-5.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from mlp.checking.diagnosis import STYLE
from mlp.checking.report import Report
from mlp.checking.students.forms import situations
from mlp.checking.students.loading import Entry, find, load
from mlp.checking.students.references import OwnForward
from mlp.checking.students.sandbox import Limits, check_file
from mlp.checking.students.situations import Situation
from mlp.checking.students.trials import Broken, NothingToCheck, WrongOutput, run
from mlp.checking.zoo.mistakes import as_file, planted

HERE = Path(__file__).parent
VARIANTS = [HERE / "right.py", HERE / "variants.py", HERE / "averaging.py"]
KINDS = {"PairMultiply": "Multiply"} | {n: "Multiply" for n in planted() if n.startswith("Pair")}
SECONDS = 600.0
"""For a file of so many layers, on a busy machine."""
ACCEPTED = ("PASS", "KINK", "nothing to check", "unfinished")


def check_mistakes() -> dict[str, Report]:
    """The reports on all planted mistakes by name, checked as one student's file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mistakes.py"
        path.write_text(as_file(planted()))
        reports = check_file(path, kinds=KINDS, limits=Limits(SECONDS)).reports
        return {report.name: report for report in reports}


def check_variants() -> dict[str, Report]:
    """The reports on all correct layers, by file and name."""
    return {
        f"{path.stem}.{report.name}": report
        for path in VARIANTS
        for report in check_file(path, kinds=KINDS, limits=Limits(SECONDS)).reports
    }


def caught(report: Report, identity: str) -> bool:
    """Whether the layer was rejected or, for a flaw of style, a note names it."""
    return report.verdict in ("FAIL", "ERROR") or identity in _flaws(report)


def named(report: Report, identity: str) -> bool:
    """Whether the diagnosis, or a note where there is none, is the planted one."""
    if report.diagnosis is None:
        return identity in _flaws(report)
    return report.diagnosis.id == identity


def _flaws(report: Report) -> list[str]:
    return [flaw.id for flaw in report.flaws if flaw.id in STYLE]


def plain_check_passes(entry: Entry) -> bool:
    """The usual check on one layer, in all its situations; whatever raises is caught."""
    try:
        return all(_close_to_numerical(s) for s in situations(entry))
    except (Broken, WrongOutput, NothingToCheck, TypeError, ValueError, KeyError):
        return False


def _close_to_numerical(situation: Situation) -> bool:
    rng = np.random.default_rng(0)
    arrays = situation.arrays(rng, 5)
    ones = np.ones_like(run(situation.make(), arrays, None, rng).y)
    trial = run(situation.make(), arrays, ones, rng)
    truth = OwnForward(situation.make).gradients(arrays, ones)
    return all(np.allclose(trial.gradients[n], g, 1e-3, 1e-5) for n, g in truth.items())


def plain_catches() -> dict[str, bool]:
    """By name: whether the usual check rejects the planted mistake."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mistakes.py"
        path.write_text(as_file(planted()))
        module = load(path).module
        return {e.name: not plain_check_passes(e) for e in find(module, KINDS)}


def table(strict: bool = False) -> tuple[str, bool]:
    """The table as text, and whether all is as it should be.

    With `strict` a flaw of style must be a FAIL, as any other mistake.
    """
    reports, plain, variants = check_mistakes(), plain_catches(), check_variants()
    if strict:
        reports, variants = (
            {name: replace(report.strict(), flaws=[]) for name, report in some.items()}
            for some in (reports, variants)
        )
    rejected = [name for name, r in variants.items() if r.verdict not in ACCEPTED]
    lines = list(_rows(reports, plain))
    lines.append(f"correct variants rejected: {len(rejected)} of {len(variants)}")
    zoo = planted()
    missed = [n for n, r in reports.items() if not caught(r, zoo[n][0])]
    lines += [f"  rejected: {name}" for name in rejected] + [f"  missed: {n}" for n in missed]
    return "\n".join(lines), not (missed or rejected)


def _rows(reports: dict[str, Report], plain: dict[str, bool]) -> Iterator[str]:
    zoo = planted()
    yield f"{'mistake':24} planted  caught  named  ones + allclose"
    total = np.zeros(4, int)
    for identity in dict.fromkeys(identity for identity, _ in zoo.values()):
        names = [n for n, (i, _) in zoo.items() if i == identity]
        counts = np.array(
            [
                len(names),
                sum(caught(reports[n], identity) for n in names),
                sum(named(reports[n], identity) for n in names),
                sum(plain[n] for n in names),
            ]
        )
        total += counts
        yield _row(identity, counts)
    yield _row("all", total)
    shares = ", ".join(f"{100 * c / total[0]:.0f} %" for c in total[1:])
    yield f"caught, named, caught by ones + allclose: {shares}"


def _row(identity: str, counts: np.ndarray) -> str:
    planted_, caught_, named_, plain = counts
    return f"{identity:24} {planted_:7} {caught_:7} {named_:6} {plain:16}"
