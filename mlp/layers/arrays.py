"""Checks of arrays: what comes in becomes an array of numbers, or one clear error."""

from typing import Any

import numpy as np

REAL = {np.dtype(np.float32), np.dtype(np.float64)}


def is_plain(value: Any) -> bool:
    """Whether every layer takes it as it is: float32 or float64, its rows contiguous."""
    return type(value) is np.ndarray and value.dtype in REAL and value.flags.c_contiguous


def as_numbers(value: Any, who: object, dtype: Any = None, name: str = "") -> np.ndarray:
    """value as an array of `dtype` (complex of that precision, if value is complex).

    Without a dtype, floats and complex numbers keep theirs, integers become float64, and float16
    (whose sums overflow at 65,504) float32. The rows are made contiguous: the order of NumPy's
    sums, and so their rounding, depends on it.
    Raises TypeError, naming `who` and the value's `name`, for what is no array of numbers.
    """
    if is_plain(value) and (dtype is None or value.dtype == dtype):
        return value
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise _no_numbers(who, name, "a ragged list") from error
    if array.dtype.kind not in "biufc":
        raise _no_numbers(who, name, f"{type(value).__name__} of dtype {array.dtype}")
    if isinstance(value, np.ma.MaskedArray):
        raise _no_numbers(who, name, "a masked array; use .filled(value)")
    if dtype is None:
        dtype = array.dtype.newbyteorder("=") if array.dtype.kind in "fc" else np.float64
        dtype = np.float32 if dtype == np.float16 else dtype
    elif array.dtype.kind == "c":
        dtype = np.result_type(dtype, np.complex64)
    return array.astype(dtype, order="C", copy=False)


def _no_numbers(who: object, name: str, got: str) -> TypeError:
    who = who.short_name() if hasattr(who, "short_name") else who
    expected = f"{name} to be an array" if name else "an array"
    return TypeError(f"{who}: expected {expected} of numbers, got {got}")


def remedy_for_rows(shape: tuple[int, ...]) -> str:
    """What to do with x of this shape where (N, D) is expected."""
    if len(shape) == 1:
        return "; for one sample use x[None, :]"
    return "; add Flatten() before it" if len(shape) > 2 else ""


def floating_dtype(dtype: Any, who: str) -> np.dtype:
    """dtype as a NumPy float or complex dtype of at least 32 bits; TypeError for others."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "fc" or dtype == np.float16:
        raise TypeError(f"{who}: expected dtype float32 or float64 (or complex), got {dtype}")
    return dtype.newbyteorder("=")
