"""Every layer and loss once more, one number at a time, from the definitions alone.

Nothing here knows mlp. A layer says, for one output y_j, its value and its partial derivatives

    y_j = ...      {"x" or a parameter, index: dy_j / d(that entry)}

and the passes are deck 004's sums over neurons: dL/dv = sum_j U_j dy_j/dv backward, and
dy_j = sum_v dy_j/dv dv forward. Arrays are only used as boxes for numbers.
"""

import math
from itertools import product

import numpy as np

Partials = dict[tuple, float]


class Neurons:
    """A layer that is told output by output."""

    parameters: dict[str, np.ndarray]

    def __init__(self, **parameters: np.ndarray) -> None:
        self.parameters = {k: p for k, p in parameters.items() if p is not None}

    def output_shape(self, shape: tuple) -> tuple:
        return shape

    def output(self, x: np.ndarray, j: tuple) -> tuple[float, Partials]:
        raise NotImplementedError

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x, self.partials = x, {}
        y = np.zeros(self.output_shape(x.shape))
        for j in np.ndindex(y.shape):
            y[j], self.partials[j] = self.output(x, j)
        return y

    def backward(self, upstream: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        gradients = {k: np.zeros(v.shape) for k, v in self._variables().items()}
        for j, partials in self.partials.items():
            for (name, i), slope in partials.items():
                gradients[name][i] += upstream[j] * slope
        return gradients.pop("x"), gradients

    def jvp(self, dx: np.ndarray, dparameters: dict[str, np.ndarray]) -> np.ndarray:
        changes = {"x": dx} | dparameters
        dy = np.zeros(self.output_shape(self.x.shape))
        for j, partials in self.partials.items():
            for (name, i), slope in partials.items():
                dy[j] += slope * changes[name][i]
        return dy

    def _variables(self) -> dict[str, np.ndarray]:
        return {"x": self.x} | self.parameters


def collected(terms: list[tuple[tuple, float]]) -> Partials:
    """Partials of a sum in which the same variable may occur several times."""
    total: Partials = {}
    for variable, slope in terms:
        total[variable] = total.get(variable, 0.0) + slope
    return total


class SlowAffine(Neurons):
    def output_shape(self, shape):
        return shape[0], self.parameters["W"].shape[1]

    def output(self, x, j):
        W, (n, m) = self.parameters["W"], j
        y, partials = 0.0, {}
        for i in range(x.shape[1]):
            y += x[n, i] * W[i, m]
            partials["x", (n, i)] = W[i, m]
            partials["W", (i, m)] = x[n, i]
        if "b" in self.parameters:
            y += self.parameters["b"][m]
            partials["b", (m,)] = 1.0
        return y, partials


class SlowReLU(Neurons):
    def __init__(self, negative_slope=0.0, at_zero=None):
        super().__init__()
        self.negative_slope, self.at_zero = negative_slope, at_zero

    def output(self, x, j):
        """The slopes, if many, are one per entry of the last axis."""
        many = np.ndim(self.negative_slope) > 0
        a = self.negative_slope[j[-1]] if many else self.negative_slope
        if x[j] > 0:
            slope = 1.0
        elif x[j] == 0 and self.at_zero is not None:
            slope = self.at_zero
        else:
            slope = a
        return (x[j] if x[j] > 0 else a * x[j]), {("x", j): slope}


class SlowScale(Neurons):
    def __init__(self, shift, factor):
        super().__init__()
        self.shift, self.factor = shift, factor

    def output(self, x, j):
        factor = self.factor[j[1:]]
        return (x[j] - self.shift[j[1:]]) * factor, {("x", j): factor}


class SlowSigmoid(Neurons):
    def output(self, x, j):
        y = (1 + math.tanh(x[j] / 2)) / 2
        return y, {("x", j): (1 - math.tanh(x[j] / 2) ** 2) / 4}


class SlowTanh(Neurons):
    def output(self, x, j):
        return math.tanh(x[j]), {("x", j): 1 / math.cosh(min(abs(x[j]), 700)) ** 2}


class SlowSoftmax(Neurons):
    def output(self, x, j):
        *rest, column = j
        z = [x[(*rest, k)] for k in range(x.shape[-1])]
        e = [math.exp(v - max(z)) for v in z]
        y = [v / math.fsum(e) for v in e]
        partials = {
            ("x", (*rest, k)): y[column] * ((k == column) - y[k]) for k in range(x.shape[-1])
        }
        return y[column], partials


class SlowMultiply(Neurons):
    def __init__(self, pairs=None):
        super().__init__()
        self.pairs = pairs

    def wiring(self, width):
        return self.pairs or [(2 * i, 2 * i + 1) for i in range(width // 2)]

    def output_shape(self, shape):
        return shape[0], len(self.wiring(shape[1]))

    def output(self, x, j):
        n, i = j
        a, b = self.wiring(x.shape[1])[i]
        partials = [(("x", (n, a)), x[n, b]), (("x", (n, b)), x[n, a])]
        return x[n, a] * x[n, b], collected(partials)


class SlowMaxPool(Neurons):
    def __init__(self, window=None, stride=None, subsets=None):
        super().__init__()
        self.window, self.stride, self.subsets = window, stride or window, subsets

    def output_shape(self, shape):
        if self.subsets:
            return shape[0], len(self.subsets)
        lead = shape[: len(shape) - len(self.window)]
        counts = []
        for n, k, s in zip(shape[len(lead) :], self.window, self.stride, strict=True):
            counts.append(len([start for start in range(0, n, s) if start + k <= n]))
        return (*lead, *counts)

    def members(self, j):
        if self.subsets:
            return [(j[0], i) for i in self.subsets[j[1]]]
        lead, place = j[: len(j) - len(self.window)], j[len(j) - len(self.window) :]
        ranges = [
            range(p * s, p * s + k) for p, s, k in zip(place, self.stride, self.window, strict=True)
        ]
        return [(*lead, *inside) for inside in product(*ranges)]

    def output(self, x, j):
        winner = None
        for i in self.members(j):
            if winner is None or x[i] > x[winner]:
                winner = i
        return x[winner], {("x", winner): 1.0}


class SlowFlatten(Neurons):
    def output_shape(self, shape):
        return shape[0], math.prod(shape[1:])

    def output(self, x, j):
        n, place = j
        index = []
        for size in reversed(x.shape[1:]):
            place, digit = divmod(place, size)
            index.insert(0, digit)
        return x[(n, *index)], {("x", (n, *index)): 1.0}


class SlowChain:
    """One after the other."""

    def __init__(self, *parts):
        self.parts = parts

    def forward(self, x):
        for part in self.parts:
            x = part.forward(x)
        return x

    def backward(self, upstream):
        gradients = {}
        for k in range(len(self.parts) - 1, -1, -1):
            upstream, own = self.parts[k].backward(upstream)
            gradients |= {f"{k}.{name}": g for name, g in own.items()}
        return upstream, gradients

    def jvp(self, dx, dparameters):
        for k, part in enumerate(self.parts):
            dx = part.jvp(dx, below(dparameters, k))
        return dx


class SlowFork:
    """Side by side: outputs joined on the last axis, gradients of x added."""

    def __init__(self, *parts):
        self.parts = parts

    def forward(self, x):
        self.outputs = [part.forward(x) for part in self.parts]
        return joined(self.outputs)

    def backward(self, upstream):
        dx, gradients, start = 0.0, {}, 0
        for k, (part, y) in enumerate(zip(self.parts, self.outputs, strict=True)):
            U = np.zeros(y.shape)
            for *rest, i in np.ndindex(y.shape):
                U[(*rest, i)] = upstream[(*rest, start + i)]
            start += y.shape[-1]
            back, own = part.backward(U)
            dx = dx + back
            gradients |= {f"{k}.{name}": g for name, g in own.items()}
        return dx, gradients

    def jvp(self, dx, dparameters):
        return joined([part.jvp(dx, below(dparameters, k)) for k, part in enumerate(self.parts)])


def below(named: dict, k: int) -> dict:
    """The entries of part k, without its number in front."""
    return {name[len(f"{k}.") :]: v for name, v in named.items() if name.startswith(f"{k}.")}


def joined(arrays: list[np.ndarray]) -> np.ndarray:
    y = np.zeros((*arrays[0].shape[:-1], sum(a.shape[-1] for a in arrays)))
    start = 0
    for a in arrays:
        for *rest, i in np.ndindex(a.shape):
            y[(*rest, start + i)] = a[(*rest, i)]
        start += a.shape[-1]
    return y


def squared_error(y: float, d: float) -> tuple[float, float]:
    return (y - d) ** 2, 2 * (y - d)


def binary_cross_entropy(z: float, d: float) -> tuple[float, float]:
    """-d log p - (1 - d) log(1 - p) with p = 1 / (1 + exp(-z)) and 1 - p = 1 / (1 + exp z)."""
    p = 1 / (1 + math.exp(-z))
    return d * math.log1p(math.exp(-z)) + (1 - d) * math.log1p(math.exp(z)), p - d


def kl_divergence(y: float, d: float) -> tuple[float, float]:
    return (d * math.log(d / y) if d else 0.0), -d / y


def mean_of_terms(term, y: np.ndarray, d: np.ndarray) -> tuple[float, np.ndarray]:
    """Loss and gradient of the mean over rows of sum_j term(y_nj, d_nj)."""
    value, gradient = 0.0, np.zeros(y.shape)
    for j in np.ndindex(y.shape):
        part, slope = term(y[j], d[j])
        value += part / len(y)
        gradient[j] = slope / len(y)
    return value, gradient


def softmax_cross_entropy(z: np.ndarray, d: np.ndarray) -> tuple[float, np.ndarray]:
    """-sum_j d_j log softmax(z)_j, mean over rows: the softmax layer, then -d log p."""
    softmax = SlowSoftmax()
    p = softmax.forward(z)
    value, dp = mean_of_terms(lambda p, d: (-d * math.log(p), -d / p), p, d)
    return value, softmax.backward(dp)[0]
