"""Ranks as threads of one process, with what is used of a communicator of MPI."""

import threading

import numpy as np

WAIT = 60
"""Seconds after which a rank that waits for another one gives up: the test then fails."""


class Ranks:
    """What all communicators of one group share."""

    def __init__(self, size):
        self.size = size
        self.barrier = threading.Barrier(size, timeout=WAIT)
        self.arrays = [None] * size


class FakeCommunicator:
    """Refuses what MPI could not do either: arrays of different lengths or dtypes."""

    def __init__(self, ranks, rank):
        self.ranks, self.rank = ranks, rank
        self.calls = 0

    def Get_rank(self):
        return self.rank

    def Get_size(self):
        return self.ranks.size

    def Allreduce(self, sendbuf, recvbuf):
        arrays = self._all(("sum", sendbuf))
        total = arrays[0].copy()
        for array in arrays[1:]:
            total += array
        self.ranks.barrier.wait()
        recvbuf[...] = total

    def Bcast(self, buf, root=0):
        given = self._all(("root", root, buf))[root]
        self.ranks.barrier.wait()
        buf[...] = given

    def _all(self, call):
        self.calls += 1
        self.ranks.arrays[self.rank] = call
        self.ranks.barrier.wait()
        calls = list(self.ranks.arrays)
        if len({(*c[:-1], c[-1].shape, c[-1].dtype) for c in calls}) > 1:
            self.ranks.barrier.abort()
            raise RuntimeError(f"ranks call different things: {calls}")
        return [np.array(c[-1]) for c in calls]


def on_ranks(size, work):
    """What `work(communicator)` gave on each rank, or the exception that ended it."""
    ranks, results = Ranks(size), [None] * size

    def run(rank):
        try:
            results[rank] = work(FakeCommunicator(ranks, rank))
        except BaseException as error:
            results[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def results_on(size, work):
    """As on_ranks; raises what any rank raised."""
    results = on_ranks(size, work)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
