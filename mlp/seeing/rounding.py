"""How far two right computations of the same pass may be apart, entry by entry.

A sum of n products rounds by at most (n + 2) eps sum |a_i b_i|, and an error e that comes into a
layer leaves it as |J| e. Both are followed through the whole pass, forward and backward; as two
computations are compared, each bound counts twice. Errors of second order are left out.
"""

from collections.abc import Mapping

import numpy as np

from mlp.layers import Concat, Elementwise, Layer, MaxPool, Multiply, ReLU, Scale, Sigmoid, Softmax
from mlp.layers.container import Container
from mlp.seeing.network_graph import is_affine, local_derivatives
from mlp.seeing.records import Ending, LayerRecord
from mlp.seeing.traces import Trace

Limits = Mapping[str, np.ndarray | float]
"""How far the gradients of a layer may be apart, by the name of the parameter."""

FUNCTION = 8
"""Units of rounding that exp, a division and the sums around them may add to a value near 1."""


class Bounds:
    """The tolerances of one pass, each an array of the shape of what it belongs to."""

    @np.errstate(invalid="ignore", over="ignore")  # where the pass is not finite, neither are they
    def __init__(self, trace: Trace, eps: float) -> None:
        self.trace, self.eps = trace, 2 * eps
        self.records = {record.name: record for record in trace}
        self.inside: dict[str, np.ndarray] = {}
        self.outputs: dict[str, np.ndarray] = {}
        self.downstreams: dict[str, np.ndarray] = {}
        self.gradients: dict[str, Limits] = {}
        self.at_end = self._forward(trace.net, "", np.zeros(trace.x.shape))
        self.loss = 0.0
        self.upstream: np.ndarray | float = 0.0
        if trace.ending is not None:
            self._loss(trace.ending, trace.output)
        if trace.upstream is not None:
            self._backward(trace.net, "", np.broadcast_to(self.upstream, trace.upstream.shape))

    def _loss(self, ending: Ending, y: np.ndarray) -> None:
        """The loss moves by dL/dy times the error; its gradient as it does for a larger error."""
        loss, target, value, gradient = ending
        size = FUNCTION * y.shape[1] * self.eps
        self.loss = float((np.abs(gradient) * self.at_end).sum() + size * (abs(value) + 1))
        targets, share = loss._target_rows(target, y), loss._share(y)
        more = 1 / np.sqrt(self.eps)
        moved = loss.gradient(y + more * self.at_end, targets) / share
        room = FUNCTION * self.eps * (np.abs(gradient) + 1 / share)
        self.upstream = np.abs(moved - gradient) / more + room

    def _forward(self, net: Layer, name: str, e: np.ndarray) -> np.ndarray:
        if isinstance(net, Container):
            parts = [(part, f"{name}.{i}" if name else f"{i}") for i, part in enumerate(net.layers)]
            if isinstance(net, Concat):
                return np.concatenate([self._forward(*part, e) for part in parts], axis=-1)
            for part in parts:
                e = self._forward(*part, e)
            return e
        self.inside[name] = e
        self.outputs[name] = self._out(self.records[name], e)
        return self.outputs[name]

    def _out(self, record: LayerRecord, e: np.ndarray) -> np.ndarray:
        x, y, layer = record.input, record.output, record.layer
        if is_affine(record):
            x, e = x.reshape(len(x), -1), e.reshape(len(x), -1)
            W = np.abs(record.parameters["W"])
            size = np.abs(x) @ W + np.abs(record.parameters.get("b", 0))
            return (e @ W + (len(W) + 3) * self.eps * size).reshape(y.shape)
        moved = self._moved(record, e)
        return moved + FUNCTION * self.eps * (np.abs(y) + 1) * _exactness(layer)

    def _moved(self, record: LayerRecord, e: np.ndarray) -> np.ndarray:
        """|J| e."""
        x, y, layer = record.input, record.output, record.layer
        if isinstance(layer, ReLU | Sigmoid | Elementwise | Scale):
            moved = _twin(layer, x).backward(e.astype(y.dtype))
            return e if moved is None else np.abs(moved)
        if isinstance(layer, Softmax):
            return y * (e + (y * e).sum(axis=-1, keepdims=True))
        if isinstance(layer, MaxPool):
            return _twin(layer, e).forward(e)
        if isinstance(layer, Multiply):
            return _twin(layer, np.abs(x)).jvp(e.astype(y.dtype))
        return np.full(y.shape, _amplification(record) * e.max(initial=0.0))

    def _backward(self, net: Layer, name: str, e: np.ndarray) -> np.ndarray:
        if isinstance(net, Container):
            parts = [(part, f"{name}.{i}" if name else f"{i}") for i, part in enumerate(net.layers)]
            if isinstance(net, Concat):
                wide = [self._width(*part) for part in parts]
                cut = np.split(e, np.cumsum(wide)[:-1], axis=-1)
                downs = [self._backward(*part, c) for part, c in zip(parts, cut, strict=True)]
                return np.sum(downs, axis=0)
            for part in reversed(parts):
                e = self._backward(*part, e)
            return e
        record = self.records[name]
        self.gradients[name], self.downstreams[name] = self._back(record, e)
        return self.downstreams[name]

    def _width(self, net: Layer, name: str) -> int:
        """Columns of the output of a branch."""
        if isinstance(net, Concat):
            return sum(self._width(part, f"{name}.{i}") for i, part in enumerate(net.layers))
        if isinstance(net, Container):
            return self._width(net.layers[-1], f"{name}.{len(net.layers) - 1}")
        return self.records[name].output.shape[-1]

    def _back(self, record: LayerRecord, e: np.ndarray) -> tuple[Limits, np.ndarray]:
        x, layer = record.input, record.layer
        if record.upstream is None:
            return dict.fromkeys(record.parameters, np.inf), np.full(x.shape, np.inf)
        U = np.abs(record.upstream)
        if is_affine(record):
            rows, into = np.abs(x.reshape(len(x), -1)), self.inside[record.name].reshape(len(x), -1)
            W = np.abs(record.parameters["W"])
            sums = (len(x) + 3) * self.eps
            gradients = {"W": rows.T @ e + into.T @ U + sums * (rows.T @ U)}
            gradients["b"] = e.sum(axis=0) + sums * U.sum(axis=0)
            down = e @ W.T + (W.shape[1] + 3) * self.eps * (U @ W.T)
            return gradients, down.reshape(x.shape)
        if isinstance(layer, ReLU | Sigmoid | Elementwise | Scale):
            slope = _twin(layer, x).backward(np.ones_like(record.upstream))
            if slope is None:
                return {}, np.full(x.shape, np.inf)
            slope = np.abs(slope)
            down = slope * e + U * self._bend(record) + FUNCTION * self.eps * U * (slope + 1)
            if isinstance(layer, ReLU):  # on either side of its kink
                down += np.where(np.abs(x) <= self.inside[record.name], U * (1 + slope), 0)
            return {}, down
        amplification = _amplification(record)
        largest = amplification * (e.max(initial=0.0) + FUNCTION * x[:1].size * self.eps * U.max())
        largest += amplification * U.max() * self.inside[record.name].max(initial=0.0)
        down = np.full(x.shape, largest)
        if isinstance(layer, MaxPool):
            down += U.sum() * _near_ties(layer, x, self.inside[record.name])
        return dict.fromkeys(record.parameters, largest), down

    def _bend(self, record: LayerRecord) -> np.ndarray:
        """|f''| e: how far the slope itself moves, from a larger error."""
        more, ones = 1 / np.sqrt(self.eps), np.ones_like(record.upstream)
        e = self.inside[record.name].astype(record.input.dtype)
        here = _twin(record.layer, record.input).backward(ones)
        there = _twin(record.layer, record.input + more * e).backward(ones)
        return np.abs(there - here) / more


