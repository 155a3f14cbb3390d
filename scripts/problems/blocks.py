"""The by-hand part of problem 20: a ReLU network that keeps all of its layers, or one in a few."""

from itertools import accumulate

import numpy as np


def forward(weights, x):  # h_0 = x ... h_K: all that the backward pass needs
    return list(accumulate(weights, lambda h, W: np.maximum(h @ W, 0), initial=x))


def backward(weights, h, dh):  # dL/dW_1 ... dL/dW_K and dL/dx; L = |h_K|^2
    gradients = []
    for W, x, y in zip(weights[::-1], h[-2::-1], h[:0:-1], strict=True):
        df = dh * (y > 0)  # the sign of the output tells that of the input
        gradients.insert(0, x.T @ df)
        dh = df @ W.T
    return gradients, dh


def by_blocks(weights, x, size):  # keeps each `size`-th h and computes the others again
    starts, kept, gradients = range(0, len(weights), size), [x], []
    for k in starts:
        kept.append(forward(weights[k : k + size], kept[-1])[-1])
    dh = 2 * kept.pop()
    for k in reversed(starts):
        block = weights[k : k + size]
        part, dh = backward(block, forward(block, kept.pop()), dh)
        gradients = part + gradients
    return gradients
