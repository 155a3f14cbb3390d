"""MPI, where a program is asked to use it. It imports no NumPy."""

import contextlib
from typing import Any

REMEDY = (
    "--mpi needs mpi4py and a library of MPI: pip install 'mlp[mpi]', and start the ranks with "
    "mpiexec -n 4 python -m mlp train --mpi ..."
)


def world() -> Any:
    """All ranks that were started together; ImportError, with a remedy, without mpi4py."""
    with contextlib.suppress(ImportError, RuntimeError):  # RuntimeError: it finds no library
        from mpi4py import MPI

        return MPI.COMM_WORLD
    raise ImportError(REMEDY)
