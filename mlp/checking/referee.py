"""Reference gradients of a whole network, found layer by layer from forward passes.

At its own input each layer is a plain function, and an oracle gives J^T U for it. The chain rule
takes that as the next U. So nothing is asked of `backward`, except at kinks, where the derivative
does not exist and the layer's choice is examined instead (`kinks.py`). Rounding is followed the
same way: every U carries its uncertainty.

That the layers were put together rightly is not assumed: `checker.py` also differentiates the
forward pass of the whole network, in random directions.
"""

from collections.abc import Callable
from functools import partial
from math import ceil
from typing import NamedTuple

import numpy as np

from mlp.checking import oracles
from mlp.checking.forwards import Forwards
from mlp.checking.kinks import Kink, examine
from mlp.checking.oracles import EPS, NumericalGradient, Tick
from mlp.checking.settling import Found, settled
from mlp.checking.walking import Flow, all_layers, walk
from mlp.layers import (
    Affine,
    Flatten,
    Layer,
    MaxPool,
    Multiply,
    ReLU,
    Sigmoid,
    Softmax,
)
from mlp.losses import KLDivergence, SigmoidCrossEntropy, SoftmaxCrossEntropy, SquaredError

ANALYTIC = (Affine, Flatten, MaxPool, Multiply, ReLU, Sigmoid, Softmax)
"""Known to take the complex step (the tests ask); any other layer is asked each time."""
ANALYTIC_LOSSES = (KLDivergence, SigmoidCrossEntropy, SoftmaxCrossEntropy, SquaredError)
"""The same for losses; strangers would be asked with outputs that some of these refuse."""
SAMPLE = 64
"""Coordinates of an array that are compared one by one when there are too many for all."""
SMALL = 256
"""Arrays up to this size are always compared in full."""


