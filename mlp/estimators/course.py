"""scikit-learn's rules for the course of a training: penalty, learning rate, when it ends."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlp.callbacks import Callback, TrainingState
from mlp.layers import Layer
from mlp.optim import is_bias

if TYPE_CHECKING:
    from mlp.estimators.base import MLP

SMALLEST_RATE = 1e-6
"""At or below it, an adaptive learning rate ends the training."""


class Course(Callback):
    """Does what scikit-learn does after each step and each epoch, and notes it in the estimator.

    The loss has a penalty: of a batch whose weights sum to S (rows, where there are no weights)

        L = 1/S (sum_n w_n l_n + alpha/2 sum W^2)      so W has the decay alpha / S

    For S is taken the number of rows times the mean weight of all samples: that is S itself for one
    batch of everything and without weights, and S on average else.

    `rows` and `total` are the number of samples and the sum of their weights; `held_out` are the
    arguments of the estimator's `_score_of` for those that early stopping watches, or None.
    """

    def __init__(
        self, estimator: "MLP", rows: int, batch_size: int, total: float, held_out: Any
    ) -> None:
        self.estimator, self.held_out = estimator, held_out
        self.rows, self.total, self.batch_size = rows, total, batch_size
        self.decays = self._decay(min(batch_size, rows)), self._decay(rows % batch_size)
        self.steps = -(-rows // batch_size)
        """How many there are in an epoch."""
        self.ended = False
        """Whether training ended before its last epoch, by the rules."""
        self.best: np.ndarray | None = None
        """The parameters of the epoch with the best score of the samples held out."""

    def on_start(self, state: TrainingState) -> None:
        if self.held_out is not None:
            self.best = self.estimator.network_.parameter_vector()
        self._begin_epoch(state)

    def on_step(self, state: TrainingState) -> None:
        self.step += 1
        if self.step < self.steps:
            self._before_step(state)

    def on_epoch(self, state: TrainingState) -> None:
        estimator = self.estimator
        estimator.n_iter_ += 1
        estimator.t_ += self.rows
        estimator.loss_ = state.history[-1]["loss"] + self.penalty / self.total
        estimator.loss_curve_.append(estimator.loss_)
        self._say(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        self._look_for_progress()
        if estimator.learning_rate == "invscaling":
            rate = estimator.learning_rate_init / (estimator.t_ + 1) ** estimator.power_t
            self._change_rate(state, rate)
        if estimator._without_progress > estimator.n_iter_no_change:
            self._end_or_slow_down(state)
        self._begin_epoch(state)

    def _begin_epoch(self, state: TrainingState) -> None:
        self.step, self.penalty = 0, 0.0
        self._before_step(state)

    def _before_step(self, state: TrainingState) -> None:
        """Set the decay for that step, and note the penalty, which belongs to the loss before."""
        if not self.estimator.alpha:
            return
        short = self.step == self.steps - 1 and self.rows % self.batch_size != 0
        state.optimizer.weight_decay = self.decays[short]
        self.penalty += self.estimator.alpha / 2 * _squares(state.net)

    def _decay(self, rows: int) -> float:
        return self.estimator.alpha / (rows * self.total / self.rows) if rows else 0.0

    def _look_for_progress(self) -> None:
        estimator = self.estimator
        if self.held_out is None:
            progress = estimator.loss_ <= estimator.best_loss_ - estimator.tol
            estimator.best_loss_ = min(estimator.best_loss_, estimator.loss_)
        else:
            score = estimator._score_of(*self.held_out)
            estimator.validation_scores_.append(score)
            self._say(f"Validation score: {score:f}")
            progress = not score < estimator.best_validation_score_ + estimator.tol
            if score > estimator.best_validation_score_:
                estimator.best_validation_score_ = score
                self.best = estimator.network_.parameter_vector()
        estimator._without_progress = 0 if progress else estimator._without_progress + 1

    def _end_or_slow_down(self, state: TrainingState) -> None:
        estimator = self.estimator
        self.ended = estimator.learning_rate != "adaptive" or estimator._rate <= SMALLEST_RATE
        watched = "Training loss" if self.held_out is None else "Validation score"
        reason = (
            f"{watched} did not improve more than tol={estimator.tol:f} "
            f"for {estimator.n_iter_no_change} consecutive epochs."
        )
        if self.ended:
            state.stop = reason
            self._say(f"{reason} Stopping.")
        else:
            self._change_rate(state, estimator._rate / 5)
            self._say(f"{reason} Setting learning rate to {estimator._rate:f}")
            estimator._without_progress = 0

    def _change_rate(self, state: TrainingState, rate: float) -> None:
        """scikit-learn's velocities have the rate in them, those of SGD are multiplied by it."""
        for v in state.optimizer.state(state.net).velocity.values():
            v *= self.estimator._rate / rate
        self.estimator._rate = state.optimizer.learning_rate = rate

    def _say(self, text: str) -> None:
        if self.estimator.verbose:
            print(text)


def _squares(net: Layer) -> float:
    """The sum of the squares of all weights, without biases."""
    return sum(float(np.vdot(W, W)) for name, W in net.parameters().items() if not is_bias(name))
