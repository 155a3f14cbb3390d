"""The classic wrong gradients of losses, evaluated on the numbers that the loss was given."""

from collections.abc import Iterator

import numpy as np

from mlp.checking.diagnosis.evidence import Evidence, Named, ratio, sigmoid, softmax


def any_loss(e: Evidence) -> Iterator[Named]:
    """Mistakes that every loss can make."""
    truth = e.truth["x"]
    yield "sign", "x", -truth
    yield "batch-mean-missing", "x", truth * e.n
    yield "batch-mean-missing", "x", truth * e.n * e.columns
    yield "batch-mean-extra", "x", truth / e.n
    yield "class-mean-extra", "x", truth / e.columns
    yield "transposed", "x", truth.T


def _cross_entropy(e: Evidence) -> Iterator[Named]:
    x, target = e.arrays["x"], e.arrays["target"]
    labels = target if target.ndim == 1 else target.argmax(axis=1)
    rows = np.eye(x.shape[1])[labels]
    p = softmax(x)
    n, c = x.shape
    columns = np.zeros(c)
    np.add.at(columns, labels, 1)
    wrong = {
        "label-column-index": [p - (columns > 0), p - columns],
        "label-term-missing": [p],
        "double-softmax": [softmax(p) - rows, chained(p, softmax(p) - rows)],
        "softmax-wrong-axis": [softmax(x, axis=0) - rows, softmax(x, axis=None) - rows],
        "softmax-diagonal-only": [-rows * (1 - p)],
    }
    mean = ratio(e.truth["x"], p - rows) or 1.0
    for identity, formulas in wrong.items():
        for formula in formulas:
            for share in dict.fromkeys((mean, 1.0, 1 / n, 1 / (n * c))):
                yield identity, "x", formula * share
    for share in (1.0, 1 / n, 1 / (n * c)):
        yield "loss-gradient-mismatch", "x", (p - rows) * share
        yield "loss-gradient-mismatch", "x", -rows / p * share
        yield "loss-gradient-mismatch", "x", (x - rows) * share
        yield "loss-gradient-mismatch", "x", 2 * (x - rows) * share


def chained(p: np.ndarray, g: np.ndarray) -> np.ndarray:
    """g taken back through the softmax with outputs p."""
    return p * (g - (g * p).sum(axis=1, keepdims=True))


def _squared_error(e: Evidence) -> Iterator[Named]:
    x, d = e.arrays["x"], e.arrays["target"]
    if x.shape != d.shape:
        return
    n, c = x.shape
    truth = e.truth["x"]
    for share in (1.0, 1 / n, 1 / (n * c)):
        yield "loss-gradient-mismatch", "x", np.sign(x - d) * share
        yield "loss-gradient-mismatch", "x", (softmax(x) - d) * share
        yield "label-term-missing", "x", 2 * x * share
        yield "label-term-missing", "x", x * share
        for factor in (1, 2):
            value = factor * (x - d) * share
            k = ratio(value, truth) or 1.0
            if not any(abs(k - s) < 1e-9 for s in (1, n, 1 / n, 1 / c, 0.5, 2)):
                yield "loss-gradient-mismatch", "x", value


def _sigmoid_cross_entropy(e: Evidence) -> Iterator[Named]:
    x, d = e.arrays["x"], e.arrays["target"]
    if x.shape != d.shape:
        return
    p = sigmoid(x)
    n, c = x.shape
    for share in (1.0, 1 / n, 1 / (n * c)):
        yield "label-term-missing", "x", p * share
        yield "sigmoid-twice", "x", (sigmoid(p) - d) * share
        yield "loss-gradient-mismatch", "x", (softmax(x) - d) * share
        yield "loss-gradient-mismatch", "x", (p - d) * p * (1 - p) * share


LOSSES = {
    "SoftmaxCrossEntropy": _cross_entropy,
    "SquaredError": _squared_error,
    "SigmoidCrossEntropy": _sigmoid_cross_entropy,
}
