"""What more machines would bring, by a model: the time of a step on p nodes.

    T(p) = C(rows of a node) + A(p)

C is measured here, on one node with --threads threads, for several batches, and drawn as straight
lines between them. A is the time of one Allreduce of m bytes over a network in which a message of
b bytes takes a + b / B, with the latency a and the bandwidth B; the adding up is left out, and a
library takes the best of

    tree      log2(p) (a + m / B)                       all of it, log2(p) times
    ring      2 (p - 1) a + 2 (p - 1) / p m / B         p parts go round twice
    halving   2 log2(p) a + 2 (p - 1) / p m / B         halves, quarters, ... and back

Weak scaling gives every node ROWS rows, its efficiency is T(1) / T(p). Strong scaling divides ALL
rows, its speedup is T(1) / T(p).
"""

import argparse
import math
from itertools import pairwise
from typing import Any

import numpy as np

from bench import report, rounds
from bench.work import Cell
from mlp.tables import as_text

NETWORKS = [(784, 128, 10), (784, 800, 800, 10), (784, 1024, 1024, 1024, 10)]
NODES = (2, 8, 64, 1024)
ROWS, ALL = 256, 4096
BATCHES = (1, 4, 16, 64, ROWS, 1024, ALL)


def allreduce(p: int, size: float, latency: float, bandwidth: float) -> dict[str, float]:
    """Seconds of an Allreduce of `size` bytes over p nodes, by each of the three ways."""
    if p == 1:
        return dict.fromkeys(("tree", "ring", "halving"), 0.0)
    steps, twice = math.ceil(math.log2(p)), 2 * (p - 1) / p * size / bandwidth
    return {
        "tree": steps * (latency + size / bandwidth),
        "ring": 2 * (p - 1) * latency + twice,
        "halving": 2 * steps * latency + twice,
    }


def main(options: argparse.Namespace) -> int:
    networks = [sizes for sizes in NETWORKS if options.only in str(Cell(sizes, ROWS))]
    effort = rounds.QUICK if options.quick else rounds.Effort(5, 0.3)
    team = rounds.start(options.threads, ["ours"])
    try:
        curves = {sizes: _measured(team, sizes, effort) for sizes in networks}
    finally:
        team.close()
    report.say("")
    latency, bandwidth = options.latency * 1e-6, options.bandwidth * 1e9
    text = "\n\n".join(
        [
            __doc__.strip(),
            f"latency {options.latency:g} us, bandwidth {options.bandwidth:g} GB/s, "
            f"{options.threads} threads per node, ROWS = {ROWS}, ALL = {ALL}",
            as_text(_rows(curves, latency, bandwidth)),
        ]
    )
    facts = {"machine": report.machine(), "latency": latency, "bandwidth": bandwidth}
    measured = {"-".join(map(str, sizes)): curve for sizes, curve in curves.items()}
    report.write(options.out / "model", facts | {"seconds": measured}, text)
    return 0


def _measured(team: rounds.Team, sizes: tuple[int, ...], effort: rounds.Effort) -> dict[int, float]:
    """Seconds of a step by rows, the median over the rounds."""
    worker, found = team.workers["ours"], {}
    for batch in BATCHES:
        report.say(str(Cell(sizes, batch)))
        worker.ask("build", sizes=sizes, batch=batch)
        times = [
            worker.ask("step", seconds=effort.seconds)["seconds"] for _ in range(effort.rounds)
        ]
        found[batch] = rounds.middle(times)[0]
    return found


def _rows(
    curves: dict[tuple[int, ...], dict[int, float]], latency: float, bandwidth: float
) -> list[list[str]]:
    heads = ["network", "nodes", "Allreduce ms", "by", "weak, efficiency", "strong, speedup"]
    rows: list[list[Any]] = [heads]
    for sizes, curve in curves.items():
        size = 4 * sum((d + 1) * m for d, m in pairwise(sizes))
        for p in NODES:
            ways = allreduce(p, size, latency, bandwidth)
            way = min(ways, key=lambda name: ways[name])
            weak = curve[ROWS] / (curve[ROWS] + ways[way])
            strong = curve[ALL] / (_time(curve, ALL / p) + ways[way])
            rows.append(["-".join(map(str, sizes)), str(p), f"{ways[way] * 1e3:.3f}", way])
            rows[-1] += [f"{weak:.0%}", f"{strong:.1f}"]
    return rows


def _time(curve: dict[int, float], rows: float) -> float:
    return float(np.interp(rows, list(curve), list(curve.values())))
