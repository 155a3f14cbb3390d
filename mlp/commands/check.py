"""Check gradients: of everything built in, of one layer, or of a file with layers of your own.

    mlp check student.py              every layer in a file of your own
    mlp check student.py --strict     a flaw of style is a failure too
    mlp check                         all built-in layers, losses and networks
    mlp check --layer "Affine(5, 3)"  one built-in layer or network
    mlp check --model RUN             a network that `mlp train` has trained
    mlp check --self-test             how many planted mistakes are caught

Exit status: 0 all PASS, KINK or nothing to check, 1 any FAIL, ERROR or unfinished, 2 cannot
load, 3 nothing worse than INCONCLUSIVE.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mlp.checking.builtin import check_builtin, check_layer, check_many, parse_layer
from mlp.checking.drawing import draw
from mlp.checking.report import Outcome, exit_status
from mlp.checking.students.names import LAYERS, LOSSES, kind_of
from mlp.checking.students.sandbox import Limits, check_file
from mlp.checking.zoo.score import table
from mlp.commands.check_run import check_run
from mlp.commands.command_line import OneLineParser, add_threads, number
from mlp.commands.endings import complain

KINDS = [*LAYERS, *LOSSES]


def main(arguments: Sequence[str], called: str) -> int:
    """Check what the arguments name; the exit status says the worst verdict."""
    parser = _parser(called)
    options = parser.parse_args(arguments)
    if options.file is not None and options.file.is_dir():
        parser.error(f"{options.file} is a folder; for a run folder, --model {options.file}")
    if options.coordinates:
        return _measure(options.coordinates, options.seed)
    if options.self_test:
        return _self_test(options.strict)
    if options.file is not None:
        return _student(options, called)
    try:
        if options.model is not None:
            reports = [check_run(options.model, options.seed)]
        elif options.layer is not None:
            reports = check_layer(parse_layer(options.layer, options.seed), seed=options.seed)
        else:
            reports = check_builtin(seed=options.seed)
    except (ValueError, TypeError, OSError) as error:
        return complain(called, error, 2)
    outcome = Outcome(reports)
    print(outcome.to_json() if options.json else outcome)
    return outcome.exit_status


def _parser(called: str) -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog=called,
        description="Check gradients: of the layers in FILE or, without one, of all built-in "
        "layers, losses and networks.",
        epilog="In the tables, error is the largest relative error that was found, and sees the "
        "least one that would have been found in nine of ten entries. Exit status: 0 all PASS, "
        "KINK or nothing to check, 1 any FAIL, ERROR or unfinished, 2 cannot load, 3 nothing worse "
        "than INCONCLUSIVE.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("file", nargs="?", type=Path, metavar="FILE", help="Python file with layers")
    what.add_argument("--layer", metavar="EXPRESSION", help='a built-in one, as in "Affine(5, 3)"')
    what.add_argument("--model", type=Path, metavar="RUN", help="run folder of `mlp train`")
    what.add_argument(
        "--self-test",
        action="store_true",
        help="count how many planted mistakes the checker catches",
    )
    what.add_argument("--coordinates", type=number(int, 1), metavar="N",
                      help="compare N entries of gradients of built-in layers, and print the "
                      "worst error")  # fmt: skip
    parser.add_argument("--seed", type=number(int, 0), default=0, metavar="N",
                        help="of all random numbers")  # fmt: skip
    parser.add_argument("--strict", action="store_true",
                        help="in a FILE, a flaw of style (dtype, overflow beyond 700, ...) fails "
                        "although the gradient is right")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_threads(parser)
    _add_student_options(parser.add_argument_group("for a FILE"))
    return parser


def _add_student_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--as", dest="names", action="append", default=[], metavar="NAME=KIND", type=_kind,
        help="compare the layer NAME with our KIND, e.g. Dense1=Affine (repeatable)",
    )  # fmt: skip
    group.add_argument("--only", action="append", metavar="NAME", help="check this layer only")
    group.add_argument("--expect", metavar="NAME,...", default=None,
                       help="layers that must be there and be judged")  # fmt: skip
    group.add_argument("--samples", choices=["rows", "columns"],
                       help="what one sample is (found out if not given)")  # fmt: skip
    group.add_argument("--timeout", type=number(float, 0, above=True), default=60, metavar="S",
                       help="seconds for the whole file")  # fmt: skip
    group.add_argument(
        "--memory",
        type=number(int, 1),
        default=1024,
        metavar="M",
        help="MiB that the file may take",
    )
    group.add_argument(
        "--picture",
        type=Path,
        metavar="DIR",
        help="draw wrong gradients, and write the pictures there",
    )


def _kind(text: str) -> tuple[str, str]:
    name, _, kind = text.partition("=")
    found = kind if kind in KINDS else kind_of(kind)
    if not name or found is None:
        raise argparse.ArgumentTypeError(
            f"expected NAME=KIND with one of {', '.join(KINDS)}, got {text!r}"
        )
    return name, found


def _student(options: argparse.Namespace, called: str) -> int:
    """Check a student's file; nothing goes to standard error unless it cannot be loaded."""
    outcome = check_file(
        options.file,
        kinds=dict(options.names),
        only=options.only,
        seed=options.seed,
        limits=Limits(options.timeout, options.memory),
        samples=options.samples,
        expected=[name.strip() for name in (options.expect or "").split(",") if name.strip()],
    )
    outcome = outcome.strict() if options.strict else outcome
    print(outcome.to_json() if options.json else outcome.without_error())
    if options.picture:
        drawn = draw(outcome, options.picture)
        if not options.json:
            print(*drawn, sep="\n")
    if outcome.error:
        print(f"{called}: {outcome.error}", file=sys.stderr)
    return outcome.exit_status


def _self_test(strict: bool) -> int:
    text, flawless = table(strict)
    print(text)
    return 0 if flawless else 1


def _measure(coordinates: int, seed: int) -> int:
    count, worst, name, verdicts = check_many(coordinates, seed)
    print(f"{count:,} coordinates: the worst error is {worst:.2f} eps of the natural scale")
    print(f"(32 are allowed), in {name}; verdicts {', '.join(sorted(verdicts))}")
    return exit_status(verdicts)
