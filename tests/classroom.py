"""A class of students: submissions to the exercise, right, wrong, blank and hostile."""

import csv
import json
import re
import subprocess
import sys
from itertools import cycle
from pathlib import Path

from mlp.checking.grading.exercise import read_exercise
from mlp.checking.grading.run import Grading
from mlp.checking.grading.submissions import find_submissions
from mlp.checking.students.sandbox import Limits

ROOT = Path(__file__).resolve().parent.parent

EXERCISE = Path(__file__).resolve().parent.parent / "scripts" / "problems" / "exercise.py"
SOLUTIONS = [
    "self.x = x; return x @ self.W + self.b",
    "self.dW = self.x.T @ upstream; self.db = upstream.sum(0); return upstream @ self.W.T",
    "self.s = (z > 0).astype(z.dtype); return np.maximum(z, 0)",
    "return self.s * upstream",
    "e = np.exp(-abs(z)); self.s = e / (1 + e) ** 2; return np.where(z > 0, 1, e) / (1 + e)",
    "return self.s * upstream",
    "e = np.exp(z - z.max(1, keepdims=True)); self.y = e / e.sum(1, keepdims=True); return self.y",
    "return self.y * (upstream - (upstream * self.y).sum(1, keepdims=True))",
    "self.z = z; return z[:, ::2] * z[:, 1::2]",
    "dz = np.empty_like(self.z); dz[:, ::2] = upstream * self.z[:, 1::2]; "
    "dz[:, 1::2] = upstream * self.z[:, ::2]; return dz",
    "n, k = len(x), self.window; m = x.shape[1] // k; self.shape = x.shape; "
    "w = x[:, : m * k].reshape(n, m, k); self.i = w.argmax(2) + k * np.arange(m); return w.max(2)",
    "dx = np.zeros(self.shape, upstream.dtype); "
    "np.put_along_axis(dx, self.i, upstream, 1); return dx",
    "self.r = y - target; return (self.r**2).sum() / len(y)",
    "return 2 * self.r / len(self.r)",
    "s = z - z.max(1, keepdims=True); logp = s - np.log(np.exp(s).sum(1, keepdims=True)); "
    "self.p, self.t = np.exp(logp), labels; return -logp[np.arange(len(z)), labels].mean()",
    "g = self.p.copy(); g[np.arange(len(g)), self.t] -= 1; return g / len(g)",
    "e = np.exp(-abs(z)); self.g = np.where(z > 0, 1, e) / (1 + e) - target; "
    "return (np.maximum(z, 0) - target * z + np.log1p(e)).sum() / len(z)",
    "return self.g / len(self.g)",
    "self.y, self.d = y, target; some = target > 0; "
    "return (target[some] * np.log(target[some] / y[some])).sum() / len(y)",
    "return np.where(self.d > 0, -self.d / self.y, 0) / len(self.y)",
]
"""What stands for each `raise NotImplementedError` of the exercise, in their order."""
MISTAKES = [
    (1, "self.dW = self.x.T @ upstream / len(upstream); self.db = upstream.sum(0); "
        "return upstream @ self.W.T"),
    (1, "self.dW = self.x.T @ upstream; self.db = upstream; return upstream @ self.W.T"),
    (3, "return upstream"),
    (5, "return self.s * upstream * upstream"),
    (7, "return upstream * self.y * (1 - self.y)"),
    (9, "dz = np.empty_like(self.z); dz[:, ::2] = upstream * self.z[:, ::2]; "
        "dz[:, 1::2] = upstream * self.z[:, 1::2]; return dz"),
    (13, "return self.r / len(self.r)"),
    (15, "g = self.p.copy(); g[:, self.t] -= 1; return g / len(g)"),
    (15, "g = self.p.copy(); g[np.arange(len(g)), self.t] -= 1; return g"),
    (6, "e = np.exp(z); self.y = e / e.sum(1, keepdims=True); return self.y"),
]  # fmt: skip
"""Places among the solutions, and what stands there instead."""
HANGING = "while True: pass"
FORKING = "import os\nwhile True: os.fork()"
EATING = "memory = [np.ones(10**8) for _ in range(100)]; return z"
NAMES = ["Müller Anna", "Łukasz Żak", "de la Cruz José", "O'Neill Sinéad", "Øst Åse", "李 小龍"]


def filled(blank: Path, path: Path, solutions: list[str]) -> Path:
    """The exercise with these bodies, written to path."""
    bodies = iter(solutions)
    text = re.sub("raise NotImplementedError", lambda _: next(bodies), blank.read_text())
    path.write_text(text, encoding="utf-8")
    if next(bodies, None) is not None:
        raise ValueError("there are more solutions than blanks")
    return path


def solved(path: Path, **instead: str) -> Path:
    """The exercise filled in, with some bodies (by place, as `_7`) replaced."""
    changes = {int(place.strip("_")): body for place, body in instead.items()}
    return filled(EXERCISE, path, [changes.get(i, s) for i, s in enumerate(SOLUTIONS)])


