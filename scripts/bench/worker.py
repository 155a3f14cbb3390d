"""One contender in a process of its own: `python -m bench.worker NAME` answers lines of JSON.

    {"do": "build", "sizes": [64, 32, 10], "batch": 32}   the losses of the first steps
    {"do": "step", "seconds": 0.2}                        seconds per step
    {"do": "predict", "rows": 1, "seconds": 0.2}          seconds per call, and a few outputs
    {"do": "memory", "sizes": [64, 10], "batch": 32}      bytes that a step holds

The answer to a request holds "error" where it could not be done.
"""

import gc
import importlib
import json
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

FIRST_STEPS = 5
BLOCK = 0.005
"""Seconds between two looks at the clock; the median over such blocks is reported."""


def main(name: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    try:
        server = Server(importlib.import_module(f"bench.{name}"))
    except ImportError as error:
        print(json.dumps({"error": str(error)}), file=answers, flush=True)
        return
    print(
        json.dumps({"version": server.module.VERSION, "pools": pools()}), file=answers, flush=True
    )
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(server, request.pop("do"))(**request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


class Server:
    def __init__(self, module: Any) -> None:
        self.module = module

    def build(self, sizes: list[int], batch: int) -> dict[str, Any]:
        from bench.work import Cell

        self.cell = Cell(tuple(sizes), batch)
        self.contender = self.module.Contender(self.cell)
        return {"losses": [self.contender.step() for _ in range(FIRST_STEPS)]}

    def step(self, seconds: float) -> dict[str, float]:
        return {"seconds": seconds_per_call(self.contender.step, seconds)}

    def memory(self, sizes: list[int], batch: int) -> dict[str, int]:
        """What NumPy holds for the network and the arrays of a step, without the data."""
        tracemalloc.start()
        self.build(sizes, batch)
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return {"bytes": held}

    def predict(self, rows: int, seconds: float) -> dict[str, Any]:
        from bench.work import samples

        x, _ = samples(self.cell, rows)
        z = self.contender.predict(x)
        took = seconds_per_call(lambda: self.contender.predict(x), seconds)
        return {"seconds": took, "first": (z[0] - z[0].max()).tolist()}


def pools() -> list[dict[str, Any]] | None:
    """What threadpoolctl, if it is there, says about the products: library, kernels, threads."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    known = ("internal_api", "version", "architecture", "num_threads")
    return [{key: pool.get(key) for key in known} for pool in threadpool_info()]


def seconds_per_call(call: Callable[[], object], seconds: float) -> float:
    """The median over blocks of calls that together take `seconds`; three blocks at least."""
    call()
    start = time.perf_counter()
    call()
    repeat = max(1, round(BLOCK / (time.perf_counter() - start)))
    gc.collect()
    blocks: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(blocks) < 3:
        start = time.perf_counter()
        for _ in range(repeat):
            call()
        blocks.append((time.perf_counter() - start) / repeat)
    return statistics.median(blocks)


if __name__ == "__main__":
    main(sys.argv[1])
