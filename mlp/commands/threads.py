"""The number of threads of the matrix products. It imports no NumPy, which reads it at start."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlp.commands import processor
from mlp.commands.train import unfinished


def set_from(arguments: Sequence[str]) -> None:
    """Put the value of --threads, if there is one, where the BLAS libraries look for it.

    With --resume it is the one that the run was begun with.
    """
    processor.use_widest_kernels()
    begun = [words for run in _values(arguments, "--resume") for words in _begun_with(run)]
    for value in _values([*begun, *arguments], "--threads"):
        os.environ.update(dict.fromkeys(processor.THREADS, value))


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
