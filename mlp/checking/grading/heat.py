"""Heat maps of wrong gradients as text that a page can hold: no page needs a second file."""

import base64
import tempfile
from pathlib import Path

from mlp.checking.report import Report
from mlp.seeing.plots import gradient_difference

MOST = 2
"""Pictures of one task."""


def heat_maps(report: Report) -> dict[str, str]:
    """A data: address for each wrong array, those of the gradients first."""
    maps = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.png"
        for name, (found, right) in list(report.pictures.items())[:MOST]:
            gradient_difference(path, found, right, f"{report.name}: {name}")
            maps[name] = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    return maps
