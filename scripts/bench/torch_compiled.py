"""PyTorch with `torch.compile` around the network, and the fused optimizer."""

import torch

from bench import torch_eager
from bench.work import LEARNING_RATE, Cell

VERSION = torch_eager.VERSION


class Contender(torch_eager.Contender):
    def __init__(self, cell: Cell) -> None:
        super().__init__(cell)
        torch._dynamo.reset()
        self.forward = torch.compile(self.net)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=LEARNING_RATE, fused=True)
