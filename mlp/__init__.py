"""Backpropagation that you can read, check and run fast.

A multilayer perceptron engine in NumPy whose every layer carries its hand-derived gradient
beside its forward pass. Read `layers/affine.py` first, then `sequential.py` and `losses.py`.

Each name is loaded when it is first used: so a program can set how many threads NumPy takes
(`mlp.commands.threads`) before NumPy is there.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlp import callbacks as callbacks
    from mlp import data as data
    from mlp import metrics as metrics
    from mlp.checking.checker import gradcheck
    from mlp.checking.jacobians import jacobian
    from mlp.errors import CheckpointError, DataError, NonFiniteError
    from mlp.files.checkpoint import load_checkpoint, save_checkpoint
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
    from mlp.seeing.comparing import compare_traces
    from mlp.seeing.traces import trace
    from mlp.sequential import Sequential
    from mlp.training import evaluate, fit

__version__ = "0.2.0"

_HOMES = {
    "mlp.layers": "Affine Concat Elementwise Flatten Layer MaxPool Multiply ReLU Scale Sigmoid "
    "Softmax",
    "mlp.sequential": "Sequential",
    "mlp.losses": "KLDivergence SigmoidCrossEntropy SoftmaxCrossEntropy SquaredError",
    "mlp.optim": "SGD",
    "mlp.training": "evaluate fit",
    "mlp.errors": "CheckpointError DataError NonFiniteError",
    "mlp.checking.checker": "gradcheck",
    "mlp.checking.jacobians": "jacobian",
    "mlp.seeing.traces": "trace",
    "mlp.seeing.comparing": "compare_traces",
    "mlp.files.checkpoint": "load_checkpoint save_checkpoint",
}
_MODULES = ("callbacks", "data", "metrics")
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

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
    "compare_traces",
    "evaluate",
    "fit",
    "gradcheck",
    "jacobian",
    "load_checkpoint",
    "save_checkpoint",
    "trace",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"mlp.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'mlp' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
