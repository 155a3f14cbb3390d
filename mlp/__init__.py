"""Backpropagation that you can read, check and run fast.

A multilayer perceptron engine in NumPy whose every layer carries its hand-derived gradient
beside its forward pass. Read `layers/affine.py` first, then `sequential.py` and `losses.py`.
"""

from mlp.checking import gradcheck
from mlp.checkpoint import load_checkpoint, save_checkpoint
from mlp.errors import CheckpointError, DataError, NonFiniteError
from mlp.jacobians import jacobian
from mlp.layers import (
    Affine,
    Concat,
    Elementwise,
    Flatten,
    Layer,
    MaxPool,
    Multiply,
    ReLU,
    Scale,
    Sigmoid,
    Softmax,
)
from mlp.losses import KLDivergence, SigmoidCrossEntropy, SoftmaxCrossEntropy, SquaredError
from mlp.optim import SGD
from mlp.sequential import Sequential
from mlp.training import evaluate, fit

__all__ = [
    "SGD",
    "Affine",
    "CheckpointError",
    "Concat",
    "DataError",
    "Elementwise",
    "Flatten",
    "KLDivergence",
    "Layer",
    "MaxPool",
    "Multiply",
    "NonFiniteError",
    "ReLU",
    "Scale",
    "Sequential",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "Softmax",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "evaluate",
    "fit",
    "gradcheck",
    "jacobian",
    "load_checkpoint",
    "save_checkpoint",
]
