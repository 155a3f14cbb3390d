"""When training ends early, by patience or by divergence, and which weights it ends with."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from mlp.arguments import checked_rate, checked_whole
from mlp.callbacks import Callback, Record, TrainingState
from mlp.errors import NonFiniteError
from mlp.layers import Layer
from mlp.sequential import Sequential

FEATURES = 1e6
"""Samples beyond it were most likely never scaled."""


class Stopping(Callback):
    """Stops after `patience` epochs without progress, or when the loss hardly changes.

    `watched(record)` is the loss that patience goes by, and `name` says which one that is. Kept are
    the weights of the best epoch with patience, else those of the last one: what training goes back
    to when it fails.
    """

    def __init__(
        self,
        patience: int | None,
        tolerance: float | None,
        watched: Callable[[Record], float],
        name: str,
    ) -> None:
        self.patience = None if patience is None else checked_whole(patience, "patience", "fit")
        self.tolerance = None if tolerance is None else checked_rate(tolerance, "tolerance", "fit")
        self.watched, self.name = watched, name
        self.best = self.previous = math.inf
        self.waited = 0

    def on_start(self, state: TrainingState) -> None:
        self.kept = {name: p.copy() for name, p in state.net.parameters().items()}

    def on_epoch(self, state: TrainingState) -> None:
        record = state.history[-1]
        if self.patience is None:
            self._keep(state)
        elif (loss := self.watched(record)) < self.best:
            self.best, self.waited = loss, 0
            self._keep(state)
        else:
            self.waited += 1
            if self.waited >= self.patience:
                state.stop = (
                    f"no lower {self.name} loss in {self.patience} epochs; "
                    f"the weights are those of epoch {state.epoch - self.waited}"
                )
        change, self.previous = abs(self.previous - record["loss"]), record["loss"]
        if self.tolerance is not None and change < self.tolerance:
            state.stop = f"the loss changed by less than {self.tolerance:g}"

    def state_dict(self) -> dict[str, Any]:
        kept = {f"kept {name}": weights for name, weights in self.kept.items()}
        return kept | {"best": self.best, "previous": self.previous, "waited": self.waited}

    def load_state_dict(self, state_dict: Mapping[str, np.ndarray]) -> None:
        for name, weights in self.kept.items():
            weights[...] = state_dict[f"kept {name}"]
        self.best, self.previous = (state_dict[name].item() for name in ("best", "previous"))
        self.waited = state_dict["waited"].item()

    @contextlib.contextmanager
    def restoring(self, state: TrainingState) -> Iterator[None]:
        """Within it training goes on; however that ends, net gets the weights to end with."""
        try:
            yield
        except NonFiniteError as error:
            self._restore(state)
            state.optimizer.forget(state.net)  # its velocities belong to the weights that were lost
            error.add_note("the weights of the last good epoch are restored")
            raise
        except KeyboardInterrupt:
            if self.patience is not None:
                self._restore(state)
            raise
        if self.patience is not None:
            self._restore(state)

    def _keep(self, state: TrainingState) -> None:
        for name, parameter in state.net.parameters().items():
            self.kept[name][...] = parameter

    def _restore(self, state: TrainingState) -> None:
        for name, parameter in state.net.parameters().items():
            parameter[...] = self.kept[name]


def is_finite(net: Layer) -> bool:
    """Whether all parameters are."""
    return all(np.isfinite(p).all() for p in net.parameters().values())


def not_finite(
    net: Layer, body: Sequential, x: np.ndarray, value: float, place: str
) -> NonFiniteError:
    """The error for a batch x whose loss is `value`, or after whose step weights are not finite.

    `place` says which step of which epoch that is.
    """
    seen = "a step left the finite numbers" if np.isfinite(value) else f"the loss is {value}"
    bad = [name for name, p in net.parameters().items() if not np.isfinite(p).all()]
    if bad:
        where = f"first parameter with infinity or NaN: {bad[0]}"
        if isinstance(net, Sequential):
            number = bad[0].split(".")[0]
            where += f", of layer {number} {net[int(number)].short_name()}"
        cause = "the step before was too long; try a smaller learning rate"
    else:
        where, largest = f"the weights are finite; {_first_output(body, x)}", _largest(x)
        if largest > FEATURES:
            cause = f"the samples reach {largest:.0e}; scale them, or try a smaller learning rate"
        else:
            weights = max(map(_largest, net.parameters().values()), default=0.0)
            cause = f"the weights have grown to {weights:.0e}; try a smaller learning rate"
    return NonFiniteError(f"fit: {seen} at {place}; {where}; {cause}")


def _first_output(body: Sequential, x: np.ndarray) -> str:
    h = x if body.dtype is None else x.astype(body.dtype)
    with np.errstate(all="ignore"):
        for i, layer in enumerate(body):
            h = layer.forward(h)
            if not np.isfinite(h).all():
                return f"first not finite: the output of layer {i} {layer.short_name()}"
    return f"all outputs are finite, the last up to {_largest(h):.0e}, and the loss of them is not"


def _largest(array: np.ndarray) -> float:
    return float(np.abs(array).max(initial=0))
