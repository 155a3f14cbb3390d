"""A step of gradient descent as the textbook has it."""

import math
from typing import cast

import numpy as np

from mlp.layers import Layer
from mlp.losses import Loss
from mlp.optim import SGD
from mlp.sequential import Sequential


class TextbookStep:
    """Forward, backward, update, for batches of the samples x and their targets y.

    A batch is an array of sample numbers, or slice(None) for all of them in order. The optimizer
    steps `net`, whose layers are those of `body` (see mlp.pairing).
    """

    def __init__(
        self,
        net: Layer,
        body: Sequential,
        loss: Loss,
        optimizer: SGD,
        x: np.ndarray,
        y: np.ndarray,
    ) -> None:
        self.net, self.body, self.loss, self.optimizer = net, body, loss, optimizer
        self.x, self.y = x, y

    def begin(self) -> None:
        """Take note of what may have changed since the last epoch."""

    def forward(self, batch: np.ndarray | slice) -> float:
        """The loss of that batch, before the step."""
        self._z, self._target = self.body.forward(self.x[batch]), self.y[batch]
        self.samples = len(self._z)
        return cast(float, self.loss.forward(self._z, self._target))

    def shows_all(self) -> bool:
        """Whether the loss of a batch is sure to show it if a weight is infinite or NaN.

        Sigmoid makes 1 of infinity, ReLU 0 of -infinity: behind them a loss may look well.
        """
        return False

    def backward(self) -> None:
        """The gradient of that loss in every parameter."""
        self.body.backward(self.loss.backward())

    def update(self) -> None:
        """One step of the optimizer down that gradient."""
        self.optimizer.step(self.net)

    def hits(self) -> float:
        """How many samples of the batch were classified as their targets say; NaN if no classes."""
        accuracy = self.loss.accuracy(self._z, self._target)
        return math.nan if accuracy is None else accuracy * len(self._z)
