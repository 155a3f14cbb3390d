"""Files of many layers, each checked in one sandbox."""

from pathlib import Path

from mlp.checking.report import Report
from mlp.checking.students.sandbox import Limits, check_file


def checked_files(folder: Path, files: dict[str, str]) -> dict[str, dict[str, Report]]:
    """Write the files and check them: the reports by the names of file and layer."""
    found = {}
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.write_text(text)
        outcome = check_file(path, limits=Limits(seconds=300))
        if outcome.error is not None:
            raise AssertionError(f"{name}: {outcome.error}")
        found[name] = {r.name: r for r in outcome.reports}
    return found
