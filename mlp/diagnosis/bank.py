"""Name a mistake from the numbers alone.

Two engines. The bank holds the classic wrong formulas of each layer: they are evaluated on the
inputs, parameters and upstream that the layer was given, and one that reproduces the wrong
gradient names the mistake. Black-box probes (twice the upstream, no upstream, the opposite
upstream) tell how a gradient that is in no bank depends on what comes from above.

A name is claimed only if it explains every wrong array on two independent draws with different
batch sizes; otherwise the verdict is "unknown".
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Named = tuple[str, str, np.ndarray]
"""(id, name of the array, what the mistake would give)."""

IDS = (
    "upstream-ignored",
    "upstream-squared",
    "sign",
    "scale",
    "batch-mean-missing",
    "batch-mean-extra",
    "class-mean-extra",
    "transposed",
    "bias-not-summed",
    "bias-wrong-axis",
    "bias-mean",
    "mask-missing",
    "mask-inverted",
    "mask-from-upstream",
    "sigmoid-of-input",
    "sigmoid-twice",
    "softmax-diagonal-only",
    "softmax-cross-sign",
    "softmax-wrong-axis",
    "double-softmax",
    "label-column-index",
    "label-term-missing",
    "loss-gradient-mismatch",
    "factors-swapped",
    "shared-input-not-summed",
    "overlap-overwritten",
    "pool-global-max",
    "tie-all",
    "accumulates",
    "upstream-mutated",
    "input-mutated",
    "stale-cache",
    "updated-weights",
    "integer-dtype",
    "dtype-changed",
    "not-deterministic",
    "forward-wrong",
    "wrong-shape",
    "overflow",
    "unknown",
)
GENERAL = ("loss-gradient-mismatch", "wrong-shape", "scale", "unknown")
"""Names that give way to any more specific one that fits as well."""


@dataclass
class Evidence:
    """One backward pass that went wrong, beside what it should have given."""

    kind: str | None
    arrays: Arrays
    upstream: np.ndarray
    y: np.ndarray
    found: dict[str, Any]
    """The student's gradients."""
    truth: Arrays
    wrong: list[str]
    """Names of the arrays whose gradients are wrong."""
    right: Callable[[np.ndarray], Arrays]
    """The right gradients for another upstream."""
    probe: Callable[[np.ndarray], dict[str, Any]]
    """The student's gradients for another upstream."""
    wiring: Any = None
    """Multiply: pairs (M, 2). MaxPool: windows (outputs, cells), flat positions."""

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.arrays["x"])

    @property
    def columns(self) -> int:
        """Outputs of the layer, or classes of the loss."""
        return self.y.shape[-1] if self.y.ndim else self.arrays["x"].shape[-1]


def name(pieces: list[Evidence]) -> tuple[str, list[str]]:
    """The id that explains all draws, and further ids for arrays that it does not explain."""
    per_array = {a: _names_of(a, pieces) for a in pieces[0].wrong}
    common = _in_all(list(per_array.values()))
    if common:
        return common[0], []
    firsts = [names[0] if names else "unknown" for names in per_array.values()]
    firsts = list(dict.fromkeys(firsts))
    firsts.sort(key=lambda i: (i in GENERAL, i == "unknown"))
    return firsts[0], [i for i in firsts[1:] if i != "unknown"]


def _names_of(array: str, pieces: list[Evidence]) -> list[str]:
    return _in_all([_matching(array, piece) for piece in pieces])


def _in_all(lists: list[list[str]]) -> list[str]:
    return [i for i in lists[0] if all(i in other for other in lists[1:])]


def _matching(array: str, e: Evidence) -> list[str]:
    """Ids that reproduce the wrong gradient of one array, specific ones first."""
    found = e.found.get(array)
    if found is None:
        return []
    matches = [i for i, a, value in bank(e) if a == array and same(found, value)]
    matches += probes(array, e)
    truth = e.truth[array]
    if found.shape == truth.shape:
        if _is_truncated(found, truth):
            matches.append("integer-dtype")
        if ratio(found, truth) is not None:
            matches.append("scale")
    elif not matches:
        matches.append("wrong-shape")
    unique = list(dict.fromkeys(matches))
    return sorted(unique, key=lambda i: i in GENERAL)


def same(found: np.ndarray, value: np.ndarray) -> bool:
    """Equal to rounding (of float32 at worst), and not all 0; shapes up to axes of length 1."""
    value = np.asarray(value)
    if found.shape != value.shape and np.squeeze(found).shape != np.squeeze(value).shape:
        return False
    if not value.size or not np.isfinite(value).all():
        return False
    scale = float(np.max(abs(value)))
    return scale > 0 and bool(np.all(abs(np.squeeze(found) - np.squeeze(value)) <= 2e-6 * scale))


def ratio(found: np.ndarray, truth: np.ndarray) -> float | None:
    """k if found = k truth with one k, else None."""
    size = float((truth**2).sum())
    if not size or not np.isfinite(found).all():
        return None
    k = float((found * truth).sum() / size)
    return k if k and same(found, k * truth) else None


def _is_truncated(found: np.ndarray, truth: np.ndarray) -> bool:
    whole = found.dtype.kind in "iu" or bool(np.all(found == np.trunc(found)))
    return whole and bool(np.all(abs(found - truth) < 1)) and bool(np.any(truth != np.trunc(truth)))


