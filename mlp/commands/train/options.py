"""The command line of the training program."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from mlp.commands.command_line import OneLineParser, add_threads, column, number
from mlp.commands.endings import EXPLAINED
from mlp.commands.train import claiming, unfinished
from mlp.data.dataset import DIGITS

FREE = (
    "data", "out", "force", "quiet", "resume", "checkpoint_seconds", "report", "mpi", "jobs",
)  # fmt: skip
"""What may be different when a run goes on: the data are known by their digest."""


def sizes(text: str) -> tuple[int, ...]:
    """ "64,32" as (64, 32); "none" as ()."""
    if text == "none":
        return ()
    try:
        widths = tuple(int(part) for part in text.split(","))
    except ValueError:
        widths = (0,)
    if min(widths) < 1:
        raise argparse.ArgumentTypeError(
            f'expected widths like 64 or 64,32 (or "none"), got {text!r}'
        )
    return widths


def start(text: str) -> str | float:
    """An initialisation by name, or the number that all weights get."""
    if text in ("he", "glorot", "zeros"):
        return text
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) < 1e6:
        raise argparse.ArgumentTypeError(f"expected he, glorot, zeros or a number, got {text!r}")
    return value


def train_options(arguments: Sequence[str], called: str) -> argparse.Namespace:
    """The options of a training run, checked, with every default filled in.

    With --resume they are those that the run was begun with. `arguments` are the words that give
    the same options again, from any folder.
    """
    parser = _parser(called)
    options = _checked(parser, arguments)
    if options.resume is not None:
        return _of_resumed(parser, options, arguments)
    options.words = list(arguments)
    options.arguments = unfinished.without_ways(arguments)
    if options.data != DIGITS:
        options.arguments += ["--data", str(options.data.absolute())]
    if options.out and (reason := claiming.why_not(options.out, options.force)):
        parser.error(reason)
    return _filled(options)


def options_of(words: Sequence[str], called: str) -> argparse.Namespace:
    """The options of a run by the words that its first process has checked."""
    return _filled(_checked(_parser(called), words))


def _parser(called: str) -> OneLineParser:
    parser = OneLineParser(
        prog=called,
        description="Train a multilayer perceptron and keep it in a folder: the model, its "
        "history, pictures. `mlp predict` takes it from there.",
        epilog=EXPLAINED,
    )
    add = parser.add_argument_group("data").add_argument
    add("--data", type=Path, default=DIGITS, metavar="PATH",
        help="folder of NPY files (`mlp convert` makes them) or of IDX files, CSV (.gz) or NPZ; "
        "default: the embedded digits")  # fmt: skip
    add("--label-column", type=column, default=-1, metavar="COLUMN",
        help="where the labels of a CSV file are: column 0, 1, ..., -1 for the last, "
        "or its name")  # fmt: skip
    add("--task", choices=("digits", "is-two", "reject"), default="digits",
        help="digits: which class, or which real number, of any data; is-two: 2 or not 2; reject: "
        "which class, or none of them (images)")  # fmt: skip
    add("--validation", type=number(float, 0, 0.9), default=None, metavar="FRACTION",
        help="part of the training samples kept apart: no step is taken on it, and its loss and "
        "accuracy are shown after each epoch; default: 0, with --patience 0.1")  # fmt: skip
    add("--class-weight", choices=("none", "balanced"), default="none",
        help="balanced: rare classes count as much as common ones in training, each sample by "
        "(all samples) / (classes * samples of its class), so also in the loss and accuracy of the "
        "epochs; validation and test count every sample once")  # fmt: skip
    add = parser.add_argument_group("network").add_argument
    add("--hidden", type=sizes, default="256", metavar="WIDTHS",
        help="units of each hidden layer, as in 64,32, or none")  # fmt: skip
    add("--activation", choices=("relu", "sigmoid"), default="relu", help="of the hidden layers")
    add("--init", type=start, default=None, metavar="RULE",
        help="first weights: he (default for relu), glorot (default for sigmoid), zeros, or one "
        "number for all")  # fmt: skip
    add("--dtype", choices=("float32", "float64"), default="float32", help="of the weights")
    group = parser.add_argument_group("training")
    add = group.add_argument
    add("--loss", choices=("cross-entropy", "kl", "squared-error"), default=None,
        help="default: kl for classes, squared-error for real-valued targets")  # fmt: skip
    add("--epochs", type=number(int, 1), default=40, metavar="N", help="passes over the data")
    add("--batch-size", type=number(int, 0), default=16, metavar="N",
        help="samples for each step; 0: all at once")  # fmt: skip
    add("--shuffle-block", type=number(int, 1), default=None, metavar="ROWS",
        help="shuffle blocks of so many rows, 16 at a time, as for data larger than the memory; "
        "default: all samples")  # fmt: skip
    add("--learning-rate", type=number(float, 0, above=True), default=None, metavar="RATE",
        help="at the start; default: 0.1; squared error 0.03, of real targets 0.01; lower with "
        "--class-weight balanced, the more the rarer a class is")  # fmt: skip
    add("--schedule", choices=("constant", "step", "cosine"), default="cosine",
        help="of the learning rate: as it is; a tenth after 1/2 and 3/4 of the steps; down to 0 as "
        "half a cosine")  # fmt: skip
    add("--momentum", type=number(float, 0, 0.9999), default=0.9, metavar="M",
        help="the part of a step that is taken again in the next one")  # fmt: skip
    add("--nesterov", action="store_true", help="look ahead along the momentum")
    add("--weight-decay", type=number(float, 0), default=0.0, metavar="D",
        help="D times each weight is added to its gradient")  # fmt: skip
    add("--patience", type=number(int, 1), default=None, metavar="N",
        help="stop when the validation loss was not lower for N epochs, and take the weights of "
        "its lowest; with --validation 0, of the training loss")  # fmt: skip
    add("--tolerance", type=number(float, 0), default=None, metavar="T",
        help="stop when the training loss changes by less than T from one epoch "
        "to the next")  # fmt: skip
    add("--seed", type=number(int, 0), default=0, metavar="N",
        help="of the first weights and the order of the samples")  # fmt: skip
    add("--seeds", type=number(int, 1), default=1, metavar="N",
        help="train N times, with the seeds from --seed on; say the median and the "
        "range")  # fmt: skip
    add("--jobs", type=number(int, 1), default=1, metavar="J",
        help="of several seeds, so many at a time; they share the cores")  # fmt: skip
    add("--mpi", action="store_true",
        help="divide each batch, or several seeds, among the processes of mpiexec")  # fmt: skip
    add_threads(group)
    add = parser.add_argument_group("results").add_argument
    add("--out", type=Path, default=None, metavar="FOLDER",
        help="run folder; default: the next free one under runs/")  # fmt: skip
    add("--force", action="store_true", help="replace the results in an existing run folder")
    add("--quiet", action="store_true", help="print the results only")
    add("--watch", action="store_true",
        help="after each epoch look at every layer: more columns in history.csv, layers.png, and "
        "warnings that say what to try")  # fmt: skip
    add("--report", action="store_true", help="write report.html, one page with all of the run")
    add("--resume", type=Path, default=None, metavar="RUN",
        help="go on with the run in that folder, as if it had never been stopped")  # fmt: skip
    add("--checkpoint-seconds", type=number(float, 0), default=None, metavar="S",
        help="time between checkpoints at least (0: after each epoch); default: as often as costs "
        "less than 2 %% of the time")  # fmt: skip
    return parser


def _filled(options: argparse.Namespace) -> argparse.Namespace:
    """Patience needs samples to validate with, unless they are refused."""
    if options.validation is None:
        options.validation = 0.0 if options.patience is None else 0.1
    return options


def _checked(parser: OneLineParser, arguments: Sequence[str]) -> argparse.Namespace:
    options = parser.parse_args(arguments)
    if options.nesterov and not options.momentum:
        parser.error("--nesterov needs a --momentum above 0")
    options.batch_size = options.batch_size or None
    if options.shuffle_block is not None and options.batch_size is None:
        parser.error("--shuffle-block needs batches; leave --batch-size 0 out")
    if options.jobs > 1 and options.mpi:
        parser.error("--jobs starts processes of its own; with --mpi, mpiexec starts them")
    if options.init is None:
        options.init = {"relu": "he", "sigmoid": "glorot"}[options.activation]
    return options


def _of_resumed(
    parser: OneLineParser, given: argparse.Namespace, arguments: Sequence[str]
) -> argparse.Namespace:
    run = given.resume
    if given.out or given.force:
        parser.error(f"--resume goes on in {run}; leave --out and --force out")
    begun = unfinished.arguments_of(run)
    if begun is None:
        parser.error(f"{run} holds no run to go on with; start one without --resume")
    then, now = _checked(parser, begun), _checked(parser, [*begun, *arguments])
    for name, value in vars(now).items():
        if name not in FREE and value != (before := getattr(then, name)):
            parser.error(
                f"--{name.replace('_', '-')} is {before} in {run} and {value} here; a run goes on "
                "with the options that it was begun with"
            )
    now.out, now.force, now.arguments = run, False, begun
    now.words = [*begun, *arguments]
    return _filled(now)
