"""The training loop: epochs of shuffled batches, forward, backward, step."""

from __future__ import annotations  # naming np.random.Generator would load numpy.random

import math
import operator
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mlp.errors import NonFiniteError
from mlp.layers import Layer
from mlp.losses import Loss
from mlp.optim import SGD, checked_rate
from mlp.pairing import from_logits
from mlp.sequential import Sequential

if TYPE_CHECKING:
    from mlp.fused import TextbookStep

Record = dict[str, Any]


def fit(
    net: Layer,
    loss: Loss,
    optimizer: SGD,
    x: np.ndarray,
    y: np.ndarray,
    *,
    epochs: int,
    batch_size: int | None = 32,
    rng: np.random.Generator | int | None = None,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    patience: int | None = None,
    tolerance: float | None = None,
    on_epoch: Callable[[Record], Any] | None = None,
) -> list[Record]:
    """Train net on x (N, ...) and targets y; return one record per epoch.

    Each epoch goes once through all samples in an order drawn from `rng`, in batches of
    `batch_size` (the last one may be shorter); None means one batch of everything, in order.
    A record holds epoch (from 1), loss and accuracy (over the batches as they were met, each
    before its step), validation_loss, validation_accuracy (after the epoch) and seconds; what
    does not apply is None. `on_epoch(record)` is called after each epoch.

    Training ends before `epochs` when
      - `patience` epochs in a row brought no lower validation loss;
      - the loss changed by less than `tolerance` from one epoch to the next.
    With `patience`, net ends with the weights of its best epoch, also when it is interrupted.
    Without `validation`, patience watches what `evaluate` says of x and y after the epoch, as the
    loss of the record belongs to the weights on the way: one more pass forward.

    The steps are fused where that is possible (see mlp.fused.FusedStep), the same to rounding.
    The last one of each epoch is the textbook's, so its gradients are there to be looked at.

    Raises TypeError or ValueError before the first step for arguments that do not fit, and
    NonFiniteError when the loss becomes infinite or NaN; net then has the weights of the last
    epoch that ended well (of the best one, with `patience`), and optimizer no velocities.
    """
    body, loss = _body_and_loss("fit", net, loss)
    if isinstance(optimizer, type) or not hasattr(optimizer, "step"):
        raise TypeError(f"fit: expected an optimizer such as SGD(0.1), got {optimizer!r}")
    x, y = _checked_samples("fit", body, loss, x, y)
    if validation is not None:
        if not isinstance(validation, tuple | list) or len(validation) != 2:
            raise TypeError(
                f"fit: expected validation=(x, y), two arrays, got {type(validation).__name__}; "
                "set a part of the samples aside, for example by mlp.data.stratified_split"
            )
        validation = _checked_samples("fit: validation", body, loss, *validation)
    epochs = _whole("epochs", epochs, 0)
    batch_size = None if batch_size is None else _whole("batch_size", batch_size, 1)
    rng = np.random.default_rng(rng)
    watch = _Watch(net, patience, tolerance)
    from mlp.fused import TextbookStep, training_step  # with SciPy, when first used

    step = training_step(net, body, loss, optimizer, x, y)
    last = TextbookStep(net, body, loss, optimizer, x, y)

    history: list[Record] = []
    for epoch in range(1, epochs + 1):
        start = time.perf_counter()
        batches = _batches(len(x), batch_size, rng)
        try:
            record = {"epoch": epoch} | _train_epoch(step, last, list(batches))
        except NonFiniteError as error:
            watch.restore()
            optimizer.forget(net)  # its velocities belong to the weights that were lost
            error.add_note(f"in epoch {epoch}; the weights of the last good epoch are restored")
            raise
        except KeyboardInterrupt:
            if patience is not None:
                watch.restore()
            raise
        scores = {} if validation is None else _scores(body, loss, *validation)
        record["validation_loss"] = scores.get("loss")
        record["validation_accuracy"] = scores.get("accuracy")
        if patience is not None and validation is None:
            scores = _scores(body, loss, x, y)
        record["seconds"] = time.perf_counter() - start
        history.append(record)
        if on_epoch is not None:
            on_epoch(record)
        if watch.says_stop(record["loss"], scores.get("loss")):
            break
    if patience is not None:
        watch.restore()
    return history


def evaluate(net: Layer, loss: Loss, x: np.ndarray, y: np.ndarray) -> dict[str, float | None]:
    """{"loss", "accuracy"} of net on x (N, ...) and y; accuracy is None for real-valued targets.

    Raises TypeError or ValueError for arguments that do not fit; clears the caches of net.
    """
    body, loss = _body_and_loss("evaluate", net, loss)
    return _scores(body, loss, *_checked_samples("evaluate", body, loss, x, y))


