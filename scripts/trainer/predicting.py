"""A trained model on new samples: labels and probabilities as CSV."""

import argparse
import csv
import io
import sys
from pathlib import Path

import numpy as np

from mlp import DataError, Sigmoid, Softmax, load_checkpoint
from mlp.checkpoint import write_whole
from mlp.data import load_features


def predict(options: argparse.Namespace) -> int:
    """Write one row per sample; say on standard error what was assumed about the file."""
    path = options.run / "model.npz" if options.run.is_dir() else options.run
    try:
        net, extra = load_checkpoint(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; expected a run folder of train.py") from None
    x, y = load_features(options.file, net.input_shape[0], label_column=options.label_column)
    outputs = net.predict(x)
    classes = [str(name) for name in extra["classes"]]
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
