"""The gradient check of a trained network, on its own test samples."""

from pathlib import Path

import numpy as np

from mlp import gradcheck
from mlp.checking.report import Report
from mlp.commands.trained_run import load_run
from mlp.pairing import from_logits

SAMPLES = 32
LOOKED_AT = 1000


def check_run(run: Path, seed: int) -> Report:
    """Check the network in a run folder, with its loss, at a few samples of its test part.

    They are those of the largest loss: where a network is sure and right, no gradient is left.

    Raises DataError if the folder or the data it was trained on cannot be read, and
    CheckpointError for a damaged model.
    """
    net, loss, parts = load_run(run)
    x, y = (part[:LOOKED_AT] for part in parts.test)
    checked, loss = from_logits(net, loss)
    outputs = checked.predict(x)
    losses = [loss.forward(outputs[i : i + 1], y[i : i + 1]) for i in range(len(y))]
    some = np.argsort(losses)[-SAMPLES:]
    return gradcheck(checked, x[some], y[some], loss, rng=seed)