@np.errstate(over="ignore", invalid="ignore")  # the loss tells
def _train_epoch(
    step: TextbookStep, last: TextbookStep, batches: list[np.ndarray | slice]
) -> Record:
    """One step per batch, the last of them by `last`."""
    mean, samples = step.loss.reduction == "mean", len(step.x)
    total, hits = 0.0, 0.0
    step.begin()
    for taken, batch in zip([step] * (len(batches) - 1) + [last], batches, strict=True):
        value = taken.forward(batch)
        if not math.isfinite(value):
            raise _not_finite(f"the loss is {value}", step.net)
        taken.learn()
        hits += taken.hits()
        total += value * taken.samples if mean else value
    if not all(np.isfinite(p).all() for p in step.net.parameters().values()):
        raise _not_finite("a step left the finite numbers", step.net)
    step.body.clear_cache()
    return {
        "loss": total / samples if mean else total,
        "accuracy": None if math.isnan(hits) else hits / samples,
    }


def _batches(
    samples: int, batch_size: int | None, rng: np.random.Generator
) -> Iterator[np.ndarray | slice]:
    if batch_size is None:
        yield slice(None)
        return
    order = rng.permutation(samples)
    for start in range(0, samples, batch_size):
        yield order[start : start + batch_size]


@np.errstate(over="ignore", invalid="ignore")
def _scores(body: Sequential, loss: Loss, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    z = body.predict(x)
    return {"loss": loss.forward(z, y), "accuracy": loss.accuracy(z, y)}


class _Watch:
    """Keeps the weights to go back to, and says when to stop."""

    def __init__(self, net: Layer, patience: int | None, tolerance: float | None) -> None:
        self.net = net
        self.patience = None if patience is None else _whole("patience", patience, 1)
        self.tolerance = None if tolerance is None else checked_rate(tolerance, "tolerance", "fit")
        self.best = self.previous = math.inf
        self.waited = 0
        self.kept = {name: p.copy() for name, p in net.parameters().items()}

    def says_stop(self, loss: float, watched: float | None) -> bool:
        """Whether to stop after an epoch of that loss; `watched` is what patience goes by."""
        if self.patience is None:
            self._keep()
        elif watched < self.best:
            self.best, self.waited = watched, 0
            self._keep()
        else:
            self.waited += 1
        change, self.previous = abs(self.previous - loss), loss
        return (self.patience is not None and self.waited >= self.patience) or (
            self.tolerance is not None and change < self.tolerance
        )

    def restore(self) -> None:
        for name, parameter in self.net.parameters().items():
            parameter[...] = self.kept[name]

    def _keep(self) -> None:
        for name, parameter in self.net.parameters().items():
            self.kept[name][...] = parameter


def _body_and_loss(who: str, net: Layer, loss: Loss) -> tuple[Sequential, Loss]:
    """What is trained for net and loss, see from_logits."""
    if not isinstance(net, Layer):
        raise TypeError(f"{who}: expected a network such as Sequential(...), got {net!r}")
    if not isinstance(loss, Loss):
        raise TypeError(f"{who}: expected a loss such as SoftmaxCrossEntropy(), got {loss!r}")
    return from_logits(net if isinstance(net, Sequential) else Sequential(net), loss)


def _checked_samples(
    who: str, body: Sequential, loss: Loss, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) == 0:
        raise ValueError(
            f"{who}: expected as many targets as samples, at least one, "
            f"got x {x.shape} and y {y.shape}"
        )
    if x.dtype.kind in "fc" and not np.isfinite(x).all():
        raise ValueError(f"{who}: expected finite x, got NaN or infinity")
    if y.dtype.kind in "fc" and not np.isfinite(y).all():
        raise ValueError(f"{who}: expected finite targets, got NaN or infinity")
    outputs = body.predict(x[:1])
    loss.check_target(y, outputs.shape[1:])
    return x, y


def _not_finite(what: str, net: Layer) -> NonFiniteError:
    bad = [name for name, p in net.parameters().items() if not np.isfinite(p).all()]
    where = f"first parameter with infinity or NaN: {bad[0]}" if bad else "the weights are finite"
    return NonFiniteError(f"fit: {what}; {where}; try a smaller learning rate")


def _whole(name: str, value: int, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise ValueError(
            f"fit: expected {name} to be a whole number from {least} up, got {value!r}"
        )
    return number
