"""How to call a program again: the words that a shell takes, as they were typed this time."""

import os
import shlex
import shutil
import sys
from pathlib import Path

SCRIPTS = {"train": ("train.py",), "predict": ("train.py", "predict"), "draw": ("draw.py",)}
"""The programs that a checkout can start without being installed."""


def command(program: str, *words: object) -> str:
    """A line for a shell that starts `program` with these words, from the folder of now.

    It is `mlp` where that is what was called, else `python -m mlp` or `python scripts/...py`.
    """
    file = Path(sys.argv[0])
    if file.name == "__main__.py":
        start = [_python(), *(["-P"] if sys.flags.safe_path else []), "-m", "mlp", program]
    elif file.suffix == ".py" and file.name in {words[0] for words in SCRIPTS.values()}:
        name, *more = SCRIPTS[program]
        start = [_python(), str(file.with_name(name)), *more]
    else:
        found = shutil.which("mlp")
        same = found is None or os.path.abspath(found) == os.path.abspath(file)
        start = ["mlp" if same else str(file), program]
    return shlex.join([*start, *map(str, words)])


def _python() -> str:
    """What starts this Python: a name on the path if it does, else the whole path."""
    for name in ("python", "python3"):
        found = shutil.which(name)
        if found is not None and os.path.abspath(found) == sys.executable:
            return name
    return sys.executable
