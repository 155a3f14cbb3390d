"""Reference gradients of a whole network, found layer by layer from forward passes.

At its own input each layer is a plain function, and an oracle gives J^T U for it. The chain rule
takes that as the next U. So nothing is asked of `backward`, except at kinks, where the derivative
does not exist and the layer's choice is examined instead (`mlp.kinks`). Rounding is followed the
same way: every U carries its uncertainty.

That the layers were put together rightly is not assumed: `mlp.checking` also differentiates the
forward pass of the whole network, in random directions.
"""

from collections.abc import Callable
from functools import partial
from math import ceil
from typing import NamedTuple, Self

import numpy as np

from mlp import oracles
from mlp.forwards import Forwards
from mlp.kinks import Kink, examine
from mlp.layers import (
    Affine,
    Concat,
    Flatten,
    Layer,
    MaxPool,
    Multiply,
    ReLU,
    Sigmoid,
    Softmax,
)
from mlp.layers.container import Container
from mlp.oracles import EPS, Reference, Tick
from mlp.sequential import Sequential

ANALYTIC = (Affine, Flatten, MaxPool, Multiply, ReLU, Sigmoid, Softmax)
"""Known to take the complex step (the tests ask); any other layer is asked each time."""
SAMPLE = 64
"""Coordinates of an array that are compared one by one when there are too many for all."""
SMALL = 256
"""Arrays up to this size are always compared in full."""


class Flow(NamedTuple):
    """dL/dy on its way down through the layers."""

    value: np.ndarray
    tolerance: np.ndarray | float = 0.0
    floor: float = 0.0
    method: str = "complex step"
    kinks: tuple[Kink, ...] = ()

    def cut(self, cuts: np.ndarray) -> list[Self]:
        tolerance = np.broadcast_to(self.tolerance, self.value.shape)
        values = np.split(self.value, cuts, axis=-1), np.split(tolerance, cuts, axis=-1)
        return [self._replace(value=v, tolerance=t) for v, t in zip(*values, strict=True)]

    def plus(self, other: Self) -> Self:
        return Flow(
            self.value + other.value,
            self.tolerance + other.tolerance,
            self.floor + other.floor,
            min(self.method, other.method),  # "central differences" before "complex step"
            self.kinks + tuple(k for k in other.kinks if k not in self.kinks),
        )


Through = Callable[[Layer, np.ndarray, Flow, str], Flow]


class Found(NamedTuple):
    """The reference of one array, at flat coordinates, and the kinks its flow came through."""

    reference: Reference
    coordinates: np.ndarray
    kinks: tuple[Kink, ...]


def walk(layer: Layer, x: np.ndarray, flow: Flow, through: Through, place: str = "") -> Flow:
    """Take flow from the output of layer to its input, one `through` per layer that is no joint."""
    if type(layer) is Sequential:
        inputs = [x]
        for part in layer.layers:
            inputs.append(part.forward(inputs[-1]))
        for i in reversed(range(len(layer))):
            flow = walk(layer[i], inputs[i], flow, through, f"{place}{i}.")
        return flow
    if type(layer) is Concat:
        widths = [branch.forward(x).shape[-1] for branch in layer.layers]
        parts = zip(layer.layers, flow.cut(np.cumsum(widths)[:-1]), strict=True)
        flows = [walk(b, x, part, through, f"{place}{i}.") for i, (b, part) in enumerate(parts)]
        total = flows[0]
        for other in flows[1:]:
            total = total.plus(other)
        return total
    return through(layer, x, flow, place)


def _all_layers(layer: Layer) -> list[Layer]:
    parts = layer.layers if isinstance(layer, Container) else ()
    return [layer, *(found for part in parts for found in _all_layers(part))]


