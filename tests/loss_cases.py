"""Losses in groups, and outputs and targets that fit them."""

from mlp import KLDivergence, SigmoidCrossEntropy, SoftmaxCrossEntropy, SquaredError
from mlp.pairing import KLOfSigmoid, KLOfSoftmax

ALL = [SquaredError, KLDivergence, SoftmaxCrossEntropy, SigmoidCrossEntropy]
FUSED = [KLOfSoftmax, KLOfSigmoid]
ONE_COLUMN = [SquaredError, KLDivergence, SigmoidCrossEntropy, KLOfSigmoid]
ROWS = [SquaredError, KLDivergence, SoftmaxCrossEntropy, SigmoidCrossEntropy, KLOfSoftmax]


def outputs(loss, shape, rng):
    """Outputs that the loss takes: probabilities for the KL divergence, else any numbers."""
    if loss is not KLDivergence:
        return rng.normal(0, 2, shape)
    y = rng.uniform(0.1, 1, shape)
    return y if shape[1] == 1 else y / y.sum(axis=1, keepdims=True)


def soft_rows(shape, rng):
    d = rng.uniform(0, 1, shape)
    return d if shape[1] == 1 else d / d.sum(axis=1, keepdims=True)