def bank(e: Evidence) -> Iterator[Named]:
    """The wrong gradients that are known for this kind of layer, then those of any layer."""
    special = {
        "Affine": _affine,
        "ReLU": _relu,
        "Sigmoid": _sigmoid,
        "Softmax": _softmax,
        "Multiply": _multiply,
        "MaxPool": _maxpool,
        "SoftmaxCrossEntropy": _cross_entropy,
        "SquaredError": _squared_error,
        "SigmoidCrossEntropy": _sigmoid_cross_entropy,
    }
    with np.errstate(all="ignore"):
        if e.kind in special:
            yield from special[e.kind](e)
        yield from _any_loss(e) if "target" in e.arrays else _any_layer(e)


def _any_layer(e: Evidence) -> Iterator[Named]:
    ones = e.right(np.ones_like(e.upstream))
    squared = e.right(e.upstream**2)
    for a, truth in e.truth.items():
        yield "sign", a, -truth
        yield "batch-mean-extra", a, truth / e.n
        yield "class-mean-extra", a, truth / e.columns
        yield "upstream-ignored", a, ones[a]
        yield "upstream-squared", a, squared[a]
        if truth.ndim == 2:
            yield "transposed", a, truth.T


def _any_loss(e: Evidence) -> Iterator[Named]:
    truth = e.truth["x"]
    yield "sign", "x", -truth
    yield "batch-mean-missing", "x", truth * e.n
    yield "batch-mean-missing", "x", truth * e.n * e.columns
    yield "batch-mean-extra", "x", truth / e.n
    yield "class-mean-extra", "x", truth / e.columns
    yield "transposed", "x", truth.T


def _affine(e: Evidence) -> Iterator[Named]:
    x, u = e.arrays["x"], e.upstream
    if "b" in e.truth:
        yield "bias-not-summed", "b", u
        yield "bias-mean", "b", u.mean(axis=0)
        yield "bias-wrong-axis", "b", u.sum(axis=1)
        yield "bias-wrong-axis", "b", u.mean(axis=1)
        yield "bias-wrong-axis", "b", u.sum()
    if "W" in e.truth:
        W = e.arrays["W"]
        yield from _products("x", [(u, W), (u, W.T), (W, u), (W.T, u)])
        yield from _products("W", [(x, u), (u, x), (x.T, u), (u.T, x), (x, u.T), (u, x.T)])


def _products(array: str, factors: list[tuple[np.ndarray, np.ndarray]]) -> Iterator[Named]:
    """Products with a transpose missing or too many, where the shapes allow them."""
    for a, b in factors:
        if a.shape[1] == b.shape[0]:
            yield "transposed", array, a @ b
            yield "transposed", array, (a @ b).T


def _relu(e: Evidence) -> Iterator[Named]:
    x, u = e.arrays["x"], e.upstream
    yield "mask-missing", "x", u
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


def _softmax(e: Evidence) -> Iterator[Named]:
    u, y = e.upstream, e.y
    uy = u * y
    yield "softmax-diagonal-only", "x", uy * (1 - y)
    yield "softmax-diagonal-only", "x", y * (1 - y)
    yield "softmax-cross-sign", "x", y * (u + uy.sum(axis=-1, keepdims=True))
    yield "softmax-cross-sign", "x", uy * (1 - y) + y * (uy.sum(-1, keepdims=True) - uy)
    yield "softmax-wrong-axis", "x", y * (u - uy.sum(axis=0, keepdims=True))
    yield "softmax-wrong-axis", "x", y * (u - uy.sum())


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
    np.add.at(swapped, (slice(None), j), u * x[:, j])
    np.add.at(swapped, (slice(None), k), u * x[:, k])
    yield "factors-swapped", "x", swapped
    rows = np.arange(len(x))[:, None]
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
    for r, c in zip(*np.nonzero(abs(flat - wanted) > scale), strict=True):
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


def probes(array: str, e: Evidence) -> list[str]:
    """How the gradient depends on the upstream: it has to be linear in it."""
    if "target" in e.arrays:
        return []
    u = e.upstream
    try:
        once, twice, opposite = (e.probe(v).get(array) for v in (u, 2 * u, -u))
        nothing = e.probe(0 * u).get(array)
    except Exception:  # the student's code may refuse any of them
        return []
    if any(g is None or g.shape != e.found[array].shape for g in (once, twice, opposite)):
        return []
    if same(twice, once):
        return ["upstream-ignored"] if same(opposite, once) else []
    if same(twice, 4 * once) and same(opposite, once):
        return ["upstream-squared"]
    if same(twice, 2 * once) and not same(opposite, -once) and e.kind in (None, "ReLU"):
        return ["mask-from-upstream"]
    if e.kind == "Softmax" and nothing is not None and _leaks(array, e):
        return ["softmax-wrong-axis"]
    return []


def _leaks(array: str, e: Evidence) -> bool:
    """Whether the upstream of the last sample reaches another sample."""
    changed = e.upstream.copy()
    changed[-1] *= 3
    before, after = e.found[array], e.probe(changed).get(array)
    return after is not None and not np.array_equal(before[:-1], after[:-1])


def softmax(x: np.ndarray, axis: int | None = 1) -> np.ndarray:
    """exp(x) / sum exp(x) along an axis, for the moderate numbers of a check."""
    e = np.exp(x - x.max())
    return e / e.sum(axis=axis, keepdims=axis is not None)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), for the moderate numbers of a check."""
    return 1 / (1 + np.exp(-x))


def wrong_output(kind: str | None, arrays: Arrays, y: np.ndarray, truth: np.ndarray) -> str:
    """Name a wrong output: the specific mistake that reproduces it, or "forward-wrong"."""
    if y.shape != truth.shape:
        return "pool-global-max" if _is_global_pool(kind, arrays, y) else "wrong-shape"
    with np.errstate(all="ignore"):
        for identity, value in _wrong_outputs(kind, arrays, truth):
            if same(y, value):
                return identity
    if y.size > 1 and _is_truncated(y, truth):
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
