"""The number of threads of the matrix products. It imports no NumPy, which reads it at start."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlp.commands import cores, mpi, processor
from mlp.commands.train import unfinished


def set_from(arguments: Sequence[str]) -> None:
    """Put the value of --threads, if there is one, where the BLAS libraries look for it.

    With --resume it is the one that the run was begun with. Processes that run side by side, ranks
    of MPI or --jobs, share the cores: none of them gets more threads than its part.
    """
    processor.use_widest_kernels()
    begun = [words for run in _values(arguments, "--resume") for words in _begun_with(run)]
    for value in _values([*begun, *arguments], "--threads"):
        os.environ.update(dict.fromkeys(processor.THREADS, value))
    if (most := _most(arguments)) is not None:
        for name in processor.THREADS:
            asked = os.environ.get(name, "")
            os.environ[name] = str(min(int(asked), most) if asked.isdigit() else most)


def _most(arguments: Sequence[str]) -> int | None:
    """How many threads this process may have; None: as the library chooses."""
    if "--mpi" in arguments:
        with contextlib.suppress(ImportError):  # the program will say it
            return cores.share_of_rank(mpi.world())
    for jobs in _values(arguments, "--jobs"):
        if jobs.isdigit() and int(jobs) > 1:
            return cores.share_of(int(jobs))
    return None


def _values(arguments: Sequence[str], option: str) -> Iterator[str]:
    for i, word in enumerate(arguments):
        name, _, value = word.partition("=")
        if name == option:
            yield value or "".join(arguments[i + 1 : i + 2])


def _begun_with(run: str) -> list[str]:
    try:
        return unfinished.arguments_of(Path(run)) or []
    except (OSError, ValueError):
        return []  # the program will say it
