"""Around problem 19: the digits, the three networks, their training, and the pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm.auto import tqdm

from mlp import SGD, Affine, KLDivergence, ReLU, Sequential, Sigmoid, Softmax, data, evaluate, fit
from mlp.seeing.plots import ORANGE, SIGNED

DIGITS = Path(__file__).parents[2] / "data" / "digits.csv.gz"
TRAINED_ON = 1000
RATE, MOMENTUM, DECAY, UNITS = 0.5, 0.9, 2e-3, 16
STEPS, LONGEST, NOWHERE = 50, 2000, 2e-3
"""Training ends once the mean of the gradients over STEPS steps is shorter than NOWHERE."""


class Task(NamedTuple):
    """Samples x (N, 64) from 0 to 1 with rows d; `targets` is d as `fit` takes it."""

    x: np.ndarray
    d: np.ndarray
    targets: np.ndarray


class Trained(NamedTuple):
    net: Sequential
    losses: list[float]
    mean_gradient: float
    scores: dict[str, Any]
    dead: np.ndarray


def load(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """x (1797, 64) from 0 to 1 and labels (1797,), in random order."""
    x, labels, *_ = data.load(DIGITS)
    order = rng.permutation(len(x))
    return x[order] / 16, labels[order].astype(int)


def tasks(x: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> dict[str, Task]:
    """The three tasks on these digits; the eleventh class is every tenth one, shuffled."""
    shuffled = rng.permuted(x[::10], axis=1)
    more, eleven = np.vstack([x, shuffled]), np.append(labels, [10] * len(shuffled))
    is_two = 1.0 * (labels == 2)[:, None]
    return {
        "2 or not 2": Task(x, is_two, is_two),
        "ten classes": Task(x, np.eye(10)[labels], labels),
        "eleven": Task(more, np.eye(11)[eleven], eleven),
    }


def network(task: Task, rng: np.random.Generator) -> Sequential:
    outputs = task.d.shape[1]
    last = Sigmoid() if outputs == 1 else Softmax()
    return Sequential(Affine(64, UNITS, rng=rng), ReLU(), Affine(UNITS, outputs, rng=rng), last)


def small_network(*given: np.ndarray) -> Sequential:
    """One hidden layer of ReLU and a sigmoid output, from W1, b1, W2, b2."""
    W1, _, W2, _ = given
    net = Sequential(Affine(*W1.shape), ReLU(), Affine(*W2.shape), Sigmoid())
    net.load_vector(1.0 * flat(given))
    return net


def train(name: str, net: Sequential, task: Task, test: Task, first: Callable) -> Trained:
    """Descend on all samples at once until it leads nowhere; `first(net)` after 20 steps."""
    sgd, penalties = SGD(RATE, momentum=MOMENTUM, weight_decay=DECAY), [penalty(net)]

    def steps(count: int) -> list:
        options: Any = {"batch_size": None, "on_epoch": lambda _: penalties.append(penalty(net))}
        return fit(net, KLDivergence(), sgd, task.x, task.targets, epochs=count, **options)

    history, mean = steps(20), float("inf")
    first(net)
    with tqdm(total=LONGEST, desc=name, unit=" steps", disable=None, leave=False) as bar:
        while mean > NOWHERE and len(history) < LONGEST:
            before = net.parameter_vector()
            history += steps(STEPS)
            way = float(np.linalg.norm(net.parameter_vector() - before))
            mean = way * (1 - MOMENTUM) / (STEPS * RATE)
            bar.update(STEPS)
    losses = [record["loss"] + p for record, p in zip(history, penalties, strict=False)]
    scores: Any = evaluate(net, KLDivergence(), test.x, test.targets)
    return Trained(net, losses, mean, scores, dead_units(net, task.x))


def parameters(net: Sequential) -> list[np.ndarray]:
    return [parameter.copy() for parameter in net.parameters().values()]


def penalty(net: Sequential) -> float:
    return DECAY / 2 * sum((affine.W**2).sum() for affine in (net[0], net[2]))


def dead_units(net: Sequential, x: np.ndarray) -> np.ndarray:
    """Which hidden units give 0 for every one of the samples: nothing can change them any more."""
    return (x @ net[0].W + net[0].b <= 0).all(axis=0)


def descend(start: list[np.ndarray], task: Task, count: int, by_hand: Callable) -> list:
    """Full-batch steps by hand: v <- momentum v + g, then w <- w - rate v."""
    now = [p.copy() for p in start]
    velocity = [np.zeros_like(p) for p in now]
    for _ in range(count):
        gradients = by_hand(task.x, *now, task.d)[1:]
        for p, v, g in zip(now, velocity, gradients, strict=True):
            v *= MOMENTUM
            v += g + DECAY * p * (p.ndim == 2)  # biases do not decay
            p -= RATE * v
    return now


def flat(arrays: Any) -> np.ndarray:
    """All entries as one vector."""
    return np.hstack([np.ravel(a) for a in arrays])


def draw_samples(figure: Any, x: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> None:
    """Each digit once and one that is none, with the targets of the three tasks."""
    figure.set_size_inches(10, 1.6)
    axes = figure.subplots()
    samples = [x[np.argmax(labels == digit)] for digit in range(10)]
    _tiles(axes, [*samples, rng.permutation(samples[0])])
    for i in range(11):
        texts = ("1" if i == 2 else "0", f"{i}" if i < 10 else "", f"{i}")
        for line, text in enumerate(texts if i < 10 else ("0", "-", "10")):
            axes.text(9 * i + 3.5, 10 + 2 * line, text, ha="center", va="center", fontsize=10)
    for line, text in enumerate(("2 or not 2: d", "ten classes: the 1 of d at", "eleven: at")):
        axes.text(-1.5, 10 + 2 * line, text, ha="right", va="center", fontsize=10)
    axes.set(xlim=(-24, 98), ylim=(15, -1))


def draw_weights(figure: Any, trained: dict[str, Trained]) -> None:
    """The first layer's weights as pictures, the longest first; dead units are marked."""
    figure.set_size_inches(12, 4)
    for axes, (name, result) in zip(figure.subplots(len(trained)), trained.items(), strict=True):
        W = result.net[0].W.T
        order = np.argsort(np.linalg.norm(W, axis=1))[::-1]
        _tiles(axes, list(W[order]), cmap=SIGNED, vmin=-1, vmax=1)
        for place, unit in enumerate(order):
            if result.dead[unit]:
                axes.text(9 * place + 3.5, 9.3, "dead", color=ORANGE, ha="center", va="center")
        axes.set(ylim=(10.5, -1), xlim=(-18, 9 * UNITS))
        axes.text(-1.5, 3.5, name, ha="right", va="center")


def _tiles(axes: Any, pictures: list[np.ndarray], **look: Any) -> None:
    """Pictures of 8 x 8 beside each other, each in a thin frame."""
    for i, picture in enumerate(pictures):
        extent = (9 * i - 0.5, 9 * i + 7.5, 7.5, -0.5)
        axes.imshow(picture.reshape(8, 8), extent=extent, **({"cmap": "Greys"} | look))
        left, right = 9 * i - 0.5, 9 * i + 7.5
        outline = [left, right, right, left, left], [-0.5, -0.5, 7.5, 7.5, -0.5]
        axes.plot(*outline, color="#8a97a3", linewidth=0.6)
    axes.axis("off")


def draw_losses(figure: Any, trained: dict[str, Trained]) -> None:
    axes = figure.subplots()
    for name, result in trained.items():
        axes.loglog(range(1, len(result.losses) + 1), result.losses, label=name)
    axes.set(xlabel="step", ylabel="mean KL divergence, with the decay")
    axes.legend()
