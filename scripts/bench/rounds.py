"""Steps per second of all contenders over the grid, in rounds, and ratios within a round."""

import math
import statistics
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from bench.processes import Missing, Worker
from bench.work import Cell

CONTENDERS = {
    "floor": "its matrix products alone",
    "ours": "mlp",
    "textbook": "mlp, textbook path",
    "torch_eager": "PyTorch eager",
    "torch_compiled": "torch.compile",
    "jax_jit": "JAX jit",
    "sklearn_mlp": "scikit-learn",
}
SHORT = dict(
    zip(
        CONTENDERS,
        ("floor", "mlp", "textbook", "PyTorch", "compiled", "JAX", "sklearn"),
        strict=True,
    )
)
PEERS = ("torch_eager", "torch_compiled", "jax_jit", "sklearn_mlp")
SAME_LOSS = 1e-4
"""Losses of the first steps must agree to this part, or the work was not the same."""

T = TypeVar("T")
Say = Callable[[str], None]


class DifferentWork(Exception):
    """A contender does something else than the others."""


class Effort(NamedTuple):
    """How long to measure: rounds, and seconds of each contender in a round."""

    rounds: int
    seconds: float


FULL, QUICK = Effort(15, 0.3), Effort(3, 0.1)


class Team(NamedTuple):
    """The contenders that run here, and a line for each that does not."""

    workers: dict[str, Worker]
    missing: dict[str, str]

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()


def start(threads: int, names: list[str]) -> Team:
    team = Team({}, {})
    for name in names:
        try:
            team.workers[name] = Worker(name, threads)
        except Missing as reason:
            team.missing[name] = str(reason)
    return team


def run(team: Team, cells: list[Cell], effort: Effort, say: Say) -> list[dict[str, Any]]:
    """For each cell the seconds per step of every contender, a list over the rounds."""
    return [_run_cell(team, cell, effort, say) for cell in cells]


def _run_cell(team: Team, cell: Cell, effort: Effort, say: Say) -> dict[str, Any]:
    say(f"{cell}: building")
    able = build(team, cell)
    seconds: dict[str, list[float]] = {name: [] for name in able}
    for k in range(effort.rounds):
        say(f"{cell}: round {k + 1} of {effort.rounds}")
        for name in turn(able, k):
            seconds[name].append(team.workers[name].ask("step", seconds=effort.seconds)["seconds"])
    return {"cell": str(cell), "sizes": cell.sizes, "batch": cell.batch, "seconds": seconds}


def build(team: Team, cell: Cell) -> list[str]:
    """Have all build the network; returns who did, and checks that they do the same."""
    losses = {}
    for name, worker in team.workers.items():
        try:
            losses[name] = worker.ask("build", sizes=cell.sizes, batch=cell.batch)["losses"]
        except Missing as reason:
            team.missing[name] = str(reason)
    for name, theirs in losses.items():
        for a, b in zip(losses["ours"], theirs, strict=True):
            if name != "floor" and not math.isclose(a, b, rel_tol=SAME_LOSS):
                raise DifferentWork(f"{cell}: {name} has other losses than ours: {theirs}")
    return list(losses)


def turn(names: list[T], k: int) -> list[T]:
    """The order of round k: everyone starts one once in a while."""
    k %= len(names)
    return names[k:] + names[:k]


def ratios(result: dict[str, Any], name: str, to: str) -> list[float] | None:
    """Seconds of `name` over seconds of `to`, round by round."""
    seconds = result["seconds"]
    if name not in seconds or to not in seconds:
        return None
    return [a / b for a, b in zip(seconds[name], seconds[to], strict=True)]


def middle(values: list[float]) -> tuple[float, float, float]:
    """Median and quartiles."""
    if len(values) < 2:
        return (values[0],) * 3
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return median, low, high


def geometric_mean(results: list[dict[str, Any]], name: str) -> float | None:
    """Over the cells, of the median of `name`'s seconds over ours."""
    all_ratios = [ratios(result, name, "ours") for result in results]
    medians = [statistics.median(r) for r in all_ratios if r]
    return statistics.geometric_mean(medians) if medians else None
