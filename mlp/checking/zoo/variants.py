"""Correct layers in other conventions and styles: none of them may be rejected."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np


class Base(ABC):
    @abstractmethod
    def forward(self, x): ...

    @abstractmethod
    def backward(self, dout): ...


class Blank:
    def forward(self, x):
        raise NotImplementedError

    def backward(self, dout):
        raise NotImplementedError


class Linear(Base):
    """Weights (out, in), bias (1, M), keyword-only arguments, gradients in a dict."""

    def __init__(self, *, in_features, out_features, rng=None):
        rng = np.random.default_rng(rng)
        self.weight = rng.normal(size=(out_features, in_features))
        self.bias = np.zeros((1, out_features))
        self.grads = {}

    def forward(self, x):
        self._x = x
        return x @ self.weight.T + self.bias

    def backward(self, dout):
        self.grads["weight"] = dout.T @ self._x
        self.grads["bias"] = dout.sum(axis=0, keepdims=True)
        return dout @ self.weight


class Dense:
    """Parameters in a dict, gradients returned beside dx."""

    def __init__(self, fan_in, fan_out):
        self.params = {"W": np.full((fan_in, fan_out), 0.1), "b": np.zeros(fan_out)}

    def forward(self, x):
        self.x = x
        return x.dot(self.params["W"]) + self.params["b"]

    def backward(self, dout):
        return dout.dot(self.params["W"].T), self.x.T.dot(dout), dout.sum(0)


class AffineLayer:
    """Built from arrays, which it also keeps in lists."""

    def __init__(self, W, b):
        self.params = [W, b]
        self.grads = [np.zeros_like(W), np.zeros_like(b)]

    def forward(self, x):
        W, b = self.params
        self.x = x
        return np.matmul(x, W) + b

    def backward(self, dout):
        W, _ = self.params
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = np.sum(dout, axis=0)
        return dout @ W.T


@dataclass
class FC:
    """No bias; loops."""

    inputs: int
    outputs: int

    def __post_init__(self):
        self.w = np.random.default_rng(1).normal(size=(self.inputs, self.outputs))

    def forward(self, x):
        self.x = x
        out = np.zeros((len(x), self.outputs), dtype=x.dtype)
        for n in range(len(x)):
            for j in range(self.outputs):
                out[n, j] = (x[n] * self.w[:, j]).sum()
        return out

    def backward(self, dout):
        self.grad_w = np.zeros_like(self.w)
        for n in range(len(dout)):
            self.grad_w += np.outer(self.x[n], dout[n])
        return dout @ self.w.T


class MyAffine:
    def __init__(self, D, M):
        self.W = np.ones((D, M))
        self.b = np.zeros(M)

    def forward(self, x):
        self.cache = x
        return x @ self.W + self.b

    def backward(self, g):
        self.dLdW = self.cache.T @ g
        self.dLdb = g.sum(0)
        return g @ self.W.T


def make_MyAffine():
    return MyAffine(6, 2)


class Relu:
    """Slope 1 at 0."""

    def __call__(self, x):
        self.inactive = x < 0
        return np.where(self.inactive, 0, x)

    def backward(self, dout):
        return np.where(self.inactive, 0, dout)


class ReLULayer(Base):
    def forward(self, x, train=True):
        if train:
            self.x = x
        return np.maximum(0, x)

    def backward(self, dout):
        dx = dout.copy()
        dx[self.x <= 0] = 0
        return dx


class LeakyReLU:
    def __init__(self, alpha=0.1):
        self.alpha = alpha

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, dout):
        return dout * np.where(self.x > 0, 1, self.alpha).astype(dout.dtype)


class Sigmoid:
    """A warning, with the right value."""

    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * (1.0 - self.out) * self.out


class Softmax:
    def forward(self, x):
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        self.p = e / np.sum(e, axis=-1, keepdims=True)
        return self.p

    def backward(self, dout):
        dx = np.empty_like(dout)
        for i, (p, g) in enumerate(zip(self.p, dout, strict=True)):
            dx[i] = (np.diag(p) - np.outer(p, p)) @ g
        return dx


class Multiply:
    def forward(self, z):
        self.a, self.b = z[:, ::2], z[:, 1::2]
        return self.a * self.b

    def backward(self, dout):
        dz = np.empty((len(dout), 2 * dout.shape[1]), dtype=dout.dtype)
        dz[:, ::2], dz[:, 1::2] = dout * self.b, dout * self.a
        return dz


class Mul:
    def forward(self, x, y):
        self.factors = x, y
        return x * y

    def backward(self, dout):
        x, y = self.factors
        return [dout * y, dout * x]


class MaxPooling:
    """Images; a tie is split evenly."""

    def __init__(self, pool_h, pool_w):
        self.h, self.w = pool_h, pool_w

    def forward(self, x):
        n, c, high, wide = x.shape
        self.shape = x.shape
        a, b = high // self.h, wide // self.w
        x = x[:, :, : a * self.h, : b * self.w]
        blocks = x.reshape(n, c, a, self.h, b, self.w)
        out = blocks.max(axis=(3, 5))
        top = blocks == out[:, :, :, None, :, None]
        self.share = top / top.sum(axis=(3, 5), keepdims=True, dtype=x.dtype)
        return out

    def backward(self, dout):
        dx = np.zeros(self.shape, dout.dtype)
        blocks = self.share * dout[:, :, :, None, :, None]
        n, c, a, h, b, w = blocks.shape
        dx[:, :, : a * h, : b * w] = blocks.reshape(n, c, a * h, b * w)
        return dx


class MaxPool:
    """Vectors; a tie goes to the last; widths must fit."""

    def __init__(self, window):
        self.window = window

    def forward(self, x):
        if x.ndim != 2 or x.shape[1] % self.window:
            raise ValueError("the window must divide the width")
        parts = x.reshape(len(x), -1, self.window)
        self.at = self.window - 1 - parts[:, :, ::-1].argmax(axis=2)
        return parts.max(axis=2)

    def backward(self, dout):
        onehot = np.eye(self.window, dtype=dout.dtype)[self.at]
        return (onehot * dout[:, :, None]).reshape(len(dout), -1)


class Log_Softmax:
    def forward(self, x):
        s = x - x.max(1, keepdims=True)
        self.y = s - np.log(np.exp(s).sum(1, keepdims=True))
        return self.y

    def backward(self, dout):
        return dout - np.exp(self.y) * dout.sum(1, keepdims=True)


class PReLU:
    def __init__(self):
        self.a = np.array([0.25])

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.a * x)

    def backward(self, dout):
        self.da = np.array([(dout * self.x * (self.x <= 0)).sum()])
        return np.where(self.x > 0, dout, self.a * dout)


class SoftmaxWithLoss:
    """One-hot rows; a tiny constant in the logarithm."""

    def forward(self, x, t):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y, self.t = e / e.sum(axis=1, keepdims=True), t
        return -np.sum(t * np.log(self.y + 1e-12)) / len(x)

    def backward(self, dout=1):
        return dout * (self.y - self.t) / len(self.t)


class CrossEntropyLoss:
    """Summed, with a clip."""

    def forward(self, logits, labels):
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        self.g = p.copy()
        self.g[range(len(labels)), labels] -= 1
        return -np.log(np.clip(p[range(len(labels)), labels], 1e-15, None)).sum()

    def backward(self):
        return self.g


class SquaredErrorLoss:
    def forward(self, y, target):
        self.e = y - target
        return 0.5 * (self.e**2).sum()

    def backward(self):
        return self.e


class MeanSquaredError:
    def forward(self, y, target):
        self.e = y - target
        return np.mean(self.e**2)

    def backward(self):
        return 2 * self.e / self.e.size


def fc_forward(x, w, b):
    return x.reshape(len(x), -1) @ w + b, (x, w, b)


def fc_backward(dout, cache):
    x, w, b = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0).reshape(b.shape)


def mul_forward(x, y):
    return x * y, {"x": x, "y": y}


def mul_backward(dout, cache):
    return dout * cache["y"], dout * cache["x"]


def leaky_relu_forward(x):
    return np.where(x > 0, x, 0.01 * x), x


def leaky_relu_backward(dout, cache):
    return np.where(cache > 0, dout, 0.01 * dout)


def mse_loss(x, y):
    return 0.5 * ((x - y) ** 2).sum() / len(x), (x - y) / len(x)


def softmax_cross_entropy_loss(x, y):
    p = np.exp(x - x.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(x)), y] + 1e-10).mean()
    p[np.arange(len(x)), y] -= 1
    return loss, p / len(x)


class FullyConnectedLayer:
    """Properties without setters over private arrays; sizes with defaults."""

    def __init__(self, d_in=5, d_out=3):
        self._W, self._b = np.ones((d_in, d_out)), np.zeros(d_out)

    W = property(lambda self: self._W)
    b = property(lambda self: self._b)
    dW = property(lambda self: self._dW)
    db = property(lambda self: self._db)

    def forward(self, x):
        self._x = x
        return x @ self._W + self._b

    def backward(self, dout):
        self._dW, self._db = self._x.T @ dout, np.einsum("nm->m", dout)
        return dout @ self._W.T


class MaxPool2D:
    """Images; a tuple for the window, and one for the strides."""

    def __init__(self, pool_size=(2, 2), strides=None):
        self.high, self.wide = pool_size
        self.down, self.right = strides or pool_size

    def windows(self, x):
        for i in range(0, x.shape[2] - self.high + 1, self.down):
            for j in range(0, x.shape[3] - self.wide + 1, self.right):
                yield np.s_[:, :, i : i + self.high, j : j + self.wide]

    def forward(self, x):
        self.x = x
        rows = (x.shape[2] - self.high) // self.down + 1
        best = [x[w].max(axis=(2, 3)) for w in self.windows(x)]
        return np.stack(best, axis=-1).reshape(*x.shape[:2], rows, -1)

    def backward(self, dout):
        dx = np.zeros_like(self.x)
        for w, g in zip(
            self.windows(self.x), np.moveaxis(dout.reshape(*dout.shape[:2], -1), 2, 0), strict=True
        ):
            flat = self.x[w].reshape(*g.shape, -1)
            first = flat.argmax(-1)[..., None] == np.arange(flat.shape[-1])
            dx[w] += (first * g[..., None]).reshape(self.x[w].shape)
        return dx


class DenseLayer:
    """Keeps its input only while training; names that nobody else uses."""

    def __init__(self, D, M):
        self.theta, self.offset = np.ones((D, M)), np.zeros(M)

    def forward(self, x, train=False):
        if train:
            self.seen = x
        return x @ self.theta + self.offset

    def backward(self, dout):
        self.step, self.shift = self.seen.T @ dout, dout.sum(axis=0)
        return dout @ self.theta.T


class ReLU6:
    def forward(self, x):
        self.open = (x > 0) & (x < 6)
        return np.clip(x, 0, 6)

    def backward(self, dout):
        return dout * self.open


class Rectified:
    """ReLU only near 0: for small inputs nothing tells them apart."""

    def forward(self, x):
        self.open = (x > 0) & (x < 50)
        return np.clip(x, 0, 50)

    def backward(self, dout):
        return dout * self.open


class Quadratic:
    def forward(self, x):
        self.x = x
        return x**2

    def backward(self, dout):
        return 2 * self.x * dout


class Network:
    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout


def max_pool_forward(x, size):
    parts = x[:, : x.shape[1] // size * size].reshape(len(x), -1, size)
    return parts.max(axis=2), (parts.argmax(axis=2), x.shape, size)


def max_pool_backward(dout, cache):
    places, shape, size = cache
    dx = np.zeros(shape, dout.dtype)
    columns = places + size * np.arange(dout.shape[1])
    np.put_along_axis(dx, columns, dout, axis=1)
    return dx


def hinge_loss(x, y):
    rows = np.arange(len(x))
    margins = np.maximum(0, x - x[rows, y][:, None] + 1)
    margins[rows, y] = 0
    dx = (margins > 0).astype(x.dtype)
    dx[rows, y] = -dx.sum(axis=1)
    return margins.sum() / len(x), dx / len(x)


def bce_loss(p, t):
    loss = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    return loss, (p - t) / (p * (1 - p)) / p.size
