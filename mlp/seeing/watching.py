"""Training, watched: what every layer does after each epoch, seen in one pass of a few samples."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mlp.callbacks import Callback, TrainingState
from mlp.pairing import from_logits
from mlp.rows import Rows
from mlp.seeing import warning_signs
from mlp.seeing.records import LayerRecord
from mlp.seeing.traces import Trace, trace

SAMPLES = 50
"""How many samples the pass takes: enough for the shares, and a small part of an epoch."""
QUANTITIES = ("gradient_norm", "update_ratio", "low", "high", "dead", "saturated")
"""What the records of epochs get for each layer, as far as it has a meaning there."""


class Watching(Callback):
    """Adds to the record of each epoch, for each layer, "2.low", "1.gradient_norm" and so on.

    The numbers are those of mlp.seeing.statistics, after the epoch, with the rate in its middle,
    for one pass of always the same samples, spread over all of x and y. Training goes on as if
    nobody had looked. When a warning sign appears (mlp.seeing.warning_signs), `say` is called with
    a text, once for each sign; `said` holds all of them.

    A last Softmax that belongs to the loss has no columns (see mlp.pairing.from_logits).
    `layers` are the names of the layers that have columns: "1" to "Affine(64, 256)".
    """

    def __init__(
        self, x: np.ndarray | Rows, y: np.ndarray, say: Callable[[str], Any] | None = None
    ) -> None:
        chosen = np.unique(np.linspace(0, len(x) - 1, min(SAMPLES, len(x))).astype(int))
        self.x = x[chosen] if isinstance(x, Rows) else np.asarray(x)[chosen]
        self.y = np.asarray(y)[chosen]
        self.say = say
        self.said: dict[str, str] = {}
        self.loss_at_start = np.nan
        self.layers: dict[str, str] = {}

    def on_start(self, state: TrainingState) -> None:
        self.body, self.loss = from_logits(state.net, state.loss)  # as fit does: logits are exact
        self.steps_before = state.optimizer.state(state.net).step
        passed = self._pass(state, self.steps_before)
        self.layers = {record.name: repr(record.layer) for record in passed}
        if passed.loss_value is not None:
            self.loss_at_start = passed.loss_value
        self._say_new(warning_signs.at_start(passed))

    def on_epoch(self, state: TrainingState) -> None:
        step = state.optimizer.state(state.net).step
        half = (step - self.steps_before) / state.epoch / 2
        passed = self._pass(state, int(step - half))
        for record in passed:
            state.history[-1] |= _columns(record)
        ends = state.epoch == state.epochs
        losses = [self.loss_at_start, *(record["loss"] for record in state.history)]
        signs = warning_signs.in_pass(passed)
        self._say_new(signs or warning_signs.in_losses(losses, passed, ends))

    def state_dict(self) -> dict[str, Any]:
        """The loss at the start and what was said, so that it is said once."""
        return {
            "loss at start": self.loss_at_start,
            "signs": np.array([*self.said], np.str_),
            "texts": np.array([*self.said.values()], np.str_),
        }

    def load_state_dict(self, state_dict: Mapping[str, np.ndarray]) -> None:
        self.loss_at_start = state_dict["loss at start"].item()
        signs, texts = state_dict["signs"].tolist(), state_dict["texts"].tolist()
        self.said = dict(zip(signs, texts, strict=True))

    def _pass(self, state: TrainingState, step: int) -> Trace:
        rate = state.optimizer.rate(step)
        return trace(self.body, self.x, self.y, self.loss, learning_rate=rate)

    def _say_new(self, signs: Mapping[str, str]) -> None:
        for sign, text in signs.items():
            if sign not in self.said:
                self.said[sign] = text
                if self.say is not None:
                    self.say(text)


def _columns(record: LayerRecord) -> dict[str, float]:
    values = {name: getattr(record.statistics, name) for name in QUANTITIES}
    return {f"{record.name}.{name}": v for name, v in values.items() if v is not None}
