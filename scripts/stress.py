"""Try to make mlp lose or change something without a word; exit status 1 if that ever succeeds.

    stress.py kill             kill training runs at random moments, resume them, compare the files
    stress.py flip             every flipped bit and every truncation of small checkpoints
    stress.py fuzz             mutated data files and checkpoints, odd arguments to public names
    stress.py faults           an error at each file operation of a save
    stress.py configurations   random trainings: finite weights, or an error that says so
    stress.py memory           samples of 4 GiB in a process of 1 GiB (--cases: MiB of samples)
    stress.py mutants          small mistakes in a copy of the package: do the tests notice?

Each part ends with its figures. The same --cases and --seed try the same things.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ |= {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}

CASES = {
    "kill": 500,
    "flip": 0,
    "fuzz": 200_000,
    "faults": 0,
    "configurations": 1000,
    "memory": 4096,
    "mutants": 300,
}
"""How many there are in full; 0: as many as there are places."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=CASES)
    parser.add_argument("--cases", type=int, default=None, metavar="N", help="instead of the full")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument(
        "--without",
        choices=("temporary", "rename", "sync"),
        help="faults only: take this away from saving; the part must find it out",
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("mutants.jsonl"),
        metavar="FILE",
        help="mutants only: a line for each; those that are in it already are not tried again",
    )
    options = parser.parse_args()
    part = importlib.import_module(f"stressing.{options.part}")
    extra = {"faults": [options.without], "mutants": [options.results]}.get(options.part, [])
    cases = CASES[options.part] if options.cases is None else options.cases
    figures, failures = part.run(cases, options.seed, *extra)
    for failure in failures[:20]:
        print(f"FAILED {failure}")
    print(f"{options.part}: {figures}; {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
