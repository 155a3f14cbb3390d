"""Name a mistake from the numbers alone.

Two engines. The bank holds the classic wrong formulas of each layer: they are evaluated on the
inputs, parameters and upstream that the layer was given, and one that reproduces the wrong
gradient names the mistake. Black-box probes (twice the upstream, no upstream, the opposite
upstream) tell how a gradient that is in no bank depends on what comes from above.

A name is claimed only if it explains every wrong array on two independent draws with different
batch sizes; otherwise the verdict is "unknown".
"""

from collections.abc import Iterator

import numpy as np

from mlp.checking.diagnosis.evidence import Evidence, Named, is_truncated, ratio, same
from mlp.checking.diagnosis.layer_bank import LAYERS, any_layer
from mlp.checking.diagnosis.loss_bank import LOSSES, any_loss
from mlp.checking.diagnosis.output_bank import by_output

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
    "extra-axis",
    "log-epsilon",
    "zero-gradient",
    "bias-one-sample",
    "reshaped",
    "times-output",
    "tanh-derivative",
    "norm-paths-missing",
    "dropout-mask-missing",
    "unknown",
)
STYLE = (
    "overflow",
    "upstream-mutated",
    "input-mutated",
    "dtype-changed",
    "extra-axis",
    "log-epsilon",
)
"""Flaws that leave the gradient right: noted, and a failure only where --strict asks for it."""
ROUNDING = 1e-6
"""Two numbers this close are not told apart in six digits: no constant factor."""
GENERAL = ("loss-gradient-mismatch", "wrong-shape", "scale", "unknown")
"""Names that give way to any more specific one that fits as well."""


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
        if is_truncated(found, truth):
            matches.append("integer-dtype")
        if truth.any() and not found.any():
            matches.append("zero-gradient")
        factor = ratio(found, truth)
        if factor is not None and abs(factor - 1) > ROUNDING:
            matches.append("scale")
    elif not matches:
        matches.append("wrong-shape")
    unique = list(dict.fromkeys(matches))
    return sorted(unique, key=lambda i: i in GENERAL)


def bank(e: Evidence) -> Iterator[Named]:
    """The wrong gradients that are known for this kind of layer, then those of any layer."""
    special = LAYERS | LOSSES
    if "x" not in e.truth:  # indices, or data: only gradients of parameters are judged
        return
    with np.errstate(all="ignore"):
        if e.kind in special:
            yield from special[e.kind](e)
        if "target" in e.arrays:
            yield from any_loss(e)
            return
        yield from any_layer(e)
        if e.kind not in special:
            yield from by_output(e)


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
    if once is None or twice is None or opposite is None:
        return []
    if any(g.shape != e.found[array].shape for g in (once, twice, opposite)):
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
