"""How many planted mistakes are caught and named, beside what a plain check would have caught.

The plain check is the usual one: an upstream of ones, a numerical gradient of the layer's own
forward pass, and `numpy.allclose` with rtol=1e-3 and atol=1e-5.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mlp.checking.report import Report
from mlp.checking.students.forms import situations
from mlp.checking.students.loading import Entry, find, load
from mlp.checking.students.references import OwnForward
from mlp.checking.students.sandbox import check_file
from mlp.checking.students.situations import Situation
from mlp.checking.students.trials import Broken, NothingToCheck, WrongOutput, run
from mlp.checking.zoo.mistakes import as_file, planted

HERE = Path(__file__).parent
VARIANTS = [HERE / "right.py", HERE / "variants.py", HERE / "averaging.py"]
KINDS = {"PairMultiply": "Multiply"} | {n: "Multiply" for n in planted() if n.startswith("Pair")}
ACCEPTED = ("PASS", "KINK", "nothing to check", "unfinished")


def check_mistakes() -> dict[str, Report]:
    """The reports on all planted mistakes by name, checked as one student's file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mistakes.py"
        path.write_text(as_file(planted()))
        return {r.name: r for r in check_file(path, kinds=KINDS).reports}


def check_variants() -> dict[str, Report]:
    """The reports on all correct layers, by file and name."""
    return {
        f"{path.stem}.{report.name}": report
        for path in VARIANTS
        for report in check_file(path, kinds=KINDS).reports
    }


def caught(report: Report) -> bool:
    """Whether the layer was rejected."""
    return report.verdict in ("FAIL", "ERROR")


def named(report: Report, identity: str) -> bool:
    """Whether the diagnosis is the planted one."""
    return report.diagnosis is not None and report.diagnosis.id == identity


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


def table() -> tuple[str, bool]:
    """The table as text, and whether all is as it should be."""
    reports, plain, variants = check_mistakes(), plain_catches(), check_variants()
    rejected = [name for name, r in variants.items() if r.verdict not in ACCEPTED]
    lines = list(_rows(reports, plain))
    lines.append(f"correct variants rejected: {len(rejected)} of {len(variants)}")
    missed = [n for n, r in reports.items() if not caught(r)]
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
                sum(caught(reports[n]) for n in names),
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
