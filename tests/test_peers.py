"""The same layers, losses and training as in PyTorch, number for number in float64."""

import numpy as np
import pytest

from mlp import (
    SGD,
    Affine,
    Concat,
    Flatten,
    KLDivergence,
    Layer,
    MaxPool,
    ReLU,
    Sequential,
    Sigmoid,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    fit,
)

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
F = torch.nn.functional
pytestmark = pytest.mark.peers


def same(ours, theirs, tolerance=1e-12):
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else theirs
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def tensor(array: np.ndarray) -> "torch.Tensor":
    """A copy that asks for a gradient; NumPy's float64 stays float64."""
    return torch.tensor(array, requires_grad=True)


# Layers

LAYERS = {
    "linear": (Affine(5, 3, rng=1), (7, 5), lambda x, W, b: F.linear(x, W.T, b)),
    "linear without bias": (
        Affine(5, 3, bias=False, rng=1),
        (7, 5),
        lambda x, W: F.linear(x, W.T),
    ),
    "relu": (ReLU(), (7, 5), F.relu),
    "leaky relu": (ReLU(negative_slope=0.1), (7, 5), lambda x: F.leaky_relu(x, 0.1)),
    "prelu": (
        ReLU(negative_slope=[0.1, 0.5, 2]),
        (7, 3),
        lambda x: F.prelu(x, torch.tensor([0.1, 0.5, 2], dtype=torch.float64)),
    ),
    "sigmoid": (Sigmoid(), (7, 5), torch.sigmoid),
    "softmax": (Softmax(), (7, 5), lambda x: F.softmax(x, -1)),
    "softmax of images": (Softmax(), (2, 3, 5), lambda x: F.softmax(x, -1)),
    "max_pool1d": (MaxPool(3, 2), (4, 9), lambda x: F.max_pool1d(x, 3, 2)),
    "max_pool2d": (MaxPool((2, 2)), (3, 4, 7, 6), lambda x: F.max_pool2d(x, 2)),
    "max_pool2d, overlapping": (
        MaxPool((3, 2), (2, 1)),
        (3, 2, 7, 6),
        lambda x: F.max_pool2d(x, (3, 2), (2, 1)),
    ),
    "flatten": (Flatten(), (3, 2, 4), lambda x: x.flatten(1)),
    "concat": (
        Concat(ReLU(), Sigmoid()),
        (3, 4),
        lambda x: torch.cat([F.relu(x), torch.sigmoid(x)], -1),
    ),
}


