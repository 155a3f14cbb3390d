"""One forward and one backward pass of a student's layer on given numbers."""

import contextlib
import math
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlp.checking.students.adapters import Subject

Arrays = dict[str, np.ndarray]
LEAST = 1e-3
"""Arrays whose largest entry is below this are compared as if it were this."""
PACKAGE = Path(__file__).resolve().parents[2].as_posix() + "/"


class Broken(Exception):
    """The student's code raised. `stage` is "constructor", "forward" or "backward"."""

    def __init__(self, stage: str, cause: BaseException) -> None:
        super().__init__(f"{stage} raised {describe(cause)}")
        self.stage, self.cause = stage, cause


class NothingToCheck(Exception):
    """The student's code is a blank: it raised NotImplementedError."""


class WrongOutput(Exception):
    """The student's code returned something that is no array of numbers."""


def describe(error: BaseException) -> str:
    """Type and text of an exception, and the student's line that raised it."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_students(f.filename)]
    where = f" at line {frames[-1].lineno}: {frames[-1].line}" if frames else ""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}{': ' + text if text else ''}{where}"


def _is_students(filename: str) -> bool:
    path = filename.replace("\\", "/")
    return not any(part in path for part in (PACKAGE, "/site-packages/", "<frozen", "/lib/"))


@contextlib.contextmanager
def guarded(stage: str) -> Iterator[None]:
    """Run student's code: NumPy's defaults, warnings off, exceptions as Broken."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            yield
        except NotImplementedError as error:
            raise NothingToCheck(f"{stage} is still blank") from error
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            raise Broken(stage, error) from error


@dataclass
class Trial:
    """What went in and what came out."""

    arrays: Arrays
    """Inputs ("x", "y"), parameters and, for a loss, "target"."""
    upstream: np.ndarray
    y: np.ndarray
    gradients: dict[str, Any] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.arrays["x"])


def forward(subject: Subject, arrays: Arrays) -> np.ndarray:
    """The output for copies of the arrays, as an array of floats."""
    for name in subject.parameters:
        subject.set(name, arrays[name])
    with guarded("forward"):
        raw = subject.forward(*(arrays[name].copy() for name in subject.inputs))
        y = np.asarray(raw)
    if raw is None:
        raise WrongOutput("forward returned None")
    if y.dtype.kind not in "biuf":
        raise WrongOutput(f"forward returned {type(raw).__name__}, expected an array of numbers")
    return y.copy()


def backward(subject: Subject, upstream: np.ndarray | None) -> dict[str, Any]:
    """Copies of the gradients for a copy of the upstream (None for a loss)."""
    with guarded("backward"):
        found = subject.backward(*(() if upstream is None else (upstream.copy(),)))
        return {name: as_gradient(value) for name, value in found.items()}


def as_gradient(value: Any) -> np.ndarray | None:
    """A gradient as an array of its own; None for what holds no numbers."""
    if value is None:
        return None
    array = np.array(value)
    return array if array.dtype.kind in "biufc" else None


def run(
    subject: Subject, arrays: Arrays, upstream: np.ndarray | None, rng: np.random.Generator
) -> Trial:
    """Forward and backward, with a random normal upstream unless one is given; 1 for a loss."""
    y = forward(subject, arrays)
    is_loss = "target" in subject.inputs
    if is_loss:
        upstream = np.ones(y.shape)
    elif upstream is None:
        upstream = rng.standard_normal(y.shape)
    grads = backward(subject, None if is_loss else upstream)
    return Trial(arrays, upstream, y, grads)


def close(a: Any, b: Any, tolerance: float = 1e-8) -> bool:
    """Equal shapes, and equal numbers relative to the largest; NaN equals nothing."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    if not a.size:
        return True
    a, b = (v.astype(float) if v.dtype.kind == "b" else v for v in (a, b))  # True - True raises
    with np.errstate(all="ignore"):
        scale = max(float(np.max(abs(b))), LEAST)
        return bool(np.all(abs(a - b) <= tolerance * scale))


def fitted(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """found in the shape of truth, if that adds or removes axes of length 1 and does no harm.

    An update `b -= rate * db` must not turn b into a matrix.
    """
    if found.shape == truth.shape or np.squeeze(found).shape != np.squeeze(truth).shape:
        return found
    try:
        harmless = math.prod(np.broadcast_shapes(found.shape, truth.shape)) == truth.size
    except ValueError:
        return found
    return found.reshape(truth.shape) if harmless else found
