"""What to tell the user of data that are large: how they would take less memory, or time."""

import os
import shlex
from pathlib import Path

import numpy as np

LARGE = 1 << 28
"""Bytes of samples from which it is worth a line that they are in memory."""


def hint(path: Path, x: np.ndarray, shuffle_block: int | None, memory: float) -> str | None:
    """One line on samples x of the data at `path`, which fit into `memory` bytes or not."""
    if isinstance(x, np.memmap):
        if shuffle_block is None and x.nbytes > memory:
            return (
                f"{path}: {_size(x)} are more than the memory of {memory / 1e9:.1f} GB; "
                "--shuffle-block 4096 would read them in larger pieces, which is faster"
            )
        return None
    if x.nbytes < LARGE:
        return None
    folder = path.is_dir()
    remedy = f"gunzip {shlex.quote(str(path))}/*.gz" if folder else "mlp convert"
    return (
        f"{path}: all {_size(x)} of samples are in memory; after {remedy} they would be read from "
        "the file when they are needed, and runs would start sooner"
    )


def memory_of_machine() -> float:
    """In bytes; infinite if the system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # not on Windows
        return np.inf


def _size(x: np.ndarray) -> str:
    return f"{x.nbytes / 1e9:.1f} GB"
