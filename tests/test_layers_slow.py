"""Random networks of all layers against the slow ones: loss, every gradient, jvp."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, find, given, settings
from hypothesis import strategies as st

import mlp.layers
import slow
from cases import tanh
from mlp import (
    Affine,
    Concat,
    Flatten,
    KLDivergence,
    Layer,
    MaxPool,
    Multiply,
    ReLU,
    Scale,
    Sequential,
    Sigmoid,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
)

Shape = tuple[int, ...]
Pair = tuple[Layer, Any]
"""One of our layers and the slow one, with the same parameters."""


class Drawing:
    """Draws pairs for samples of a shape (without the batch axis)."""

    def __init__(self, draw) -> None:
        self.draw = draw
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def below(self, n: int) -> int:
        return self.draw(st.integers(0, n - 1))

    def chain(self, shape: Shape, deep: int, first: Pair | None = None) -> Pair:
        pairs = [first] if first else []
        for _ in range(1 + self.below(4)):
            now = Sequential(*(ours for ours, _ in pairs)).output_shape(shape) if pairs else shape
            pairs.append(self.layer(now, deep))
        return Sequential(*(p[0] for p in pairs)), slow.SlowChain(*(p[1] for p in pairs))

    def layer(self, shape: Shape, deep: int) -> Pair:
        kinds = [self.relu, self.activation, self.pool, self.scale]
        if len(shape) == 1:
            kinds += [self.affine, self.affine, self.multiply, self.subsets]
        if deep:
            kinds += [self.fork, lambda shape: self.chain(shape, deep - 1)]
        return self.draw(st.sampled_from(kinds))(shape)

    def relu(self, shape: Shape) -> Pair:
        slope = self.draw(st.sampled_from([0.0, 0.25, -0.5, "per unit"]))
        if slope == "per unit":
            slope = self.rng.uniform(0, 0.5, shape[-1])
        at_zero = self.draw(st.sampled_from([None, 0.75, 1]))
        return ReLU(negative_slope=slope, at_zero=at_zero), slow.SlowReLU(slope, at_zero)

    def activation(self, shape: Shape) -> Pair:
        kinds = [
            (Sigmoid, slow.SlowSigmoid),
            (Softmax, slow.SlowSoftmax),
            (tanh, slow.SlowTanh),
            (Flatten, slow.SlowFlatten),
        ]
        ours, other = self.draw(st.sampled_from(kinds))
        return ours(), other()

    def scale(self, shape: Shape) -> Pair:
        shift, factor = self.rng.normal(size=shape), self.rng.normal(size=shape)
        return Scale(shift, factor), slow.SlowScale(shift, factor)

    def affine(self, shape: Shape) -> Pair:
        ours = Affine(shape[0], 1 + self.below(4), bias=self.draw(st.booleans()), rng=self.rng)
        if ours.b is not None:
            ours.b = self.rng.normal(size=ours.b.shape)
        return ours, slow.SlowAffine(W=ours.W, b=ours.b)

    def multiply(self, shape: Shape) -> Pair:
        if shape[0] % 2 == 0 and self.draw(st.booleans()):
            return Multiply(), slow.SlowMultiply()
        index = st.integers(0, shape[0] - 1)
        pairs = self.draw(st.lists(st.tuples(index, index), min_size=1, max_size=4))
        return Multiply(pairs), slow.SlowMultiply(pairs)

    def pool(self, shape: Shape) -> Pair:
        axes = 1 + self.below(len(shape))
        window = tuple(1 + self.below(n) for n in shape[-axes:])
        stride = tuple(1 + self.below(3) for _ in window) if self.draw(st.booleans()) else None
        other = slow.SlowMaxPool(window, stride)
        if len(shape) == 1 and self.draw(st.booleans()):
            return MaxPool(window[0], stride and stride[0]), other
        return MaxPool(window, stride), other

    def subsets(self, shape: Shape) -> Pair:
        index = st.integers(0, shape[0] - 1)
        sets = self.draw(st.lists(st.lists(index, min_size=1, max_size=3), min_size=1, max_size=3))
        return MaxPool(subsets=sets), slow.SlowMaxPool(subsets=sets)

    def fork(self, shape: Shape) -> Pair:
        count = 1 + self.below(3)
        if len(shape) == 1:
            pairs = [self.chain(shape, 0) for _ in range(count)]
        elif self.draw(st.booleans()):
            flat = [(Flatten(), slow.SlowFlatten()) for _ in range(count)]
            pairs = [self.chain(shape, 0, first) for first in flat]
        else:
            pairs = [self.relu(shape) for _ in range(count)]
        return Concat(*(p[0] for p in pairs)), slow.SlowFork(*(p[1] for p in pairs))


@st.composite
def problems(draw) -> dict[str, Any]:
    """A network in both forms, x, changes of everything, a loss in both forms and its target."""
    drawing = Drawing(draw)
    shape = draw(st.sampled_from([(3,), (4,), (5,), (3, 4), (2, 3, 2)]))
    rows = 1 + drawing.below(3)
    ours, other = drawing.chain(shape, 2)
    out = ours.output_shape(shape)
    if len(out) != 1:
        ours, other = Sequential(ours, Flatten()), slow.SlowChain(other, slow.SlowFlatten())
        out = ours.output_shape(shape)
    rng = drawing.rng
    d = rng.uniform(0.1, 0.9, (rows, *out))
    kind = draw(st.sampled_from(["squared", "binary", "softmax", "labels", "divergence"]))
    target, loss = d, None
    if kind == "squared" or (out == (1,) and kind != "binary"):
        loss, value = SquaredError(), lambda y, d: slow.mean_of_terms(slow.squared_error, y, d)
    elif kind == "binary":
        loss = SigmoidCrossEntropy()
        value = lambda y, d: slow.mean_of_terms(slow.binary_cross_entropy, y, d)  # noqa: E731
    elif kind == "softmax":
        loss, value = SoftmaxCrossEntropy(), slow.softmax_cross_entropy
    elif kind == "labels":
        loss, value = SoftmaxCrossEntropy(), slow.softmax_cross_entropy
        target = rng.integers(0, out[0], rows)
        d = np.array([[float(label == j) for j in range(out[0])] for label in target])
    else:
        ours, other = Sequential(ours, Softmax()), slow.SlowChain(other, slow.SlowSoftmax())
        target = d = d / d.sum(axis=1, keepdims=True)
        loss, value = KLDivergence(), lambda y, d: slow.mean_of_terms(slow.kl_divergence, y, d)
    x = rng.normal(size=(rows, *shape))
    if draw(st.booleans()):
        x = np.round(x)  # ties and zeros, which both must break alike
    return {
        "ours": ours,
        "slow": other,
        "x": x,
        "dx": rng.normal(size=(rows, *shape)),
        "changes": {name: rng.normal(size=p.shape) for name, p in ours.parameters().items()},
        "loss": loss,
        "slow loss": value,
        "target": target,
        "rows": d,
    }


def close(got: Any, expected: Any, what: str) -> None:
    scale = max(1.0, float(np.abs(expected).max()))
    assert np.shape(got) == np.shape(expected), what
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10 * scale, err_msg=what)


@settings(
    max_examples=600,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(problems())
def test_random_networks_agree_with_the_slow_ones(problem: dict[str, Any]):
    net, other, x = problem["ours"], problem["slow"], problem["x"]
    y, expected = net.forward(x), other.forward(x)
    assume(np.abs(expected).max() < 100)
    if isinstance(problem["loss"], KLDivergence):
        assume(expected.min() > 1e-100)
    close(y, expected, "output")

    loss, upstream = problem["slow loss"](expected, problem["rows"])
    close(problem["loss"].forward(y, problem["target"]), loss, "loss")
    dy = problem["loss"].backward()
    close(dy, upstream, "gradient of the loss")

    dx, gradients = other.backward(upstream)
    close(net.backward(dy), dx, "gradient of x")
    assert net.gradients().keys() == gradients.keys()
    for name, gradient in net.gradients().items():
        close(gradient, gradients[name], name)

    jvp = other.jvp(problem["dx"], problem["changes"])
    close(net.jvp(problem["dx"], problem["changes"]), jvp, "jvp")


def parts(net: Layer) -> list[Layer]:
    inner = getattr(net, "layers", ())
    return [net, *(part for layer in inner for part in parts(layer))]


@pytest.mark.parametrize(
    "kind",
    [getattr(mlp.layers, name) for name in mlp.layers.__all__ if name != "Layer"],
)
def test_random_networks_hold_every_layer(kind: type[Layer]):
    """Inside another part of the network, not only at its start."""
    quick = settings(max_examples=200, derandomize=True, database=None, phases=[Phase.generate])
    find(
        problems(), lambda p: any(isinstance(q, kind) for q in parts(p["ours"])[2:]), settings=quick
    )


def test_slow_layers_agree_with_their_own_numeric_derivative():
    """The reference is no better than its partials: compare them with differences of its values."""
    rng = np.random.default_rng(0)
    W, b = rng.normal(size=(6, 4)), rng.normal(size=4)
    net = slow.SlowChain(
        slow.SlowFork(slow.SlowSigmoid(), slow.SlowMultiply([(0, 1), (1, 1), (2, 0)])),
        slow.SlowAffine(W=W, b=b),
        slow.SlowReLU(0.3),
        slow.SlowMaxPool(subsets=[[0, 1], [1, 2], [3]]),
        slow.SlowTanh(),
        slow.SlowSoftmax(),
    )
    x, u, dx = rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    dW, db, h = rng.normal(size=W.shape), rng.normal(size=b.shape), 1e-6
    values = []
    for sign in (1, -1):
        W += sign * h * dW
        b += sign * h * db
        values.append(net.forward(x + sign * h * dx))
        W -= sign * h * dW
        b -= sign * h * db
    numeric = (values[0] - values[1]) / (2 * h)
    net.forward(x)
    dy = net.jvp(dx, {"1.W": dW, "1.b": db})
    np.testing.assert_allclose(dy, numeric, rtol=0, atol=1e-8)
    back, gradients = net.backward(u)
    reverse = (back * dx).sum() + (gradients["1.W"] * dW).sum() + (gradients["1.b"] * db).sum()
    assert abs((u * dy).sum() - reverse) < 1e-12
