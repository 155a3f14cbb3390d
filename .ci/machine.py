"""What this machine can be: its Pythons, and the OpenBLAS kernels that its processor runs."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env")
"""Before a command: the unprivileged user runs it. (setpriv itself still finds what root can read;
env starts the command after that.)"""
OLDEST_PYTHON = (3, 11)
KERNELS = {
    "Haswell": {"avx2", "fma"},
    "SkylakeX": {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"},
    "Sandybridge": {"avx"},
    "Nehalem": {"sse4_2"},
}
"""OpenBLAS's kernels that the matrix runs, and what a processor needs for them.

Forced on another processor they would end the process; a name that OpenBLAS does not know it
ignores, and some names are others (Zen is Haswell).
"""
PRODUCTS = """
import numpy as np, scipy.linalg.blas
for kind in (np.float32, np.float64, np.complex128):
    for n in (1, 3, 8, 17, 64, 257):
        a = (np.arange(n * n) % 7).reshape(n, n).astype(kind)
        assert np.array_equal(a @ a.T, np.einsum("ij,kj->ik", a, a))
"""


def lacking(kernel: str) -> str | None:
    """What the processor lacks for that kernel; None if it has all."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return f"it is for x86-64, this is {platform.machine()}"
    facts = Path("/proc/cpuinfo").read_text()
    flags = re.search(r"^flags\s*:(.*)$", facts, re.MULTILINE)
    missing = KERNELS[kernel] - set(flags[1].split() if flags else [])
    return f"the processor has no {', '.join(sorted(missing))}" if missing else None


def crashes(python: Path, environment: dict[str, str]) -> bool:
    """Whether plain products end the process by a signal, as NumPy 2.5 does with Haswell."""
    done = subprocess.run([python, "-c", PRODUCTS], env=environment, check=False)
    if done.returncode > 0:
        raise subprocess.CalledProcessError(done.returncode, "products of small whole numbers")
    return done.returncode < 0


def pythons() -> dict[str, Path]:
    """The first installed Python of each version from 3.11 on that runs: {"3.12": path}."""
    found = {version_of(Path(sys.executable)): Path(sys.executable)}
    for path in candidates():
        version = version_of(path)
        if version and version not in found and as_numbers(version) >= OLDEST_PYTHON:
            found[version] = path
    return {version: found[version] for version in sorted(found, key=as_numbers)}


def python_for_nobody() -> Path | None:
    """A Python that an unprivileged user can run; one under /root he cannot."""
    for path in candidates():
        version = version_of(path, *NOBODY)
        if version and as_numbers(version) >= OLDEST_PYTHON:
            return path
    return None


def candidates() -> list[Path]:
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    folders += sorted(pyenv.glob("*/bin"))
    names = re.compile(r"python3(\.\d+)?")
    return [
        path
        for folder in folders
        if folder.is_dir() and folder.name != "shims"
        for path in sorted(folder.iterdir())
        if names.fullmatch(path.name)
    ]


def version_of(python: Path, *before: str) -> str:
    """ "3.12", or nothing if it does not run or cannot make virtual environments."""
    code = "import ensurepip, venv, sys; print(*sys.version_info[:2], sep='.')"
    try:
        done = subprocess.run([*before, python, "-c", code], capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
