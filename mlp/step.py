"""A step of gradient descent as the textbook has it."""

import math
from collections.abc import Mapping
from typing import cast

import numpy as np

from mlp.layers import Layer
from mlp.losses import Loss
from mlp.optim import SGD
from mlp.rows import Rows
from mlp.sequential import Sequential

Arrays = Mapping[str, np.ndarray]


class TextbookStep:
    """Forward, backward, update, for batches of the samples x and their targets y.

    A batch is an array of sample numbers, or slice(None) for all of them in order. The optimizer
    steps `net`, whose layers are those of `body` (see mlp.pairing). With weights of the samples,
    float64 above 0, the loss of a batch is the weighted one.
    """

    def __init__(
        self,
        net: Layer,
        body: Sequential,
        loss: Loss,
        optimizer: SGD,
        x: np.ndarray | Rows,
        y: np.ndarray,
        sample_weight: np.ndarray | None = None,
    ) -> None:
        self.net, self.body, self.loss, self.optimizer = net, body, loss, optimizer
        self.x, self.y, self.sample_weight = x, y, sample_weight
        self.given: Arrays | None = None
        self.sums: Arrays | None = None

    def divide(self, given: Arrays, sums: Arrays) -> None:
        """Take only part of the step, as others (see mlp.parallel) take the rest of its batch.

        From now on `backward` leaves the gradients in the arrays `given`, and `update` goes by
        `sums`, where those of all will be; both are by the names of the parameters.
        """
        self.given, self.sums = given, sums

    def begin(self) -> None:
        """Take note of what may have changed since the last epoch."""

    def forward(self, batch: np.ndarray | slice) -> float:
        """The loss of that batch, before the step."""
        z = self.body.forward(self.x[batch])
        self.samples = self.count(batch, len(z))
        weights = () if self.sample_weight is None else (self.sample_weight[batch],)
        self._scored = (z, self.y[batch], *weights)
        return cast(float, self.loss.forward(*self._scored))

    def shows_all(self) -> bool:
        """Whether the loss of a batch is sure to show it if a weight is infinite or NaN.

        Sigmoid makes 1 of infinity, ReLU 0 of -infinity: behind them a loss may look well.
        """
        return False

    def backward(self, share: float = 1.0) -> None:
        """The gradient of that loss in every parameter, or that share of it."""
        upstream = self.loss.backward()
        self.body.backward(upstream if share == 1 else share * upstream)
        if self.given is not None:
            for name, gradient in self.net.checked_gradients().items():
                np.copyto(self.given[name], gradient)

    def update(self) -> None:
        """One step of the optimizer down that gradient."""
        if self.sums is not None:
            for name, gradient in self.net.checked_gradients().items():
                np.copyto(gradient, self.sums[name])
        self.optimizer.step(self.net)

    def hits(self) -> float:
        """How many samples of the batch were classified as their targets say; NaN if no classes."""
        accuracy = self.loss.accuracy(*self._scored)
        return math.nan if accuracy is None else accuracy * self.samples

    def count(self, batch: np.ndarray | slice, n: int) -> float:
        """As how many samples the n of the batch count: the sum of their weights."""
        return n if self.sample_weight is None else float(self.sample_weight[batch].sum())
