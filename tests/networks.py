"""Small networks for tests, and a layer that looks on."""

import numpy as np

from mlp import Affine, Layer, ReLU, Sequential, Sigmoid, Softmax


def affine(W, b):
    layer = Affine(*np.shape(W), init="zeros")
    layer.W, layer.b = W, b
    return layer


def tiny():
    """z = x W1 + b1, h = relu z, y = h W2 + b2 with two inputs, two hidden units, one output."""
    return Sequential(affine([[1, -1], [2, 0]], [0, 1]), ReLU(), affine([[3], [-2]], [1]))


def deep():
    """Affines at 0, 2.0, 2.2.1 and 2.2.2, the third one without bias."""
    inner = Sequential(ReLU(), Affine(5, 4, bias=False, rng=3), Affine(4, 2, rng=4))
    middle = Sequential(Affine(3, 5, rng=2), Sigmoid(), inner)
    return Sequential(Affine(4, 3, rng=1), Sigmoid(), middle, Softmax())


class Spy(Layer):
    """Passes x on and remembers the arrays that it saw."""

    def __init__(self):
        self.seen = []

    def forward(self, x):
        self.seen.append(x)
        return x

    def backward(self, upstream):
        return upstream
