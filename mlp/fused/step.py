import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from mlp.fused.batches import Batches, Gathered, Whole
from mlp.fused.blas import blas_for, in_place
from mlp.fused.kernels import PlacedLayer, Shared, changes_input, updates_from
from mlp.fused.plan import Plan, takes_labels
from mlp.layers import Affine, Layer
from mlp.losses import Loss
from mlp.optim import SGD, Settings
from mlp.rows import Rows, part_of
from mlp.sequential import Sequential
from mlp.step import Arrays, TextbookStep


def training_step(
    net: Layer,
    body: Sequential,
    loss: Loss,
    optimizer: SGD,
    x: np.ndarray | Rows,
    y: np.ndarray,
    sample_weight: np.ndarray | None = None,
) -> TextbookStep:
    """The fastest step there is for this network, loss and optimizer; for x, y see FusedStep."""
    own = any(_has_own_method(thing) for thing in (net, body, *body.nested(), loss, optimizer))
    fused = FusedStep.takes(net, body, optimizer, x) and not own
    kind = FusedStep if fused else TextbookStep
    return kind(net, body, loss, optimizer, x, y, sample_weight)


class FusedStep(TextbookStep):
    """The same step in fewer passes over memory and fewer calls.

    - The gradient of W is never formed: the product x^T U adds itself to W, or to its velocity.
    - Softmax and cross-entropy are one formula, and nobody asks for the gradient of the data.
    - Every array is made once per batch size and belongs to the step; a batch is gathered into
      place, and pixels stay what they are (uint8) until then.

    Fused are Affine, ReLU (with one negative slope in [0, 1]), Sigmoid, Scale, Flatten, and
    softmax cross-entropy with labels. Everything else takes part by its own forward and backward;
    for complex numbers, other optimizers or several dtypes there is the textbook's step; also where
    an instance has got a method of its own, as in `net[2].backward = spy`.

    The optimizer's velocities and step count are kept up, so textbook steps may follow. Not kept
    up are caches and gradients: `dW` and `db` of a fused Affine stay what they were.

    Where the loss is not finite, the textbook's step says what it is and goes on.

    x, y and weights must have been checked: labels are taken as they are.
    """

    @staticmethod
    def takes(net: Layer, body: Sequential, optimizer: SGD, x: np.ndarray | Rows) -> bool:
        """Whether a fused step can do this: SGD itself, real numbers of one dtype, an Affine."""
        dtypes = {p.dtype for p in net.parameters().values()}
        return (
            type(optimizer) is SGD
            and type(body) is Sequential
            and x.dtype.kind in "biuf"
            and len(dtypes) == 1
            and dtypes <= {np.dtype(np.float32), np.dtype(np.float64)}
            and any(type(placed.layer) is Affine for placed in _placed_layers(body))
        )

    def __init__(self, net: Layer, body: Sequential, loss: Loss, *rest: Any) -> None:
        super().__init__(net, body, loss, *rest)
        # of other layouts `take` would copy all for each batch
        self.y = np.require(self.y, requirements=["C", "A"])
        if self.sample_weight is not None:
            self.sample_weight = np.require(self.sample_weight, requirements=["C", "A"])
        self.target_dtype = np.dtype(np.intp) if takes_labels(loss, self.y) else self.y.dtype
        self.dtype = next(p.dtype for p in body.parameters().values())
        self.blas = blas_for(self.dtype)
        self.known: list | None = None
        self.plan: Plan | None = None
        self.plans: dict[tuple[int, int, type], Plan] = {}

    def begin(self) -> None:
        """Look at the network and the optimizer anew: a callback may have changed them."""
        parameters = self.net.parameters()
        self.state = self.optimizer.state(self.net)
        if self.optimizer.momentum:
            _make_velocities(parameters, self.state.velocity)
        layers = list(_placed_layers(self.body))
        arrays = [*parameters.values(), *self.state.velocity.values()]
        known = [id(self.state), *map(id, arrays), *(repr(placed.layer) for placed in layers)]
        if known == self.known:
            return
        self.known, self.arrays, self.layers, self.plans = known, arrays, layers, {}
        names = {id(w): name for name, w in parameters.items()}
        self.shared = Shared(self.blas, self.optimizer, self.state.velocity, names, self.given)
        self.settings: Settings | None = None

    def forward(self, batch: np.ndarray | slice) -> float:
        if isinstance(batch, slice):
            start, stop, _ = batch.indices(len(self.x))
        else:
            start, stop = 0, len(batch)
        self.samples = self.count(batch, stop - start)
        key = start, stop, type(batch)
        plan = self.plan = self.plans.get(key) or self._new_plan(*key)
        value = plan.forward(batch)
        if math.isfinite(value):
            return value
        self.plan = None
        return super().forward(batch)

    def shows_all(self) -> bool:
        return self.plan is not None and self.plan.shows_all

    def backward(self, share: float = 1.0) -> None:
        if self.plan is None:
            super().backward(share)
        else:
            self.plan.backward(share)

    def update(self) -> None:
        if self.plan is None:
            super().update()
        elif self.sums is not None:
            self._update_from(self.sums)
        else:
            self.plan.update(self.optimizer.settings(self.state.step))
            self.state.step += 1

    def hits(self) -> float:
        return super().hits() if self.plan is None else self.plan.head.hits()

    def _update_from(self, sums: Arrays) -> None:
        settings = self.optimizer.settings(self.state.step)
        if settings != self.settings:
            self.settings = settings
            parameters = self.net.parameters()
            self.update_calls = updates_from(sums, parameters, settings, self.shared)
        for call in self.update_calls:
            call()
        self.state.step += 1

    def _new_plan(self, start: int, stop: int, kind: type) -> Plan:
        batches: Batches
        if kind is slice:
            read_only = not changes_input(self.layers)
            rows, weights = slice(start, stop), self.sample_weight
            weights = None if weights is None else weights[rows]
            y = self.y[rows].astype(self.target_dtype, copy=False)
            batches = Whole(part_of(self.x, rows), y, weights, self.dtype, read_only)
        else:
            given = self.x, self.y, self.sample_weight
            batches = Gathered(*given, stop, self.dtype, self.target_dtype)
        plan = self.plans[start, stop, kind] = Plan(self.layers, self.loss, batches, self.shared)
        return plan


def _has_own_method(thing: object) -> bool:
    """Whether a method was assigned to this very instance, over that of its class."""
    own = getattr(thing, "__dict__", ())
    return any(callable(getattr(type(thing), name, None)) for name in own)


def _placed_layers(body: Sequential, notes: tuple[str, ...] = ()) -> Iterator[PlacedLayer]:
    """The layers in their order, those of nested networks among them."""
    for i, layer in enumerate(body):
        inner = (f"in layer {i} of Sequential", *notes)
        if type(layer) is Sequential:
            yield from _placed_layers(layer, inner)
        else:
            yield PlacedLayer(layer, inner)


def _make_velocities(parameters: dict[str, np.ndarray], velocity: dict[str, np.ndarray]) -> None:
    """A velocity for each parameter, which BLAS can write into."""
    for name, w in parameters.items():
        v = velocity.get(name)
        if v is None:
            velocity[name] = np.zeros(w.shape, w.dtype)
        elif not in_place(v, w.dtype):
            velocity[name] = np.array(v, w.dtype, order="C")
