"""What may hang on the training loop: callbacks, and the state of a training that they see."""

from __future__ import annotations  # naming np.random.Generator would load numpy.random

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlp.history import History
from mlp.layers import Layer
from mlp.losses import Loss
from mlp.optim import SGD

__all__ = ["Callback", "Progress", "TrainingState"]

Record = dict[str, Any]
"""What `fit` says of an epoch, by name."""


@dataclass
class TrainingState:
    """A training as it stands. Together with x and y it decides all that is still to come."""

    net: Layer
    loss: Loss
    optimizer: SGD
    """It holds the velocities and the step count of net: `optimizer.state(net)`."""
    rng: np.random.Generator
    """Draws the order of the samples, once per epoch."""
    epochs: int
    """How many there are to be."""
    epoch: int = 0
    """How many have ended."""
    history: History = field(default_factory=History)
    """Their records."""
    stop: str | None = None
    """Why training ends after this epoch; None: it goes on."""
    callbacks: Sequence[Callback] = ()
    """All that hang on it, in the order in which they are called."""


class Callback:
    """Something that looks on while `fit` trains, or takes part. Override what you need.

    `on_start` may put back an earlier state (weights, `epoch`, `history`, the generator, the
    optimizer's velocities): training then goes on from there. Setting `state.stop` to a reason
    ends the training after the epoch. An exception ends it at once.

    On several ranks (see `fit`) those of each rank are called there, at the same points; the state
    is the same on all, but for the seconds in the records. What changes it must do so on all alike;
    reasons to stop and exceptions are passed on.
    """

    def on_start(self, state: TrainingState) -> None:
        """Before the first epoch."""

    def on_step(self, state: TrainingState) -> None:
        """After each step. The gradients in the layers may be those of an earlier step, or None:
        a fused step does not form them."""

    def on_epoch(self, state: TrainingState) -> None:
        """After each epoch; its record is `state.history[-1]`."""

    def on_end(self, state: TrainingState) -> None:
        """After the last epoch, or when an exception or Ctrl-C ends the training; the network has
        the weights that it keeps. Not called if `on_start` failed."""

    def state_dict(self) -> dict[str, Any]:
        """What it remembers from epoch to epoch, by name: arrays, numbers or texts.

        A checkpoint keeps it, so that a training that goes on is as if it had never ended.
        """
        return {}

    def load_state_dict(self, state_dict: Mapping[str, np.ndarray]) -> None:
        """Remember what `state_dict` gave, each value as an array."""


class Progress(Callback):
    """A bar with the epochs, what they take, and the loss: in a terminal, or in a notebook.

    It is tqdm's; `options` go there, such as desc="run 3".
    """

    def __init__(self, **options: Any) -> None:
        self.options = options

    def on_start(self, state: TrainingState) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in a notebook without widgets the bar is text
            from tqdm.auto import tqdm

        options = {"total": state.epochs, "unit": "epoch"} | self.options
        self.bar = tqdm(**options)

    def on_epoch(self, state: TrainingState) -> None:
        record = state.history[-1]
        names = ("loss", "accuracy", "validation_loss", "validation_accuracy")
        known = {name: record[name] for name in names if record[name] is not None}
        self.bar.set_postfix(known, refresh=False)
        self.bar.update(state.epoch - self.bar.n)

    def on_end(self, state: TrainingState) -> None:
        self.bar.close()


@contextmanager
def attached(state: TrainingState) -> Iterator[None]:
    """Within it training runs: each callback is told the start, and then, in any case, the end."""
    with ExitStack() as ends:
        for callback in state.callbacks:
            callback.on_start(state)
            ends.callback(callback.on_end, state)
        yield
