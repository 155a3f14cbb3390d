"""Numbers and short formulas, in plain text and in LaTeX.

Long formulas are written twice by hand, since no converter to plain text was good enough. What
stands in `backticks` within prose is short (z_nj, dL/dW_ij, x^T, 2 W^T (W x)) and follows a small
grammar, so that its LaTeX can be derived; what does not follow it is set as code.
"""

import re
from typing import Any

import numpy as np

WIDTH = 79
LARGEST_MATRIX = 8
"""Rows or columns: larger arrays are printed as text."""
GREEK = re.findall(
    r"\w+",
    """alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi
chi psi omega Gamma Delta Theta Lambda Sigma Phi Psi Omega nabla""",
)
FUNCTIONS = ["exp", "log", "max", "min", "tanh", "sin", "cos", "arg", "lim", "det"]
OPERATORS = {
    "<=": r"\le",
    ">=": r"\ge",
    "!=": r"\ne",
    "->": r"\to",
    "<-": r"\leftarrow",
    "...": r"\dots",
    "~": r"\approx",
    "*": r"\cdot",
    "{": r"\{",
    "}": r"\}",
}
NAME = r"[A-Za-z]+\d*(?:_\w+|_\([^()]*\))?'*"
TOKEN = re.compile(
    rf"(?P<slope>d{NAME}/d{NAME})|(?P<name>{NAME})|(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?)"
    r"|(?P<power>\^(?:\w+|\([^()]*\)))|(?P<operator><=|>=|!=|->|<-|\.\.\.|[-+*/=<>(),.|\[\]{}:;~!])"
    r"|(?P<blank>\s+)"
)


def inline(plain: str) -> str | None:
    """Short plain notation as LaTeX; None for what the grammar does not know."""
    parts, at = [], 0
    while at < len(plain):
        match = TOKEN.match(plain, at)
        if match is None:
            return None
        parts.append(_token(match))
        at = match.end()
    return re.sub(r"\s+", " ", "".join(parts)).strip()


def _token(match: re.Match) -> str:
    text = match[0]
    if match["slope"]:
        top, bottom = re.fullmatch(rf"d({NAME})/d({NAME})", text).groups()  # type: ignore[union-attr]
        return rf"\partial {name(top)}/\partial {name(bottom)}"
    if match["name"]:
        return name(text)
    if match["power"]:
        exponent = text[1:].strip("()")
        return r"^{\top}" if exponent == "T" else f"^{{{inline(exponent)}}}"
    if match["operator"]:
        return f" {OPERATORS[text]} " if text in OPERATORS else text
    return " " if match["blank"] else text


def name(text: str) -> str:
    """One name as LaTeX: W_ij, W0, delta_n, dW, softmax."""
    body, primes = text.rstrip("'"), len(text) - len(text.rstrip("'"))
    word, _, index = body.partition("_")
    letters = word.rstrip("0123456789")
    indices = [part for part in (word[len(letters) :], index.strip("()")) if part]
    latex = _letters(letters) + "'" * primes
    return latex + (f"_{{{','.join(map(_index, indices))}}}" if indices else "")


def _letters(letters: str) -> str:
    if letters in GREEK or letters in FUNCTIONS or letters == "sum":
        return rf"\{letters} "
    if len(letters) == 1:
        return letters
    if letters[0] == "d" and (len(letters) == 2 or letters[1:] in GREEK):
        return rf"\mathrm{{d}}{_letters(letters[1:])}"
    return rf"\mathrm{{{letters}}}"


def _index(text: str) -> str:
    if text in GREEK:
        return rf"\{text}"
    return text if len(text) < 4 or not text.isalpha() else rf"\mathrm{{{text}}}"


def spoken(name: str) -> str:
    """A variable as it is said: dY_dX11 in code is dY/dX11 in a formula."""
    return re.sub(r"^(d[A-Za-z]+\d*)_(d[A-Za-z]\w*)$", r"\1/\2", name)


def matrix(value: Any) -> str | None:
    """A number or a small array as LaTeX; None for what is better printed as text."""
    if isinstance(value, (str, bool)) or value is None:
        return None
    array = np.asarray(value)
    if array.dtype == object or array.ndim > 2 or max(array.shape, default=0) > LARGEST_MATRIX:
        return None
    if array.ndim == 0:
        return number(array.item())
    rows = [" & ".join(number(entry) for entry in row) for row in np.atleast_2d(array).tolist()]
    return r"\begin{pmatrix} " + r" \\ ".join(rows) + r" \end{pmatrix}"


def number(value: Any) -> str:
    """A number as LaTeX: 0.25, -3, 1.5 \\cdot 10^{-7}."""
    mantissa, _, exponent = compact(value).partition("e")
    return mantissa + (rf" \cdot 10^{{{int(exponent)}}}" if exponent else "")


def compact(value: Any) -> str:
    """A value as plain text that fits the page."""
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray) and value.ndim:
        return np.array2string(value, precision=5, suppress_small=True, max_line_width=WIDTH - 8)
    if isinstance(value, float | np.floating) or (isinstance(value, np.ndarray) and not value.ndim):
        return f"{float(value):.6g}"
    return str(value)
