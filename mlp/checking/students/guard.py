"""What a submission may not do besides computing: start or end processes, write elsewhere, take
the answers from us.

The interpreter itself reports these to an audit hook, which nothing can remove. Code that calls
the operating system past Python (by ctypes, or in C) is not held: for that one needs a container.
Our own package, which this process consists of, is hidden: `import mlp` gives a module that holds
nothing but an empty base class `Layer`, and the files cannot be read.
"""

import importlib.abc
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

PROCESSES = {
    "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system", "os.startfile", "os.kill",
    "os.killpg", "subprocess.Popen", "pty.spawn", "signal.pthread_kill",
}  # fmt: skip
CHANGES = {
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate",
    "os.chmod", "os.chown", "os.utime", "shutil.rmtree", "shutil.move",
}  # fmt: skip
LOOKING = {"gc.get_objects", "gc.get_referrers", "gc.get_referents", "sys._current_frames"}
REFUSAL = "a submission may not"
"""How all that is refused begins."""
OURS = Path(__file__).resolve().parents[2]
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def guard(folder: Path) -> None:
    """From now on, PermissionError for processes, and for changes outside of `folder`.

    All of our modules that this process needs have to be loaded before.
    """
    inside = Path(os.path.realpath(folder))
    tempfile.tempdir = str(inside)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in PROCESSES:
            raise PermissionError(f"{REFUSAL} start or end processes ({event})")
        if event in LOOKING:
            raise PermissionError(f"{REFUSAL} look into the interpreter ({event})")
        if event == "open" and _is_in(OURS, arguments[0]):
            raise PermissionError(f"{REFUSAL} read mlp: write your own")
        if event == "open":
            touched = arguments[:1] if arguments[2] & WRITING else ()
        else:
            touched = arguments[:2] if event in CHANGES else ()
        if any(_is_in(inside, path) is False for path in touched):
            raise PermissionError(f"{REFUSAL} write outside of its folder ({event})")

    sys.addaudithook(hook)
    for name in [n for n in sys.modules if n.partition(".")[0] == OURS.name]:
        del sys.modules[name]
    sys.meta_path.insert(0, Hidden())


class Hidden(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds an empty module in the place of each of ours."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for our names, None for all others."""
        ours = fullname.partition(".")[0] == OURS.name
        return ModuleSpec(fullname, self, is_package=True) if ours else None

    def exec_module(self, module: ModuleType) -> None:
        """Fill it with the one thing that a submission may take."""

        def refused(name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            raise ImportError(f"{REFUSAL} use {module.__name__}.{name}: write your own")

        vars(module).update(Layer=type("Layer", (), {}), __getattr__=refused)


def _is_in(folder: Path, path: Any) -> bool | None:
    """Whether a file is in a folder; None for what is no file."""
    if not isinstance(path, str | bytes | os.PathLike) or os.fsdecode(path) == os.devnull:
        return None
    return Path(os.path.realpath(os.fsdecode(path))).is_relative_to(folder)
