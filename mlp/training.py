"""The training loop: epochs of shuffled batches, forward, backward, step."""

from __future__ import annotations  # naming np.random.Generator would load numpy.random

import functools
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlp.arguments import checked_whole
from mlp.callbacks import Callback, Record, TrainingState, attached
from mlp.history import History
from mlp.layers import Layer
from mlp.losses import Loss, checked_weights
from mlp.optim import SGD
from mlp.pairing import from_logits
from mlp.parallel import Communicator, Team, in_lockstep, team_of
from mlp.rows import ROWS, Rows, place_of_not_finite, row_blocks
from mlp.sequential import Sequential
from mlp.stopping import Stopping, is_finite, not_finite

if TYPE_CHECKING:
    from mlp.files.resume import TrainingCheckpoint
    from mlp.parallel.step import ParallelStep
    from mlp.step import TextbookStep

MIXED = 16
"""How many blocks of rows are mixed at a time where whole blocks are shuffled."""

Samples = tuple[np.ndarray | Rows, *tuple[np.ndarray, ...]]
"""x and targets, and weights where there are any."""


@in_lockstep
def fit(
    net: Layer,
    loss: Loss,
    optimizer: SGD,
    x: np.ndarray | Rows,
    y: np.ndarray,
    *,
    epochs: int,
    batch_size: int | None = 32,
    rng: np.random.Generator | int | None = None,
    sample_weight: np.ndarray | None = None,
    shuffle: bool = True,
    shuffle_block: int | None = None,
    validation: Samples | None = None,
    patience: int | None = None,
    tolerance: float | None = None,
    on_epoch: Callable[[Record], Any] | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: str | os.PathLike | TrainingCheckpoint | None = None,
    communicator: Communicator | Team | None = None,
) -> History:
    """Train net on x (N, ...) and targets y; return one record per epoch, a list that can `plot()`.

    Each epoch goes once through all samples in an order drawn from `rng`, in batches of
    `batch_size` (the last one may be shorter); without `shuffle`, in the order in which they are
    given. None means one batch of everything, in order, and takes memory for it.
    A record holds epoch (from 1), loss and accuracy (over the batches as they were met, each
    before its step), validation_loss, validation_accuracy (after the epoch) and seconds; what
    does not apply is None. `on_epoch(record)` is called after each epoch; `callbacks` see the
    whole state of the training, after each epoch and each step (`mlp.callbacks.Callback`).

    x may be a memory map of a file larger than the memory, read-only, of any dtype, byte order and
    layout, or `mlp.rows.Rows` of it. Beside the data, memory is taken for the order of an epoch, 8
    bytes for each sample. With `shuffle_block`, a number of rows, not even that: blocks of so many
    consecutive rows are taken in random order, 16 at a time, and their samples shuffled. Each
    sample still comes once per epoch, and what is read of a file lies close together.

    `sample_weight` (N,) makes the loss of a batch the weighted one of mlp.losses, and so counts the
    samples in the records; a sample of weight 0 is left out, as if it were not there. `validation`
    is (x, y), or (x, y, weights).

    Training ends before `epochs` when
      - `patience` epochs in a row brought no lower validation loss;
      - the loss changed by less than `tolerance` from one epoch to the next.
    With `patience`, net ends with the weights of its best epoch, also when it is interrupted.
    Without `validation`, patience watches what `evaluate` says of x and y after the epoch, as the
    loss of the record belongs to the weights on the way: one more pass forward.

    With `checkpoint`, a path, the training is saved there at the ends of epochs, as often as costs
    less than 2 % of the time (see mlp.files.resume). If that file exists, training goes on from it,
    to the very weights it would have reached at once; that of another training is refused (without
    `rng`, whichever generator it was begun with).

    With `communicator`, of mpi4py, all its ranks call fit with the same arguments and train one
    network together. Each takes its part of every batch (`batch_size` is that of all together)
    and of validation; they begin with the weights, the velocities and the generator of rank 0 and
    end with the same weights, those of one process to rounding. Callbacks are called on every
    rank, and see the same there; only rank 0 writes the checkpoint, or reads it. An error or a
    signal on one rank ends all of them, see mlp.parallel.

    The steps are fused where that is possible (see mlp.fused.FusedStep), the same to rounding;
    which gradients the layers hold afterwards is not promised.

    Raises TypeError or ValueError before the first step for arguments that do not fit, and
    NonFiniteError when the loss or a weight becomes infinite or NaN, within one step; it says where
    and why. net then has the weights of the last epoch that ended well (of the best one, with
    `patience`), and optimizer no velocities.
    """
    given, (body, loss) = loss, _body_and_loss("fit", net, loss)
    if isinstance(optimizer, type) or not hasattr(optimizer, "step"):
        raise TypeError(f"fit: expected an optimizer such as SGD(0.1), got {optimizer!r}")
    if on_epoch is not None and not callable(on_epoch):
        raise TypeError(f"fit: expected on_epoch to be a function of a record, got {on_epoch!r}")
    if wrong := [callback for callback in callbacks if not isinstance(callback, Callback)]:
        raise TypeError(f"fit: expected callbacks of type mlp.callbacks.Callback, got {wrong[0]!r}")
    samples = _checked_samples("fit", body, loss, x, y, sample_weight)
    if validation is not None:
        validation = _checked_validation(body, loss, validation)
    epochs = checked_whole(epochs, "epochs", "fit", least=0)
    if batch_size is not None:
        batch_size = checked_whole(batch_size, "batch_size", "fit")
    if shuffle_block is not None:
        shuffle_block = checked_whole(shuffle_block, "shuffle_block", "fit")
        if not shuffle or batch_size is None:
            given_too = "shuffle=False" if not shuffle else "batch_size=None"
            raise ValueError(f"fit: shuffle_block has no meaning with {given_too}; leave one out")
    state = TrainingState(net, given, optimizer, np.random.default_rng(rng), epochs)
    team = team_of(communicator)

    def watched(record: Record) -> float:
        if validation is not None:
            return record["validation_loss"]
        return _scores_of_all(team, body, loss, samples)["loss"]

    stopping = Stopping(
        patience, tolerance, watched, "training" if validation is None else "validation"
    )
    state.callbacks = [*callbacks, stopping]
    settings: dict[str, Any] = {
        "batch size": batch_size,
        "patience": patience,
        "tolerance": tolerance,
        "order": _name_of_order(shuffle, shuffle_block),
    }
    if checkpoint is not None and team.rank == 0:
        from mlp.files.resume import checkpoint_for, generator_state

        drawn = {} if rng is None else {"rng": generator_state(state.rng)}
        state.callbacks += [
            checkpoint_for(checkpoint, state, settings | drawn, samples, validation)
        ]
    from mlp.fused import training_step  # with SciPy, when first used

    mine = training_step(net, body, loss, optimizer, *samples)
    step: TextbookStep | ParallelStep = mine
    if team.size > 1:
        from mlp.parallel.step import ParallelStep
        from mlp.parallel.training import agree, end_epoch, hand_over

        things = {"network": net, "loss": given, "optimizer": optimizer, "epochs": epochs}
        agree(team, things | settings, samples)
        step = ParallelStep(mine, team)

    with attached(state), stopping.restoring(state):
        if team.size > 1:
            hand_over(team, state)
        while state.epoch < epochs and state.stop is None:
            start = time.perf_counter()
            order_rng = state.rng if shuffle else None
            batches = _batches(len(samples[0]), batch_size, order_rng, shuffle_block)
            record = _train_epoch(step, batches, state)
            scores = {} if validation is None else _scores_of_all(team, body, loss, validation)
            record["validation_loss"] = scores.get("loss")
            record["validation_accuracy"] = scores.get("accuracy")
            record["seconds"] = time.perf_counter() - start
            state.epoch += 1
            state.history.append(record)
            if on_epoch is not None:
                on_epoch(record)
            for callback in state.callbacks:
                callback.on_epoch(state)
            if team.size > 1:
                end_epoch(team, state)
    return state.history


