"""Checks of single numbers that a caller gives: each kind of number is checked here, once."""

import math
import operator
from typing import Any


def checked_rate(value: Any, name: str = "learning_rate", who: str = "SGD") -> float:
    """value as a Python float (a NumPy float64 would turn float32 arrays into float64).

    Raises TypeError for what is no number, ValueError if it is negative or not finite.
    """
    if isinstance(value, bool | str):
        raise TypeError(f"{who}: expected {name} to be a number, got {value!r}")
    try:
        number = float(value)
    except TypeError:
        raise TypeError(f"{who}: expected {name} to be a number, got {value!r}") from None
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{who}: expected {name} to be a finite number from 0 up, got {value!r}")
    return number


def checked_whole(value: Any, name: str, who: str, least: int = 1) -> int:
    """value as a Python int; ValueError if it is no whole number from `least` up."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        bound = "above 0" if least == 1 else f"from {least} up"
        raise ValueError(f"{who}: expected {name} to be a whole number {bound}, got {value!r}")
    return number
