"""A problem as Markdown with LaTeX, as GitHub renders it."""

import itertools
import os
import re
from collections.abc import Iterable, Sequence
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
from book.notation import compact, inline, matrix, spoken


def markdown(blocks: Iterable[Block], pictures: Path | None, beside: Path) -> str:
    """The pieces as Markdown; pictures are drawn as SVG into a folder, linked from `beside`.

    Without a folder for them, pictures are left out.
    """
    texts: list[str] = []
    for is_number, group in itertools.groupby(blocks, lambda block: isinstance(block, Numbers)):
        if is_number:
            texts += _side_by_side(group)
        else:
            texts += [text for block in group if (text := _block(block, pictures, beside))]
    return "\n\n".join(texts)


def _side_by_side(numbers: Iterable[Block]) -> list[str]:
    """Small arrays that follow each other share a line as long as it has room for them."""
    texts: list[str] = []
    for block in numbers:
        text = _block(block, None, Path())
        if texts and all(t.startswith("$") and t.endswith("$") for t in (text, texts[-1])):
            texts[-1] += f" &emsp; {text}"
        else:
            texts.append(text)
    return texts


def for_github(text: str) -> str:
    """The same with fences for formulas: between dollars GitHub takes `\\\\` and `\\,` for escapes.

    Notebooks know dollars alone, and nothing is escaped there.
    """
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    for i in range(0, len(parts), 2):
        fenced = re.sub(r"^\$\$\n(.*?)\n\$\$$", r"```math\n\1\n```", parts[i], flags=re.M | re.S)
        parts[i] = re.sub(r"\$([^$\n]*\\[^A-Za-z$\n][^$\n]*)\$", r"$`\1`$", fenced)
    return "".join(parts)


def split(blocks: Sequence[Block]) -> tuple[list[Block], list[Block]]:
    """The statement, and the answers: all from the first answer on."""
    first = next((i for i, b in enumerate(blocks) if isinstance(b, Answer)), len(blocks))
    return [*blocks[:first]], [*blocks[first:]]


def _block(block: Block, pictures: Path | None, beside: Path) -> str:
    match block:
        case Prose(text):
            return prose(text)
        case Question(letter, text):
            return f"**({letter})** {prose(text)}"
        case Answer(letter):
            return f"#### ({letter})"
        case Formula(latex, _, because):
            return f"$$\n{latex}\n$$" + (f"\n\n{prose(because)}" if because else "")
        case Numbers(name, value, _):
            return _numbers(name, value)
        case Table(columns, rows):
            return _table(columns, rows)
        case Code():
            return f"```python\n{block.text}\n```"
        case Slip(text):
            return f"> **Slip of the deck.** {prose(text)}"
        case Proof(text, checks):
            checked = "1 check" if len(checks) == 1 else f"{len(checks)} checks"
            outcome = "" if block.passed else "**FAILED** "
            return f"{outcome}*Proof:* {prose(text)}: largest error {block.error:.1g} ({checked})."
        case Picture(name, caption, save) if pictures is not None:
            path = pictures / f"{name}.svg"
            save(path)
            link = Path(os.path.relpath(path, beside)).as_posix()
            alternative = re.sub(r"[`\[\]]", "", caption) or name
            return f"![{alternative}]({link})" + (f"\n\n{prose(caption)}" if caption else "")
    return ""


def prose(text: str) -> str:
    """Backticked formulas as LaTeX where the grammar knows them, as code elsewhere."""

    def formula(match: re.Match) -> str:
        latex = inline(match[1])
        return match[0] if latex is None else f"${latex}$"

    return re.sub("`([^`]+)`", formula, text)


def _numbers(name: str, value: object) -> str:
    symbol = None if " " in name else inline(spoken(name))  # with a blank it is prose
    array, label = matrix(value), prose(name) if symbol is None else f"${symbol}$"
    if symbol is not None and array is not None:
        return f"${symbol} = {array}$"
    text = compact(value)
    return f"{label}:\n\n```text\n{text}\n```" if "\n" in text else f"{label}: `{text}`"


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [[*map(_cell, columns)], ["---:"] * len(columns)]
    lines += [[_cell(compact(value)) for value in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    return prose(text).replace("|", r"\|") or " "
