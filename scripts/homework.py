"""Solutions to the problems of the lecture decks: derived, computed and checked.

Each problem prints its claim, the derivation, the numbers and one line per check with the error
that was measured. Without arguments the problems are listed. Exit status 0: every check passed,
1: a check failed, 2: no such problem.
"""

import argparse
import importlib
import shutil
import sys
import time
from pathlib import Path
from types import ModuleType

from problems.report import Report

FOLDER = Path(__file__).parent / "problems"
PROBLEMS = sorted(path.stem for path in FOLDER.glob("p??_*.py"))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "problem", nargs="*", help='a number, a part of a name ("softmax"), or "all"'
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write the pictures there")
    parser.add_argument(
        "--skeleton",
        type=Path,
        metavar="DIR",
        help="write an exercise there: the layers, blank, and what `mlp grade` expects of them",
    )
    options = parser.parse_args(arguments)
    if options.skeleton:
        return write_skeleton(options.skeleton)
    try:
        chosen = sorted({stem for wanted in options.problem for stem in matching(wanted)})
    except LookupError as error:
        parser.error(str(error))
    if not chosen:
        list_problems()
        return 0
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
    reports = {stem: run(stem, options.figures) for stem in chosen}
    if len(reports) > 1:
        print("\nSummary")
        for stem, report in reports.items():
            print(f"  {stem:<24} {report.summary()}")
    return 0 if all(report.passed for report in reports.values()) else 1


def matching(wanted: str) -> list[str]:
    """The problems that a number, a part of a name or "all" means; LookupError for none."""
    if wanted == "all":
        return PROBLEMS
    if wanted.isdecimal():
        found = [stem for stem in PROBLEMS if int(stem[1:3]) == int(wanted)]
    else:
        found = [stem for stem in PROBLEMS if wanted.lower() in stem]
    if not found:
        raise LookupError(f"no problem {wanted!r}; run without arguments to list them")
    return found


def write_skeleton(folder: Path) -> int:
    """Copy the exercise and what it is graded by, but never over anybody's own."""
    paths = [folder / "exercise.py", folder / "exercise.toml"]
    for path in paths:
        if path.exists():
            print(f"homework.py: {path} exists, and may hold your work", file=sys.stderr)
            return 2
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.copyfile(FOLDER / path.name, path)
    print(f"{paths[0]}; check it with: python scripts/gradcheck.py {paths[0]}")
    print(f"{paths[1]}; grade a class with: mlp grade FOLDER --exercise {paths[1]}")
    return 0


def list_problems() -> None:
    for stem in PROBLEMS:
        print(f"{int(stem[1:3]):3}  {stem[4:]:<21} {load(stem).TITLE}")


def run(stem: str, figures: Path | None) -> Report:
    problem, report = load(stem), Report(stem, figures)
    title = f"Problem {int(stem[1:3])}: {problem.TITLE}"
    print(f"\n{title}\n{'=' * len(title)}\ndeck {problem.DECKS}; the solution is {stem}.py")
    start = time.perf_counter()
    problem.solve(report)
    print(f"\n  {report.summary().strip()} ({time.perf_counter() - start:.1f} s)")
    return report


def load(stem: str) -> ModuleType:
    return importlib.import_module(f"problems.{stem}")


if __name__ == "__main__":
    sys.exit(main())
