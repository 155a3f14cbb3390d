"""What a submission may not do besides computing: start or end processes, write elsewhere.

The interpreter itself reports these to an audit hook, which nothing can remove. Code that calls
the operating system past Python (by ctypes, or in C) is not held: for that one needs a container.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

PROCESSES = {
    "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system", "os.startfile", "os.kill",
    "os.killpg", "subprocess.Popen", "pty.spawn", "signal.pthread_kill",
}  # fmt: skip
CHANGES = {
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate",
    "os.chmod", "os.chown", "os.utime", "shutil.rmtree", "shutil.move",
}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def guard(folder: Path) -> None:
    """From now on, PermissionError for processes, and for changes outside of `folder`."""
    inside = Path(os.path.realpath(folder))
    tempfile.tempdir = str(inside)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in PROCESSES:
            raise PermissionError(f"a submission may not start or end processes ({event})")
        if event == "open":
            touched = arguments[:1] if (arguments[2] or 0) & WRITING else ()
        else:
            touched = arguments[:2] if event in CHANGES else ()
        if any(_is_outside(path, inside) for path in touched):
            raise PermissionError(f"a submission may not write outside of its folder ({event})")

    sys.addaudithook(hook)


def _is_outside(path: Any, inside: Path) -> bool:
    if not isinstance(path, str | bytes | os.PathLike) or os.fsdecode(path) == os.devnull:
        return False
    return not Path(os.path.realpath(os.fsdecode(path))).is_relative_to(inside)
