"""How fast this package trains, beside its own matrix products and beside its peers.

    python scripts/benchmark.py                   training steps over a grid of networks
    python scripts/benchmark.py --threads 2       the same with two threads
    python scripts/benchmark.py --inference       predictions per second
    python scripts/benchmark.py --growth          time and memory against batch, width, depth
    python scripts/benchmark.py --gradient-check  beside PyTorch's
    python scripts/benchmark.py --ranks 1,2       on ranks of MPI, with the share of communication
    python scripts/benchmark.py --model           what more machines would bring, by a formula
    python scripts/benchmark.py --end-to-end --data FOLDER    whole programs on MNIST

Everyone does the work that bench/work.py describes, which is checked: the losses of the first
steps must agree. Each contender has a process of its own; they take turns in rounds, with pauses,
and what is compared are times of the same round. Peers come with `pip install -e .[bench]`.
"""

import argparse
import os
import pathlib
import sys

from mlp.commands import processor

CONTENDERS = [
    "floor",
    "textbook",
    "torch_eager",
    "torch_compiled",
    "jax_jit",
    "sklearn_mlp",
]


def main() -> int:
    options = parse()
    # before anything loads NumPy; the peers' own kernels use what the processor has, too
    processor.use_widest_kernels(replace=not options.keep_kernels)
    os.environ.update(dict.fromkeys(processor.THREADS, str(options.threads)))
    from bench import modes

    return modes.run(options)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--inference", action="store_true", help="predictions per second")
    mode.add_argument("--growth", action="store_true", help="time and memory against size")
    mode.add_argument("--gradient-check", action="store_true", help="beside PyTorch's")
    mode.add_argument("--end-to-end", action="store_true", help="whole programs on MNIST")
    mode.add_argument("--ranks", type=_counts, metavar="N,N", help="of MPI, beside each other")
    mode.add_argument("--model", action="store_true", help="scaling to more machines, modelled")
    parser.add_argument(
        "--latency", type=float, default=20.0, metavar="US", help="of the network, for --model"
    )
    parser.add_argument(
        "--bandwidth", type=float, default=1.1, metavar="GB/S", help="of the network, for --model"
    )
    parser.add_argument("--data", type=pathlib.Path, help="folder of the MNIST files")
    parser.add_argument("--threads", type=_count, default=1, help="threads of each contender")
    parser.add_argument(
        "--keep-kernels", action="store_true", help="obey an OPENBLAS_CORETYPE that is set"
    )
    parser.add_argument("--quick", action="store_true", help="few short rounds")
    parser.add_argument("--only", metavar="TEXT", default="", help="networks whose name has TEXT")
    parser.add_argument(
        "--contenders",
        type=lambda text: text.split(","),
        default=CONTENDERS,
        help=f"some of {','.join(CONTENDERS)} (all; mlp itself always takes part)",
    )
    parser.add_argument(
        "--out", type=pathlib.Path, default=pathlib.Path("runs/benchmark"), help="results folder"
    )
    options = parser.parse_args()
    if unknown := {*options.contenders} - {*CONTENDERS}:
        parser.error(f"--contenders: expected some of {','.join(CONTENDERS)}, got {unknown}")
    if options.end_to_end and options.data is None:
        parser.error("--end-to-end needs --data, a folder with the four MNIST files")
    if not (options.latency >= 0 and options.bandwidth > 0):
        parser.error("--latency is a number from 0 up, --bandwidth one above 0")
    return options


def _counts(text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = [0]
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"expected numbers of ranks like 1,2,4, got {text}")
    return numbers


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= (os.cpu_count() or 1):
        raise argparse.ArgumentTypeError(f"expected 1 to {os.cpu_count()}, got {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