@in_lockstep
def evaluate(
    net: Layer,
    loss: Loss,
    x: np.ndarray | Rows,
    y: np.ndarray,
    *,
    sample_weight: np.ndarray | None = None,
    communicator: Communicator | Team | None = None,
) -> dict[str, float | None]:
    """{"loss", "accuracy"} of net on x (N, ...) and y; accuracy is None for real-valued targets.

    With `sample_weight` (N,) both are weighted, as in `fit`. With `communicator`, of mpi4py, all
    its ranks call it alike, and each looks at its part of the samples.

    The outputs are computed and forgotten in blocks of 16,384 rows (fewer where samples are very
    large), so x may be a memory map. The value of a block is that of the loss, in the dtype of the
    outputs; those of the blocks are added up in float64.

    Raises TypeError or ValueError for arguments that do not fit; clears the caches of net.
    """
    body, loss = _body_and_loss("evaluate", net, loss)
    samples = _checked_samples("evaluate", body, loss, x, y, sample_weight)
    return _scores_of_all(team_of(communicator), body, loss, samples)


@np.errstate(over="ignore", invalid="ignore")  # the loss tells
def _train_epoch(
    step: TextbookStep | ParallelStep,
    batches: Iterator[np.ndarray | slice],
    state: TrainingState,
) -> Record:
    """One step per batch; the loss and accuracy over all of them."""
    watching = [c for c in state.callbacks if type(c).on_step is not Callback.on_step]
    total = hits = samples = 0.0
    step.begin()
    for number, batch in enumerate(batches, 1):
        value = step.forward(batch)  # loss.forward(net.forward(x[batch]), y[batch])
        if not math.isfinite(value) or not (step.shows_all() or is_finite(step.net)):
            place = f"step {number} of epoch {state.epoch + 1}"
            raise not_finite(step.net, step.body, step.x[batch], value, place)
        step.backward()  # net.backward(loss.backward())
        step.update()  # optimizer.step(net): W <- W - learning_rate dW

        samples += step.samples
        hits += step.hits()
        total += value * step.samples if step.loss.reduction == "mean" else value
        for callback in watching:
            callback.on_step(state)
    if not is_finite(step.net):
        place = f"the end of epoch {state.epoch + 1}"
        raise not_finite(step.net, step.body, step.x[batch], value, place)
    step.body.clear_cache()
    return {
        "epoch": state.epoch + 1,
        "loss": total / samples if step.loss.reduction == "mean" else total,
        "accuracy": None if math.isnan(hits) else hits / samples,
    }


