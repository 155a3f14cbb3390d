"""Time per step on several ranks of MPI, and the share of it that they talk and wait."""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench import report, rounds
from bench.processes import Missing, environment
from bench.work import Cell
from mlp.tables import as_text

CELLS = [
    Cell((784, 128, 10), 64),
    Cell((784, 128, 10), 512),
    Cell((784, 800, 800, 10), 128),
    Cell((784, 1024, 1024, 1024, 10), 256),
]


def main(options: argparse.Namespace) -> int:
    cells = [cell for cell in CELLS if options.only in str(cell)]
    effort = rounds.QUICK if options.quick else rounds.Effort(7, 1.0)
    counts: list[int] = options.ranks
    results: list[dict[str, Any]] = [
        {"cell": str(cell), "ranks": {n: [] for n in counts}} for cell in cells
    ]
    try:
        for k in range(effort.rounds):
            for n in rounds.turn(counts, k):
                report.say(f"round {k + 1} of {effort.rounds}: {n} ranks")
                found = _measured(n, options.threads, effort.seconds, cells)
                for result, figures in zip(results, found, strict=True):
                    result["ranks"][n].append(figures)
        for result in results:
            _check_work(result)
    except (Missing, rounds.DifferentWork) as error:
        report.say("")
        print(f"benchmark.py: {error}", file=sys.stderr)
        return 1
    report.say("")
    facts = {"machine": report.machine(), "threads": options.threads, "results": results}
    report.write(options.out / f"ranks-{options.threads}", facts, table(results))
    return 0


def table(results: list[dict[str, Any]]) -> str:
    """Medians and quartiles over the rounds."""
    rows = [["network @ batch", "ranks", "ms/step", "quartiles", "speedup", "communication"]]
    for result in results:
        alone: float | None = None
        for ranks, figures in result["ranks"].items():
            median, low, high = rounds.middle([each["seconds"] for each in figures])
            alone = alone or median
            share = rounds.middle([each["communication"] / each["seconds"] for each in figures])[0]
            rows.append([result["cell"], str(ranks), f"{median * 1e3:.3f}"])
            rows[-1] += [f"{low * 1e3:.3f}-{high * 1e3:.3f}", f"{alone / median:.2f}"]
            rows[-1].append(f"{share:.0%}" if ranks > 1 else "-")
    said = "speedup over the first row; communication with the wait for the slowest rank"
    return f"time of a step, by ranks ({said})\n\n{as_text(rows)}"


def _measured(ranks: int, threads: int, seconds: float, cells: list[Cell]) -> list[dict[str, Any]]:
    """What `bench.rank_worker` says on so many ranks, for each cell."""
    mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which(
        "mpiexec"
    )
    if mpiexec is None:
        raise Missing("--ranks needs mpiexec; pip install 'mlp[mpi]'")
    command = [mpiexec, "-n", str(ranks), sys.executable, "-m", "bench.rank_worker", str(seconds)]
    command.append(json.dumps([[cell.sizes, cell.batch] for cell in cells]))
    done = subprocess.run(command, env=environment(threads), capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise Missing(f"{ranks} ranks ended with status {done.returncode}: {last}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _check_work(result: dict[str, Any]) -> None:
    """All ranks do what the first ones did: the losses of the first steps are the same."""
    first, *others = (each["losses"] for found in result["ranks"].values() for each in found)
    for losses in others:
        if not np.allclose(losses, first, rtol=rounds.SAME_LOSS, atol=0):
            raise rounds.DifferentWork(f"{result['cell']}: losses {first}, and {losses}")
