"""Activations with kinks: which slopes are subgradients of ReLU, leaky ReLU and the max.

v is a subgradient of f at a if f(x) - f(a) >= v (x - a) for all x. Wanted: all subgradients of ReLU
at 0 by the definition; leaky ReLU, and the randomized one, with new slopes in each forward pass;
y_j = max of z_l over l in S_j (deck 004: delta_j), with ties and overlaps; what is not promised.
One sample, a flat vector; Jacobians have a row per output.
"""

import numpy as np

from mlp import MaxPool, ReLU
from problems.numeric import central
from problems.report import Report
from problems.subgradients import leaky, max_gradient, steep, violation

TITLE = "Kinks: ReLU, its leaky kin, and the max"
DECKS = "004"


def engine_gradient(layer, z, upstream):
    layer.forward([z])
    return layer.backward([upstream])[0]


def solve(report: Report) -> None:
    report.claim("At 0, ReLU's subgradients are [0, 1], those of leaky ReLU [a, 1] for a <= 1.")
    report.derive("""
        f(z) >= v z:   z > 0: z >= v z iff v <= 1     z < 0: a z >= v z iff v >= a
        max: f(x) >= x_l = f(z) + e_l (x - z) for each winner l, and mixtures
        """)
    rng, line = np.random.default_rng(17), np.linspace(-1, 1, 41)[:, None]

    def miss(a, v):
        return violation(lambda z: leaky(z[..., 0], a), [v], np.zeros(1), line)

    for a, slopes in ((0.0, np.linspace(0, 1, 9)), (0.2, np.linspace(0.2, 1, 9))):
        report.check(f"a = {a}: slopes from a to 1", max(miss(a, v) for v in slopes), 1e-14)
        outside = miss(a, a - 0.1), miss(a, 1.1)
        report.equal(f"a = {a}: 0.1 outside misses by 0.1", outside, (0.1, 0.1), 1e-14)
        engine = [engine_gradient(ReLU(negative_slope=a, at_zero=v), [0], [1])[0] for v in slopes]
        report.equal(f"a = {a}: engine, at_zero", engine, slopes, 0)
    least = min(miss(1.5, v) for v in np.linspace(0, 2, 201))
    report.equal("a = 1.5, not convex: all miss by 0.25", least, 0.25, 1e-12)
    report.slip("""004 says TensorFlow and PyTorch take slope 1 at 0; they take 0. A line under ReLU
        gives a subgradient only if it touches it at the point. Where f is differentiable, the
        gradient is one if f is convex: by the printed definition, sin has none at 0.""")
    turn = 2 * np.pi * np.arange(-1, 1.1, 0.25)[:, None]
    misses = [violation(lambda z: np.sin(z[..., 0]), [v], np.zeros(1), turn) for v in (0, 1)]
    report.equal("sin: slopes 0, 1 miss", misses, (1, 2 * np.pi), 1e-14)
    z, layer, passes = np.array([-2.0, -0.5, 0.7, 3.0]), ReLU(), []
    for _ in range(2000):  # randomized leaky ReLU
        layer.negative_slope = drawn = rng.uniform(1 / 8, 1 / 3, 4)
        passes.append(layer.forward(z))
    numeric = np.diag(central(lambda z: leaky(z, drawn), z))
    report.equal("randomized: slopes of the last pass", layer.backward(np.ones(4)), numeric, 1e-9)
    report.equal("mean of 2000 passes", np.mean(passes, axis=0), leaky(z, 11 / 48), 0.002)

    subsets, z, upstream = [[0, 1, 2], [2, 3], [1, 2, 4]], rng.normal(size=5), rng.normal(size=3)
    numeric = upstream @ central(lambda z: np.array([z[s].max() for s in subsets]), z)
    ours, pool = max_gradient(z, subsets, upstream), MaxPool(subsets=subsets)
    report.show(f"z, then dz for the subsets {subsets}", np.array([z, ours]))
    report.equal("max over subsets: central differences", ours, numeric, 1e-9)
    report.equal("max over subsets: engine", ours, engine_gradient(pool, z, upstream), 1e-14)
    tie, points = np.array([2.0, 2.0, 1.0]), rng.normal(2, 1, size=(500, 3))
    vs = [1, 0, 0], [0, 1, 0], [0.3, 0.7, 0], [0, 0, 1]  # the last belongs to the loser
    misses = [violation(lambda x: x.max(axis=-1), v, tie, points) for v in vs]
    report.equal("tie: winners and mixture, not the loser", misses, [0, 0, 0, 1], 1e-14)
    report.equal("tie: engine, the first", engine_gradient(MaxPool(3), tie, [1]), [1, 0, 0], 0)
    at, v, points = np.array([1.0, 0.0]), np.array([1.0, 2.0]), rng.normal(size=(500, 2))
    report.check("(1, 2) for |x| + 2 |y| at (1, 0)", violation(steep, v, at, points), 1e-14)
    report.equal("its opposite goes up", steep(at - 0.1 * v) - steep(at), 0.3, 1e-14)
    report.slip("""rising is not the test: |x| rises along 5, which is no subgradient; 0 is one,
        and nothing rises along it.""")
    report.figure("subgradients", draw)


def draw(figure) -> None:
    (left, right), z = figure.subplots(1, 2), np.linspace(-2, 2, 101)
    for v in (-0.3, 0, 0.25, 0.5, 0.75, 1, 1.5):
        colour, line = ("#009E73", "-") if 0 <= v <= 1 else ("#D55E00", "--")
        left.plot(z, v * z, line, color=colour, linewidth=1)
    left.plot(z, leaky(z, 0), color="#000000", label="ReLU")
    left.legend(loc="upper left")
    left.set(title="subgradients at 0; dashed: not", ylim=(-1, 2), xlabel="$z$")
    grid = np.stack(np.meshgrid(np.linspace(-0.5, 2, 81), np.linspace(-1.3, 1.3, 81)), axis=-1)
    right.contourf(*grid.T, steep(grid).T, levels=np.arange(0, 5, 0.5), cmap="Blues")
    right.contour(*grid.T, steep(grid).T, levels=[1], colors="#555555", linestyles="--")
    right.plot(1, 0, "ko")
    right.text(1.1, 0.05, "(1, 0)")
    arrow = {"arrowstyle": "<-", "color": "#D55E00", "lw": 2}
    right.annotate("$-v$", (1, 0), (0.5, -1), arrowprops=arrow)
    right.set(title="$|x| + 2|y|$ rises along $-v$", xlabel="$x$", ylabel="$y$")
