"""This package, with the fused step that `fit` takes."""

import numpy as np

import mlp
from bench.work import LEARNING_RATE, Cell, first_weights, samples
from mlp.fused import FusedStep, TextbookStep

VERSION = f"numpy {np.__version__}"
WHOLE = slice(None)


def network(cell: Cell) -> mlp.Sequential:
    layers = []
    for W in first_weights(cell):
        affine = mlp.Affine(*W.shape, init="zeros", dtype=np.float32)
        affine.W = W
        layers += [affine, mlp.ReLU()]
    return mlp.Sequential(*layers[:-1])


class Contender:
    Step: type[TextbookStep] = FusedStep

    def __init__(self, cell: Cell) -> None:
        self.net = network(cell)
        optimizer = mlp.SGD(LEARNING_RATE)
        loss = mlp.SoftmaxCrossEntropy()
        self.training = self.Step(self.net, self.net, loss, optimizer, *samples(cell))
        self.training.begin()

    def step(self) -> float:
        value = self.training.forward(WHOLE)
        self.training.backward()
        self.training.update()
        return value

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.net.predict(x)
