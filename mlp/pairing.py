"""The last layer and the loss: which pairs are one formula, and which are a mistake.

Softmax followed by the KL divergence has the gradient y - d in z (deck 004), and so has Sigmoid
with the binary form. Evaluated from z together they stay finite where y rounds to 0.
"""

import numpy as np

from mlp.layers import Layer, Sigmoid, Softmax
from mlp.losses import (
    KLDivergence,
    Loss,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    check_distribution,
    log1m_where,
    log_where,
)
from mlp.sequential import Sequential


def refuse_double(net: Layer, loss: Loss) -> None:
    """Raise ValueError where a loss that takes logits would get probabilities."""
    last = _last(net)
    if not isinstance(last, Softmax | Sigmoid):
        return
    if isinstance(loss, SoftmaxCrossEntropy | SigmoidCrossEntropy):
        raise ValueError(
            f"{loss!r} takes logits, and the network already ends in {last!r}; "
            "drop that layer, or use KLDivergence()"
        )


def from_logits(net: Layer, loss: Loss) -> tuple[Sequential, Loss]:
    """An equal network and loss, where possible without a Softmax or Sigmoid before the loss.

    Only for these classes themselves: a subclass may compute something else.
    """
    refuse_double(net, loss)
    net = net if isinstance(net, Sequential) else Sequential(net)
    *body, last = _in_a_row(net)
    if type(loss) is not KLDivergence or not body:
        return net, loss
    if type(last) is Softmax:
        return Sequential(*body), KLOfSoftmax(reduction=loss.reduction)
    if type(last) is Sigmoid and Sequential(*body).shapes()[-1] == (1,):
        return Sequential(*body), KLOfSigmoid(reduction=loss.reduction)
    return net, loss


class KLOfSoftmax(SoftmaxCrossEntropy):
    """KLDivergence of softmax(z), from z: cross-entropy minus the entropy of d; gradient p - d."""

    def divergence(self, z: np.ndarray, d: np.ndarray) -> np.ndarray:
        return super().divergence(z, d) + (d * log_where(d > 0, d)).sum(axis=1)

    def __repr__(self) -> str:
        return repr(KLDivergence(reduction=self.reduction))  # the one that the caller chose

    def _check(self, z: np.ndarray, d: np.ndarray, first: int) -> None:
        if z.shape[1] == 1:
            raise ValueError(
                f"{self!r}: Softmax of one column is always 1; end the network in Sigmoid()"
            )
        check_distribution(d, repr(self), first)


class KLOfSigmoid(SigmoidCrossEntropy):
    """KLDivergence of one column sigmoid(z), from z; gradient p - d."""

    def divergence(self, z: np.ndarray, d: np.ndarray) -> np.ndarray:
        entropy = d * log_where(d > 0, d) + (1 - d) * log1m_where(d < 1, d)
        return super().divergence(z, d) + entropy.sum(axis=1)

    def __repr__(self) -> str:
        return repr(KLDivergence(reduction=self.reduction))

    def _check(self, z: np.ndarray, d: np.ndarray, first: int) -> None:
        check_distribution(d, repr(self), first)


def _in_a_row(net: Layer) -> list[Layer]:
    """The layers of net and of the networks within it, in the order of forward."""
    if type(net) is not Sequential:
        return [net]
    return [layer for part in net for layer in _in_a_row(part)]


def _last(net: Layer) -> Layer:
    while isinstance(net, Sequential):
        net = net[-1]
    return net
