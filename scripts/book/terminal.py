"""A problem in the terminal, piece by piece as it is solved; all text fits 80 columns."""

import textwrap
from pathlib import Path

from book.blocks import (
    Answer,
    Block,
    Code,
    Formula,
    Numbers,
    Picture,
    Proof,
    Prose,
    Question,
    Slip,
    Table,
)
from book.notation import WIDTH, compact, spoken


class Terminal:
    """Prints each piece. `figures`: the folder for pictures; `verbose`: every check on a line."""

    def __init__(self, figures: Path | None = None, verbose: bool = False):
        self.figures, self.verbose = figures, verbose
        self._last: type | None = None

    def __call__(self, block: Block) -> None:
        show = getattr(self, f"_{type(block).__name__.lower()}")
        starts = type(block) is not self._last or isinstance(block, Prose | Question | Answer)
        if starts and not isinstance(block, Proof | Picture | Numbers | Slip):
            print()
        show(block)
        self._last = type(block)

    def _prose(self, block: Prose) -> None:
        print(textwrap.fill(plain(block.text), WIDTH))

    def _question(self, block: Question) -> None:
        print(_hanging(f"({block.letter}) ", plain(block.text)))

    def _answer(self, block: Answer) -> None:
        print(f"--- ({block.letter}) ".ljust(WIDTH, "-"))

    def _formula(self, block: Formula) -> None:
        print(textwrap.indent(block.plain, "    "))
        if block.because:
            print(_hanging("        ", plain(block.because)))

    def _numbers(self, block: Numbers) -> None:
        lines = compact(block.value).splitlines() or [""]
        sign = ":" if isinstance(block.value, str) else " ="
        lead = f"  {plain(spoken(block.name))}{sign} "
        if len(lines) == 1 and len(lead + lines[0]) <= WIDTH:
            print(lead + lines[0])
        else:
            print(lead.rstrip() + "\n" + textwrap.indent("\n".join(lines), "    "))

    def _table(self, block: Table) -> None:
        rows = [block.columns, *block.rows]
        cells = [[plain(compact(value)) for value in row] for row in rows]
        wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            print("    " + "  ".join(f"{c:>{w}}" for c, w in zip(row, wide, strict=True)))

    def _code(self, block: Code) -> None:
        print(textwrap.indent(block.text, "    "))

    def _picture(self, block: Picture) -> None:
        if self.figures is not None:
            path = self.figures / f"{block.name}.png"
            block.save(path)
            print(f"  picture: {path.name}")

    def _slip(self, block: Slip) -> None:
        print(_hanging("  deck slip: ", plain(block.text)))

    def _proof(self, block: Proof) -> None:
        count = len(block.checks)
        checks = "1 check" if count == 1 else f"{count} checks"
        mark = "ok  " if block.passed else "FAIL"
        print(_hanging(f"  {mark}  ", f"{plain(block.text)}: {block.error:.1g} ({checks})"))
        for check in block.checks:
            if self.verbose or not check.passed:
                limit = f"at most {check.tolerance:.0e}" if check.tolerance else "exactly 0"
                mark = "ok  " if check.passed else "FAIL"
                text = f"{check.label}: {check.error:.2g}, {limit}"
                print(_hanging(f"        {mark}  ", text))


def plain(text: str) -> str:
    """Prose without the marks of formulas."""
    return text.replace("`", "")


def _hanging(lead: str, text: str) -> str:
    return textwrap.fill(lead + text, WIDTH, subsequent_indent=" " * len(lead))
