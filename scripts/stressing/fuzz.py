"""Files that are wrong in every way, and odd arguments to every public name.

Each input must be taken, or refused by a documented error, within a second and little memory:
  files        mutated IDX, CSV and NPZ, gzipped or not: DataError, or a sound data set; what a
               checksum guards must be refused or unchanged
  checkpoints  mutated, and sealed anew with the right digest: CheckpointError, or a network of
               finite weights
  arguments    TypeError, ValueError, RuntimeError (a call in the wrong order), NonFiniteError or
               OSError
"""

import hashlib
import shutil
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

import mlp
from mlp import CheckpointError, DataError, NonFiniteError
from mlp.files.archive import DIGEST
from stressing import data_files

LARGEST_PEAK = 16 << 20
"""Bytes; the files hold a few kilobytes, and 16 MB are always allowed to a reader."""
SLOWEST = 1.0
DOCUMENTED = (TypeError, ValueError, RuntimeError, NonFiniteError, OSError)
BY_CHANCE = (NotImplementedError, RecursionError, UnicodeError, IndexError, KeyError)
"""Kinds of those that nobody raises on purpose."""


def run(cases: int, seed: int) -> tuple[str, list[str]]:
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        kinds: list[Files | Checkpoints | Arguments] = [
            Files(Path(folder, "files")),
            Checkpoints(Path(folder, "nets")),
            Arguments(),
        ]
        counts, slowest, largest = [0] * len(kinds), 0.0, 0
        tracemalloc.start()
        for case in range(cases):
            rng = np.random.default_rng([seed, case])
            kind = kinds[case % len(kinds)]
            tracemalloc.reset_peak()
            before, start = tracemalloc.get_traced_memory()[0], time.thread_time()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    counts[case % len(kinds)] += kind.is_refused(rng)
            except Exception as error:  # all that is documented was caught
                failures.append(f"input {case}: {kind.last}: {type(error).__name__}: {error}")
            seconds = time.thread_time() - start
            peak = tracemalloc.get_traced_memory()[1] - before
            slowest, largest = max(slowest, seconds), max(largest, peak)
            if not (case + 1) % 5000:
                print(f"{case + 1} inputs, {len(failures)} failures", file=sys.stderr, flush=True)
            if seconds > SLOWEST or peak > 2 * LARGEST_PEAK:
                failures.append(f"input {case}: {kind.last}: {seconds:.2f} s, {peak} bytes")
        tracemalloc.stop()
    figures = f"{cases} inputs; refused: {counts[0]} files, {counts[1]} checkpoints, {counts[2]} "
    figures += f"calls; slowest {slowest:.3f} s, largest {largest / 2**20:.1f} MB"
    return figures, failures


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


class Arguments:
    """Public names called with odd values for some of their arguments."""

    def __init__(self) -> None:
        self.last = ""

    def is_refused(self, rng: np.random.Generator) -> bool:
        name, function, arguments = _call(rng)
        self.last = name
        for key in arguments:
            if rng.random() < 0.4:
                odd = ODD[rng.integers(len(ODD))]
                arguments[key] = odd() if isinstance(odd, FunctionType) else odd
                self.last += f" {key}={str(arguments[key])[:60]!r}"
        try:
            function(**arguments)
        except DOCUMENTED as error:
            if isinstance(error, BY_CHANCE):
                raise
            return True
        return False


ODD: list[Any] = [
    None, True, 0, -1, 3, 10**400, 2**63, 0.5, -0.0, float("nan"), float("inf"), 1j, "x", "", b"x",
    [], (), {}, [[1], [1, 2]], [None], object, len, Ellipsis, slice(None), range(3), {1, 2},
    lambda: np.zeros(0), lambda: np.zeros((0, 3)), lambda: np.zeros((2, 0)), lambda: np.array(3),
    lambda: np.ones((2, 3)), lambda: np.ones((3, 2)), lambda: np.ones((2, 3, 4)),
    lambda: np.full((2, 3), np.nan), lambda: np.full((2, 3), np.inf), lambda: np.ones((2, 3)) * 1j,
    lambda: np.ones((2, 3), np.float16), lambda: np.ones((2, 3), np.longdouble),
    lambda: np.ones((2, 3), ">f8"), lambda: np.array(["a", "b"]), lambda: np.array([None, 1]),
    lambda: np.ma.masked_array([[1.0, 2, 3]], mask=[[False, True, False]]),
    lambda: np.zeros(2, "M8[s]"),
    lambda: np.ones((2, 3), bool), lambda: np.ones((2, 3), np.uint8), lambda: np.arange(2),
    lambda: np.broadcast_to(1.0, (2, 3)), lambda: np.ones((6, 2))[::-3, ::-1],
    lambda: mlp.Affine(3, 2, rng=0), lambda: mlp.ReLU(), lambda: mlp.SquaredError(),
    lambda: mlp.SGD(0.1), lambda: np.random.default_rng(0), lambda: np.float32(1e30),
]  # fmt: skip


