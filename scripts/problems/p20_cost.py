"""What backpropagation costs: memory for the intermediates, and what can go on in parallel.

Deck 002: all intermediates must be kept; batches go in parallel, layers do not. Wanted: the bytes
that K layers of D units keep for N samples, predicted and measured; the same gradient from less;
that of a batch from its halves in two threads. Our W_k is its Omega_k^T; all units are ReLU.
"""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np

from mlp import Affine, ReLU, Sequential, SquaredError
from problems.blocks import by_blocks, forward
from problems.engine import backpropagate
from problems.report import Report

TITLE = "What backpropagation costs"
DECKS = "002"
D = 64


def measured(call, *arguments):  # bytes held afterwards, bytes at the peak, result
    tracemalloc.start()
    result = call(*arguments)
    held_and_peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return *held_and_peak, result


def solve(report: Report) -> None:
    report.claim("Memory grows as depth times batch; it can be traded for time; halves add up.")
    report.derive("""
        by hand: h_1 ... h_K                        8 K N D bytes in float64
        engine: h_1 ... h_K and the slopes of ReLU  16 K N D
        blocks of s layers: K / s starts, s of its own, the gradients so far, and
        4 at work: 8 N D (s + 4) + max(8 N D (K / s - 1) + 8 s D^2, 8 K D^2)
        """)
    rng, kept, sizes = np.random.default_rng(20), [], (1, 2, 4, 8, 16)
    for samples, depth in product((32, 128, 256), sizes):
        x = rng.normal(size=(samples, D))
        affine = [Affine(D, D, bias=False, rng=k) for k in range(depth)]
        net, weights = Sequential(*(f for a in affine for f in (a, ReLU()))), [a.W for a in affine]
        by_hand, engine = measured(forward, weights, x)[0], measured(net.forward, x)[0]
        kept.append((samples, depth, 8 * depth * samples * D, by_hand, engine))
    report.table(["samples", "layers", "8 K N D", "by hand", "engine"], kept)
    predicted, by_hand, engine = np.transpose(kept)[2:]
    report.check("by hand: relative deviation", abs(by_hand / predicted - 1).max(), 0.02)
    report.check("engine: relative deviation", abs(engine / (2 * predicted) - 1).max(), 0.02)
    blocks = [(size, *measured(by_blocks, weights, x, size)[1:]) for size in sizes]
    size, peak = np.array([block[:2] for block in blocks]).T
    most = np.maximum(samples * (depth / size - 1) + size * D, depth * D)
    predicted = 8 * D * (samples * (size + 4) + most)
    rows = np.column_stack([size, peak, predicted]).astype(int)
    report.table(["layers per block", "peak, bytes", "predicted"], rows)
    report.check("peak: relative deviation", abs(peak / predicted - 1).max(), 0.08)
    whole = np.array(blocks[4][2])
    report.equal("gradient: blocks of 4, all at once", blocks[2][2], whole, 1e-14)
    v = rng.normal(size=whole.shape)
    slope = (forward(weights + 1e-30j * v, x)[-1] ** 2).sum().imag / 1e-30
    report.equal("gradient . v: complex step", (whole * v).sum() / slope, 1, 1e-12)
    halves = [(net.astype(float), SquaredError(reduction="sum"), h, 0 * h) for h in np.split(x, 2)]
    with ThreadPoolExecutor(2) as pool:  # a network and a loss for each thread
        total = sum(result[2] for result in pool.map(lambda half: backpropagate(*half), halves))
    report.equal("engine: two halves in two threads", total, whole.ravel(), 1e-14)
    report.figure("memory", lambda figure: draw(figure, np.array(kept), rows.T))


def draw(figure, kept, blocks) -> None:
    left, right = figure.subplots(1, 2)
    for rows in np.split(kept, 3):
        (dots,) = left.plot(rows[:, 1], 1e-6 * rows[:, 4], "o", label=f"N = {rows[0, 0]}")
        left.plot(rows[:, 1], 2e-6 * rows[:, 2], color=dots.get_color(), linewidth=1)
    left.set(title="kept by forward", xlabel="layers K", ylabel="MB (line: 16 K N D)")
    left.legend()
    size, peak, predicted = blocks
    right.plot(size, 1e-6 * peak, "s", color="#009E73", label="measured")
    right.plot(size, 1e-6 * predicted, color="#009E73", linewidth=1, label="predicted")
    right.legend()
    right.set(title="by blocks, N = 256, K = 16", xlabel="layers per block", ylabel="peak, MB")
    right.set(xticks=size, ylim=(0, None))
