"""The classic wrong gradients of layers, evaluated on the numbers that the layer was given."""

from collections.abc import Iterator

import numpy as np

from mlp.checking.diagnosis.evidence import Evidence, Named, ratio, same, sigmoid


def any_layer(e: Evidence) -> Iterator[Named]:
    """Mistakes that every layer can make."""
    ones = e.right(np.ones_like(e.upstream))
    squared = e.right(e.upstream**2)
    times = e.right(e.upstream * e.y)
    for a, truth in e.truth.items():
        yield "sign", a, -truth
        yield "batch-mean-extra", a, truth / e.n
        yield "class-mean-extra", a, truth / e.columns
        yield "upstream-ignored", a, ones[a]
        yield "upstream-squared", a, squared[a]
        yield "times-output", a, times[a]
        if truth.ndim == 2:
            yield "transposed", a, truth.T
            yield "reshaped", a, truth.T.reshape(truth.shape)
    yield from _biases(e)


def _biases(e: Evidence) -> Iterator[Named]:
    """Parameters whose gradient is the sum of the upstream over the samples."""
    u = e.upstream
    for a, truth in e.truth.items():
        if a != "x" and same(u.sum(axis=0), truth):
            yield "bias-not-summed", a, u
            yield "bias-wrong-axis", a, u.sum()
            yield "bias-wrong-axis", a, np.full(truth.shape, u.sum())
            yield "bias-one-sample", a, u[0]
            yield "bias-one-sample", a, u[-1]


def _affine(e: Evidence) -> Iterator[Named]:
    x, u = e.arrays["x"], e.upstream
    if "b" in e.truth:
        yield "bias-not-summed", "b", u.T
        yield "bias-mean", "b", u.mean(axis=0)
        yield "bias-wrong-axis", "b", u.sum(axis=1)
        yield "bias-wrong-axis", "b", u.mean(axis=1)
    if "W" in e.truth:
        W = e.arrays["W"]
        yield from _updated(e)
        yield from _reshaped("x", u, W.T)
        yield from _reshaped("x", u, W)
        yield from _reshaped("W", x.T, u)
        yield from _reshaped("W", u.T, x)
        yield from _products("x", [(u, W), (u, W.T), (W, u), (W.T, u)])
        yield from _products("W", [(x, u), (u, x), (x.T, u), (u.T, x), (x, u.T), (u, x.T)])


def _updated(e: Evidence) -> Iterator[Named]:
    """dL/dx with weights from which some multiple of dL/dW has been subtracted already."""
    u, dW, right, found = e.upstream, e.truth["W"], e.truth.get("x"), e.found.get("x")
    for step in (u @ dW.T if dW.shape[1] == u.shape[1] else None,
                 u @ dW if dW.shape[0] == u.shape[1] else None):  # fmt: skip
        if step is None or right is None or found is None:
            continue
        if step.shape == right.shape == found.shape:
            rate = ratio(found - right, step)
            if rate is not None and rate < 0:
                yield "updated-weights", "x", found


def _reshaped(array: str, a: np.ndarray, b: np.ndarray) -> Iterator[Named]:
    """a b where a factor has been reshaped from its transpose; if square, that is no transpose."""
    if a.shape[1] != b.shape[0]:
        return
    if a.shape[0] != a.shape[1]:
        yield "reshaped", array, a.T.reshape(a.shape) @ b
    if b.shape[0] != b.shape[1]:
        yield "reshaped", array, a @ b.T.reshape(b.shape)


def _products(array: str, factors: list[tuple[np.ndarray, np.ndarray]]) -> Iterator[Named]:
    """Products with a transpose missing or too many, where the shapes allow them."""
    for a, b in factors:
        if a.shape[1] == b.shape[0]:
            yield "transposed", array, a @ b
            yield "transposed", array, (a @ b).T


def _relu(e: Evidence) -> Iterator[Named]:
    x, u = e.arrays["x"], e.upstream
    yield "mask-missing", "x", u
    yield "times-output", "x", u * np.maximum(x, 0)
    yield "mask-inverted", "x", u * (x <= 0)
    yield "mask-from-upstream", "x", u * (u > 0)
    yield "mask-from-upstream", "x", u * (u > 0) * (x > 0)
    yield "upstream-ignored", "x", 1.0 * (x > 0)


def _sigmoid(e: Evidence) -> Iterator[Named]:
    x, u, y = e.arrays["x"], e.upstream, e.y
    again = sigmoid(y)
    yield "sigmoid-of-input", "x", u * x * (1 - x)
    yield "sigmoid-of-input", "x", x * (1 - x)
    yield "sigmoid-twice", "x", u * again * (1 - again)
    yield "sigmoid-twice", "x", u * again * (1 - again) * y * (1 - y)
    yield "sigmoid-twice", "x", again * (1 - again)
    yield "mask-missing", "x", u
    yield "times-output", "x", u * y * y * (1 - y)
    yield "times-output", "x", u * y


