"""From options to a network, its loss and its optimizer."""

import argparse
import itertools
import math
from collections.abc import Callable

import numpy as np

from mlp import (
    SGD,
    Affine,
    DataError,
    KLDivergence,
    Layer,
    ReLU,
    Sequential,
    Sigmoid,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
)
from mlp.commands.train.preparing import Parts
from mlp.data import balanced_weights
from mlp.losses import Loss


def network(options: argparse.Namespace, parts: Parts, rng: np.random.Generator) -> Sequential:
    """Scale, the hidden layers, and the output layer that the loss goes with."""
    widths = [parts.train[0].shape[1], *options.hidden, parts.outputs]
    activation = {"relu": ReLU, "sigmoid": Sigmoid}[options.activation]
    layers: list[Layer] = [parts.scale]
    for inputs, outputs in itertools.pairwise(widths):
        layers += [
            Affine(inputs, outputs, init=options.init, rng=rng, dtype=options.dtype),
            activation(),
        ]
    layers.pop()
    name = loss_name(options, parts)
    if name == "kl":
        layers.append(Sigmoid() if widths[-1] == 1 else Softmax())
    if name == "squared-error" and parts.classes:
        layers.append(Sigmoid())
    return Sequential(*layers)


def loss_name(options: argparse.Namespace, parts: Parts) -> str:
    """The loss asked for, or the default; DataError if the targets do not allow it."""
    if not parts.classes and options.loss not in (None, "squared-error"):
        raise DataError(
            f"{options.data}: the labels are real numbers, and --loss {options.loss} needs "
            "classes; use --loss squared-error"
        )
    return options.loss or ("kl" if parts.classes else "squared-error")


def loss(options: argparse.Namespace, parts: Parts) -> Loss:
    """The loss of the task: half the squared error for classes, the whole for real targets."""
    name = loss_name(options, parts)
    if name == "kl":
        return KLDivergence()
    if name == "squared-error":
        return SquaredError(factor=0.5 if parts.classes else 1.0)
    return SigmoidCrossEntropy() if parts.outputs == 1 else SoftmaxCrossEntropy()


def sample_weight(options: argparse.Namespace, parts: Parts) -> np.ndarray | None:
    """The weight of each training sample, if they differ; DataError if there are no classes."""
    if options.class_weight == "none":
        return None
    if not parts.classes:
        raise DataError(
            f"{options.data}: the labels are real numbers, and --class-weight "
            f"{options.class_weight} needs classes; leave it out"
        )
    return balanced_weights(parts.train[1])


def optimizer(options: argparse.Namespace, parts: Parts) -> SGD:
    """SGD with the schedule stretched over all steps of the run."""
    samples = len(parts.train[0])
    steps = options.epochs * math.ceil(samples / (options.batch_size or samples))
    rate = learning_rate(options, parts)
    schedules: dict[str, float | Callable[[int], float]] = {
        "constant": rate,
        "step": lambda step: rate * 0.1 ** ((step >= steps / 2) + (step >= steps * 3 / 4)),
        "cosine": lambda step: rate * 0.5 * (1 + math.cos(math.pi * step / steps)),
    }
    return SGD(
        schedules[options.schedule],
        momentum=options.momentum,
        nesterov=options.nesterov,
        weight_decay=options.weight_decay,
    )


def learning_rate(options: argparse.Namespace, parts: Parts) -> float:
    """The rate at the start: the one asked for, or the default.

    With weights w the default is lower by (sum w)^2 / (N sum w^2), the part of N equal samples that
    would make a mean as steady as theirs (Kish): the step of a batch hangs on its few heavy samples
    as that of a smaller batch does, and with the full rate rare classes make training diverge.
    """
    if options.learning_rate is not None:
        return options.learning_rate
    squares = 0.03 if parts.classes else 0.01
    rate = squares if loss_name(options, parts) == "squared-error" else 0.1
    weights = sample_weight(options, parts)
    return rate if weights is None else rate * float(weights.mean() ** 2 / np.mean(weights**2))
