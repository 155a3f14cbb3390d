"""How numbers and formulas are written: in pictures, in text and in LaTeX."""

import re
from collections.abc import Mapping

import numpy as np


def short(value: float) -> str:
    """Three significant digits: -2.00, 0.731, 0.000439, 1.23e-07."""
    value = float(value)
    if value == 0:
        return "0.00"
    if not np.isfinite(value):
        return str(value)
    text = f"{value:#.3g}"
    mantissa, _, exponent = text.partition("e")
    return mantissa.rstrip(".") + (f"e{int(exponent)}" if exponent else "")


def written(value: float, decimals: int = 4) -> str:
    """A number as text: zeros at its end are left out if it is exactly that number.

    Small ones get three significant digits, so 0.000438568 is 0.000439.
    """
    value = float(value)
    if value == 0 or not np.isfinite(value):
        return "0" if value == 0 else str(value)
    places = max(decimals, 2 - int(np.floor(np.log10(abs(value)))))
    text = f"{value:.{places}f}" if places <= decimals + 6 else f"{value:.2e}"
    exact = f"{value:.{decimals + 6}g}"
    if float(text) == value or (len(exact) <= len(text) and float(exact) == value):
        return exact if "e" not in exact else text
    return text


def with_numbers(formula: str, numbers: Mapping[str, str]) -> str:
    """The formula with every name that has a number replaced by it."""

    def number(match: re.Match) -> str:
        text = numbers.get(match[0], match[0])
        before = formula[: match.start()].rstrip()
        bare = (
            not before or before[-1] in "(,[" or (before[-1] == "=" and match.end() == len(formula))
        )
        return f"({text})" if text.startswith("-") and not bare else text

    return re.sub(r"(?<![0-9A-Za-z_.])[A-Za-z_][A-Za-z_0-9.]*", number, formula)


def latex(text: str) -> str:
    """Plain notation as LaTeX: dL/dw5 as a fraction, w5 with an index, * as a dot."""
    name = r"[A-Za-z]+(?:_[A-Za-z]+)?[0-9.]*"
    text = re.sub(
        rf"\bd({name})/d({name})",
        lambda m: rf"\frac{{\partial {_index(m[1])}}}{{\partial {_index(m[2])}}}",
        text,
    )
    text = re.sub(r"\bnew ([a-z]+[0-9]+)", lambda m: _index(m[1]) + r"^{\text{new}}", text)
    text = re.sub(
        r"(?<![\\A-Za-z{_])([A-Za-z]+(?:_[A-Za-z]+)?)([0-9.]*[0-9])(?![0-9A-Za-z}])",
        lambda m: _index(m[0]),
        text,
    )
    text = re.sub(r"\b(exp|max|min|log|tanh)\(", r"\\\1(", text)
    text = re.sub(r"\brate\b", r"\\eta", text)
    text = text.replace("______", r"\_\_\_\_\_\_").replace(" * ", r" \cdot ")
    text = re.sub(r"\bI\[", r"\\mathbb{I}[", text)
    return re.sub(r"(\d)e-(\d+)", r"\1 \\cdot 10^{-\2}", text)


def _index(name: str) -> str:
    match = re.fullmatch(r"([A-Za-z]+?)(?:_([A-Za-z]+))?([0-9.]*)", name)
    if match is None:
        return name
    letter, of, number = match.groups()
    letter = letter if len(letter) == 1 else rf"\text{{{letter}}}"
    index = (of or "") + number
    return f"{letter}_{{{index}}}" if index else letter