def _batches(
    samples: int,
    batch_size: int | None,
    rng: np.random.Generator | None,
    shuffle_block: int | None = None,
) -> Iterator[np.ndarray | slice]:
    """The sample numbers of each batch, in an order drawn anew, if there is a generator.

    Everything for a batch size of None.
    """
    if batch_size is None:
        yield slice(None)
        return
    left = np.empty(0, np.intp)
    for order in _orders(samples, rng, shuffle_block):
        order = np.concatenate([left, order]) if len(left) else order
        whole = len(order) - len(order) % batch_size
        for start in range(0, whole, batch_size):
            yield order[start : start + batch_size]
        left = order[whole:]
    if len(left):
        yield left


def _orders(
    samples: int, rng: np.random.Generator | None, block: int | None
) -> Iterator[np.ndarray]:
    """All sample numbers once, in one array or, of shuffled blocks, in several."""
    if rng is None:
        for start in range(0, samples, ROWS):
            yield np.arange(start, min(start + ROWS, samples))
    elif block is None:
        yield rng.permutation(samples)
    else:
        starts = rng.permutation(np.arange(0, samples, block))
        for first in range(0, len(starts), MIXED):
            mixed = [np.arange(s, min(s + block, samples)) for s in starts[first : first + MIXED]]
            yield rng.permutation(np.concatenate(mixed))


def _name_of_order(shuffle: bool, shuffle_block: int | None) -> str | None:
    """How a checkpoint names the order of the samples; None is the usual one."""
    if not shuffle:
        return "as given"
    return None if shuffle_block is None else f"blocks of {shuffle_block} rows"


@np.errstate(over="ignore", invalid="ignore")
def _scores(
    body: Sequential, loss: Loss, x: np.ndarray | Rows, *targets_and_weights: np.ndarray
) -> dict[str, Any]:
    target, *weights = targets_and_weights
    total = weights[0].sum() if weights else len(x)
    value: Any = 0.0
    accuracy: float | None = 0.0
    for rows in row_blocks(x):
        w = [weights[0][rows]] if weights else []
        share = float(w[0].sum() if w else rows.stop - rows.start) / total  # 1 for a single block
        scored = (body.predict(x[rows]), target[rows], *w)
        value += loss.forward(*scored) * (share if loss.reduction == "mean" else 1)
        right = loss.accuracy(*scored)
        accuracy = None if right is None or accuracy is None else accuracy + right * share
    return {"loss": value, "accuracy": accuracy}


def _scores_of_all(team: Team, body: Sequential, loss: Loss, samples: Samples) -> dict[str, Any]:
    if team.size == 1:
        return _scores(body, loss, *samples)
    from mlp.parallel.training import shared_scores

    return shared_scores(team, functools.partial(_scores, body, loss), loss, samples)


def _body_and_loss(who: str, net: Layer, loss: Loss) -> tuple[Sequential, Loss]:
    """What is trained for net and loss, see from_logits."""
    if not isinstance(net, Layer):
        raise TypeError(f"{who}: expected a network such as Sequential(...), got {net!r}")
    if not isinstance(loss, Loss):
        raise TypeError(f"{who}: expected a loss such as SoftmaxCrossEntropy(), got {loss!r}")
    return from_logits(net, loss)


def _checked_validation(body: Sequential, loss: Loss, validation: Any) -> Samples:
    if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
        raise TypeError(
            "fit: expected validation=(x, y), two arrays, or (x, y, weights), "
            f"got {type(validation).__name__}; "
            "set a part of the samples aside, for example by mlp.data.stratified_split"
        )
    return _checked_samples("fit: validation", body, loss, *validation)


def _checked_samples(
    who: str,
    body: Sequential,
    loss: Loss,
    x: np.ndarray | Rows,
    y: np.ndarray,
    sample_weight: np.ndarray | None = None,
) -> Samples:
    """The arrays, without samples of weight 0."""
    x, y = x if isinstance(x, Rows) else np.asarray(x), np.asarray(y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) == 0:
        raise ValueError(
            f"{who}: expected as many targets as samples, at least one, "
            f"got x {x.shape} and y {y.shape}"
        )
    for what, array in (("x", x), ("targets", y)):
        if place := place_of_not_finite(array):
            raise ValueError(
                f"{who}: expected finite {what}, got NaN or infinity in row {place[0]}"
            )
    with np.errstate(over="ignore", invalid="ignore"):  # the first step tells
        outputs = body.predict(x[:1])
    loss.check_target(y, outputs.shape[1:])
    if sample_weight is None:
        return x, y
    weights = checked_weights(sample_weight, len(x), who)
    if weights.min() > 0:
        return x, y, weights
    counting = np.flatnonzero(weights)
    return Rows(x, counting), y[counting], weights[counting]