def _softmax(e: Evidence) -> Iterator[Named]:
    u, y = e.upstream, e.y
    uy = u * y
    yield "softmax-diagonal-only", "x", uy * (1 - y)
    yield "softmax-diagonal-only", "x", y * (1 - y)
    yield "softmax-cross-sign", "x", y * (u + uy.sum(axis=-1, keepdims=True))
    yield "softmax-cross-sign", "x", uy * (1 - y) + y * (uy.sum(-1, keepdims=True) - uy)
    yield "softmax-wrong-axis", "x", y * (u - uy.sum(axis=0, keepdims=True))
    yield "softmax-wrong-axis", "x", y * (u - uy.sum())
    yield "mask-missing", "x", u
    yield "times-output", "x", uy


def _multiply(e: Evidence) -> Iterator[Named]:
    u, x = e.upstream, e.arrays["x"]
    if "y" in e.arrays:
        yield "factors-swapped", "x", u * x
        yield "factors-swapped", "y", u * e.arrays["y"]
        return
    if e.wiring is None:
        return
    j, k = e.wiring.T
    swapped = np.zeros_like(x)
    rows = np.arange(len(x))[:, None]
    np.add.at(swapped, (rows, j), u * x[:, j])
    np.add.at(swapped, (rows, k), u * x[:, k])
    yield "factors-swapped", "x", swapped
    places = np.concatenate([j, k])
    parts = np.concatenate([u * x[:, k], u * x[:, j]], axis=1)
    yield from _lost(
        e, rows, np.broadcast_to(places, parts.shape), parts, "shared-input-not-summed"
    )


def _maxpool(e: Evidence) -> Iterator[Named]:
    if e.wiring is None:
        return
    x, windows = e.arrays["x"], e.wiring
    cells = int(np.prod(x.shape[-_pooled_axes(e) :]))
    flat = x.reshape(-1, cells)
    u = e.upstream.reshape(len(flat), -1)
    winners = windows[np.arange(len(windows)), flat[:, windows].argmax(axis=-1)]
    rows = np.arange(len(flat))[:, None]
    yield from _lost(e, rows, winners, u, "overlap-overwritten")
    yield from _global_max(e, flat, winners)
    yield from _tie_all(e, flat, windows, u)


def _pooled_axes(e: Evidence) -> int:
    """Images keep N (and C) before the pooled axes; the windows tell how many cells there are."""
    axes, size = 0, 1
    while size <= e.wiring.max():
        axes += 1
        size *= e.arrays["x"].shape[-axes]
    return axes


def _lost(
    e: Evidence, rows: np.ndarray, places: np.ndarray, parts: np.ndarray, identity: str
) -> Iterator[Named]:
    """The found gradient itself, if each entry is the sum of some, not all, of its parts."""
    found = e.found.get("x")
    truth = e.truth["x"]
    if found is None or found.shape != truth.shape:
        return
    flat, wanted = found.reshape(len(rows), -1), truth.reshape(len(rows), -1)
    count = np.zeros(flat.shape, int)
    np.add.at(count, (rows, places), 1)
    scale = 1e-6 * float(np.max(abs(truth), initial=1e-300))
    for r, c in np.argwhere(abs(flat - wanted) > scale):
        own = parts[r][places[r] == c]
        if count[r, c] < 2 or not _is_partial_sum(flat[r, c], own, scale):
            return
    yield identity, "x", found


def _is_partial_sum(value: float, parts: np.ndarray, scale: float) -> bool:
    sums = {0.0}
    for part in parts:
        sums |= {s + float(part) for s in sums}
    return any(abs(value - s) <= scale for s in sums if s)


def _global_max(e: Evidence, flat: np.ndarray, winners: np.ndarray) -> Iterator[Named]:
    """The found gradient itself, if only cells at the largest of a row (or all) get any."""
    found = e.found.get("x")
    if found is None or found.shape != e.truth["x"].shape:
        return
    some = found.reshape(flat.shape) != 0
    x = e.arrays["x"]
    by_sample = x.reshape(len(x), -1)
    tops = [
        flat == flat.max(axis=1, keepdims=True),
        flat == flat.max(),
        (by_sample == by_sample.max(axis=1, keepdims=True)).reshape(flat.shape),
        (x == x.max(axis=0, keepdims=True)).reshape(flat.shape),
    ]
    if some.any() and winners.shape[1] > 1 and any((some == top).all() for top in tops):
        yield "pool-global-max", "x", found


def _tie_all(e: Evidence, flat: np.ndarray, windows: np.ndarray, u: np.ndarray) -> Iterator[Named]:
    """Every largest cell of a window gets the whole gradient."""
    dx = np.zeros(flat.shape)
    for j, window in enumerate(windows):
        cells = flat[:, window]
        dx[:, window] += (cells == cells.max(axis=1, keepdims=True)) * u[:, j : j + 1]
    yield "tie-all", "x", dx.reshape(e.truth["x"].shape)


LAYERS = {
    "Affine": _affine,
    "ReLU": _relu,
    "Sigmoid": _sigmoid,
    "Softmax": _softmax,
    "Multiply": _multiply,
    "MaxPool": _maxpool,
}
