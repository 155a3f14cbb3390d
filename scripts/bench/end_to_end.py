"""Whole programs on MNIST: wall time and peak memory, imports and reading the data included."""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from bench.processes import SCRIPTS, bind, environment
from bench.report import machine, say, write
from bench.rounds import middle, turn
from mlp.tables import as_text

SETTINGS = (
    "--hidden 100 --batch-size 200 --epochs 10 --learning-rate 0.1 --momentum 0.9 --dtype float32"
)
PROGRAMS = {
    "mlp, train.py": ("train.py",),
    "mlp": ("bench/mnist/with_mlp.py",),
    "PyTorch": ("bench/mnist/with_torch.py",),
    "JAX": ("bench/mnist/with_jax.py",),
    "scikit-learn": ("bench/mnist/with_sklearn.py",),
}
NUMBER = re.compile(r"\d\.\d+")


def main(options: argparse.Namespace) -> int:
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in PROGRAMS}
    missing: dict[str, str] = {}
    for k in range(1 if options.quick else 5):
        for name in turn(list(PROGRAMS), k):
            if name not in missing:
                say(f"run {k + 1}: {name}")
                _note(name, options, runs, missing)
    say("")
    facts = {"machine": machine(), "threads": options.threads, "missing": missing}
    write(options.out / f"end-to-end-{options.threads}", facts | {"runs": runs}, _table(runs))
    for name, reason in missing.items():
        print(f"missing: {name}: {reason}")
    return 0


def _note(name: str, options: argparse.Namespace, runs: dict, missing: dict[str, str]) -> None:
    try:
        runs[name].append(_run(name, options))
    except RuntimeError as reason:
        missing[name] = str(reason)


def _run(name: str, options: argparse.Namespace) -> dict[str, float]:
    """Seconds, peak memory in MiB and the test accuracy of one run of a program."""
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = pathlib.Path(name_of_folder)
        script = SCRIPTS / PROGRAMS[name][0]
        words = [str(options.data)]
        if script.name == "train.py":
            out = folder / "run"
            words = ["--data", *words, *SETTINGS.split(), "--quiet", "--out", str(out)]
            words += ["--threads", str(options.threads)]
        time.sleep(0.5)
        start = time.perf_counter()
        with open(folder / "said", "w+") as said, open(folder / "complaint", "w+") as complaint:
            process = subprocess.Popen(
                [sys.executable, str(script), *words],
                stdout=said,
                stderr=complaint,
                env=environment(options.threads),
            )
            bind(process.pid, options.threads)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status  # it has been waited for, with its peak memory
            seconds = time.perf_counter() - start
        if status:
            raise RuntimeError((folder / "complaint").read_text().strip().splitlines()[-1])
        accuracy = float(NUMBER.findall((folder / "said").read_text())[0])
    return {"seconds": seconds, "MiB": usage.ru_maxrss / 1024, "accuracy": accuracy}


def _table(runs: dict[str, list[dict[str, float]]]) -> str:
    """Medians over the runs, fastest first."""
    known = {name: each for name, each in runs.items() if each}
    rows = []
    for name, each in known.items():
        seconds, MiB, accuracy = (
            middle([run[key] for run in each])[0] for key in ("seconds", "MiB", "accuracy")
        )
        rows.append((seconds, [name, f"{seconds:.1f}", f"{MiB:,.0f}", f"{accuracy:.4f}"]))
    return as_text([["program", "seconds", "peak MiB", "accuracy"], *(r for _, r in sorted(rows))])
