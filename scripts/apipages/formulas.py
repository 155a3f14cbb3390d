"""Which words of a line are a formula, and all formulas of the pages as MathML at once."""

import html as escaping
import re

from book.html import formulas as formulas_of
from book.notation import FUNCTIONS, GREEK, inline

WORDS = {*FUNCTIONS, *GREEK, "sum", "argmax", "diag", "vec", "softmax", "sigmoid", "div", "ddiv"}
WORDS |= {"factor", "shift", "stride", "momentum", "weight_decay", "learning_rate", "dlog"}
WORDS |= {"support", "recall", "precision", "accuracy"}
"""They belong to a formula where something else in it does; alone they are words."""
LETTERS_OF_PROSE = {"a", "A", "I", "do"}
BEFORE_PROSE = {"the", "The", "each", "an", "deck", "decks"}
NUMBER = re.compile(r"(?<![A-Za-z_])\d+(?:\.\d+)?(?:e-?\d+)?")
NAME = re.compile(r"[A-Za-z]+\d*(?:_\w+|_\([^()]*\))?'*")
RELATION = re.compile(r"[^\s<(]\s*(?:<-|<=|>=|!=|[=<>/^])\s*[^\s>]")
OPEN, CLOSED = "\ue000", "\ue001"
"""Around the number of a formula, until it is typeset: characters that mean nothing."""


class Formulas:
    """All formulas met so far; each is a mark in the text until `put_in` replaces it."""

    def __init__(self) -> None:
        self.latex: dict[str, int] = {}

    def marked(self, text: str, strict: bool = True) -> str:
        """The text as HTML: what stands in `backticks` as code, and each formula as a mark.

        Not strict are lines that are there for a formula: single letters count as one too.
        """
        parts = re.split(r"(`[^`]+`)", text)
        return "".join(
            f"<code>{escaping.escape(part[1:-1], quote=False)}</code>"
            if part.startswith("`") and len(part) > 2
            else self._marked(part, strict)
            for part in parts
        )

    def _marked(self, text: str, strict: bool) -> str:
        made = []
        for run, is_math in _runs(text):
            latex = _latex(run) if is_math and _counts(run, strict) else None
            if latex is None:
                made.append(escaping.escape(run, quote=False))
            else:
                made.append(f"{OPEN}{self.latex.setdefault(latex, len(self.latex))}{CLOSED}")
        return "".join(made)

    def put_in(self, page: str, typeset: list[str]) -> str:
        return re.sub(f"{OPEN}(\\d+){CLOSED}", lambda m: typeset[int(m[1])], page)

    def typeset(self) -> list[str]:
        """MathML of every formula; ValueError for one that the converter does not understand."""
        import pypandoc

        text = "\n\n".join(f"$`{latex}`$" for latex in self.latex)
        options = ["--mathml", "--fail-if-warnings", "--wrap=none"]
        try:
            made = pypandoc.convert_text(text, "html5", format="gfm", extra_args=options)
        except RuntimeError as error:
            raise ValueError(f"pandoc refused a formula: {error}") from error
        found = formulas_of(made)
        if len(found) != len(self.latex):
            raise ValueError(f"pandoc typeset {len(found)} of {len(self.latex)} formulas")
        return found


def _runs(text: str) -> list[tuple[str, bool]]:
    """The text cut where words that may belong to a formula begin and end."""
    words = re.findall(r"\s+|\S+", text)
    solid = [word for word in words if not word.isspace()]
    kinds = {i: _is_math(solid, i) for i in range(len(solid))}
    runs: list[tuple[str, bool]] = []
    run, number = "", 0
    for word in words:
        if word.isspace():
            run += word
            continue
        if kinds[number]:
            run += word
            if _ends_a_run(run):
                runs += _trimmed(run)
                run = ""
        else:
            runs += _trimmed(run)
            runs.append((word, False))
            run = ""
        number += 1
    return runs + _trimmed(run)