def _call(rng: np.random.Generator) -> tuple[str, Callable, dict[str, Any]]:
    """A public name, or a method of what it makes, and arguments that it takes."""
    x, y = rng.normal(size=(2, 3)), np.array([0, 1])
    net = mlp.Sequential(mlp.Affine(3, 4, rng=0), mlp.ReLU(), mlp.Affine(4, 2, rng=1))
    loss, sgd = mlp.SoftmaxCrossEntropy(), mlp.SGD(0.1)
    data = {"net": net, "loss": loss, "x": x, "y": y}
    calls: list[tuple[str, Callable, dict[str, Any]]] = [
        ("Affine", mlp.Affine, {"in_features": 3, "out_features": 2, "bias": True, "init": "he",
                                "rng": 0, "dtype": np.float64}),
        ("ReLU", mlp.ReLU, {"negative_slope": 0.0, "at_zero": None}),
        ("MaxPool", mlp.MaxPool, {"window": 2, "stride": 1, "subsets": None}),
        ("Multiply", mlp.Multiply, {"pairs": None}),
        ("Scale", mlp.Scale, {"shift": 0.0, "factor": 1.0}),
        ("Elementwise", mlp.Elementwise, {"function": np.tanh, "derivative": np.cos}),
        ("Sequential", lambda a, b: mlp.Sequential(a, b), {"a": mlp.Affine(3, 2), "b": mlp.ReLU()}),
        ("Concat", lambda a, b: mlp.Concat(a, b), {"a": mlp.Affine(3, 2), "b": mlp.ReLU()}),
        ("SquaredError", mlp.SquaredError, {"factor": 1.0, "reduction": "mean"}),
        ("SGD", mlp.SGD, {"learning_rate": 0.1, "momentum": 0.9, "nesterov": False,
                          "weight_decay": 0.0}),
        ("SGD.step", sgd.step, {"net": _stepped(net, loss, x, y)}),
        ("fit", mlp.fit, data | {"optimizer": sgd, "epochs": 1, "batch_size": 2, "rng": 0,
                                 "validation": None, "patience": None, "tolerance": None,
                                 "on_epoch": None, "callbacks": (), "checkpoint": None}),
        ("evaluate", mlp.evaluate, dict(data)),
        ("gradcheck", mlp.gradcheck, {"layer": net, "x": x, "target": y, "loss": loss, "rng": 0,
                                      "full": False}),
        ("jacobian", mlp.jacobian, {"layer": mlp.Affine(3, 2, rng=0), "x": x, "wrt": "x",
                                    "route": "backward"}),
        ("predict", net.predict, {"x": x, "batch_size": 2}),
        ("update", _stepped(net, loss, x, y).update, {"learning_rate": 0.1}),
        ("load_vector", net.load_vector, {"vector": net.parameter_vector()}),
    ]  # fmt: skip
    for kind in (mlp.SquaredError, mlp.KLDivergence, mlp.SoftmaxCrossEntropy,
                 mlp.SigmoidCrossEntropy):  # fmt: skip
        calls.append((f"{kind.__name__}.forward", kind().forward, {"y": x[:, :2], "target": y}))
    for layer in (mlp.Affine(3, 2), mlp.ReLU(), mlp.Sigmoid(), mlp.Softmax(), mlp.MaxPool(2), net,
                  mlp.MaxPool(subsets=[[0, 2], [1]]), mlp.Multiply([[0, 1]]), mlp.Flatten(),
                  mlp.Scale(0.0, 2.0)):  # fmt: skip
        name = type(layer).__name__
        for method in ("forward", "backward", "jvp", "kinks", "output_shape"):
            calls.append((f"{name}.{method}", _after_forward(layer, method, x), {"x": x}))
    return calls[rng.integers(len(calls))]


def _stepped(net: mlp.Sequential, loss: Any, x: np.ndarray, y: np.ndarray) -> mlp.Sequential:
    loss.forward(net.forward(x), y)
    net.backward(loss.backward())
    return net


def _after_forward(layer: mlp.Layer, method: str, x: np.ndarray) -> Callable:
    def call(x: Any, first: np.ndarray = x) -> Any:
        layer.forward(first)
        return getattr(layer, method)(x)

    return call
