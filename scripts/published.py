"""Measure the gradient check on published files: what it says beside what it should say.

    published.py FOLDER --expected published.json

FOLDER holds copies of public repositories at the commits that the expected file names, each as
OWNER/NAME, OWNER+NAME or OWNER+NAME@COMMIT (the first eight digits). The expected file is a list:

    [{"repo": "OWNER/NAME", "path": "nn/layers.py", "commit": "45faf635...",
      "layers": {"affine": {"should": "PASS"}, ...}}, ...]

`should` is "PASS" or "PASS + note" (the gradient is right), "FAIL" (it is wrong), "FAIL or note",
or "checked" (any verdict). Other keys are passed over. The last lines are the rates.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tqdm.auto import tqdm

from mlp.checking.report import Outcome, Report
from mlp.checking.students.names import plain
from mlp.checking.students.sandbox import JUDGED, Limits, check_file

RIGHT = ("PASS", "KINK")
MEANT = {
    "PASS": lambda report: report.verdict in RIGHT,
    "PASS + note": lambda report: report.verdict in RIGHT,
    "FAIL": lambda report: report.verdict == "FAIL",
    "FAIL or note": lambda report: report.verdict == "FAIL" or bool(report.notes or report.flaws),
    "checked": lambda report: report.verdict in JUDGED,
}
"""Whether a report says what it should."""


@dataclass
class Rates:
    """How many there are, and how many of them are as they should be."""

    found: dict[str, int] = field(default_factory=dict)
    of: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, good: bool) -> None:
        """Add one."""
        self.of[what] = self.of.get(what, 0) + 1
        self.found[what] = self.found.get(what, 0) + good

    def __str__(self) -> str:
        return "\n".join(
            f"{what}: {self.found[what]} of {total} = {self.found[what] / total:.1%}"
            for what, total in self.of.items()
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the repositories")
    parser.add_argument("--expected", type=Path, required=True, metavar="FILE")
    parser.add_argument("--timeout", type=float, default=60, metavar="S", help="for each file")
    parser.add_argument("--all", action="store_true", help="also list what is as it should be")
    options = parser.parse_args()
    try:
        expected = json.loads(options.expected.read_bytes())
        places = [_place(options.folder, item) for item in expected]
        wanted = [_wanted(item) for item in expected]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        parser.error(f"{options.expected}: {type(error).__name__}: {error}")
    if not any(path.is_file() for path in places):
        parser.error(f"{options.folder} has none of the files: looked for {places[0]} and others")
    rates = Rates()
    for item, layers, outcome in zip(expected, wanted, _outcomes(places, options), strict=True):
        print(f"{item['repo']}/{item['path']}{f': {outcome.error}' if outcome.error else ''}")
        _tell(layers, outcome, rates, options.all)
    print(f"\n{rates}")
    return 0


def _place(folder: Path, item: dict[str, Any]) -> Path:
    """Where the file lies, or would lie."""
    plus = item["repo"].replace("/", "+")
    names = [f"{plus}@{item['commit'][:8]}", plus, item["repo"]]
    places = [folder / name / item["path"] for name in names]
    return next((place for place in places if place.is_file()), places[0])


def _wanted(item: dict[str, Any]) -> dict[str, str]:
    """What should be said, by layer."""
    wanted = {name: str(layer["should"]) for name, layer in item["layers"].items()}
    if unknown := [should for should in wanted.values() if should not in MEANT]:
        raise ValueError(f"should is {unknown[0]!r}, expected one of {', '.join(MEANT)}")
    return wanted


def _outcomes(places: list[Path], options: argparse.Namespace) -> list[Outcome]:
    def check(place: Path) -> Outcome:
        return check_file(place, limits=Limits(options.timeout))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [*tqdm(pool.map(check, places), total=len(places), disable=None, leave=False)]


def _tell(layers: dict[str, str], outcome: Outcome, rates: Rates, everything: bool) -> None:
    """A line for each layer that is not as it should be, and all of them counted."""
    rates.count("files loaded", outcome.error is None)
    reports = {plain(report.name): report for report in outcome.reports}
    for name, should in layers.items():
        report = reports.get(plain(name), Report(name, notes=["not listed"], whole="ERROR"))
        good = MEANT[should](report)
        rates.count("layers with a verdict", report.verdict in JUDGED)
        if should.startswith("PASS"):
            rates.count("right gradients told PASS", good)
        elif should == "FAIL":
            rates.count("wrong gradients told FAIL", good)
        if everything or not good:
            why = report.diagnosis.id if report.diagnosis else "; ".join(report.notes)[:100]
            print(f"  {'' if good else 'NOT '}{name}: {report.verdict}, should be {should}; {why}")


if __name__ == "__main__":
    sys.exit(main())
