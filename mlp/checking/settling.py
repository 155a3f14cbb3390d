"""What an oracle has found about an array, and a closer look where backward differs from it."""

from typing import NamedTuple, Self

import numpy as np

from mlp.checking.kinks import Kink
from mlp.checking.oracles import Function, NumericalGradient, one_sided

FUTILE = 64
"""Wrong coordinates after which no more kinks are looked for."""


class Found(NamedTuple):
    """The reference of one array, at flat coordinates, and the kinks its flow came through."""

    reference: NumericalGradient
    coordinates: np.ndarray
    kinks: tuple[Kink, ...]

    def part(self, keep: np.ndarray) -> Self:
        """The coordinates that a mask or positions choose."""
        bent = self.reference.bent
        reference = self.reference._replace(
            gradient=self.reference.gradient[keep],
            tolerance=self.reference.tolerance[keep],
            terms=self.reference.terms[keep],
            bent=None if bent is None else bent[keep],
        )
        return self._replace(reference=reference, coordinates=self.coordinates[keep])


def settled(
    found: Found,
    f: Function,
    x: np.ndarray,
    upstream: np.ndarray,
    own: np.ndarray,
    slack: float = 0.0,
    place: str = "",
    who: object = None,
) -> Found:
    """Look closer where backward (`own`) is off the reference: a kink may lie near x, or at it.

    Coordinates at a kink at which backward is right are left out, and a Kink of `who` at `place`
    says so; `slack` is the uncertainty of upstream. After FUTILE coordinates at which backward is
    wrong, the rest is left as it is.
    """
    reference, futile = found.reference, 0
    own = own.ravel()[found.coordinates]
    off = ~(abs(own - reference.gradient) <= reference.tolerance)
    at_kink = np.zeros(len(own), bool)
    for k in np.flatnonzero(off if reference.bent is None else off | reference.bent):
        low, high, kink = one_sided(f, x, upstream, found.coordinates[k])
        inside = low - slack <= own[k] <= high + slack
        at_kink[k] = kink and inside
        if kink or reference.bent is not None:  # if smooth, the complex step is by far the better
            reference.gradient[k] = own[k] if inside else (low + high) / 2
            reference.tolerance[k] = (high - low) / 2 + slack
        futile += not inside
        if futile == FUTILE:
            break
    if not at_kink.any():
        return found
    text = "backward lies between the slopes of the two sides"
    here = Kink(place, type(who).__name__, int(at_kink.sum()), len(own), text, True)
    return found.part(~at_kink)._replace(kinks=(*found.kinks, here))
