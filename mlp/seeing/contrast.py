"""Whether text can be read on a colour: the contrast of WCAG 2, from 1 (none) to 21."""

from collections.abc import Sequence

READABLE = 4.5
"""The contrast that WCAG asks of text, at least."""


def contrast(one: Sequence[float], other: Sequence[float]) -> float:
    """(L + 0.05) / (l + 0.05), L the larger luminance of the two colours (r, g, b), 0 to 1 each."""
    smaller, larger = sorted((_luminance(one), _luminance(other)))
    return (larger + 0.05) / (smaller + 0.05)


def text_colour(background: Sequence[float]) -> str:
    """Black or white, whichever has the more contrast: at least 4.58, whatever is behind it.

    The worst background has the luminance L at which both are the same,
    1.05 / (L + 0.05) = (L + 0.05) / 0.05, where the contrast is the root of 21.
    """
    white = contrast(background, (1, 1, 1)) > contrast(background, (0, 0, 0))
    return "white" if white else "black"


def _luminance(colour: Sequence[float]) -> float:
    """0.2126 R + 0.7152 G + 0.0722 B of the linear intensities of an sRGB colour."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
