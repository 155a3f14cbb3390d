"""How many threads each of several processes may have. It imports no NumPy."""

import os
from typing import Any


def share_of(processes: int) -> int:
    """The cores for each of so many processes that run side by side, at least one."""
    return max(1, _mine() // processes)


def share_of_rank(communicator: Any) -> int:
    """The cores for this rank: those that the ranks of its machine may use, divided among them."""
    from mpi4py import MPI

    here = communicator.Split_type(MPI.COMM_TYPE_SHARED)
    try:
        if not hasattr(os, "sched_getaffinity"):
            return share_of(here.Get_size())
        mine = bytearray(max(os.cpu_count() or 1, *(n + 1 for n in os.sched_getaffinity(0))))
        for core in os.sched_getaffinity(0):
            mine[core] = 1
        length = bytearray(here.allreduce(len(mine), MPI.MAX))  # some systems hide cores
        mine += bytearray(len(length) - len(mine))
        here.Allreduce([mine, MPI.BYTE], [length, MPI.BYTE], MPI.BOR)
        return max(1, min(_mine(), sum(length) // here.Get_size()))
    finally:
        here.Free()


def _mine() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