def _twin(layer: Layer, x: np.ndarray) -> Layer:
    """A copy of the layer that has been forward on x."""
    twin = layer.astype(layer.dtype or np.float64)
    twin.forward(x)
    return twin


def _near_ties(layer: MaxPool, x: np.ndarray, e: np.ndarray) -> np.ndarray:
    """Booleans like x: the inputs that errors of size e could make, or no longer make, the
    largest of a subset."""
    _, pooled, _ = layer._shapes(x.shape)
    rows, errors = (a.reshape(-1, int(np.prod(pooled))) for a in (x, e))
    subsets = layer._subsets(pooled)
    values, around = rows[:, subsets], errors[:, subsets]
    able = values + around >= (values - around).max(axis=-1, keepdims=True)
    winner = subsets[np.arange(len(subsets)), values.argmax(axis=-1)]
    able &= (able & (subsets != winner[..., None])).any(axis=-1, keepdims=True)
    near = np.zeros(rows.shape, bool)
    row, subset, place = np.nonzero(able)
    near[row, subsets[subset, place]] = True
    return near.reshape(x.shape)


def _exactness(layer: Layer) -> float:
    """0 for layers that only pick numbers."""
    return 0.0 if isinstance(layer, MaxPool | ReLU) and not _leaky(layer) else 1.0


def _leaky(layer: Layer) -> bool:
    return isinstance(layer, ReLU) and bool(np.any(layer.negative_slope))


def _amplification(record: LayerRecord) -> float:
    """The largest sum of |J| over a row or a column, of the first sample; at least 1."""
    first = LayerRecord("", record.layer, record.input[:1], record.output[:1], None, None, {}, {})
    J = np.abs(local_derivatives(first))
    sums = [J.sum(axis=axis).max(initial=1.0) for axis in (0, 1)] if np.isfinite(J).all() else []
    return float(max(sums, default=1.0))
