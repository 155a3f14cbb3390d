"""Check gradients: of everything built in, of one layer, or of a file with layers of your own.

    python scripts/gradcheck.py                         all built-in layers, losses and networks
    python scripts/gradcheck.py --layer "Affine(5, 3)"  one built-in layer or network

Exit status: 0 all PASS or KINK, 1 any FAIL or ERROR, 2 cannot load, 3 nothing worse than
INCONCLUSIVE.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mlp.builtin_checks import DTYPES, check_builtin, check_layer, check_many, parse_layer
from mlp.reports import Report, summary


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.coordinates:
        return _measure(options.coordinates, options.seed)
    try:
        if options.layer is not None:
            reports = check_layer(parse_layer(options.layer, options.seed), seed=options.seed)
        else:
            reports = check_builtin(seed=options.seed)
    except (ValueError, TypeError) as error:
        print(f"gradcheck: {error}", file=sys.stderr)
        return 2
    show(reports, options.json)
    return status([report.verdict for report in reports])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gradcheck.py", description=__doc__.split("\n")[0])
    parser.add_argument("--layer", metavar="EXPRESSION", help='e.g. "Affine(5, 3)"')
    parser.add_argument(
        "--coordinates",
        type=int,
        metavar="N",
        help="measure: compare N coordinates of built-in layers, and print the worst error",
    )
    parser.add_argument("--seed", type=int, default=0, help="of every random number (0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _measure(coordinates: int, seed: int) -> int:
    count, worst, name, verdicts = check_many(coordinates, seed)
    print(f"{count:,} coordinates: the worst error is {worst:.2f} eps of the natural scale")
    print(f"(32 are allowed), in {name}; verdicts {', '.join(sorted(verdicts))}")
    return status(verdicts)


def show(reports: list[Report], as_json: bool) -> None:
    """Print reports to standard output."""
    if as_json:
        checked = [report.to_dict() for report in reports]
        print(json.dumps({"file": None, "error": None, "checked": checked}))
        return
    if len(reports) > len(DTYPES):
        print(summary(reports))
    else:
        print(*reports, sep="\n\n")


def status(verdicts: Iterable[str]) -> int:
    """The exit status that a list of verdicts means."""
    verdicts = set(verdicts)
    if verdicts & {"FAIL", "ERROR"}:
        return 1
    return 3 if "INCONCLUSIVE" in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
