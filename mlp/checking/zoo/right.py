"""Correct layers as students write them, in both forms; `mistakes` plants errors in their text."""

import numpy as np


class Affine:
    def __init__(self, n_in, n_out):
        self.W = np.random.default_rng(0).normal(size=(n_in, n_out))
        self.b = np.zeros(n_out)
        self.dW = np.zeros_like(self.W)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, upstream):
        n = len(upstream)
        self.dW = self.x.T @ upstream
        self.db = upstream.sum(axis=0)
        return upstream @ self.W.T * (n / n)


class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, upstream):
        return upstream * self.mask


class Sigmoid:
    def forward(self, x):
        self.x = x
        e = np.exp(-abs(x))
        self.y = np.where(x > 0, 1 / (1 + e), e / (1 + e))
        return self.y

    def backward(self, upstream):
        y = self.y
        return upstream * y * (1 - y)


class Softmax:
    def forward(self, x):
        x = x - x.max(axis=1, keepdims=True)
        e = np.exp(x)
        self.y = e / e.sum(axis=1, keepdims=True)
        return self.y

    def backward(self, upstream):
        dot = (upstream * self.y).sum(axis=1, keepdims=True)
        return self.y * (upstream - dot)


class Multiply:
    def forward(self, x, y):
        self.x, self.y = x, y
        return x * y

    def backward(self, upstream):
        return upstream * self.y, upstream * self.x


class PairMultiply:
    def __init__(self, pairs=((0, 1), (2, 3))):
        self.pairs = [tuple(p) for p in pairs]

    def forward(self, x):
        self.x = x
        return np.stack([x[:, j] * x[:, k] for j, k in self.pairs], axis=1)

    def backward(self, upstream):
        dx = np.zeros_like(self.x)
        for i, (j, k) in enumerate(self.pairs):
            dx[:, j] += upstream[:, i] * self.x[:, k]
            dx[:, k] += upstream[:, i] * self.x[:, j]
        return dx


class MaxPool:
    def __init__(self, window, stride=None):
        self.k, self.s = window, stride or window

    def forward(self, x):
        self.x = x
        self.starts = range(0, x.shape[1] - self.k + 1, self.s)
        return np.stack([x[:, a : a + self.k].max(axis=1) for a in self.starts], axis=1)

    def backward(self, upstream):
        dx = np.zeros_like(self.x)
        rows = np.arange(len(dx))
        for j, a in enumerate(self.starts):
            winner = a + self.x[:, a : a + self.k].argmax(axis=1)
            dx[rows, winner] += upstream[:, j]
        return dx


class SoftmaxCrossEntropy:
    def forward(self, z, labels):
        s = z - z.max(axis=1, keepdims=True)
        log_p = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
        self.p, self.labels, self.n = np.exp(log_p), labels, len(z)
        return -log_p[np.arange(self.n), labels].mean()

    def backward(self):
        dz = self.p.copy()
        dz[np.arange(self.n), self.labels] -= 1
        return dz / self.n


class MSE:
    def forward(self, y, target):
        self.difference = y - target
        return (self.difference**2).sum() / len(y)

    def backward(self):
        return 2 * self.difference / len(self.difference)


class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, upstream):
        return upstream * (1 - self.y**2)


class BatchNorm:
    def __init__(self, n):
        self.gamma, self.beta = np.ones(n), np.zeros(n)

    def forward(self, x):
        self.s = np.sqrt(x.var(axis=0) + 1e-5)
        self.v = (x - x.mean(axis=0)) / self.s
        return self.gamma * self.v + self.beta

    def backward(self, upstream):
        self.dgamma = (upstream * self.v).sum(axis=0)
        self.dbeta = upstream.sum(axis=0)
        g = upstream * self.gamma
        return (g - g.mean(axis=0) - self.v * (g * self.v).mean(axis=0)) / self.s


class Dropout:
    def __init__(self, rate=0.5):
        self.keep, self.rng = 1 - rate, np.random.default_rng()

    def forward(self, x):
        self.mask = (self.rng.random(x.shape) < self.keep) / self.keep
        return x * self.mask

    def backward(self, upstream):
        return upstream * self.mask


def affine_forward(x, w, b):
    out = x @ w + b
    return out, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    dx = dout @ w.T
    dw = x.T @ dout
    db = dout.sum(axis=0)
    return dx, dw, db


def relu_forward(x):
    out = np.maximum(x, 0)
    return out, x


def relu_backward(dout, cache):
    return dout * (cache > 0)


def sigmoid_forward(x):
    e = np.exp(-abs(x))
    out = np.where(x > 0, 1 / (1 + e), e / (1 + e))
    return out, (x, out)


def sigmoid_backward(dout, cache):
    y = cache[1]
    return dout * y * (1 - y)


def softmax_forward(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    out = e / e.sum(axis=1, keepdims=True)
    return out, out


def softmax_backward(dout, cache):
    y = cache
    return y * (dout - (dout * y).sum(axis=1, keepdims=True))


def multiply_forward(x, y):
    return x * y, (x, y)


def multiply_backward(dout, cache):
    x, y = cache
    return dout * y, dout * x


def maxpool_forward(x, window=2, stride=2):
    starts = range(0, x.shape[1] - window + 1, stride)
    out = np.stack([x[:, a : a + window].max(axis=1) for a in starts], axis=1)
    return out, (x, starts, window)


def maxpool_backward(dout, cache):
    x, starts, window = cache
    dx = np.zeros_like(x)
    for j, a in enumerate(starts):
        winner = a + x[:, a : a + window].argmax(axis=1)
        dx[np.arange(len(x)), winner] += dout[:, j]
    return dx


def softmax_loss(x, y):
    s = x - x.max(axis=1, keepdims=True)
    log_p = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
    n = len(x)
    loss = -log_p[np.arange(n), y].sum() / n
    dx = np.exp(log_p)
    dx[np.arange(n), y] -= 1
    dx = dx / n
    return loss, dx


def mse_loss(x, y):
    difference = x - y
    return np.mean(difference**2), 2 * difference / x.size


def tanh_forward(x):
    out = np.tanh(x)
    return out, out


def tanh_backward(dout, cache):
    return dout * (1 - cache**2)
