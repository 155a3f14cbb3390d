"""The by-hand part of problem 19: the data, one hidden ReLU layer, and its descent."""

from pathlib import Path

import numpy as np

from mlp import data

DIGITS = Path(__file__).parents[2] / "data" / "digits.csv.gz"

Parameters = list[np.ndarray]  # W1, b1, W2, b2


def load(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """x (1797, 64) from 0 to 1 and labels (1797,), in random order."""
    x, labels, *_ = data.load(DIGITS)
    order = rng.permutation(len(x))
    return x[order] / 16, labels[order]


def tasks(rng: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """x and rows d for each of the three networks."""
    x, labels = load(rng)
    shuffled = rng.permuted(x[::10], axis=1)
    order = rng.permutation(len(x) + len(shuffled))
    eleven = np.eye(11)[np.append(labels, [10] * len(shuffled))]
    return {
        "2 or not 2": (x, 1.0 * (labels == 2)[:, None]),
        "ten classes": (x, np.eye(10)[labels]),
        "eleven": (np.vstack([x, shuffled])[order], eleven[order]),
    }


def loss_and_gradients(
    parameters: Parameters, x: np.ndarray, d: np.ndarray
) -> tuple[float, Parameters]:
    """Mean KL divergence from d, rows of 0 and 1, and its gradients.

    One column of d means a sigmoid output, more a softmax; dDiv/dz = y - d for both.
    """
    W1, b1, W2, b2 = parameters
    z1 = x @ W1 + b1
    y1 = np.maximum(z1, 0)
    y = (sigmoid if d.shape[1] == 1 else softmax)(y1 @ W2 + b2)
    right = np.where(d == 1, y, 1 - y) if d.shape[1] == 1 else y[d == 1]
    dz2 = (y - d) / len(x)
    dz1 = dz2 @ W2.T * (z1 > 0)
    return -np.log(right).mean(), [x.T @ dz1, dz1.sum(axis=0), y1.T @ dz2, dz2.sum(axis=0)]


def decayed(parameters: Parameters, gradients: Parameters, decay: float) -> Parameters:
    """dW + decay W for weights, db for biases."""
    pairs = zip(parameters, gradients, strict=True)
    return [g + decay * p if p.ndim == 2 else g for p, g in pairs]


def descend(
    parameters: Parameters, x: np.ndarray, d: np.ndarray, steps: int, *, rate, momentum, decay
) -> Parameters:
    """Full-batch steps: v <- momentum v + g, then w <- w - rate v."""
    parameters = [p.copy() for p in parameters]
    velocity = [np.zeros_like(p) for p in parameters]
    for _ in range(steps):
        _, gradients = loss_and_gradients(parameters, x, d)
        gradients = decayed(parameters, gradients, decay)
        velocity = [momentum * v + g for v, g in zip(velocity, gradients, strict=True)]
        parameters = [p - rate * v for p, v in zip(parameters, velocity, strict=True)]
    return parameters


def flat(arrays: Parameters) -> np.ndarray:
    """All entries as one vector."""
    return np.hstack([np.ravel(a) for a in arrays])


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
