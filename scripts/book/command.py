"""`homework.py`: lists the problems, solves them, and hands over to `book` and `sheet`."""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from book.library import DECKS, FOLDER, PROBLEMS, chosen, heading, load, solved
from book.page import Page
from book.terminal import Terminal


def main(words: Sequence[str], description: str | None = None) -> int:
    """The exit status; `description` is what --help says first."""
    if words[:1] == ["book"]:
        from book.making import book

        return book(words[1:])
    if words[:1] == ["sheet"]:
        from book.making import sheet

        return sheet(words[1:])
    parser = argparse.ArgumentParser(
        prog="homework.py",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "problem", nargs="*", help='a number, a part of a name ("softmax"), or "all"'
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write the pictures there")
    parser.add_argument(
        "--verbose", action="store_true", help="every check, its error and its tolerance"
    )
    parser.add_argument(
        "--skeleton",
        type=Path,
        metavar="DIR",
        help="write an exercise there: the layers, blank, and what `mlp grade` expects of them",
    )
    options = parser.parse_args(words)
    if options.skeleton:
        return write_skeleton(options.skeleton)
    try:
        stems = chosen(options.problem)
    except LookupError as error:
        parser.error(str(error))
    if not stems:
        list_problems()
        return 0
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
    pages = {stem: run(stem, options.figures, options.verbose) for stem in stems}
    if len(pages) > 1:
        print("\nSummary")
        for stem, page in pages.items():
            print(f"  {stem:<24} {page.summary()}")
    return 0 if all(page.passed for page in pages.values()) else 1


def list_problems() -> None:
    for stem in PROBLEMS:
        print(f"{int(stem[1:3]):3}  {stem[4:]:<21} {load(stem).TITLE}")
    print("\nThe decks that the problems come from:")
    for deck, title in DECKS.items():
        print(f"  {deck}  {title}")


def run(stem: str, figures: Path | None = None, verbose: bool = False) -> Page:
    """Solve one problem, and print it as it goes along."""
    title = heading(stem)
    print(f"\n{title}\n{'=' * len(title)}\ndeck {load(stem).DECKS}; the solution is {stem}.py")
    start = time.perf_counter()
    page = solved(stem, Terminal(figures, verbose))
    print(f"\n  {page.summary().strip()} ({time.perf_counter() - start:.1f} s)")
    return page


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
