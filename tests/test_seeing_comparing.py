"""compare_traces: where two passes part, and nothing where only rounding differs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp import (
    Affine,
    Concat,
    Elementwise,
    KLDivergence,
    MaxPool,
    Multiply,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    compare_traces,
    trace,
)
from passes import branching, mazur, mazur_network


class OtherSums(Affine):
    """The same layer, summed from the last input to the first, one product after another."""

    def forward(self, x):
        super().forward(x)
        return sum((x[:, i, None] * self.W[i] for i in reversed(range(len(self.W)))), self.b + 0)

    def backward(self, upstream):
        x = self.cached()
        U = np.asarray(upstream)
        self.dW = sum(x[n, :, None] * U[n] for n in reversed(range(len(x))))
        self.db = sum(U[n] for n in reversed(range(len(x))))
        return sum(U[:, j, None] * self.W[:, j] for j in reversed(range(self.W.shape[1])))


class OtherSigmoid(Sigmoid):
    def forward(self, z):
        super().forward(z)
        with np.errstate(over="ignore"):
            self.y = 1 / (1 + np.exp(-z))
        return self.y

    def backward(self, upstream):
        return upstream * (self.y * (1 - self.y))


def other_way(layer):
    """A layer of the same numbers that computes in another order."""
    if isinstance(layer, Sequential | Concat):
        return type(layer)(*map(other_way, layer.layers))
    if isinstance(layer, Affine):
        twin = OtherSums(*layer.W.shape, dtype=layer.W.dtype)
        twin.W, twin.b = layer.W, layer.b
        return twin
    return OtherSigmoid() if type(layer) is Sigmoid else layer


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["float32", "float64"]),
    st.floats(1e-3, 1e3),
    st.integers(1, 40),
)
def test_rounding_is_no_difference(seed, dtype, scale, width):
    rng = np.random.default_rng(seed)
    layers = [
        Affine(5, width, rng=rng, dtype=dtype),
        Sigmoid(),
        Affine(width, 4, rng=rng, dtype=dtype),
    ]
    layers += [[], [Softmax()], [MaxPool(2)], [Multiply()], [ReLU()]][seed % 5]
    net = Sequential(*layers)
    x = scale * rng.normal(size=(6, 5))
    if seed % 5 == 1:
        target, loss = rng.integers(4, size=6), KLDivergence()
        if net.predict(x).min() < 1e-30:
            return
    else:
        target, loss = net.predict(x) + rng.normal(size=net.predict(x).shape), SquaredError()
    found = compare_traces(trace(other_way(net), x, target, loss), trace(net, x, target, loss))
    assert found.same, str(found)


def test_rounding_through_branches():
    rng = np.random.default_rng(0)
    net, x, d = branching(rng), rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    loss = SquaredError()
    assert compare_traces(trace(other_way(net), x, d, loss), trace(net, x, d, loss)).same
    assert (
        repr(compare_traces(trace(net, x, d, loss), trace(net, x, d, loss))) == "the passes agree"
    )


def spoiled(where, entry, size=1e-3, kind=Affine):
    """A layer that is off by `size` times at one entry of what `where` names."""

    class Spoiled(kind):
        def forward(self, x):
            y = super().forward(x)
            if where == "y":
                y[entry] *= 1 + size
            return y

        def backward(self, upstream):
            dx = super().backward(upstream)
            if where == "dx":
                dx[entry] *= 1 + size
            if where in ("dW", "db"):
                getattr(self, where)[entry] *= 1 + size
            return dx

    return Spoiled


@pytest.mark.parametrize("size", [1e-3, 1e-9, -2.0])
@pytest.mark.parametrize(
    ("place", "where", "entry", "said"),
    [
        ("0", "y", (2, 1), "layer 0, forward, y[2, 1]"),
        ("1.1.0", "dW", (3, 2), "layer 1.1.0, backward, dW[3, 2]"),
        ("2.1.0", "db", (1,), "layer 2.1.0, backward, db[1]"),
        ("2.0", "dx", (1, 3), "layer 2.0, backward, dx[1, 3]"),
        ("3", "dx", (4, 0), "layer 3, backward, dx[4, 0]"),
    ],
)
def test_the_first_wrong_entry_is_found(place, where, entry, said, size):
    rng = np.random.default_rng(0)
    net, x, d = branching(rng), rng.normal(size=(6, 3)), rng.normal(size=(6, 2))

    def spoil(layer, name):
        if isinstance(layer, Sequential | Concat):
            parts = enumerate(layer.layers)
            return type(layer)(*(spoil(p, f"{name}.{i}" if name else f"{i}") for i, p in parts))
        if name != place:
            return layer
        twin = spoiled(where, entry, size)(*layer.W.shape)
        twin.W, twin.b = layer.W, layer.b
        return twin

    loss = SquaredError()
    found = compare_traces(trace(spoil(net, ""), x, d, loss), trace(net, x, d, loss))
    assert str(found).startswith(f"yours and the reference part at {said}: ")
    first = found.first
    assert first.index == entry
    assert first.yours == pytest.approx(first.reference * (1 + size), rel=1e-12)
    assert abs(first.yours - first.reference) > first.tolerance


def test_other_parameters_another_input_another_loss():
    net = mazur_network()
    net[2].W = net[2].W + np.array([[0, 0], [0, 1]])
    assert str(compare_traces(mazur(net), mazur())).startswith(
        "yours and the reference part at layer 2, forward, W[1, 1]: 1.55 and 0.55"
    )
    x, d = [[0.05, 0.10]], [[0.01, 0.99]]
    there = trace(mazur_network(), [[0.05, 0.11]], d, SquaredError(factor=0.5))
    assert "forward, x[0, 1]" in str(compare_traces(there, mazur()))
    whole = trace(mazur_network(), x, d, SquaredError())
    assert "forward, loss: 0.596742 and 0.298371" in str(compare_traces(whole, mazur()))


def test_not_a_number_and_infinity_are_differences():
    class Bad(Sigmoid):
        value = np.nan

        def forward(self, z):
            y = super().forward(z)
            y[0, 1] = self.value
            return y

    net = mazur_network()
    for value in (np.nan, np.inf):
        Bad.value = value
        with np.errstate(invalid="ignore"):
            found = compare_traces(mazur(Sequential(net[0], Bad(), *net[2:])), mazur())
        assert found.first.index == (0, 1) and found.first.layer == "1"
        assert compare_traces(found.yours, found.yours).same


class Forgets(Sigmoid):
    def backward(self, upstream):
        super().backward(upstream)


def lines_of(figure):
    return figure.axes[0].lines


def test_a_missing_gradient_is_dashed_and_the_first_one_red():
    net = mazur_network()
    found = compare_traces(mazur(Sequential(net[0], Forgets(), *net[2:])), mazur())
    assert str(found) == "yours and the reference part at layer 1, backward, dz: you have none"
    assert "the reference has none" in str(compare_traces(mazur(), found.yours))
    figure = found.draw()
    red = [line for line in lines_of(figure) if line.get_linewidth() > 2]
    assert len(red) == 2
    dashed = [line for line in lines_of(figure) if line.get_linestyle() == "--"]
    assert (
        len(dashed) == 2 + 2 + 6
    )  # those two, the stems of x1 and x2, the edges to net_h1, net_h2
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert {"none ≠ 0.00877", "none ≠ 0.00995"} <= set(shown)


@pytest.mark.parametrize(
    ("place", "where", "entry", "kind", "label"),
    [
        (2, "dW", (1, 0), Affine, "0.165 ≠ 0.0827"),
        (1, "dx", (0, 1), Sigmoid, "0.0199 ≠ 0.00995"),
        (3, "y", (0, 0), Sigmoid, "o1 1.50 ≠ 0.751"),
        (0, "db", (1,), Affine, "0.0199 ≠ 0.00995"),
        (0, "dx", (0, 0), Affine, "0.00761 ≠ 0.00380"),
    ],
)
def test_the_first_wrong_edge_is_red_with_both_values(place, where, entry, kind, label, tmp_path):
    layers = [*mazur_network()]
    twin = spoiled(where, entry, 1.0, kind)(*((2, 2) if kind is Affine else ()))
    if kind is Affine:
        twin.W, twin.b = layers[place].W, layers[place].b
    layers[place] = twin
    found = compare_traces(mazur(Sequential(*layers)), mazur())
    figure = found.draw(tmp_path / "graph.svg")
    assert label in [text.get_text() for text in figure.axes[0].texts]
    assert sum(line.get_linewidth() > 2 for line in lines_of(figure)) == 1
    assert str(found) in (tmp_path / "graph.svg").read_text()
    assert any(
        p.get_linewidth() > 2 for p in (*lines_of(found.draw(detail="layers")),
        *found.draw(detail="layers").axes[0].patches)
    )  # fmt: skip


def test_what_cannot_be_compared():
    with pytest.raises(TypeError, match="expected b to be a trace"):
        compare_traces(mazur(), "trace")
    with pytest.raises(ValueError, match="the same layers, got 4"):
        compare_traces(mazur(), trace(Sequential(Sigmoid()), [[0.05, 0.10]]))
    other = trace(mazur_network(), [[0.05, 0.10]] * 2)
    with pytest.raises(ValueError, match="x: expected the shape"):
        compare_traces(other, mazur())


def test_kinds_of_layers_without_a_formula_of_their_own():
    """A bound is found for any layer and loss."""
    rng = np.random.default_rng(0)
    tanh = Elementwise(np.tanh, lambda z, y: 1 - y * y)
    net = Sequential(Affine(4, 4, rng=rng), tanh, Centred(), Affine(4, 3, rng=rng))
    x, labels = rng.normal(size=(5, 4)), [0, 1, 2, 0, 1]
    loss = SoftmaxCrossEntropy()
    assert compare_traces(trace(other_way(net), x, labels, loss), trace(net, x, labels, loss)).same


class Centred(Elementwise):
    """Each row minus its mean: it couples the entries of a row."""

    def __init__(self):
        super().__init__(lambda z: z - z.mean(axis=1, keepdims=True), lambda z, y: 1.0)

    def backward(self, upstream):
        return upstream - upstream.mean(axis=1, keepdims=True)
