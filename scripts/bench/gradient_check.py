"""The time of a gradient check, ours and PyTorch's: 784-30-10, cross-entropy, batch 10, float64.

Both check every parameter (ours the input too) of one network at one batch. Each has a process of
its own. The first call of a process is shown apart from the median of the later ones.

    python -m bench.gradient_check mlp      one of the two processes: prints its times as JSON
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np

from bench import report
from mlp.tables import as_text

SIZES, BATCH, SEED = (784, 30, 10), 10, 0
REPEATS = {"full": 5, "default": 20}


def main(options: argparse.Namespace) -> int:
    """Run both, print the table, write the JSON."""
    results = {}
    for name in ("mlp", "torch"):
        command = [sys.executable, "-m", "bench.gradient_check", name]
        folder = str(Path(__file__).resolve().parents[1])
        path = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}
        )
        if done.returncode:
            print(f"missing: {name}: {done.stderr.strip().splitlines()[-1]}")
        else:
            results[name] = json.loads(done.stdout)
    rows = [["check", "first call, ms", "median of the later, ms"]]
    for mode in REPEATS:
        for name, times in results.items():
            first, *later = (f"{1000 * t:.1f}" for t in _first_and_median(times[mode]))
            rows.append([f"{name}, {mode}", first, *later])
    report.write(
        options.out / f"gradient-check-{options.threads}",
        {"machine": report.machine(), "threads": options.threads, "seconds": results},
        as_text(rows),
    )
    return 0


def _first_and_median(times: list[float]) -> tuple[float, float]:
    return times[0], median(times[1:])


def _work() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Weights (D, M) and biases, x and labels, the same for both."""
    rng = np.random.default_rng(SEED)
    parameters = []
    for inputs, outputs in pairwise(SIZES):
        parameters += [rng.normal(0, inputs**-0.5, (inputs, outputs)), rng.normal(size=outputs)]
    return parameters, rng.normal(size=(BATCH, SIZES[0])), rng.integers(0, SIZES[-1], BATCH)


def ours() -> dict[str, Callable[[], bool]]:
    from mlp import Affine, Sequential, Sigmoid, SoftmaxCrossEntropy, gradcheck

    (W1, b1, W2, b2), x, labels = _work()
    net = Sequential(Affine(*W1.shape), Sigmoid(), Affine(*W2.shape))
    net[0].W, net[0].b, net[2].W, net[2].b = W1, b1, W2, b2

    def check(full: bool) -> bool:
        return gradcheck(net, x, labels, SoftmaxCrossEntropy(), rng=SEED, full=full).ok

    return {"full": lambda: check(True), "default": lambda: check(False)}


def theirs() -> dict[str, Callable[[], bool]]:
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    parameters, x, labels = _work()
    W1, b1, W2, b2 = (torch.tensor(p, requires_grad=True) for p in parameters)
    rows, classes = torch.tensor(x), torch.tensor(labels)

    def loss(W1, b1, W2, b2):
        z = torch.sigmoid(rows @ W1 + b1) @ W2 + b2
        return torch.nn.functional.cross_entropy(z, classes)

    def check(fast: bool) -> bool:
        return torch.autograd.gradcheck(loss, (W1, b1, W2, b2), fast_mode=fast)

    return {"full": lambda: check(False), "default": lambda: check(True)}


if __name__ == "__main__":
    seconds: dict[str, list[float]] = {mode: [] for mode in REPEATS}
    checks = ours() if sys.argv[1] == "mlp" else theirs()
    for mode in ("default", "full"):
        for _ in range(1 + REPEATS[mode]):
            start = time.perf_counter()
            if not checks[mode]():
                sys.exit(f"{sys.argv[1]}: the {mode} check failed")
            seconds[mode].append(time.perf_counter() - start)
    print(json.dumps(seconds))
