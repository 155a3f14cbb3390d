"""The command `mlp`: which programs it has, and how each of them is started.

A program is a module with `main(arguments, called)`, which gives the exit status; `called` is what
the user typed to call it, for its help and its errors. A line in PROGRAMS is all that a new one
needs. Its module is imported when it is called, after the number of threads is known: NumPy reads
that when it is imported.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from mlp import __version__
from mlp.commands import endings, threads
from mlp.commands.command_line import OneLineParser

PROGRAMS = {
    "train": ("mlp.commands.train.program", "train a network on digits, or on any table"),
    "predict": ("mlp.commands.predict", "labels for new samples, by a trained network"),
    "convert": ("mlp.commands.convert", "a data set as files that need not fit into memory"),
    "check": ("mlp.commands.check", "check gradients: of your layers, or of everything built in"),
    "draw": ("mlp.commands.draw", "a network with its numbers: values, gradients, every step"),
    "grade": ("mlp.commands.grade", "grade a class: points, and a page for each student"),
}


def main() -> int:
    """Run what the words after `mlp`, or `python -m mlp`, ask for."""
    parser = _parser()
    if not sys.argv[1:]:
        parser.print_help(sys.stderr)
        return 2
    options = parser.parse_args()
    return start(options.program, options.arguments, f"{parser.prog} {options.program}")


def start(program: str, arguments: Sequence[str], called: str) -> int:
    """Start a program; its exit status. Threads and kernels are chosen before NumPy is there."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 (open as long as Python runs)
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while it loads there is nothing to keep
    threads.set_from(arguments)
    module = import_module(PROGRAMS[program][0])
    return endings.status_of(lambda: module.main(arguments, called), called)


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, PROGRAMS))
    rows = [f"  {name:<{width}}  {summary}" for name, (_, summary) in PROGRAMS.items()]
    parser = OneLineParser(
        prog=_called(),
        usage="%(prog)s COMMAND ...",
        description="\n".join(
            ["Backpropagation that you can read, check and run fast.", "", "commands:", *rows]
        ),
        epilog="%(prog)s COMMAND --help lists the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mlp {__version__}")
    parser.add_argument("program", choices=PROGRAMS, metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _called() -> str:
    file = Path(sys.argv[0])
    if file.name != "__main__.py":
        return file.stem
    return "python -P -m mlp" if sys.flags.safe_path else "python -m mlp"
