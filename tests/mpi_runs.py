"""Programs on several ranks of MPI, started by mpiexec as a user starts them."""

import importlib.util
import shutil
import subprocess
import sys
import time
from pathlib import Path

from programs import ENVIRONMENT, Started

BESIDE_PYTHON = str(Path(sys.executable).parent)
MPIEXEC = shutil.which("mpiexec", path=BESIDE_PYTHON) or shutil.which("mpiexec")
MISSING = (
    "needs mpi4py and mpiexec: pip install mpi4py mpich"
    if MPIEXEC is None or importlib.util.find_spec("mpi4py") is None
    else None
)


def command(ranks, *words):
    return [MPIEXEC, "-n", str(ranks), sys.executable, *map(str, words)]


def on_mpi(ranks, *words, **how):
    """`python WORDS` on so many ranks, run to its end."""
    how = {"capture_output": True, "text": True, "env": ENVIRONMENT, "timeout": 120} | how
    return subprocess.run(command(ranks, *words), **how)


def train_on(ranks, *words, **how):
    return on_mpi(ranks, "-m", "mlp", "train", "--mpi", *words, **how)


def started_on(ranks, *words, wait_for, **how):
    """`mlp train --mpi`, running, after it printed a line that begins with `wait_for`."""
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | how
    words = command(ranks, "-m", "mlp", "train", "--mpi", *words)
    process = Started(words, env=ENVIRONMENT, **how)
    while not process.stdout.readline().startswith(wait_for):
        if process.poll() is not None:
            raise AssertionError(f"it ended before it said {wait_for!r}: {process.stderr.read()}")
    return process


def rank_of(process, rank):
    """The process id of that rank."""
    wanted = {f"PMI_RANK={rank}".encode(), f"OMPI_COMM_WORLD_RANK={rank}".encode()}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            variables = set((path / "environ").read_bytes().split(b"\0"))
            if variables & wanted and process.pid in ancestors(int(path.name)):
                return int(path.name)
        except OSError:  # it has ended
            continue
    raise AssertionError(f"no rank {rank}")


def ancestors(pid):
    found = []
    while pid > 1:
        pid = int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
        found.append(pid)
    return found


def ended_within(process, seconds):
    """What it said on standard error; raises if it goes on for longer."""
    start = time.monotonic()
    _, errors = process.communicate(timeout=seconds)
    return errors, time.monotonic() - start
