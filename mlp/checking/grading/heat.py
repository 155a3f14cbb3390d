"""Heat maps of wrong gradients as text that a page can hold: no page needs a second file."""

import base64
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from mlp.checking.report import Report
from mlp.seeing.differences import gradient_difference

MOST = 2
"""Pictures of one task."""
JACOBIAN = "Jacobian"
DIGITS = 9
"""What differs less looks alike."""


def heat_maps(report: Report) -> dict[str, str]:
    """A data: address for each wrong array; the Jacobian only where there is nothing else."""
    pictures = report.pictures
    names = [name for name in pictures if name != JACOBIAN] or [*pictures]
    return {name: _drawn(f"{report.name}: {name}", *pictures[name]) for name in names[:MOST]}


def _drawn(title: str, found: np.ndarray, right: np.ndarray) -> str:
    plain = [np.round(np.asarray(array, float), DIGITS) + 0.0 for array in (found, right)]
    return _picture(title, *((array.shape, array.tobytes()) for array in plain))


@cache
def _picture(
    title: str, found: tuple[tuple[int, ...], bytes], right: tuple[tuple[int, ...], bytes]
) -> str:
    """The same mistake gives the same numbers: for all who made it there is one drawing."""
    yours, reference = (np.frombuffer(data).reshape(shape) for shape, data in (found, right))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.png"
        gradient_difference(yours, reference, title, path=path)
        return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