class Referee:
    """References for every array of a network, in full or for a sample of each array.

    For a sample the flow goes down by the layers' own backward, which is cheaper by far.
    """

    def __init__(self, full: bool, rng: np.random.Generator, tick: Tick = lambda count: None):
        self.full = full
        self.rng = rng
        self.tick = tick
        self.found: dict[str, Found] = {}
        self.notes: list[str] = []
        self.size = 1.0
        """Of the largest number that the forward pass computes with."""

    def judge_all(self, net: Layer, twin: Layer, x: np.ndarray, flow: Flow) -> None:
        """Fill `found` for "x" and every parameter of net, given dL/dy as flow.

        `twin` is a complex copy of net.
        """
        self.twins = dict(zip(_all_layers(net), _all_layers(twin), strict=True))
        self.x = x
        self.x_coordinates = self._coordinates(x, 0)
        flow = walk(net, x, flow, self._through)
        if self.full:
            tolerance = np.broadcast_to(flow.tolerance, x.shape).ravel()
            whole = Reference(flow.value.ravel(), tolerance, flow.floor, flow.method)
            self.found["x"] = Found(whole, self.x_coordinates, flow.kinks)

    def _through(self, layer: Layer, x: np.ndarray, flow: Flow, place: str) -> Flow:
        forwards = Forwards(layer, x, twin=self.twins[layer])
        parameters = layer.parameters()
        size = 1 + max([float(abs(v).max(initial=0.0)) for v in (x, *parameters.values())])
        self.size = max(self.size, size)
        reason = None
        if type(layer) not in ANALYTIC:
            reason = oracles.why_not_analytic(forwards.of("x"), x, self.rng)
        if reason:
            self.notes.append(f"{place}{layer!r}: {reason}; central differences instead")
            ask = oracles.richardson
        else:
            ask = partial(
                oracles.complex_step,
                condition=size,
                trust_lanes=not self.full and type(layer) in ANALYTIC,
            )
        ask = partial(ask, upstream=flow.value, upstream_tolerance=flow.tolerance, tick=self.tick)
        for name, value in parameters.items():
            at = self._coordinates(value, -1)
            lanes = {} if reason else {"lanes": (-1, -1)}
            reference = ask(forwards.of(name), value, coordinates=at, **lanes)
            found = Found(reference, at, flow.kinks)
            if reason:
                found = self._settle(layer, forwards, name, found, x, flow, place)
            self._keep(place + name, found)
        return self._down(layer, forwards, ask, x, flow, place, reason)

    def _down(self, layer, forwards, ask, x, flow, place, reason) -> Flow:
        """The flow at the layer's input, and a sample of it if that is the network's input."""
        at_kink = layer.kinks(x)
        kinked = at_kink is not None and at_kink.any()
        kinks = flow.kinks
        if kinked:
            own, kink = examine(layer, x, flow.value, at_kink, place, self.rng)
            kinks = (*kinks, kink)
        at = np.arange(x.size) if self.full else self.x_coordinates
        if self.full or x is self.x:
            smooth = at[~at_kink.ravel()[at]] if kinked else at
            lanes = {} if reason else {"lanes": (0, 0)}
            found = Found(ask(forwards.of("x"), x, coordinates=smooth, **lanes), smooth, kinks)
            if reason:
                found = self._settle(layer, forwards, "x", found, x, flow, place)
            if x is self.x and not self.full:
                self._keep("x", found)
        if not self.full:
            if x is self.x:
                return flow._replace(kinks=kinks)  # nothing is further down
            layer.forward(x)
            return Flow(np.asarray(layer.backward(flow.value)), method=flow.method, kinks=kinks)
        reference = found.reference
        value, tolerance = np.empty(x.size), np.empty(x.size)
        if kinked:
            value[:] = own.ravel()
            tolerance[:] = 32 * EPS * abs(value) + reference.floor + np.max(flow.tolerance)
        value[smooth], tolerance[smooth] = reference.gradient, reference.tolerance
        return Flow(
            value.reshape(x.shape),
            tolerance.reshape(x.shape),
            reference.floor,
            min(flow.method, reference.method),
            found.kinks,
        )

    def _settle(self, layer, forwards, name, found, x, flow, place) -> Found:
        """Look closer where central differences disagree: a kink may lie near x, or at it."""
        layer.forward(x)
        own = np.asarray(layer.backward(flow.value))
        own = (own if name == "x" else layer.gradients()[name]).ravel()[found.coordinates]
        point = x if name == "x" else layer.parameters()[name].copy()
        reference, count = found.reference, 0
        off = ~(abs(own - reference.gradient) <= reference.tolerance)
        for k in np.flatnonzero(off | reference.bent):
            place_k = found.coordinates[k]
            low, high, kink = oracles.one_sided(forwards.of(name), point, flow.value, place_k)
            slack = np.max(flow.tolerance)
            inside = low - slack <= own[k] <= high + slack
            reference.gradient[k] = own[k] if inside else (low + high) / 2
            reference.tolerance[k] = (high - low) / 2 + slack
            count += kink and inside
        if not count:
            return found
        text = "backward lies between the slopes of the two sides"
        kink = Kink(place, type(layer).__name__, count, len(own), text, True)
        return found._replace(kinks=(*found.kinks, kink))

    def _keep(self, name: str, found: Found) -> None:
        if name in self.found:  # the input of several branches
            one, two = self.found[name], found
            both = np.intersect1d(one.coordinates, two.coordinates)
            a, b = (f.reference for f in (one, two))
            i = np.searchsorted(one.coordinates, both)
            j = np.searchsorted(two.coordinates, both)
            total = Reference(
                a.gradient[i] + b.gradient[j],
                a.tolerance[i] + b.tolerance[j],
                a.floor + b.floor,
                min(a.method, b.method),
            )
            kinks = one.kinks + tuple(k for k in two.kinks if k not in one.kinks)
            found = Found(total, both, kinks)
        self.found[name] = found

    def _coordinates(self, value: np.ndarray, axis: int) -> np.ndarray:
        """All, or at least SAMPLE: evenly spaced places, whole along `axis`."""
        ids = np.arange(value.size)
        if self.full or value.size <= SMALL:
            return ids
        ids = np.moveaxis(ids.reshape(value.shape), axis, 0).reshape(value.shape[axis], -1)
        places = ids.shape[1]
        chosen = np.linspace(0, places - 1, min(places, max(2, ceil(SAMPLE / len(ids)))))
        return np.sort(ids[:, chosen.astype(np.intp)], axis=None)
