"""A trained model on new samples: labels and probabilities as CSV."""

import argparse
import csv
import io
import json
import sys
from pathlib import Path

import numpy as np

from mlp import CheckpointError, DataError, Sequential, Sigmoid, Softmax, load_checkpoint
from mlp.data import load_features
from mlp.files.whole import write_whole


def predict(options: argparse.Namespace) -> int:
    """Write one row per sample; say on standard error what was assumed about the file."""
    net, extra = _loaded(options.run / "model.npz" if options.run.is_dir() else options.run)
    column = options.label_column
    if column is None:
        column = json.loads(str(extra["label_column"]))
    x, y = load_features(options.file, net.input_shape[0], label_column=column)
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
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    if options.output is None:
        sys.stdout.write(text.getvalue())
        sys.stdout.flush()
    else:
        write_whole(options.output, text.getvalue().encode())
    return 0


def _loaded(path: Path) -> tuple[Sequential, dict[str, np.ndarray]]:
    try:
        net, extra = load_checkpoint(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; expected a run folder of train.py") from None
    known = isinstance(net, Sequential) and net.input_shape is not None
    if not (known and extra.keys() >= {"classes", "loss", "task", "label_column"}):
        raise CheckpointError(f"{path}: holds a network, but no run of train.py")
    return net, extra


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
