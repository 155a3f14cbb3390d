"""The last layer and the loss: which pairs are one formula, and which are a mistake.

Softmax followed by the KL divergence has the gradient y - d in z (deck 004), and so has Sigmoid
with the binary form. Evaluated from z together they stay finite where y rounds to 0.
"""

from mlp.layers import Layer, Sigmoid, Softmax
from mlp.losses import (
    KLDivergence,
    KLOfSigmoid,
    KLOfSoftmax,
    Loss,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from mlp.sequential import Sequential


def refuse_double(net: Layer, loss: Loss) -> None:
    """Raise ValueError where the loss would apply the last layer's function a second time."""
    last = _last(net)
    if (isinstance(last, Softmax) and isinstance(loss, SoftmaxCrossEntropy)) or (
        isinstance(last, Sigmoid) and isinstance(loss, SigmoidCrossEntropy)
    ):
        raise ValueError(
            f"{loss!r} applies {last!r} itself, and the network already ends in it; "
            "drop that layer, or use KLDivergence()"
        )


def from_logits(net: Layer, loss: Loss) -> tuple[Layer, Loss]:
    """An equal network and loss, where possible without a Softmax or Sigmoid before the loss."""
    refuse_double(net, loss)
    if type(loss) is not KLDivergence or not isinstance(net, Sequential) or len(net) < 2:
        return net, loss
    if isinstance(net[-1], Sequential):
        inner, fused = from_logits(net[-1], loss)
        return (Sequential(*net[:-1], inner), fused) if fused is not loss else (net, loss)
    if isinstance(net[-1], Softmax):
        return net[:-1], KLOfSoftmax(reduction=loss.reduction)
    if isinstance(net[-1], Sigmoid) and net.shapes()[-1] == (1,):
        return net[:-1], KLOfSigmoid(reduction=loss.reduction)
    return net, loss


def _last(net: Layer) -> Layer:
    while isinstance(net, Sequential):
        net = net[-1]
    return net
