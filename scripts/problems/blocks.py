"""Around problem 20: counting multiplications, measuring memory, and the pictures."""

import tracemalloc
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from book.page import Page
from mlp import Affine, ReLU, Sequential, SquaredError
from mlp.seeing.plots import BLUE, COLOURS, INK, ORANGE
from problems.engine import backpropagate

WIDTH = 64
DEPTHS, SAMPLES = (1, 2, 4, 8, 16), (64, 256)


def multiplications(call: Callable, *arrays: Any) -> int:
    """How many multiplications the matrix products within call(*arrays) take."""
    counted = 0

    class Counting(np.ndarray):
        def __matmul__(self, other: Any) -> Any:
            nonlocal counted
            counted += self.shape[0] * self.shape[1] * other.shape[1]
            return super().__matmul__(other)

    call(*(np.asarray(array, float).view(Counting) for array in arrays))
    return counted


def measured(call: Callable, *arguments: Any) -> tuple[int, int, Any]:
    """Bytes held afterwards, bytes at the peak, and the result."""
    tracemalloc.start()
    result = call(*arguments)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held, peak, result


def relu_network(depth: int) -> Sequential:
    affine = [Affine(WIDTH, WIDTH, bias=False, rng=k) for k in range(depth)]
    return Sequential(*(layer for a in affine for layer in (a, ReLU())))


def weights_of(net: Sequential) -> np.ndarray:
    return np.array([affine.W for affine in net[::2]])


def kept(page: Page, forward: Callable) -> np.ndarray:
    """What forward keeps, by hand and in the engine, against the prediction. Columns as printed."""
    rows, rng = [], np.random.default_rng(20)
    for samples, depth in product(SAMPLES, DEPTHS):
        net, x = relu_network(depth), rng.normal(size=(samples, WIDTH))
        by_hand = measured(forward, x, weights_of(net))[0]
        engine = measured(net.forward, x)[0]
        rows.append((samples, depth, 8 * depth * samples * WIDTH, by_hand, engine))
    page.table(["samples N", "layers K", "8 K N D", "by hand", "engine"], rows)
    table = np.array(rows)
    predicted, by_hand, engine = table.T[2:]
    page.check("by hand: relative deviation", abs(by_hand / predicted - 1).max(), 0.02)
    page.check("engine: relative deviation", abs(engine / (2 * predicted) - 1).max(), 0.02)
    return table


def peaks(page: Page, by_blocks: Callable) -> np.ndarray:
    """The peak of by_blocks for several sizes of a block, against the prediction."""
    samples, depth = SAMPLES[-1], DEPTHS[-1]
    x = np.random.default_rng(20).normal(size=(samples, WIDTH))
    weights = weights_of(relu_network(depth))
    found = [measured(by_blocks, x, weights, size)[1:] for size in DEPTHS]
    size, peak = np.array(DEPTHS), np.array([peak for peak, _ in found])
    starts = samples * (depth / size - 1) + size * WIDTH
    predicted = 8 * WIDTH * (samples * (size + 4) + np.maximum(starts, depth * WIDTH))
    rows = np.column_stack([size, peak, predicted]).astype(int)
    page.table(["layers per block", "peak, bytes", "predicted"], rows)
    page.check("peak: relative deviation", abs(peak / predicted - 1).max(), 0.08)
    for s, (_, gradients) in zip(DEPTHS, found, strict=True):
        page.equal(f"gradients: blocks of {s}, all at once", gradients, found[-1][1], 1e-14)
    return rows


def check_gradients(page: Page, forward: Callable, by_blocks: Callable) -> None:
    """Of the small network, and of a larger one, against a slope along a random direction."""
    rng, net = np.random.default_rng(20), relu_network(4)
    small, large = (page.values["x"], page.values["W"]), (rng.normal(size=(8, 64)), weights_of(net))
    page.equal("small: blocks, all kept", page.values["dW_blocks"], page.values["dW"], 0)
    for name, (x, W) in (("small", small), ("large", large)):
        gradients, v = by_blocks(x, W, 2), rng.normal(size=W.shape)
        slope = (forward(x, W + 1e-30j * v)[-1] ** 2).sum().imag / 1e-30
        page.equal(f"{name}: complex step", (gradients * v).sum() / slope, 1, 1e-12)
    x, loss = large[0], SquaredError(reduction="sum")
    engine = backpropagate(net, loss, x, 0 * x)[2]
    page.equal("large: engine", engine, by_blocks(*large, 2).ravel(), 1e-14)
    page.proof("by blocks = all kept = engine = complex step along a random direction")


def draw_memory(figure: Any, table: np.ndarray, blocks: np.ndarray) -> None:
    left, right = figure.subplots(1, 2)
    for rows in np.split(table, len(SAMPLES)):
        (dots,) = left.plot(rows[:, 1], 1e-6 * rows[:, 4], "o", label=f"N = {rows[0, 0]}")
        left.plot(rows[:, 1], 2e-6 * rows[:, 2], color=dots.get_color(), linewidth=1)
    left.set(title="kept by forward", xlabel="layers K", ylabel="MB (line: 16 K N D)")
    left.legend()
    size, peak, predicted = blocks.T
    right.plot(size, 1e-6 * peak, "s", color=COLOURS[2], label="measured")
    right.plot(size, 1e-6 * predicted, color=COLOURS[2], linewidth=1, label="predicted")
    right.legend()
    right.set(title="by blocks, N = 256, K = 16", xlabel="layers per block", ylabel="peak, MB")
    right.set(xticks=size, ylim=(0, None))


def draw_pipeline(figure: Any, machines: int, parts: Sequence[int]) -> None:
    """Who works when, if every machine holds some of the layers; a row of pictures by parts."""
    figure.set_size_inches(9, 1.6 * len(parts) + 0.6)
    for axes, count in zip(np.atleast_1d(figure.subplots(len(parts))), parts, strict=True):
        forward, backward = 1 / count, 2 / count
        turn = (machines - 1 + count) * forward
        for machine, part in product(range(machines), range(count)):
            there = (machine + part) * forward
            back = turn + (machines - 1 - machine + part) * backward
            for left, wide, colour in ((there, forward, BLUE), (back, backward, ORANGE)):
                axes.barh(machine, wide, left=left, color=colour, edgecolor="white", height=0.8)
                look = {"color": "white", "ha": "center", "va": "center", "fontsize": 9}
                axes.text(left + wide / 2, machine, f"{part + 1}", **look)
        axes.set(yticks=range(machines), xlim=(0, 3 * machines), ylim=(machines - 0.5, -0.5))
        axes.set_yticklabels([f"{m + 1}" for m in range(machines)], fontsize=9, color=INK)
        axes.set_ylabel("machine", fontsize=10)
        axes.set_title("the batch as a whole" if count == 1 else f"the batch in {count} parts")
        axes.grid(False)
    axes.set_xlabel("time, in forward passes of one machine (blue: forward, orange: backward)")