def _is_math(words: list[str], i: int) -> bool:
    """Whether the word holds nothing but signs, numbers and names of quantities."""
    word = words[i].rstrip(".,;:")
    if not word:
        return words[i].startswith("...")
    if re.search(r"[\"'`%\\]", word.replace("f'", "f")) or re.fullmatch(r"\d+[a-z]", word):
        return False
    before = words[i - 1] if i else ""
    if before in BEFORE_PROSE and (word in WORDS or NUMBER.fullmatch(word)):
        return False
    if word in LETTERS_OF_PROSE:
        beside = words[i + 1 : i + 2]
        return bool(beside) and bool(re.match(r"[-+=/^]|<=|<-|[a-z]_|min\(", beside[0]))
    return all(_is_quantity(name) for name in _names(word))


def _names(text: str) -> list[str]:
    return NAME.findall(NUMBER.sub("0", text))


def _is_quantity(name: str) -> bool:
    base, _, index = name.rstrip("'").partition("_")
    base = base.rstrip("0123456789")
    if name in WORDS or base in WORDS:
        return len(index.strip("()").replace(",", "")) <= 2 or name in WORDS
    short = len(base) == 1 or (base[0] == "d" and (len(base) == 2 or base[1:] in GREEK))
    return short and len(index.strip("()")) <= 4


def _ends_a_run(run: str) -> bool:
    if re.search(r"\.\.\.$", run) or not re.search(r"[.,;:]$", run):
        return False
    return _depth(run) <= 0


def _depth(run: str) -> int:
    return sum((c in "([{") - (c in ")]}") for c in run)


def _trimmed(run: str) -> list[tuple[str, bool]]:
    """The run without blanks, punctuation and brackets that belong to the text around it."""
    core = run.strip()
    if not core:
        return [(run, False)] if run else []
    if at := _unclosed(core):
        at += run.find(core)
        return [*_trimmed(run[:at]), *_trimmed(run[at:])]
    if not core.endswith("..."):
        core = core.rstrip(".,;:")
    while core and _depth(core) > 0 and core[0] in "([{":
        core = core[1:].lstrip()
    while core and _depth(core) < 0 and core[-1] in ")]}":
        core = core[:-1].rstrip(" .,;:")
    at = run.find(core) if core else len(run)
    return [(run[:at], False), (core, True), (run[at + len(core) :], False)]


def _unclosed(run: str) -> int:
    """Where a bracket stands, other than the first character, that is not closed in the run."""
    open_at: list[int] = []
    for i, c in enumerate(run):
        if c in "([{":
            open_at.append(i)
        elif c in ")]}" and open_at:
            open_at.pop()
    return open_at[-1] if open_at else 0


def _counts(run: str, strict: bool) -> bool:
    """Whether the run is a formula rather than a number or a letter of the text."""
    symbols = [name for name in _names(run) if name not in WORDS]
    if not strict:
        return bool(symbols) or bool(RELATION.search(run) and _names(run))
    symbols = [name for name in symbols if name.partition("_")[0] not in WORDS]  # max_iter is code
    return any("_" in name for name in symbols) or bool(RELATION.search(run) and symbols)


def _latex(run: str) -> str | None:
    """LaTeX, in which names of several words keep their underscore."""
    for name in ("weight_decay", "learning_rate"):
        run = run.replace(name, name.replace("_", ""))
    latex = inline(run)
    if latex is None:
        return None
    for name in ("weight_decay", "learning_rate"):
        latex = latex.replace(name.replace("_", ""), name.replace("_", r"\_"))
    word = r"\\mathrm\{[^}]*\}(?:_\{\w+\})?"
    latex = re.sub(rf"({word}) +(?=[\w\\(])", r"\1\\,", latex)  # words do not run into symbols
    latex = re.sub(r"(?<=[\w})]) +(?=\\mathrm)", r"\\,", latex)
    return re.sub(r"(?<![A-Za-z\\])([A-Za-z]|\}) +(?=\()", r"\1\\,", latex)  # x (N, D)
