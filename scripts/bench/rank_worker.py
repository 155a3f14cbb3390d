"""One rank of a measurement: `mpiexec -n 2 python -m bench.rank_worker SECONDS "[[[64, 10], 32]]"`.

Rank 0 prints a line of JSON for each network and batch: seconds per step, and of these the seconds
in Allreduce, with the wait for the slowest rank. The batch is that of all ranks together.
"""

import json
import statistics
import sys
import time
from typing import Any

from mpi4py import MPI

import mlp
from bench.ours import WHOLE, network
from bench.work import LEARNING_RATE, Cell, samples
from mlp.fused import FusedStep
from mlp.parallel import Team
from mlp.parallel.step import ParallelStep

BLOCKS = 7
FIRST_STEPS = 5


class Timed:
    """A communicator that counts the seconds of its sums."""

    def __init__(self, communicator: Any) -> None:
        self.communicator, self.seconds = communicator, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.communicator, name)

    def Allreduce(self, sendbuf: Any, recvbuf: Any) -> None:
        start = time.perf_counter()
        self.communicator.Allreduce(sendbuf, recvbuf)
        self.seconds += time.perf_counter() - start


def measure(timed: Timed, team: Team, cell: Cell, seconds: float) -> dict[str, Any]:
    """Medians over blocks of steps, the losses of the first steps and the bytes of a message."""
    net, loss, world = network(cell), mlp.SoftmaxCrossEntropy(), timed.communicator
    step: Any = FusedStep(net, net, loss, mlp.SGD(LEARNING_RATE), *samples(cell))
    size = sum(p.nbytes for p in net.parameters().values())
    if team.size > 1:
        step = ParallelStep(step, team)
        size = step.team.message.sent.nbytes
    step.begin()

    def one() -> float:
        value = step.forward(WHOLE)
        step.backward()
        step.update()
        return value

    losses = [one() for _ in range(FIRST_STEPS)]
    start = time.perf_counter()
    one()
    each = world.bcast(time.perf_counter() - start)
    repeat = max(1, round(seconds / BLOCKS / each))
    blocks, talking = [], []
    for _ in range(BLOCKS):
        timed.seconds = 0.0
        world.Barrier()
        start = time.perf_counter()
        for _ in range(repeat):
            one()
        blocks.append((time.perf_counter() - start) / repeat)
        talking.append(timed.seconds / repeat)
    found = {"seconds": statistics.median(blocks), "communication": statistics.median(talking)}
    return found | {"losses": losses, "bytes": size}


def main(seconds: str, cells: str) -> None:
    world = MPI.COMM_WORLD
    for sizes, batch in json.loads(cells):
        timed = Timed(world)
        team = Team(timed)
        with team.together():  # as in fit
            found = measure(timed, team, Cell(tuple(sizes), batch), float(seconds))
        if world.Get_rank() == 0:
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
