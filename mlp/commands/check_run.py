"""The gradient check of a trained network, on its own test samples."""

import argparse
import json
from pathlib import Path

import numpy as np

from mlp import CheckpointError, DataError, Sequential, gradcheck, load_checkpoint
from mlp.checking.report import Report
from mlp.commands.train import assembling, preparing
from mlp.pairing import from_logits

SAMPLES = 32
LOOKED_AT = 1000


def check_run(run: Path, seed: int) -> Report:
    """Check the network in a run folder, with its loss, at a few samples of its test part.

    They are those of the largest loss: where a network is sure and right, no gradient is left.

    Raises DataError or OSError if the folder or the data it was trained on cannot be read, and
    CheckpointError for a damaged model.
    """
    net, _ = load_checkpoint(run / "model.npz")
    if not isinstance(net, Sequential):
        raise CheckpointError(f"{run / 'model.npz'}: holds a layer, but no run of mlp train")
    try:
        settings = json.loads((run / "config.json").read_text())
        options = argparse.Namespace(**settings | {"data": Path(settings["data"])})
        parts = preparing.prepared(options)
        loss = assembling.loss(options, parts)
    except (json.JSONDecodeError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{run / 'config.json'}: not the settings of a run ({error})") from None
    x, y = (part[:LOOKED_AT] for part in parts.test)
    checked, loss = from_logits(net, loss)
    outputs = checked.predict(x)
    losses = [loss.forward(outputs[i : i + 1], y[i : i + 1]) for i in range(len(y))]
    some = np.argsort(losses)[-SAMPLES:]
    return gradcheck(checked, x[some], y[some], loss, rng=seed)
