"""What the command lines of all programs have in common: one-line errors, checked numbers."""

import argparse
import math
import sys
from collections.abc import Callable
from typing import Any, NoReturn


class HelpWithDefaults(argparse.ArgumentDefaultsHelpFormatter):
    """Help that says the defaults that there are, where its text does not."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        none = action.default is None or action.default is False or action.default == []
        told = "default" in (action.help or "")
        return action.help if none or told else super()._get_help_string(action)


class OneLineParser(argparse.ArgumentParser):
    """argparse, with an error of one line, and whole names of options only."""

    def __init__(
        self, *, formatter_class: type[argparse.HelpFormatter] = HelpWithDefaults, **settings: Any
    ) -> None:
        super().__init__(formatter_class=formatter_class, allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        sys.exit(2)


def number(
    kind: type[int] | type[float], least: float, most: float = math.inf, *, above: bool = False
) -> Callable[[str], float]:
    """A type for argparse: a finite number from `least` (above it, if `above`) to `most`."""

    def read(text: str) -> float:
        value: float
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and least <= value <= most) or (above and value == least):
            wanted = "whole number" if kind is int else "number"
            bound = f"above {least}" if above else f"from {least}"
            to = "" if most == math.inf else f" to {most}"
            raise argparse.ArgumentTypeError(f"expected a {wanted} {bound}{to}, got {text!r}")
        return value

    return read


def column(text: str) -> int | str:
    """A column by number or, otherwise, by name."""
    try:
        return int(text)
    except ValueError:
        return text


def add_threads(parser: argparse._ActionsContainer) -> None:
    """The option that `threads.set_from` has read by the time the parser sees it."""
    parser.add_argument(
        "--threads", type=number(int, 1), default=None, metavar="N",
        help="threads for the matrix products; default: as many as NumPy's library takes",
    )  # fmt: skip
