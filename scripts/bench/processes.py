"""Starting the contenders, each in a process of its own, and asking them in turn."""

import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any

SCRIPTS = pathlib.Path(__file__).resolve().parents[1]
PAUSE = 0.1
"""Seconds between two contenders: threads that wait for work spin for a while."""


class Missing(Exception):
    """A contender that cannot be had here, and why."""


class Worker:
    """One contender in a process of its own, which has `threads` processor cores.

    Every library is told the number of threads by its own switch, and the process is bound to as
    many cores, so that none can use more.
    """

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(threads),
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a process without the pipes that were asked for")
        self._requests, self._answers = self._process.stdin, self._process.stdout
        bind(self._process.pid, threads)
        try:
            self.facts = self._answer()
        except Missing:
            self.close()
            raise

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """The answer; raises Missing where the contender cannot do it."""
        time.sleep(PAUSE)
        self._requests.write(json.dumps({"do": do} | request) + "\n")
        self._requests.flush()
        return self._answer()

    def close(self) -> None:
        self._requests.close()
        self._process.wait()
        self._answers.close()

    def _answer(self) -> dict[str, Any]:
        line = self._answers.readline()
        answer = json.loads(line) if line else {"error": "its process ended"}
        if "error" in answer:
            raise Missing(f"{self.name}: {answer['error']}")
        return answer


def bind(pid: int, threads: int) -> None:
    """Let a process use that many cores (on Linux; elsewhere the switches must do)."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, sorted(os.sched_getaffinity(0))[:threads])


def environment(threads: int) -> dict[str, str]:
    """The caller's, whose thread variables scripts/cpu.py has set, and XLA's switches."""
    paths = [str(SCRIPTS), os.environ.get("PYTHONPATH", "")]
    one = f"--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads={threads}"
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "XLA_FLAGS": one if threads == 1 else "",
        "JAX_PLATFORMS": "cpu",
    }
