"""Layers whose forward pass is another function each time it is called, as dropout's."""

import numpy as np

from mlp.checking.walking import Flow, one_line, walk
from mlp.layers import Layer

REPEATS = 4
"""Forward passes that must all give the same output."""
SAME = 2.0**-40
"""Two forward passes on the same numbers agree to this part of the largest output."""
REASON = (
    "is random: two forward passes on the same x differ, so that there is no derivative to compare "
    "with; fix its seed, keep its mask, or check it as it is used for evaluation"
)


def random_layers(net: Layer, x: np.ndarray) -> list[str]:
    """A note on each layer of net that is random, at the input that it gets for x."""
    if not _varies(net, x):
        return []
    notes: list[str] = []

    def through(layer: Layer, x: np.ndarray, flow: Flow, place: str) -> Flow:
        if place and _varies(layer, x):
            notes.append(f"layer {place[:-1]} {one_line(layer)} {REASON}")
        return Flow(np.zeros_like(x))

    walk(net, x, Flow(np.zeros_like(net.forward(x))), through)
    return notes or [f"{one_line(net)} {REASON}"]


def _varies(layer: Layer, x: np.ndarray) -> bool:
    first = np.array(layer.forward(x))
    slack = SAME * abs(first).max(initial=0.0)
    again = (np.asarray(layer.forward(x)) for _ in range(REPEATS - 1))
    return any(y.shape != first.shape or (abs(y - first) > slack).any() for y in again)
