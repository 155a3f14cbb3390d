"""A step of gradient descent that ranks take together."""

import math

import numpy as np

from mlp.parallel.team import Team
from mlp.step import TextbookStep


class ParallelStep:
    """The step of `mine` on each rank's part of every batch; what comes out is the step of all.

    With L the mean over the n samples of a batch, and L_r over the n_r samples of rank r,

             L = sum_r n_r / n L_r        dL/dw = sum_r n_r / n dL_r/dw

    where weights of the samples take the place of their numbers; with a sum there are no factors.
    One message carries the gradients, the loss and the hits. A rank whose part is empty takes the
    first sample, and none of its gradient: so it has arrays of the right shapes.
    """

    def __init__(self, mine: TextbookStep, team: Team) -> None:
        self.mine, self.team = mine, team
        self.net, self.body, self.loss, self.x = mine.net, mine.body, mine.loss, mine.x
        parameters = self.net.parameters()
        dtype = np.result_type(np.float32, *(p.dtype for p in parameters.values()))
        team.carry({name: p.shape for name, p in parameters.items()}, dtype)
        mine.divide(team.message.given, team.message.sums)

    def begin(self) -> None:
        self.mine.begin()

    def forward(self, batch: np.ndarray | slice) -> float:
        """The loss of the whole batch; its gradients are there as well."""
        n = len(self.x) if isinstance(batch, slice) else len(batch)
        self.samples = self.mine.count(batch, n)
        part = self.team.part(n)
        empty = part.start == part.stop
        if empty:
            part = slice(0, 1)
        value = self.mine.forward(part if isinstance(batch, slice) else batch[part])
        share = 1.0 if self.loss.reduction == "sum" else self.mine.samples / self.samples
        share = 0.0 if empty else share
        if math.isfinite(value):
            self.mine.backward(share)
        numbers = (0.0, 0.0) if empty else (share * value, self.mine.hits())
        losses, hits = self.team.exchange(*numbers).T
        self._hits = float(hits.sum())
        return float(losses.sum())

    def shows_all(self) -> bool:
        """As TextbookStep: a sample of any rank shows it in the loss of all."""
        return self.mine.shows_all()

    def backward(self) -> None:
        """Done by forward: the gradients travel with the loss."""

    def update(self) -> None:
        self.mine.update()

    def hits(self) -> float:
        return self._hits
