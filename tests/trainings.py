"""Random trainings, to be done by one process and by several ranks alike."""

import numpy as np

from mlp import (
    SGD,
    Affine,
    Concat,
    KLDivergence,
    Layer,
    ReLU,
    Scale,
    Sequential,
    Sigmoid,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    evaluate,
    fit,
)

D, CLASSES = 5, 3


class Gain(Layer):
    """A layer of a user, with a parameter of its own: y = a x."""

    parameter_names = ("a",)

    def __init__(self, width, dtype):
        self.a, self.da = np.full(width, 0.9, dtype), None

    def forward(self, x):
        self._cache = x
        return self.a * x

    def backward(self, upstream):
        self.da = (upstream * self._cache).sum(axis=0)
        return self.a * upstream


class TextbookSGD(SGD):
    """A subclass is not fused."""


class Training:
    """One configuration, drawn by a number. Every call of `run` starts it anew."""

    def __init__(self, number):
        self.rng = rng = np.random.default_rng(number)
        pick = lambda *choices: choices[rng.integers(len(choices))]  # noqa: E731
        self.seed = number
        self.dtype = pick(np.float32, np.float64)
        self.n = int(rng.integers(4, 60))
        self.batch_size = pick(None, 1, 2, 3, 7, 16, 100)
        self.middle = pick("relu", "sigmoid", "concat", "own", "deep")
        self.end = pick("softmax", "kl", "squares", "sigmoid", "one column")
        self.reduction = pick("mean", "mean", "sum")
        self.momentum = pick(0.0, 0.5, 0.9)
        self.nesterov = bool(self.momentum and rng.integers(2))
        self.decay = pick(0.0, 0.01)
        self.optimizer = pick(SGD, SGD, SGD, TextbookSGD)
        self.epochs = int(rng.integers(1, 5))
        self.patience = pick(None, None, 1, 2)
        self.with_validation = bool(rng.integers(2))
        self.shuffle = bool(rng.integers(4))
        x = rng.normal(size=(self.n, D))
        self.x = (x * 20 + 100).astype(np.uint8) if rng.integers(4) == 0 else x
        self.y = self._targets(self.n)
        m = int(rng.integers(1, 9))
        self.validation = (rng.normal(size=(m, D)), self._targets(m))
        self.weights = rng.integers(0, 4, self.n) / 2 if rng.integers(3) == 0 else None
        if self.weights is not None:
            self.weights[0] = 1
        if self.weights is not None and rng.integers(2):
            self.validation += (rng.random(m) + 0.1,)

    def _targets(self, n):
        rng = self.rng
        if self.end == "squares":
            return rng.normal(size=(n, CLASSES))
        if self.end == "one column":
            return rng.integers(0, 2, n)
        if self.end == "kl" and self.seed % 2:
            rows = rng.random((n, CLASSES))
            return rows / rows.sum(axis=1, keepdims=True)
        labels = rng.integers(0, CLASSES, n)
        return np.eye(CLASSES)[labels] if self.end == "sigmoid" else labels

    def network(self):
        rng = np.random.default_rng(self.seed)

        def affine(d, m, bias=True):
            return Affine(d, m, init="glorot", rng=rng, dtype=self.dtype, bias=bias)

        middle = {
            "relu": lambda: [ReLU(negative_slope=0.1)],
            "sigmoid": lambda: [Sigmoid()],
            "concat": lambda: [Concat(affine(6, 2), Sequential(affine(6, 4, False), Sigmoid()))],
            "own": lambda: [Sigmoid(), Gain(6, self.dtype)],
            "deep": lambda: [ReLU(), Sequential(affine(6, 7), ReLU(), affine(7, 6))],
        }[self.middle]()
        start = [Scale(100.0, 0.05)] if self.x.dtype == np.uint8 else []
        outputs = 1 if self.end == "one column" else CLASSES
        end = [Softmax()] if self.end == "kl" else []
        return Sequential(*start, affine(D, 6), *middle, affine(6, outputs), *end)

    def loss(self):
        kinds = {"softmax": SoftmaxCrossEntropy, "kl": KLDivergence, "squares": SquaredError}
        return kinds.get(self.end, SigmoidCrossEntropy)(reduction=self.reduction)

    def run(self, communicator=None, **more):
        """The network, the records and the velocities."""
        net, loss = self.network(), self.loss()
        size = min(self.batch_size or self.n, self.n)
        rate = 0.05 * (1 - self.momentum) / (size if self.reduction == "sum" else 1)
        sgd = self.optimizer(
            lambda step: rate / (1 + 0.1 * step),
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.decay,
        )
        options = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "rng": self.seed,
            "sample_weight": self.weights,
            "shuffle": self.shuffle,
            "validation": self.validation if self.with_validation else None,
            "patience": self.patience,
            "communicator": communicator,
        } | more
        records = fit(net, loss, sgd, self.x, self.y, **options)
        scores = evaluate(
            net,
            loss,
            self.x,
            self.y,
            sample_weight=self.weights,
            communicator=communicator,
        )
        return net, records, sgd.state(net), scores

    def tolerance(self, records):
        """Of a weight, as a part of the largest: what is added up anew where a sum is divided.

        Each step rounds sums over the batch, and over the widest layer, in another order; its
        change of a weight is at most of the size of the weights, and momentum m makes
        1/(1 - m) of it.
        """
        size = min(self.batch_size or self.n, self.n)
        steps = len(records) * -(-self.n // size)
        return np.finfo(self.dtype).eps * steps * (size + D + 7) / (1 - self.momentum)
