"""`homework.py book` and `homework.py sheet`: from pages to files."""

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm.auto import tqdm

from book import html, sheets
from book.blocks import Block
from book.library import DECKS, chosen, heading, load, solved
from book.markdown import for_github, markdown, split
from book.page import Page
from book.terminal import Terminal
from mlp.files.whole import write_whole

TITLE = "Backpropagation by hand"
INTRODUCTION = """\
Twenty problems about gradients of neural networks, each with what is given, what is wanted, the
derivation entry by entry, the numbers, and a line of proof: what was derived by hand is compared
with the engine's layers and with derivatives taken numerically, and the largest error is printed.
Rows are samples unless a problem says otherwise. The problems come from five lecture decks:
"""


def book(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="homework.py book", description=book.__doc__)
    parser.add_argument("problem", nargs="*", default=["all"], help="some problems only")
    parser.add_argument(
        "--to", type=Path, required=True, metavar="FILE", help="book.html, book.md or a new folder"
    )
    parser.add_argument(
        "--answers",
        choices=("after", "end", "none"),
        default="after",
        help="after each problem (as it is by default), in a part of their own, or not at all",
    )
    options = parser.parse_args(words)
    try:
        stems = chosen(options.problem)
        write = _form(options.to)
        pages = [solved(stem) for stem in tqdm(stems, desc="problems", disable=None, leave=False)]
        write(pages, options.to, options.answers)
    except (LookupError, ValueError, OSError, html.MissingConverter) as error:
        print(f"homework.py book: {error}", file=sys.stderr)
        return 2
    print(f"{options.to}: {len(pages)} problems")
    return 0 if all(page.passed for page in pages) else 1


def main_text(pages: list[Page], pictures: Path, beside: Path, answers: str) -> str:
    """The whole book as Markdown; `answers`: "after" each problem, at the "end", or "none"."""
    decks = "\n".join(f"- **{deck}**: {title}" for deck, title in DECKS.items())
    parts, later = [f"# {TITLE}", INTRODUCTION + "\n" + decks], ["# Answers"]
    for page in pages:
        statement, solution = (markdown(b, pictures, beside) for b in split(page.blocks))
        title, deck = heading(page.name), f"*Deck {load(page.name).DECKS}*"
        parts += [f"## {title}", deck, statement]
        if answers == "after":
            parts += ["### Solution", solution]
        later += [f"## Answers to {title.lower()[0]}{title[1:]}", solution]
    return for_github("\n\n".join(parts + later * (answers == "end")) + "\n")


def _form(to: Path) -> Callable[[list[Page], Path, str], None]:
    forms = {".html": _write_html, ".md": _write_markdown, "": _write_notebooks}
    if to.suffix not in forms:
        raise ValueError(f"--to {to}: expected a name that ends in .html or .md, or a folder")
    return forms[to.suffix]


def _write_html(pages: list[Page], to: Path, answers: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = main_text(pages, Path(folder), Path(folder), answers)
        made = html.page(text, TITLE, Path(folder))
    write_whole(to, made.encode())


def _write_markdown(pages: list[Page], to: Path, answers: str) -> None:
    pictures = to.with_name(f"{to.stem}_pictures")
    pictures.mkdir(parents=True, exist_ok=True)
    text = main_text(pages, pictures, to.parent, answers)
    write_whole(to, text.encode())


def _write_notebooks(pages: list[Page], to: Path, answers: str) -> None:
    try:
        import nbformat

        from book.notebooks import notebook
    except ImportError as error:
        raise html.MissingConverter('notebooks need nbformat: pip install "mlp[book]"') from error
    pictures = to / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for page in pages:
        blocks = split(page.blocks)[0] if answers == "none" else page.blocks
        made = nbformat.writes(notebook(f"# {heading(page.name)}", blocks, pictures, to))
        write_whole(to / f"{page.name}.ipynb", made.encode())


def sheet(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="homework.py sheet", description=sheet.__doc__)
    parser.add_argument("problem", nargs="*", help="numbers, or parts of names")
    parser.add_argument("--all", action="store_true", help="all problems")
    parser.add_argument("--seed", type=int, default=0, help="which sheet: 0, 1, ... (0)")
    parser.add_argument("--answers", action="store_true", help="print the answers instead")
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FILE",
        help="write FILE (.txt, .md or .html) and, beside it, FILE's answers",
    )
    options = parser.parse_args(words)
    try:
        stems = chosen(["all"] if options.all else options.problem)
        if not stems:
            raise ValueError("which problems? give numbers, or --all")
        if options.seed < 0:
            raise ValueError(f"--seed {options.seed}: expected 0, 1, 2, ...")
        if options.to is None:
            print(_text(stems, options.seed, options.answers))
            return 0
        other = options.to.with_name(f"{options.to.stem}_answers{options.to.suffix}")
        for path, answers in ((options.to, False), (other, True)):
            made = _sheet(stems, options.seed, answers, path.suffix)
            write_whole(path, made.encode())
            print(path)
    except (LookupError, ValueError, OSError, html.MissingConverter) as error:
        print(f"homework.py sheet: {error}", file=sys.stderr)
        return 2
    return 0


def _sheet(stems: list[str], seed: int, answers: bool, suffix: str) -> str:
    if suffix == ".txt":
        return _text(stems, seed, answers)
    if suffix not in (".md", ".html"):
        raise ValueError("--to: expected a name that ends in .txt, .md or .html")
    title = _title(seed, answers)
    parts = [f"# {title}"]
    for stem in stems:
        text = markdown(_blocks(stem, seed, answers), None, Path())
        parts += [f"## {heading(stem)}", text]
    made = for_github("\n\n".join(parts) + "\n")
    return made if suffix == ".md" else html.page(made, title, Path(), contents=False)


def _text(stems: list[str], seed: int, answers: bool) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        print(_title(seed, answers))
        for stem in stems:
            print(f"\n{heading(stem)}\n{'=' * len(heading(stem))}")
            show = Terminal()
            for block in _blocks(stem, seed, answers):
                show(block)
    return out.getvalue()


def _title(seed: int, answers: bool) -> str:
    return f"{'Answers to sheet' if answers else 'Sheet'} {seed}"


def _blocks(stem: str, seed: int, answers: bool) -> list[Block]:
    problem = load(stem)
    numbers = sheets.drawn(problem, int(stem[1:3]), seed)
    return (sheets.answers if answers else sheets.questions)(problem, numbers)
