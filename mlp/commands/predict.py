"""A trained model on new samples: labels and probabilities as CSV."""

import argparse
import contextlib
import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
from tqdm import tqdm

from mlp import CheckpointError, DataError, Sequential, Sigmoid, Softmax, load_checkpoint
from mlp.commands import ranges
from mlp.commands.command_line import OneLineParser, add_threads, column
from mlp.commands.endings import EXPLAINED
from mlp.data import column_names, feature_blocks
from mlp.files.whole import whole_file

WRITTEN = 1024
"""Rows that are written at a time: as text, with their probabilities, they are long."""


def main(arguments: Sequence[str], called: str) -> int:
    """Write one row per sample as the file is read, a block of rows at a time; say on standard
    error what was assumed about the file."""
    options = _options(arguments, called)
    net, width, extra = _loaded(options.run / "model.npz" if options.run.is_dir() else options.run)
    names = [str(name) for name in extra.get("feature_names", [])]
    label_column = options.label_column
    if label_column is None:
        label_column = str(extra["label_name"]) if names else json.loads(str(extra["label_column"]))
    samples = feature_blocks(options.file, width, label_column=label_column, names=names)
    said = Said(str(extra["task"]), [str(name) for name in extra["classes"]], str(extra["loss"]))
    seen = None
    if "input_least" in extra:
        seen = ranges.Ranges(extra["input_least"], extra["input_most"], names)
    bar = tqdm(total=samples.rows, unit=" rows", leave=False, disable=_no_bar(options))
    with _output(options.output) as output, bar:
        for x, y in samples.blocks:
            if seen is not None:
                seen.look_at(x)
            for start in range(0, len(x), WRITTEN):
                rows = slice(start, start + WRITTEN)
                output.write(said.rows(net.predict(x[rows]), None if y is None else y[rows]))
            bar.update(len(x))
    print(f"{options.file}: {width} features in each row{said.of_labels()}", file=sys.stderr)
    if names and column_names(options.file, label_column=0) is None:
        print(f"{options.file}: no header, taken to be {', '.join(names)}", file=sys.stderr)
    if seen is not None and (odd := seen.doubt()):
        print(f"{options.file}: warning: {odd}", file=sys.stderr)
    return 0


def _options(arguments: Sequence[str], called: str) -> argparse.Namespace:
    parser = OneLineParser(
        prog=called,
        description="Labels and probabilities for new samples, as CSV.",
        epilog=EXPLAINED,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder of `mlp train`")
    parser.add_argument("file", type=Path, metavar="FILE",
                        help="CSV, NPY, NPZ or IDX images, with or without labels")  # fmt: skip
    parser.add_argument("--label-column", type=column, default=None, metavar="COLUMN",
                        help="where labels are, if there are any (they are only compared); "
                        "default: as in training")  # fmt: skip
    parser.add_argument("--output", type=Path, default=None, metavar="FILE",
                        help="write the table there, once it is whole; default: standard "
                        "output")  # fmt: skip
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


@contextlib.contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that gets its name when all is in it."""
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    with whole_file(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        yield text
        text.detach()


def _no_bar(options: argparse.Namespace) -> bool | None:
    """None: a bar if standard error is a terminal, and no rows go there too."""
    return True if options.output is None and sys.stdout.isatty() else None


class Said:
    """What the network says of samples that come in blocks, as lines of CSV."""

    def __init__(self, task: str, classes: list[str], loss: str) -> None:
        self.task, self.classes, self.loss = task, classes, loss
        self.count = self.hits = 0
        self.labelled = False

    def rows(self, outputs: np.ndarray, y: np.ndarray | None) -> str:
        """The lines for the next samples, below a header for the first ones."""
        if self.classes:
            header, rows = _classified(outputs, self.classes, self.loss)
        else:
            header = [f"target_{j}" for j in range(outputs.shape[1])]
            rows = [[f"{value:.8g}" for value in row] for row in outputs]
        if y is not None:
            self.labelled = True
            right = np.asarray(y).astype(str)
            if self.task == "is-two":
                right = np.where(right == "2", "2", "not 2")
            self.hits += sum(row[0] == name for row, name in zip(rows, right, strict=True))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows if self.count else [header, *rows])
        self.count += len(rows)
        return text.getvalue()

    def of_labels(self) -> str:
        """What was assumed about labels, and how many of them agree."""
        if not self.labelled:
            return ", taken to have no label"
        agree = f"; {self.hits} of {self.count} agree with it" if self.classes else ""
        to_predict = " to predict" if self.classes else ""
        return f" and a label, which is not used{to_predict}{agree}"


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
