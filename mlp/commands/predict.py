"""A trained model on new samples: labels and probabilities as CSV."""

import argparse
import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mlp import CheckpointError, DataError, Sequential, Sigmoid, Softmax, load_checkpoint
from mlp.commands import ranges
from mlp.commands.command_line import OneLineParser, add_threads, column
from mlp.commands.endings import EXPLAINED
from mlp.data import column_names, load_features
from mlp.files.whole import write_whole


def main(arguments: Sequence[str], called: str) -> int:
    """Write one row per sample; say on standard error what was assumed about the file."""
    options = _options(arguments, called)
    net, width, extra = _loaded(options.run / "model.npz" if options.run.is_dir() else options.run)
    names = [str(name) for name in extra.get("feature_names", [])]
    label_column = options.label_column
    if label_column is None:
        label_column = str(extra["label_name"]) if names else json.loads(str(extra["label_column"]))
    x, y = load_features(options.file, width, label_column=label_column, names=names)
    outputs = net.predict(x)
    classes = [str(name) for name in extra["classes"]]
    if str(extra["task"]) == "is-two" and y is not None:
        y = np.where(np.asarray(y).astype(str) == "2", "2", "not 2")
    if classes:
        header, rows = _classified(outputs, classes, str(extra["loss"]))
    else:
        header = [f"target_{j}" for j in range(outputs.shape[1])]
        rows = [[f"{value:.8g}" for value in row] for row in outputs]
    _say_what_was_assumed(options.file, x, y, classes, rows)
    if names and column_names(options.file, label_column=0) is None:
        print(f"{options.file}: no header, taken to be {', '.join(names)}", file=sys.stderr)
    if "input_least" in extra and (
        odd := ranges.doubt(x, extra["input_least"], extra["input_most"], names)
    ):
        print(f"{options.file}: warning: {odd}", file=sys.stderr)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    if options.output is None:
        sys.stdout.write(text.getvalue())
        sys.stdout.flush()
    else:
        write_whole(options.output, text.getvalue().encode())
    return 0


def _options(arguments: Sequence[str], called: str) -> argparse.Namespace:
    parser = OneLineParser(
        prog=called,
        description="Labels and probabilities for new samples, as CSV.",
        epilog=EXPLAINED,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder of `mlp train`")
    parser.add_argument("file", type=Path, metavar="FILE",
                        help="CSV, NPZ or IDX images, with or without labels")  # fmt: skip
    parser.add_argument("--label-column", type=column, default=None, metavar="COLUMN",
                        help="where labels are, if there are any (they are only compared); "
                        "default: as in training")  # fmt: skip
    parser.add_argument("--output", type=Path, default=None, metavar="FILE",
                        help="write the table there; default: standard output")  # fmt: skip
    add_threads(parser)
    options = parser.parse_args(arguments)
    if options.output and options.output.resolve() == options.file.resolve():
        parser.error("--output is the file to predict from; choose another")
    return options


def _loaded(path: Path) -> tuple[Sequential, int, dict[str, np.ndarray]]:
    """The network, how many features it takes, and what the run kept beside it."""
    try:
        net, extra = load_checkpoint(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; expected a run folder of mlp train") from None
    if (
        not isinstance(net, Sequential)
        or net.input_shape is None
        or not extra.keys() >= {"classes", "loss", "task", "label_column"}
    ):
        raise CheckpointError(f"{path}: holds a network, but no run of mlp train")
    return net, net.input_shape[0], extra


def _classified(
    outputs: np.ndarray, classes: list[str], loss: str
) -> tuple[list[str], list[list[str]]]:
    if loss == "cross-entropy":
        outputs = (Sigmoid() if outputs.shape[1] == 1 else Softmax()).forward(outputs)
    if outputs.shape[1] == 1:
        outputs = np.hstack([1 - outputs, outputs])
    labels = [classes[j] for j in outputs.argmax(axis=1)]
    rows = [[label, *(f"{p:.6g}" for p in row)] for label, row in zip(labels, outputs, strict=True)]
    return ["label", *(f"p({name})" for name in classes)], rows


def _say_what_was_assumed(
    path: Path, x: np.ndarray, y: np.ndarray | None, classes: list[str], rows: list[list[str]]
) -> None:
    if y is None:
        said = f"{x.shape[1]} features in each row, taken to have no label"
    else:
        said = f"{x.shape[1]} features in each row and a label, which is not used"
        if classes:
            names = np.asarray(y).astype(str)
            hits = sum(row[0] == name for row, name in zip(rows, names, strict=True))
            said = f"{said} to predict; {hits} of {len(rows)} agree with it"
    print(f"{path}: {said}", file=sys.stderr)
