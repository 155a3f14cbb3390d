"""Gradients of parameters averaged over the batch: a convention where no loss divides."""

import numpy as np


class Affine:
    def __init__(self, n_in, n_out):
        self.W = np.ones((n_in, n_out))
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, upstream):
        self.dW = self.x.T @ upstream / len(self.x)
        self.db = upstream.mean(axis=0)
        return upstream @ self.W.T


class SquaredError:
    def forward(self, y, target):
        self.e = y - target
        return (self.e**2).sum()

    def backward(self):
        return 2 * self.e
