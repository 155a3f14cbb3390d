"""Predictions per second, for one row and for many."""

from typing import Any

import numpy as np

from bench.rounds import SHORT, DifferentWork, Effort, Say, Team, build, middle, turn
from bench.work import Cell
from mlp.tables import as_text

CELLS = [Cell((64, 32, 10), 1), Cell((784, 128, 10), 1), Cell((784, 800, 800, 10), 1)]
ROWS = (1, 10_000)
SAME_OUTPUT = 1e-3


def run(team: Team, cells: list[Cell], effort: Effort, say: Say) -> list[dict[str, Any]]:
    """For each network and number of rows the seconds per call of every contender."""
    results = []
    for cell in cells:
        for rows in ROWS:
            able = build(team, cell)
            answers: dict[str, list[dict]] = {name: [] for name in able}
            for k in range(effort.rounds):
                say(f"{cell}, {rows} rows: round {k + 1} of {effort.rounds}")
                for name in turn(able, k):
                    request = {"rows": rows, "seconds": effort.seconds}
                    answers[name].append(team.workers[name].ask("predict", **request))
            _check(cell, answers)
            seconds = {name: [a["seconds"] for a in given] for name, given in answers.items()}
            results.append({"cell": str(cell), "rows": rows, "seconds": seconds})
    return results


def table(results: list[dict[str, Any]]) -> str:
    """Rows per second, the median over the rounds."""
    names = list(results[0]["seconds"])
    rows = [["network", "rows at once", *(SHORT[name] for name in names)]]
    for result in results:
        rates = [f"{result['rows'] / middle(result['seconds'][name])[0]:,.0f}" for name in names]
        rows.append([result["cell"].split(" @")[0], f"{result['rows']:,}", *rates])
    return as_text(rows)


def _check(cell: Cell, answers: dict[str, list[dict]]) -> None:
    expected = answers["ours"][0]["first"]
    for name, given in answers.items():
        if not np.allclose(given[0]["first"], expected, atol=SAME_OUTPUT):
            raise DifferentWork(f"{cell}: {name} predicts something else than ours")
