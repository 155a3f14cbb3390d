"""Pictures of wrong gradients."""

from pathlib import Path

from mlp.checking.report import Outcome
from mlp.seeing.differences import gradient_difference


def draw(outcome: Outcome, folder: Path) -> list[Path]:
    """A heat map of each wrong array (and of the Jacobian, for dx), as FILE-LAYER-ARRAY.png."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = Path(outcome.file or "built-in").stem
    drawn = []
    for report in outcome.reports:
        for name, (found, right) in report.pictures.items():
            path = folder / f"{stem}-{report.name}-{name}.png"
            gradient_difference(found, right, f"{report.name}: {name}", path=path)
            drawn.append(path)
    return drawn
