"""A class of students: submissions to the exercise, right, wrong, blank and hostile."""

import json
import re
from itertools import cycle
from pathlib import Path

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
