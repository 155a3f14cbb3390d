"""Grade a class: every file, notebook or folder in FOLDER is one student's submission.

    mlp grade FOLDER --exercise exercise.toml

The results lie in FOLDER-grades: grades.csv, teacher.html, and a page for each student in pages.
Called again, it grades what is new or has changed, and goes on where it was interrupted.
"""

import argparse
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from mlp.checking.grading.exercise import Exercise, read_exercise
from mlp.checking.grading.feedback import number as shown
from mlp.checking.grading.run import Grading, slowness
from mlp.checking.grading.submissions import find_submissions
from mlp.checking.students.sandbox import Limits
from mlp.commands import signals
from mlp.commands.command_line import OneLineParser, add_threads, number
from mlp.errors import DataError

ENDS = "exit status: 0 all are graded, 1 some are not, 2 wrong usage, 3 wrong exercise file"
SHORT = {"PASS": "ok", "KINK": "ok", "FAIL": "FAIL", "ERROR": "ERR", "INCONCLUSIVE": "?",
         "blank": "-", "missing": "-", "OTHER": "conv", "REFUSED": "LOOK"}  # fmt: skip
"""Verdicts as the table on the screen has them."""
LETTERS = {"PASS": "+", "KINK": "+", "FAIL": "F", "ERROR": "E", "INCONCLUSIVE": "?",
           "blank": "-", "missing": "-", "OTHER": "c", "REFUSED": "!"}  # fmt: skip
"""The same for a narrow screen."""
MEANT = {
    "ok": "right", "FAIL": "wrong", "ERR": "stopped", "?": "could not be judged",
    "-": "blank or missing", "conv": "another convention", "LOOK": "not accepted",
    "+": "right", "F": "wrong", "E": "stopped", "c": "another convention", "!": "not accepted",
}  # fmt: skip
NAME_WIDTH = 24
LEAST_NAME = 8


def main(arguments: Sequence[str], called: str) -> int:
    """Grade what the arguments name; 0 if every submission has a result."""
    parser = _parser(called)
    options = parser.parse_args(arguments)
    folder = options.folder
    if not folder.is_dir():
        parser.error(f"{folder} is no folder; one file alone is for `mlp check {folder}`")
    output = options.output or folder.resolve().with_name(f"{folder.resolve().name}-grades")
    if output.resolve() == folder.resolve():
        parser.error("the results cannot lie among the submissions: choose another --output")
    exercise = read_exercise(options.exercise)
    besides = {options.exercise.resolve(), output.resolve()}
    submissions = find_submissions(folder.resolve(), besides)
    if not submissions:
        raise DataError(f"{folder}: expected submissions (files or folders), found none")
    limits = Limits(options.timeout, options.memory, guarded=True)
    grading = Grading(
        submissions, exercise, output, limits, options.seed, options.anonymous, options.jobs
    )
    bar = tqdm(total=len(submissions), unit="submission", disable=None, leave=False)
    with bar, closing(grading.run()) as results:
        try:
            for _ in results:
                bar.update()
        except signals.Stopped:
            bar.close()
            most = 2 * options.timeout * slowness()
            print(f"{called}: ends with those at work, in {most:g} s at most", file=sys.stderr)
            raise
    grading.finish()
    print(_table(grading, exercise))
    print(f"\n{output / 'grades.csv'}\n{output / 'teacher.html'}\n{output / 'pages'}")
    for left in grading.ungraded:
        kept = "; the earlier result stays" if left.kept else ""
        print(f"{called}: {left.student} is not graded: {left.why}{kept}", file=sys.stderr)
    return 1 if grading.ungraded else 0


def _parser(called: str) -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog=called,
        description="Grade a class: every file, notebook or folder in FOLDER is the submission of "
        "the student that it is named after.",
        epilog=ENDS,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the submissions")
    parser.add_argument("--exercise", type=Path, required=True, metavar="FILE",
                        help="tasks and points (TOML); scripts/homework.py --skeleton DIR "
                        "writes one")  # fmt: skip
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="where the results go; default: FOLDER-grades"
    )
    parser.add_argument("--anonymous", action="store_true",
                        help="pages without names; names.csv says which is whose")  # fmt: skip
    parser.add_argument("--timeout", type=number(float, 0, above=True), default=10, metavar="S",
                        help="seconds to check a file, and as many to confirm it; up to four "
                        "times as long on a busy machine")  # fmt: skip
    parser.add_argument("--memory", type=number(int, 1), default=1024, metavar="M",
                        help="MiB that each submission may take")  # fmt: skip
    parser.add_argument("--jobs", type=number(int, 1), metavar="N",
                        help="submissions at a time; default: the number of cores")  # fmt: skip
    parser.add_argument("--seed", type=number(int, 0), default=0, metavar="N",
                        help="of all random numbers")  # fmt: skip
    add_threads(parser)
    return parser


def _table(grading: Grading, exercise: Exercise) -> str:
    """A line for each student: each task's verdict, and the points; as wide as the terminal."""
    across = shutil.get_terminal_size((120, 24)).columns
    records = sorted(grading.records.values(), key=lambda r: r.student.casefold())
    count, total = len(exercise.tasks), f"of {shown(exercise.points)}"
    named = 1 + max([len("student"), *(_columns(r.student) for r in records)])
    words = SHORT if NAME_WIDTH + count * 5 + len(total) + 1 <= across else LETTERS
    cell = max(len(str(count)), *map(len, words.values()))
    room = across - count * (cell + 1) - len(total) - 1
    name_width = min(named, max(room, LEAST_NAME), NAME_WIDTH)

    def line(student: str, cells: list[str], points: str) -> str:
        verdicts = "".join(f"{c:<{cell}} " for c in cells)
        return f"{_fitted(student, name_width)}{verdicts}{points:>{len(total)}}"

    rows = [
        line(r.student, [words[m.verdict] for m in r.marks.tasks], shown(r.marks.points))
        for r in records
    ]
    numbers = [str(k) for k in range(1, count + 1)]
    tasks = ", ".join(f"{k} {task.name}" for k, task in zip(numbers, exercise.tasks, strict=True))
    meanings = dict.fromkeys(words.values())
    legend = ", ".join(f"{word} {MEANT[word]}" for word in meanings)
    head = line("student", numbers, total)
    return "\n".join(
        [textwrap.fill(tasks, across), "", head, *rows, "", textwrap.fill(legend, across)]
    )


def _fitted(student: str, width: int) -> str:
    """Names of all scripts take the columns that they take on a terminal."""
    name = ""
    for letter in student:
        if _columns(name + letter) > width - 1 - (_columns(student) >= width):
            name += "…"
            break
        name += letter
    return name + " " * (width - _columns(name))


def _columns(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