@pytest.mark.parametrize(("layer", "shape", "theirs"), LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_layers(layer: Layer, shape: tuple[int, ...], theirs, scale: float):
    rng = np.random.default_rng(0)
    x = rng.normal(0, scale, shape)
    tx, parameters = tensor(x), [tensor(p) for p in layer.parameters().values()]
    y, ty = layer.forward(x), theirs(tx, *parameters)
    same(y, ty)
    upstream = rng.normal(size=y.shape)
    ty.backward(torch.tensor(upstream))
    same(layer.backward(upstream), tx.grad)
    for gradient, parameter in zip(layer.gradients().values(), parameters, strict=True):
        same(gradient, parameter.grad)

    dx = rng.normal(size=shape)
    changes = {name: rng.normal(size=p.shape) for name, p in layer.parameters().items()}
    tangents = tuple(torch.tensor(v) for v in (dx, *changes.values()))
    _, dy = torch.autograd.functional.jvp(theirs, (tx, *parameters), tangents)
    same(layer.jvp(dx, changes), dy)


def test_the_subgradients_at_0_and_at_ties_are_the_same():
    x = np.zeros((2, 2, 4, 4))
    for layer, theirs in [
        (ReLU(), F.relu),
        (ReLU(negative_slope=0.25), lambda x: F.leaky_relu(x, 0.25)),
        (MaxPool((2, 2)), lambda x: F.max_pool2d(x, 2)),
    ]:
        tx = tensor(x)
        ty, u = theirs(tx), np.random.default_rng(0).normal(size=layer.forward(x).shape)
        ty.backward(torch.tensor(u))
        same(layer.backward(u), tx.grad)


# Losses


def kl(y, d):
    """div(y, d) row by row: kl_div takes the logarithm of y."""
    return F.kl_div(y.log(), d, reduction="none")


def cross_entropy(z, d):
    return F.cross_entropy(z, d, reduction="none")


def binary(z, d):
    return F.binary_cross_entropy_with_logits(z, d, reduction="none")


LOSSES = {
    "mse_loss": (SquaredError, "numbers", lambda y, d: F.mse_loss(y, d, reduction="none")),
    "cross_entropy": (SoftmaxCrossEntropy, "rows", cross_entropy),
    "cross_entropy of labels": (SoftmaxCrossEntropy, "labels", cross_entropy),
    "kl_div": (KLDivergence, "rows", kl),
    "binary_cross_entropy_with_logits": (SigmoidCrossEntropy, "probabilities", binary),
}


def targets(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Six of them, for five columns."""
    if kind == "labels":
        return rng.integers(0, 5, 6)
    d = rng.normal(size=(6, 5)) if kind == "numbers" else rng.uniform(size=(6, 5))
    return d / d.sum(axis=1, keepdims=True) if kind == "rows" else d


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(("kind", "target", "theirs"), LOSSES.values(), ids=LOSSES)
def test_losses(kind, target: str, theirs, reduction: str):
    rng = np.random.default_rng(0)
    d = targets(target, rng)
    y = rng.normal(0, 3, (6, 5))
    if kind is KLDivergence:
        y = Softmax().forward(y)
    loss, ty = kind(reduction=reduction), tensor(y)
    value = theirs(ty, torch.tensor(d)).sum() / (6 if reduction == "mean" else 1)
    same(loss.forward(y, d), value)
    value.backward()
    same(loss.backward(), ty.grad)


def test_the_binary_form_of_kl_is_binary_cross_entropy_for_hard_targets():
    y, d = np.array([[0.1], [0.7], [0.999]]), np.array([0, 1, 0])
    loss, ty = KLDivergence(), tensor(y)
    value = F.binary_cross_entropy(ty[:, 0], torch.tensor(d, dtype=torch.float64))
    same(loss.forward(y, d), value)
    value.backward()
    same(loss.backward(), ty.grad)


# Training


def network(rng: np.random.Generator) -> Sequential:
    wide = Affine(12, 8, init="glorot", rng=rng)
    hidden = [ReLU(negative_slope=0.01), Affine(8, 6, rng=rng), Sigmoid()]
    return Sequential(MaxPool((2, 2)), Flatten(), wide, *hidden, Affine(6, 4, rng=rng))


def copied(net: Sequential) -> "torch.nn.Sequential":
    linears = [layer for layer in net if isinstance(layer, Affine)]
    theirs = [torch.nn.Linear(a.in_features, a.out_features, dtype=torch.float64) for a in linears]
    for ours, linear in zip(linears, theirs, strict=True):
        linear.weight.data[...] = torch.tensor(ours.W.T)
        linear.bias.data[...] = torch.tensor(ours.b)
    first, second, third = theirs
    pool, flatten = torch.nn.MaxPool2d(2), torch.nn.Flatten()
    hidden = (torch.nn.LeakyReLU(0.01), second, torch.nn.Sigmoid())
    return torch.nn.Sequential(pool, flatten, first, *hidden, third)


def optimizer_for(twin: "torch.nn.Module", rate: float, decay: float, **options):
    """As ours, theirs with the biases in a group that weight decay spares."""
    weights = [p for p in twin.parameters() if p.ndim == 2]
    biases = [p for p in twin.parameters() if p.ndim == 1]
    groups = [{"params": weights, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=rate, **options)


def train_copy(twin, optimizer, x, y, batches) -> list[float]:
    """The loss of every batch, before its step."""
    seen = []
    for batch in batches:
        optimizer.zero_grad()
        value = F.cross_entropy(twin(torch.tensor(x[batch])), torch.tensor(y[batch]))
        value.backward()
        optimizer.step()
        seen.append(value.item())
    return seen


def assert_same_weights(net: Sequential, twin: "torch.nn.Module") -> None:
    ours = (layer for layer in net if isinstance(layer, Affine))
    theirs = (layer for layer in twin if isinstance(layer, torch.nn.Linear))
    for affine, linear in zip(ours, theirs, strict=True):
        same(affine.W, linear.weight.T)
        same(affine.b, linear.bias)


@pytest.mark.parametrize("decay", [0.0, 0.02])
@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"momentum": 0.8, "nesterov": True}])
def test_training_step_by_step_and_by_fit(options: dict, decay: float):
    """Thirty steps with forward, backward and step; then the same ones again in one `fit`."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 6, 8)), rng.integers(0, 4, 50)
    net = network(rng)
    again, twin, loss = net.astype(np.float64), copied(net), SoftmaxCrossEntropy()
    orders, epochs = np.random.default_rng(1), 6
    batches = [p[i : i + 10] for p in (orders.permutation(50) for _ in range(epochs))
               for i in range(0, 50, 10)]  # fmt: skip
    expected = train_copy(twin, optimizer_for(twin, 0.2, decay, **options), x, y, batches)

    sgd, seen = SGD(0.2, weight_decay=decay, **options), []
    for batch in batches:
        seen.append(loss.forward(net.forward(x[batch]), y[batch]))
        net.backward(loss.backward())
        sgd.step(net)
    same(seen, expected)
    assert_same_weights(net, twin)

    sgd = SGD(0.2, weight_decay=decay, **options)
    history = fit(again, loss, sgd, x, y, epochs=epochs, batch_size=10, rng=1)
    same([record["loss"] for record in history], np.reshape(expected, (epochs, 5)).mean(axis=1))
    assert_same_weights(again, twin)


def test_a_schedule_and_the_binary_loss():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 5)), rng.integers(0, 2, 30)
    net = Sequential(Affine(5, 4, rng=rng), Sigmoid(), Affine(4, 1, rng=rng), Sigmoid())
    theirs = {name: tensor(p) for name, p in net.parameters().items()}
    fit(net, KLDivergence(), SGD(lambda step: 0.9**step), x, y, epochs=20, batch_size=None)
    optimizer = torch.optim.SGD(theirs.values(), lr=1.0)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    for _ in range(20):
        optimizer.zero_grad()
        hidden = torch.sigmoid(torch.tensor(x) @ theirs["0.W"] + theirs["0.b"])
        p = torch.sigmoid(hidden @ theirs["2.W"] + theirs["2.b"])
        F.binary_cross_entropy(p[:, 0], torch.tensor(y, dtype=torch.float64)).backward()
        optimizer.step()
        schedule.step()
    for name, parameter in net.parameters().items():
        same(parameter, theirs[name])
