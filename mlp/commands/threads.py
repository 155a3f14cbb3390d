"""The number of threads of the matrix products. It imports no NumPy, which reads it at start."""

import os
from collections.abc import Sequence

from mlp.commands import processor


def set_from(arguments: Sequence[str]) -> None:
    """Put the value of --threads, if there is one, where the BLAS libraries look for it."""
    processor.use_widest_kernels()
    for i, word in enumerate(arguments):
        name, _, value = word.partition("=")
        if name == "--threads":
            value = value or "".join(arguments[i + 1 : i + 2])
            os.environ.update(dict.fromkeys(processor.THREADS, value))