def notebook(path: Path, text: str) -> Path:
    """The same text as the code cells of a notebook, one for each class, among others."""
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["# My solution"]}]
    for piece in re.split(r"(?m)^(?=class )", text):
        cells.append({"cell_type": "code", "metadata": {}, "source": piece.splitlines(True)}
                     | {"outputs": [], "execution_count": None})  # fmt: skip
    whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


def write_class(folder: Path, count: int, hostile: bool = False) -> None:
    """`count` submissions to the whole exercise, one or two mistakes in most of them.

    Hostile: among them one that hangs, one that forks, one that eats memory, and an empty one.
    """
    folder.mkdir(parents=True)
    mistakes = cycle(MISTAKES)
    for number in range(count):
        student = f"{NAMES[number % len(NAMES)]} {number:02}"
        changes = dict(next(mistakes) for _ in range(number % 3))
        solved(folder / f"{student}.py", **{f"_{i}": text for i, text in changes.items()})
    if hostile:
        files = sorted(folder.iterdir())
        solved(files[0], _2=HANGING)
        files[1].write_text(FORKING + "\n" + files[1].read_text(encoding="utf-8"))
        solved(files[2], _4=EATING)
        files[3].write_text("")


WRONG_RELU = """
class ReLU:
    def forward(self, z): return np.maximum(z, 0)
    def backward(self, upstream): return WHAT
"""
EQUAL_TO_ALL = """
import numpy as np
class Equal(np.ndarray):
    def __eq__(self, other): return True
    def __array_ufunc__(self, ufunc, method, *inputs, **named): return np.True_
    def __array_function__(self, function, types, arguments, named): return True
""" + WRONG_RELU.replace("WHAT", "np.zeros(upstream.shape).view(Equal)")
PATCHED = """
import numpy as np
import mlp.checking.students.trials as t, mlp.checking.students.gradients as g
np.allclose = np.array_equal = lambda *a, **k: True
t.close = g.close = lambda *a, **k: True
""" + WRONG_RELU.replace("WHAT", "np.zeros(upstream.shape)")
LEAVING = """
import os
import numpy as np
""" + WRONG_RELU.replace("WHAT", "os._exit(0)")
LEAVING_AT_ONCE = "import os\nos._exit(0)\n" + WRONG_RELU
INHERITED = "import mlp\nclass ReLU(mlp.ReLU): pass\n"
RENAMED = """
from mlp.layers.relu import ReLU as Ours
class ReLU:
    def __init__(self): self.ours = Ours()
    def forward(self, z): return self.ours.forward(z)
    def backward(self, upstream): return self.ours.backward(upstream)
"""
TAKEN_METHODS = """
import importlib
Ours = importlib.import_module("mlp").ReLU
class ReLU:
    __init__ = Ours.__init__
    def forward(self, z): return Ours.forward(self, z)
    def backward(self, upstream): return Ours.backward(self, upstream)
    def __getattr__(self, name):
        found = getattr(Ours, name)
        return found.__get__(self) if callable(found) else found
"""
COPIED_CODE = """
import types
import mlp, mlp.layers.relu as source
class ReLU(mlp.ReLU.__mro__[1]):
    __init__ = mlp.ReLU.__init__
    _slope_for = mlp.ReLU._slope_for
    forward = types.FunctionType(mlp.ReLU.forward.__code__, vars(source))
    backward = types.FunctionType(mlp.ReLU.backward.__code__, vars(source))
"""
FORGED = """
import gc, json, os
import numpy as np
from mlp.checking.report import Report, Row
from mlp.checking.students.wire import to_wire
row = Row("x", (7, 5), "PASS", "reference layer", 35, 0.0, 1e-9)
report = to_wire(Report("ReLU", [row]))
zeros = np.zeros((7, 5)).tolist()
said = [
    {"loaded": ["ReLU"], "error": None, "notes": []}, {"start": "ReLU"},
    {"done": report, "loss_divides": False},
    {"answer": {"name": "ReLU", "forms": {"x": ["normal", [7, 5], 0]}, "y": zeros,
                "gradients": {"x": zeros}}},
    {"answer": {"patched": []}}, {"end": True},
]
task = next(o for o in gc.get_objects() if type(o).__name__ in ("Task", "Question"))
text = "".join(json.dumps({"key": task.key} | line) + chr(10) for line in said)
for number in range(3, 9):  # one of these is the open file of results
    try:
        os.write(number, text.encode())
    except OSError:
        pass
""" + WRONG_RELU.replace("WHAT", "np.zeros(upstream.shape)")
DELEGATING = """
class ReLU:
    def __init__(self): self.ours = Ours()
    def forward(self, z): return self.ours.forward(z)
    def backward(self, upstream): return self.ours.backward(upstream)
"""
SOURCE_READ = (
    """
import importlib.util
names = {}
exec(open(importlib.util.find_spec("mlp.layers.relu").origin).read(), names)
Ours = names["ReLU"]
"""
    + DELEGATING
)
SOURCE_ASKED_FOR = (
    """
import importlib, inspect
names = {}
exec(inspect.getsource(importlib.import_module("mlp.layers.relu")), names)
Ours = names["ReLU"]
"""
    + DELEGATING
)
SOURCE_FOUND = (
    """
import glob, os, sys
path = next(f for d in sys.path for f in glob.glob(os.path.join(d, "mlp", "layers", "relu.py")))
names = {}
exec(open(path).read(), names)
Ours = names["ReLU"]
"""
    + DELEGATING
)
LOADED_AGAIN = (
    """
import sys
for name in [n for n in sys.modules if n.split(".")[0] == "mlp"]: del sys.modules[name]
sys.meta_path = [f for f in sys.meta_path if "Finder" in getattr(f, "__name__", "")]
import mlp
Ours = mlp.ReLU
"""
    + DELEGATING
)
CODE_WRAPPED = """
import types, mlp.layers.relu as source
f, b = (types.FunctionType(getattr(source.ReLU, n).__code__, vars(source))
        for n in ("forward", "backward"))
class ReLU:
    def __init__(self): self.ours = source.ReLU()
    def forward(self, z): return f(self.ours, z)
    def backward(self, upstream): return b(self.ours, upstream)
"""
THREADED = (
    """
import threading, time
import mlp.checking.grading.witness as witness
def patch():
    while True:
        witness._close_ours = lambda: None
        witness._copies = lambda *a: set()
        time.sleep(0.001)
threading.Thread(target=patch, daemon=True).start()
from mlp import ReLU as Ours
"""
    + DELEGATING
)
FRAMES = (
    """
try:
    1 / 0
except ZeroDivisionError as error:
    frame = error.__traceback__.tb_frame
while frame is not None and "LayerReference" not in frame.f_globals:
    frame = frame.f_back
Ours = frame.f_globals["ReLU"]
"""
    + DELEGATING
)
PRINTED = """
import atexit, json
import numpy as np
atexit.register(lambda: print(json.dumps({"end": True})))
print(json.dumps({"loaded": ["ReLU"], "error": None, "notes": []}))
print(json.dumps({"done": {"name": "ReLU", "verdict": "PASS"}}))
""" + WRONG_RELU.replace("WHAT", "print(json.dumps({'end': True})) or np.zeros(upstream.shape)")
TAMPERED = {
    "equal to all": EQUAL_TO_ALL, "patched": PATCHED, "leaving": LEAVING,
    "leaving at once": LEAVING_AT_ONCE, "inherited": INHERITED, "renamed": RENAMED,
    "taken methods": TAKEN_METHODS, "copied code": COPIED_CODE, "forged": FORGED,
    "source read": SOURCE_READ, "source asked for": SOURCE_ASKED_FOR, "source found": SOURCE_FOUND,
    "loaded again": LOADED_AGAIN, "code wrapped": CODE_WRAPPED, "threaded": THREADED,
    "frames": FRAMES,
}  # fmt: skip
"""Submissions of a ReLU that must earn nothing."""
RELU_ALONE = """
title = "One layer"
[tasks.ReLU]
"""
RIGHT_RELU = "import numpy as np\n" + WRONG_RELU.replace("WHAT", "upstream * (self.z > 0)").replace(
    "return np", "self.z = z; return np"
)
NO_MASK = RIGHT_RELU.replace("upstream * (self.z > 0)", "upstream")
FOUR = """
title = "Four <tasks>"
[conventions]
loss = "rows"
parameters = "sum"
[tasks.Affine]
gradients = {x = 1, W = 2, b = 1}
[tasks.ReLU]
[tasks.Softmax]
style = 0
[tasks.SoftmaxCrossEntropy]
[network]
layers = ["Affine(6, 5)", "ReLU()", "Affine(5, 3)"]
"""
LIMITS = Limits(20, 1024, guarded=True)


def mlp(*words, **options):
    command = [sys.executable, "-m", "mlp", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, timeout=300, check=False, **options
    )


def exercise_of(folder, text):
    path = folder / "exercise.toml"
    path.write_text(text, encoding="utf-8")
    return read_exercise(path)


def rows_of(output):
    text = (output / "grades.csv").read_text(encoding="utf-8-sig")
    return {row["student"]: row for row in csv.DictReader(text.splitlines())}


def graded(folder, exercise, **how):
    """All submissions in the folder, in this process; the grading, when it is done."""
    grading = Grading(
        find_submissions(folder), exercise, folder.with_name("results"), LIMITS, **how
    )
    for _ in grading.run():
        pass
    grading.finish()
    return grading
