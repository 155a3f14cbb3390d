"""Samples that are larger than the memory: a process of a quarter of their size goes through them.

It gets a limit of data (RLIMIT_DATA: all memory but maps of files), and trains an epoch in each
order, evaluates, and runs `mlp train` and `mlp predict`. Only on Linux does such a limit hold.
"""

import contextlib
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mlp import SGD, Affine, ReLU, Sequential, SoftmaxCrossEntropy, evaluate, fit
from mlp.commands import predict
from mlp.commands.train import program as train
from mlp.data import load
from mlp.rows import ROWS

FEATURES, CLASSES = 784, 10
LEAST = 384
"""MiB: what the process takes by itself, with all that it imports, and its blocks of rows."""
LONGEST = 3600.0
"""Seconds."""


def run(cases: int, seed: int) -> tuple[str, list[str]]:
    """`cases` is the size of the samples in MiB."""
    limit = max(cases // 4, LEAST)
    with tempfile.TemporaryDirectory() as place:
        rows = (cases << 20) // FEATURES
        _write_samples(Path(place, "data"), rows, seed)
        command = [sys.executable, __file__, place, str(limit)]
        how = {"capture_output": True, "text": True, "timeout": LONGEST}
        child = subprocess.run(command, env=os.environ | {"PYTHONPATH": _root()}, **how)  # type: ignore[call-overload]
        figures = f"{rows} samples, {cases} MiB, under {limit} MiB of data: {child.stdout.strip()}"
        if child.returncode:
            last = child.stderr.strip().splitlines()[-1:]
            return figures, [f"exit status {child.returncode}: {''.join(last)}"]
        return figures, []


def _root() -> str:
    return str(Path(__file__).resolve().parents[2])


def _write_samples(folder: Path, rows: int, seed: int) -> None:
    """Noise, the same for each block of rows, with a brighter stripe that tells the class."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    y = rng.integers(0, CLASSES, rows).astype(np.uint8)
    np.save(folder / "y.npy", y)
    x = np.lib.format.open_memmap(folder / "x.npy", "w+", np.uint8, (rows, FEATURES))
    wide = FEATURES // CLASSES
    noise = rng.integers(0, 128, (ROWS, FEATURES), dtype=np.uint8)
    for start in range(0, rows, ROWS):
        labels = y[start : start + ROWS]
        block = noise[: len(labels)].copy()
        block[np.arange(len(labels))[:, None], labels[:, None] * wide + np.arange(wide)] += 64
        x[start : start + ROWS] = block
    x.flush()


def limited(place: Path, limit: int) -> None:
    """What the child does; prints what took how long."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit << 20, limit << 20))
    with contextlib.suppress(MemoryError):
        np.ones(limit << 20, np.uint8)
        raise RuntimeError("the limit does not hold here")
    data, loss = load(place / "data"), SoftmaxCrossEntropy()
    said: list[str] = []
    for name, options in (("exact order", {}), ("blocks of 4096", {"shuffle_block": 4096})):
        rng = np.random.default_rng(0)
        hidden = Affine(FEATURES, 64, rng=rng, dtype=np.float32)
        net = Sequential(hidden, ReLU(), Affine(64, CLASSES, rng=rng, dtype=np.float32))
        with _timed(f"an epoch in {name}", said):
            fit(net, loss, SGD(1e-5), data.x, data.y, epochs=1, batch_size=256, rng=0, **options)  # type: ignore[arg-type]
    with _timed("evaluate", said):
        scores = evaluate(net, loss, data.x, data.y)
    run = str(place / "run")
    words = ["--data", str(place / "data"), "--out", run, "--validation", "0.1", "--hidden", "64"]
    words += ["--epochs", "1", "--batch-size", "256", "--shuffle-block", "4096"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        with _timed("mlp train", said):
            train.main(words, "mlp train")
        with _timed("mlp predict", said):
            words = [run, str(place / "data" / "x.npy"), "--output", os.devnull]
            predict.main(words, "mlp predict")
    print(f"{', '.join(said)}; accuracy {scores['accuracy']:.3f}")


@contextlib.contextmanager
def _timed(what: str, said: list[str]) -> Iterator[None]:
    start = time.perf_counter()
    yield
    said.append(f"{what} {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    limited(Path(sys.argv[1]), int(sys.argv[2]))
