"""Small things to learn."""

import numpy as np

from mlp import Affine, ReLU, Sequential


def line():
    """One weight without bias: y = w x, from w = 1."""
    return Affine(1, 1, init=1.0, bias=False)


def blobs(samples=60):
    rng = np.random.default_rng(11)
    labels = np.arange(samples) % 3
    return np.eye(3, 4)[labels] * 2 + rng.normal(size=(samples, 4)), labels


def classifier():
    rng = np.random.default_rng(1)
    return Sequential(Affine(4, 8, rng=rng), ReLU(), Affine(8, 3, rng=rng))
