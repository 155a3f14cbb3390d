"""What `benchmark.py` runs, writes and prints in each of its modes."""

import argparse
import sys

from bench import end_to_end, gradient_check, growth, inference, ranks, report, rounds, scaling
from bench.report import say
from bench.work import GRID


def run(options: argparse.Namespace) -> int:
    if options.end_to_end:
        return end_to_end.main(options)
    if options.gradient_check:
        return gradient_check.main(options)
    if options.ranks:
        return ranks.main(options)
    if options.model:
        return scaling.main(options)
    if options.growth:
        return growth.main(options)
    return _compare(options)


def _compare(options: argparse.Namespace) -> int:
    effort = rounds.QUICK if options.quick else rounds.FULL
    names = ["ours", *options.contenders]
    if options.inference:
        names = [name for name in names if name not in ("floor", "textbook")]
    team = rounds.start(options.threads, names)
    try:
        if options.inference:
            cells = [cell for cell in inference.CELLS if options.only in str(cell)]
            results = inference.run(team, cells, effort, say)
            text = inference.table(results)
        else:
            cells = [cell for cell in GRID if options.only in str(cell)]
            results = rounds.run(team, cells, effort, say)
            text = report.table(results)
    except rounds.DifferentWork as error:
        print(f"benchmark.py: {error}", file=sys.stderr)
        return 1
    finally:
        team.close()
    say("")
    name = f"{'inference' if options.inference else 'steps'}-{options.threads}"
    facts = {"machine": report.machine(), "threads": options.threads}
    facts["contenders"] = {name: worker.facts for name, worker in team.workers.items()}
    facts["missing"] = team.missing
    report.write(options.out / name, facts | {"results": results}, text)
    if not options.inference:
        title = f"One training step, {_threads(options.threads)}"
        report.picture(options.out / f"{name}.png", results, title)
    for reason in team.missing.values():
        print(f"missing: {reason}")
    return 0


def _threads(n: int) -> str:
    return "one thread" if n == 1 else f"{n} threads"
