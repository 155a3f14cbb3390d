import os
import sys

import idx
import torch
from torch import nn

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
torch.manual_seed(0)
x, y, x_test, y_test = map(torch.from_numpy, idx.load(sys.argv[1]))
first, last = nn.Linear(784, 100), nn.Linear(100, 10)
net = nn.Sequential(first, nn.ReLU(), last)
for linear in (first, last):
    nn.init.kaiming_normal_(linear.weight)
    nn.init.zeros_(linear.bias)
loss = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for _ in range(10):
    for batch in torch.randperm(len(x)).split(200):
        optimizer.zero_grad()
        loss(net(x[batch]), y[batch]).backward()
        optimizer.step()
with torch.inference_mode():
    print((net(x_test).argmax(1) == y_test).float().mean().item())