class _Visit(NamedTuple):
    """A layer at its input, with the flow that reaches it from above."""

    layer: Layer
    x: np.ndarray
    flow: Flow
    place: str
    forwards: Forwards
    ask: Callable[..., NumericalGradient]
    known: bool
    """One of ours, which says itself where its kinks are."""
    analytic: bool

    def reference(self, name: str, at: np.ndarray) -> NumericalGradient:
        """The oracle's answer for the input ("x", rows are samples) or a parameter."""
        axis = 0 if name == "x" else -1
        f, point = self.forwards.of(name), self.point(name)
        if self.analytic:  # rows of x do not mix, nor do columns of a weight matrix
            return self.ask(f, point, coordinates=at, lanes=(axis, axis))
        return self.ask(f, point, coordinates=at)

    def point(self, name: str) -> np.ndarray:
        return self.x if name == "x" else self.layer.parameters()[name]

    def kinks(self) -> np.ndarray | None:
        """Where the layer says it is at a kink, for the complex step, which cannot see that."""
        return self.layer.kinks(self.x) if self.analytic else None

    def own(self, name: str) -> np.ndarray:
        """What the layer's backward says."""
        self.layer.forward(self.x)
        dx = np.asarray(self.layer.backward(self.flow.value))
        return dx if name == "x" else np.asarray(self.layer.gradients()[name])


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
        self.twins = dict(zip(all_layers(net), all_layers(twin), strict=True))
        self.x = x
        self.x_sample = self._coordinates(x, 0)
        flow = walk(net, x, flow, self._through)
        # A sampled x has been kept on the way; in full, the flow that arrives is its gradient.
        if self.full:
            tolerance, terms = (
                np.broadcast_to(part, x.shape).ravel() for part in (flow.tolerance, flow.terms)
            )
            whole = NumericalGradient(flow.value.ravel(), tolerance, terms, flow.floor, flow.method)
            self.found["x"] = Found(whole, np.arange(x.size), flow.kinks).part(self.x_sample)

    def _through(self, layer: Layer, x: np.ndarray, flow: Flow, place: str) -> Flow:
        visit = self._visit(layer, x, flow, place)
        for name, value in layer.parameters().items():
            self._keep(place + name, self._find(visit, name, self._coordinates(value, -1)))
        return self._down_in_full(visit) if self.full else self._down(visit)

    def _visit(self, layer: Layer, x: np.ndarray, flow: Flow, place: str) -> _Visit:
        forwards = Forwards(layer, x, twin=self.twins[layer])
        values = (x, *layer.parameters().values())
        size = 1 + max(float(abs(value).max(initial=0.0)) for value in values)
        self.size = max(self.size, size)
        known = type(layer) in ANALYTIC
        reason = None if known else self._why_not_analytic(layer, forwards)
        ask: Callable[..., NumericalGradient] = oracles.richardson
        if reason:
            self.notes.append(f"{place}{layer!r}: {reason}; central differences instead")
        else:
            trust = known and not self.full
            ask = partial(oracles.complex_step, condition=size, trust_lanes=trust)
        ask = partial(ask, upstream=flow.value, upstream_tolerance=flow.tolerance, tick=self.tick)
        return _Visit(layer, x, flow, place, forwards, ask, known, not reason)

    def _why_not_analytic(self, layer: Layer, forwards: Forwards) -> str | None:
        """The first reason, asked of the input and of each parameter."""
        points = {"x": forwards.x} | layer.parameters()
        reasons = (
            oracles.why_not_analytic(forwards.of(name), point, self.rng)
            for name, point in points.items()
        )
        return next((reason for reason in reasons if reason), None)

    def _find(self, visit: _Visit, name: str, at: np.ndarray) -> Found:
        reference = visit.reference(name, at)
        method = min(visit.flow.method, reference.method)
        found = Found(reference._replace(method=method), at, visit.flow.kinks)
        return found if visit.known else self._settle(visit, name, found)

    def _down(self, visit: _Visit) -> Flow:
        """The layer's own flow at its input; a sample is compared if that is the network's."""
        kinks, smooth = visit.flow.kinks, self.x_sample
        at_kink = visit.kinks()
        if at_kink is not None and at_kink.any():
            kinks = (*kinks, self._examine(visit, at_kink)[1])
            smooth = smooth[~at_kink.ravel()[smooth]] if visit.x is self.x else smooth
        if visit.x is self.x:  # nothing is further down
            found = self._find(visit, "x", smooth)
            kinks = tuple(dict.fromkeys((*kinks, *found.kinks)))
            self._keep("x", found._replace(kinks=kinks))
            return visit.flow._replace(kinks=kinks)
        return Flow(visit.own("x"), kinks=kinks)

    def _down_in_full(self, visit: _Visit) -> Flow:
        """The oracle's flow at the layer's input; at kinks, the layer's own, once examined."""
        # The chain rule: dL/dx = J^T dL/dy, with J of this layer alone, at its own input.
        shape, smooth = visit.x.shape, np.arange(visit.x.size)
        kinks: tuple[Kink, ...] = ()
        at_kink = visit.kinks()
        if at_kink is not None and at_kink.any():
            smooth, kinks = np.flatnonzero(~at_kink), (self._examine(visit, at_kink)[1],)
        found = self._find(visit, "x", smooth)
        reference, smooth = found.reference, found.coordinates
        value = np.empty(visit.x.size)
        if len(smooth) < visit.x.size:
            value[:] = visit.own("x").ravel()
        # At kinks the value is backward's own: its rounding, and the uncertainty from above.
        tolerance = 32 * EPS * abs(value) + reference.floor + np.max(visit.flow.tolerance)
        terms = abs(value)
        value[smooth], tolerance[smooth] = reference.gradient, reference.tolerance
        terms[smooth] = reference.terms
        if visit.x is self.x:
            self.x_sample = np.intersect1d(self.x_sample, smooth)
        return Flow(
            value.reshape(shape),
            tolerance.reshape(shape),
            reference.floor,
            terms.reshape(shape),
            reference.method,
            found.kinks + kinks,
        )

    def _examine(self, visit: _Visit, at_kink: np.ndarray) -> tuple[np.ndarray, Kink]:
        return examine(visit.layer, visit.x, visit.flow.value, at_kink, visit.place, self.rng)

    def _settle(self, visit: _Visit, name: str, found: Found) -> Found:
        """Look for kinks where a stranger's backward is off; what is right at one is left out."""
        own = visit.own(name)
        if own.shape != visit.point(name).shape:  # a FAIL in any case
            return found
        f, point, flow = visit.forwards.of(name), visit.point(name), visit.flow
        slack = float(np.max(flow.tolerance))
        return settled(found, f, point, flow.value, own, slack, visit.place, visit.layer)

    def _keep(self, name: str, found: Found) -> None:
        if name in self.found:  # the input of several branches
            found = _sum(self.found[name], found)
        self.found[name] = found

    def _coordinates(self, value: np.ndarray, axis: int) -> np.ndarray:
        """All, or at least SAMPLE: evenly spaced places, whole along `axis`."""
        ids = np.arange(value.size)
        if self.full or value.size <= SMALL:
            return ids
        lanes = np.moveaxis(ids.reshape(value.shape), axis, 0).reshape(value.shape[axis], -1)
        count, places = lanes.shape
        chosen = np.linspace(0, places - 1, min(places, max(2, ceil(SAMPLE / count))))
        return np.sort(lanes[:, chosen.astype(np.intp)], axis=None)


def _sum(one: Found, two: Found) -> Found:
    """Two contributions to the same array, where both are known."""
    _, i, j = np.intersect1d(one.coordinates, two.coordinates, return_indices=True)
    one, two = one.part(i), two.part(j)
    a, b = one.reference, two.reference
    total = NumericalGradient(
        a.gradient + b.gradient,
        a.tolerance + b.tolerance,
        a.terms + b.terms,
        a.floor + b.floor,
        min(a.method, b.method),
    )
    kinks = one.kinks + tuple(k for k in two.kinks if k not in one.kinks)
    return Found(total, one.coordinates, kinks)
