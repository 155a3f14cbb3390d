"""Backpropagation that you can read, check and run fast.

A multilayer perceptron engine in NumPy whose every layer carries its hand-derived gradient
beside its forward pass. Read `layers/affine.py` first, then `sequential.py` and `losses.py`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mlp.errors import CheckpointError, DataError, NonFiniteError
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

if TYPE_CHECKING:
    from mlp.checking import gradcheck
    from mlp.checkpoint import load_checkpoint, save_checkpoint
    from mlp.jacobians import jacobian

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

_LATER = {
    "gradcheck": "mlp.checking",
    "jacobian": "mlp.jacobians",
    "load_checkpoint": "mlp.checkpoint",
    "save_checkpoint": "mlp.checkpoint",
}
"""Where to find what loads when it is first used: training starts without it."""


def __getattr__(name: str) -> Any:
    if name == "data":
        return import_module("mlp.data")
    if name not in _LATER:
        raise AttributeError(f"module 'mlp' has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "data"})
