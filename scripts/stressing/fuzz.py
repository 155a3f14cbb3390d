"""Files that are wrong in every way, and odd arguments to every public name.

Each input must be taken, or refused by a documented error, within a second and little memory:
  files        mutated IDX, CSV and NPZ, gzipped or not: DataError, or a sound data set; what a
               checksum guards must be refused or unchanged
  checkpoints  mutated, and sealed anew with the right digest: CheckpointError, or a network of
               finite weights
  calls        odd arguments: TypeError, ValueError, RuntimeError (a call in the wrong order),
               NonFiniteError or OSError
"""

import hashlib
import resource
import shutil
import sys
import tempfile
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np

import mlp
from mlp import CheckpointError, DataError
from mlp.files.archive import DIGEST
from stressing import data_files
from stressing.odd_calls import Calls

LARGEST_PEAK = 16 << 20
"""Bytes; the files hold a few kilobytes, and 16 MB are always allowed to a reader."""
TRACED = 7
"""Memory is measured for one input in so many, as that makes it five times as slow; of the others
only by how much the process came to need more. (Over all inputs it grows by the 8 kB that each
start of tracemalloc leaves behind.)"""
SLOWEST = 1.0
WARM = 1000
"""Inputs until all modules that are needed are there, which take memory too."""


def run(cases: int, seed: int) -> tuple[str, list[str]]:
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        kinds: list[Files | Checkpoints | Calls] = [
            Files(Path(folder, "files")),
            Checkpoints(Path(folder, "nets")),
            Calls(Path(folder, "calls")),
        ]
        counts, slowest, largest = [0] * len(kinds), 0.0, 0
        for case in range(cases):
            rng = np.random.default_rng([seed, case])
            kind = kinds[case % len(kinds)]
            if case % TRACED == 0:
                tracemalloc.start()
            start, size = time.thread_time(), _largest_size()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    counts[case % len(kinds)] += kind.is_refused(rng)
            except Exception as error:  # all that is documented was caught
                failures.append(f"input {case}: {kind.last}: {type(error).__name__}: {error}")
            seconds = time.thread_time() - start
            peak = tracemalloc.get_traced_memory()[1]  # 0 where it is not traced
            tracemalloc.stop()
            if case >= WARM:
                peak = max(peak, _largest_size() - size)
            slowest, largest = max(slowest, seconds), max(largest, peak)
            if not (case + 1) % 5000:
                print(f"{case + 1} inputs, {len(failures)} failures", file=sys.stderr, flush=True)
            if seconds > SLOWEST or peak > 2 * LARGEST_PEAK:
                failures.append(f"input {case}: {kind.last}: {seconds:.2f} s, {peak} bytes")
    figures = f"{cases} inputs; refused: {counts[0]} files, {counts[1]} checkpoints, {counts[2]} "
    figures += f"calls; slowest {slowest:.3f} s, largest {largest / 2**20:.1f} MB"
    return figures, failures


def _largest_size() -> int:
    """Bytes of memory that this process has had at any time."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Files:
    """Mutated data files."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files, self.last = folder, data_files.seed_files(), ""
        folder.mkdir()
        self.originals = data_files.sound_data(self.files, folder)

    def is_refused(self, rng: np.random.Generator) -> bool:
        folder = self.folder / "case"
        folder.mkdir()
        try:
            path, guarded = data_files.mutated_file(self.files, folder, rng)
            self.last = path.name
            data = data_files.read(path, self.files)
        except DataError as error:
            if not str(error).startswith(str(folder)) or "\n" in str(error):
                raise ArithmeticError(f"no line that begins with the file: {error}") from error
            return True
        finally:
            shutil.rmtree(folder)
        if fault := data_files.fault_of(data):
            raise ArithmeticError(f"let through: {fault}")
        if guarded and not data_files.same(data, self.originals[path.name]):
            raise ArithmeticError("the checksum did not guard it")
        return False


class Checkpoints:
    """Mutated checkpoints whose digest is right."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.path, self.last = folder / "net.npz", "checkpoint"
        net = mlp.Sequential(
            mlp.Scale(np.arange(3.0), 2.0),
            mlp.Concat(mlp.Affine(3, 4, rng=0), mlp.Affine(3, 2, rng=1)),
            mlp.ReLU(),
            mlp.MaxPool(2),
        )
        mlp.save_checkpoint(self.path, net, classes=np.array(["a", "b"]))
        self.body = self.path.read_bytes()[:-DIGEST]

    def is_refused(self, rng: np.random.Generator) -> bool:
        if rng.random() < 0.5:
            body = data_files.mutate(self.body, rng)
        else:
            body = data_files.mutate_member(self.body + bytes(DIGEST), rng)
            body = body[:-2] + DIGEST.to_bytes(2, "little")
        self.path.write_bytes(body + hashlib.sha256(body).hexdigest().encode())
        try:
            net, _ = mlp.load_checkpoint(self.path)
        except CheckpointError as error:
            if str(self.path) not in str(error):
                raise ArithmeticError(f"does not name the file: {error}") from error
            return True
        if not all(np.isfinite(p).all() for p in net.parameters().values()):
            raise ArithmeticError("weights that are not finite were let through")
        return False
