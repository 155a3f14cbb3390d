"""PyTorch as its tutorials train: a module, an optimizer, backward()."""

import os
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from bench.work import LEARNING_RATE, Cell, first_weights, samples

VERSION = f"torch {torch.__version__}"
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def network(cell: Cell) -> nn.Sequential:
    layers = []
    for (d, m), W in zip(pairwise(cell.sizes), first_weights(cell), strict=True):
        linear = nn.Linear(d, m)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T))
            linear.bias.zero_()
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Contender:
    def __init__(self, cell: Cell) -> None:
        self.net = network(cell)
        self.forward: Callable[[torch.Tensor], torch.Tensor] = self.net
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=LEARNING_RATE)
        self.loss = nn.CrossEntropyLoss()
        self.x, self.y = map(torch.from_numpy, samples(cell))

    def step(self) -> float:
        self.optimizer.zero_grad()
        loss = self.loss(self.forward(self.x), self.y)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def predict(self, x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return self.forward(torch.from_numpy(x)).numpy()
