"""Name a wrong output: the forward pass is judged before any gradient."""

from collections.abc import Iterator

import numpy as np

from mlp.checking.diagnosis.evidence import Arrays, is_truncated, same, sigmoid, softmax


def wrong_output(kind: str | None, arrays: Arrays, y: np.ndarray, truth: np.ndarray) -> str:
    """Name a wrong output: the specific mistake that reproduces it, or "forward-wrong"."""
    if y.shape != truth.shape:
        return "pool-global-max" if _is_global_pool(kind, arrays, y) else "wrong-shape"
    with np.errstate(all="ignore"):
        for identity, value in _wrong_outputs(kind, arrays, truth):
            if same(y, value):
                return identity
    if y.size > 1 and is_truncated(y, truth):
        return "integer-dtype"
    if kind == "Softmax" and (
        same(y.sum(axis=0), np.ones(y.shape[1])) or same(y.sum(), np.ones(()))
    ):
        return "softmax-wrong-axis"
    return "forward-wrong"


def _is_global_pool(kind: str | None, arrays: Arrays, y: np.ndarray) -> bool:
    return (
        kind == "MaxPool"
        and bool(y.size)
        and bool(np.all(np.isin(y, arrays["x"])))
        and (len(np.unique(y)) <= len(arrays["x"]) and y.size > len(np.unique(y)))
    )


def _wrong_outputs(
    kind: str | None, arrays: Arrays, truth: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    x = arrays["x"]
    if kind == "Softmax":
        yield "double-softmax", softmax(softmax(x))
        yield "softmax-wrong-axis", softmax(x, axis=0)
        yield "softmax-wrong-axis", softmax(x, axis=None)
    if kind == "ReLU":
        yield "mask-inverted", np.minimum(x, 0)
    if kind == "Sigmoid":
        yield "sigmoid-twice", sigmoid(sigmoid(x))
    if kind == "MaxPool" and x.ndim == 2:
        yield "pool-global-max", np.broadcast_to(x.max(axis=1, keepdims=True), truth.shape)
        yield "pool-global-max", np.full(truth.shape, x.max())
    if kind == "SoftmaxCrossEntropy":
        yield from _wrong_cross_entropies(arrays, truth)
    if kind is not None and "target" in arrays:
        yield "batch-mean-extra", truth / len(x) ** 2


def _wrong_cross_entropies(arrays: Arrays, truth: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    x, target = arrays["x"], arrays["target"]
    labels = target if target.ndim == 1 else target.argmax(axis=1)
    rows = np.arange(len(x))
    n, c = x.shape
    p = softmax(x)
    wrong = {
        "double-softmax": [softmax(p)],
        "softmax-wrong-axis": [softmax(x, axis=0), softmax(x, axis=None)],
    }
    for share in (1.0, 1 / n, 1 / (n * c)):
        for identity, probabilities in wrong.items():
            for q in probabilities:
                yield identity, -np.log(q[rows, labels]).sum() * share
        yield "label-column-index", -np.log(p[:, labels]).sum() * share
        yield "label-column-index", -np.log(p[:, labels]).sum() / n * share
        yield "sign", np.log(p[rows, labels]).sum() * share
