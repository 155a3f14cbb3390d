"""What a run folder holds: the trained network, its loss, and the data it was trained on."""

import argparse
import json
from pathlib import Path

from mlp import CheckpointError, DataError, Sequential, load_checkpoint
from mlp.commands.train import assembling, preparing
from mlp.losses import Loss


def load_run(run: Path) -> tuple[Sequential, Loss, preparing.Parts]:
    """The network, the loss and the samples of a run of `mlp train`.

    Raises DataError if the folder or the data cannot be read, CheckpointError for a damaged model.
    """
    try:
        net, _ = load_checkpoint(run / "model.npz")
        settings = json.loads((run / "config.json").read_text())
        options = argparse.Namespace(
            **{"shuffle_block": None} | settings | {"data": Path(settings["data"])}
        )
        parts = preparing.prepared(options)
        loss = assembling.loss(options, parts)
    except OSError as error:
        raise DataError(
            f"{error.filename}: {error.strerror}; expected the folder of a run"
        ) from None
    except (json.JSONDecodeError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{run / 'config.json'}: not the settings of a run ({error})") from None
    if not isinstance(net, Sequential):
        raise CheckpointError(f"{run / 'model.npz'}: holds a layer, but no run of mlp train")
    return net, loss, parts
