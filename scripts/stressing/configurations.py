"""Random trainings: each ends with finite weights, or with the error that says why not."""

import warnings

import numpy as np

from mlp import (
    SGD,
    Affine,
    KLDivergence,
    NonFiniteError,
    ReLU,
    Sequential,
    Sigmoid,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    fit,
)
from mlp.callbacks import Callback, TrainingState


class Finite(Callback):
    """Sees whether an epoch ended well with weights that are not finite."""

    def on_epoch(self, state: TrainingState) -> None:
        if not all(np.isfinite(p).all() for p in state.net.parameters().values()):
            raise ArithmeticError("an epoch ended with weights that are not finite")


def run(cases: int, seed: int) -> tuple[str, list[str]]:
    diverged, failures = 0, []
    for case in range(cases):
        rng = np.random.default_rng([seed, case])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                net, finished = _trained(rng)
        except Exception as error:  # any other than the error for divergence is a failure
            failures.append(f"configuration {case}: {error!r}")
            continue
        diverged += not finished
        if not all(np.isfinite(p).all() for p in net.parameters().values()):
            failures.append(f"configuration {case}: weights that are not finite")
    return f"{cases} trainings, of which {diverged} diverged and said so", failures


def _trained(rng: np.random.Generator) -> tuple[Sequential, bool]:
    samples, features, classes = (int(rng.integers(low, 9)) for low in (2, 1, 2))
    dtype = [np.float32, np.float64][rng.integers(2)]
    x = rng.normal(size=(samples, features)) * 10.0 ** rng.uniform(-3, 30)
    labels = rng.integers(classes, size=samples)
    loss = [SoftmaxCrossEntropy, KLDivergence, SquaredError, SigmoidCrossEntropy][rng.integers(4)]()
    rows = np.eye(classes)[labels]
    y = labels if rng.random() < 0.5 or isinstance(loss, KLDivergence) else rows
    width = int(rng.integers(1, 20))
    hidden = [ReLU(), Sigmoid(), ReLU(negative_slope=0.1)][rng.integers(3)]
    layers = [
        Affine(features, width, rng=rng, dtype=dtype),
        hidden,
        Affine(width, classes, rng=rng, dtype=dtype),
    ]
    if isinstance(loss, KLDivergence):
        layers.append(Softmax())
    momentum = float(rng.choice([0, 0.9]))
    sgd = SGD(
        10.0 ** rng.uniform(-4, 6),
        momentum=momentum,
        nesterov=bool(momentum and rng.random() < 0.5),
        weight_decay=float(rng.choice([0, 1e-3])),
    )
    net = Sequential(*layers)
    batch = None if rng.random() < 0.3 else int(rng.integers(1, 9))
    patience = 2 if rng.random() < 0.3 else None
    try:
        fit(
            net,
            loss,
            sgd,
            x,
            y,
            epochs=int(rng.integers(1, 12)),
            batch_size=batch,
            patience=patience,
            rng=rng,
            callbacks=[Finite()],
        )
    except NonFiniteError:
        return net, False
    return net, True
