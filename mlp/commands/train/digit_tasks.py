"""The three digit tasks of deck 004: ten outputs, "2 or not 2", and "none of the above".

Each turns samples and labels into targets for a network, and judges what the network says.
"""

from collections.abc import Sequence
from math import isqrt

import numpy as np

from mlp import metrics
from mlp.data.statistics import distinct, numbered
from mlp.rows import Rows

NONE = "none"


def class_numbers(y: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Labels (N,) as positions in `classes`; ValueError for a label that is not among them."""
    values, place = distinct(y), {name: i for i, name in enumerate(classes)}
    names = [str(value) for value in values]
    if unknown := set(names) - place.keys():
        raise ValueError(f"expected labels among {', '.join(classes)}, got {min(unknown)}")
    return np.array([place[name] for name in names], np.int64)[numbered(y, values)]


def class_names(y: np.ndarray) -> list[str]:
    """The different labels of y (N,) in order, as texts."""
    return [str(name) for name in distinct(y)]


def image_shape(x: np.ndarray | Rows) -> tuple[int, int] | None:
    """(H, W) of samples (N, H, W), or of rows that are square images of 6 x 6 or more."""
    if x.ndim == 3:
        return x.shape[1], x.shape[2]
    side = isqrt(x.shape[1]) if x.ndim == 2 else 0
    return (side, side) if side >= 6 and side * side == x.shape[1] else None


def is_two(labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """1 where the class is named "2", else 0; ValueError without such a class."""
    if "2" not in classes:
        raise ValueError(f'task is-two needs a class "2", and the classes are {", ".join(classes)}')
    return (labels == list(classes).index("2")).astype(np.int64)


def with_non_digits(
    x: np.ndarray | Rows,
    labels: np.ndarray,
    shape: tuple[int, int],
    none: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """x (N, D) and labels with N/10 made-up samples of class `none`: one eleventh of the whole.

    In equal thirds: digits with their pixels shuffled, uniform noise over the range of x, and the
    left half of one digit joined to the right half of a digit of another class. All are copied.
    """
    x = np.asarray(x)
    n = round(len(x) / 10)
    if n < 3 or len(np.unique(labels)) < 2:
        raise ValueError("task reject needs at least 25 samples and two classes")
    thirds = [len(part) for part in np.array_split(np.arange(n), 3)]
    shuffled = rng.permuted(x[rng.integers(len(x), size=thirds[0])], axis=1)
    top = x.max()
    noise = rng.integers(0, int(top) + 1, size=(thirds[1], x.shape[1])).astype(x.dtype)
    if x.dtype.kind == "f" and (x != np.floor(x)).any():
        noise = rng.uniform(x.min(), top, size=noise.shape).astype(x.dtype)
    left = rng.integers(len(x), size=thirds[2])
    right = np.array([rng.choice(np.flatnonzero(labels != labels[i])) for i in left])
    halves = x[left].reshape(-1, *shape)
    halves[:, :, shape[1] // 2 :] = x[right].reshape(-1, *shape)[:, :, shape[1] // 2 :]
    made = np.concatenate([shuffled, noise, halves.reshape(len(left), -1)])
    return np.concatenate([x, made]), np.concatenate([labels, np.full(n, none, np.int64)])


def scores(task: str, counts: np.ndarray) -> dict[str, float]:
    """What the task is judged by, from confusion counts: a name and a fraction each."""
    result = {
        "accuracy": metrics.accuracy(counts),
        "balanced accuracy": metrics.balanced_accuracy(counts),
    }
    if task == "is-two":
        result["recall of twos"] = counts[1, 1] / counts[1].sum()
    if task == "reject":
        result["digits right"] = np.trace(counts[:-1, :-1]) / counts[:-1].sum()
        result["non-digits accepted"] = counts[-1, :-1].sum() / counts[-1].sum()
    return {name: float(value) for name, value in result.items()}
