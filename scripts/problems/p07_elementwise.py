"""Elementwise layers: diagonal Jacobians, dead ReLUs, and sigmoids whose gradients vanish.

Deck 000 calls the input x and the output z; we say z and y. The Jacobian (outputs as rows) is
diagonal, so layouts agree: dL/dz = f'(z) * U entry by entry, with U = dL/dy from above.
"""

import numpy as np

from mlp import SGD, Affine, ReLU, Sequential, SquaredError, fit
from problems.elementwise import FUNCTIONS, backprop
from problems.numeric import complex_step, gradient_vector
from problems.report import COLOURS, Report

TITLE = "Elementwise layers, dead ReLU, vanishing gradients"
DECKS = "000"


def solve(report: Report) -> None:
    rng = np.random.default_rng(7)
    z, U = rng.normal(size=(2, 1, 6))
    report.claim("An elementwise layer has a diagonal Jacobian: multiply U by f'(z), no matrix.")
    report.derive("relu'(z) = [z > 0]          sigmoid'(z) = y (1 - y), at most 1/4, at z = 0")
    for name, (f, slope, kind, _) in FUNCTIONS.items():
        layer, J = kind(), complex_step(f, z[0])
        report.equal(f"Jacobian of {name} is diag f'(z)", J, np.diag(slope(f(z[0]))), 1e-15)
        layer.forward(z)
        report.equal(f"engine: {name} backward", layer.backward(U), U * slope(f(z)), 1e-15)
    report.slip("""000 says that the slope vanishes unless z is close to zero. It never is 0, it
        falls like exp(-|z|): 1/4 at 0, 0.105 at 2, 0.0066 at 5, 4.5e-5 at 10.""")
    report.check("sigmoid'(10) exp(10), from 1", abs(slope(f(10)) * np.exp(10) - 1), 1e-4)
    dead_relu(report)
    vanishing(report, rng)


def dead_relu(report):
    report.claim("""relu(w x + b), targets x in (0, 1), from w = b = 1: one step that is too long
        makes z negative for every x. Then no gradient is left, forever.""")
    x, nets, losses = np.linspace(0.05, 0.95, 10)[:, None], {}, {}
    dead = "ReLU, rate 0.7, w = b = 1"
    runs = {dead: (0, 0.7, 1, 1), "leaky ReLU, slope 0.1 below 0": (0.1, 0.7, 1, 1)}
    runs |= {"shorter step, rate 0.5": (0, 0.5, 1, 1), "better start, w = 2, b = 0": (0, 0.7, 2, 0)}
    for name, (slope, rate, w, b) in runs.items():
        nets[name] = net = Sequential(Affine(1, 1, init=w), ReLU(negative_slope=slope))
        net[0].b = [b]
        history = fit(net, SquaredError(), SGD(rate), x, x, epochs=100, batch_size=None)
        losses[name] = np.array([record["loss"] for record in history])
    report.show("w, b after the first step and ever after", nets[dead].parameter_vector())
    report.check("largest output of the dead ReLU", nets[dead].forward(x).max(), 0)
    nets[dead].backward(np.ones((10, 1)))
    report.check("its largest gradient", np.abs(gradient_vector(nets[dead])).max(), 0)
    report.check("change of its loss, steps 2 to 100", np.ptp(losses[dead][1:]), 0)
    report.check("final loss of the others", max(losses[name][-1] for name in [*runs][1:]), 1e-4)
    labels = {"xlabel": "step", "ylabel": "squared error", "title": "One long step kills a ReLU"}
    report.curves("dead", np.arange(1, 101), losses, log="y", **labels)


def vanishing(report, rng):
    report.claim("""Slopes of at most 1/4 multiply up; those of ReLU are 1 where a unit is alive.
        64 units; weights of variance 2/64 (He, ReLU) or 1/64 (Glorot, sigmoid).""")
    norms, (x, U) = {}, rng.normal(size=(2, 100, 64))
    for name, (f, slope, kind, init) in FUNCTIONS.items():
        for depth in (2, 5, 10, 20):
            affine = [Affine(64, 64, bias=False, init=init, rng=rng) for _ in range(depth)]
            net = Sequential(*(part for a in affine for part in (a, kind())))
            net.forward(x)
            net.backward(U)
            by_hand = backprop(f, slope, [a.W for a in affine], x, U)
            norms[name, depth] = [np.linalg.norm(dW) for dW in by_hand]
        size = np.array(norms[name, depth])[:, None, None]  # each gradient against its own
        report.equal(
            f"engine: 20 gradients, {name}", [a.dW for a in affine] / size, by_hand / size, 1e-12
        )
    rows = [(*key, norm[0], norm[-1], norm[0] / norm[-1]) for key, norm in norms.items()]
    report.table(("activation", "layers", "first |dW|", "last |dW|", "ratio"), rows)
    for name, expected in (("sigmoid", 1 / 4), ("ReLU", 1)):
        factor = (norms[name, 20][0] / norms[name, 20][-1]) ** (1 / 19)
        label = f"{name}: {factor:.3f} a layer, from {expected}"
        report.check(label, abs(factor / expected - 1), 0.05)
    report.figure("vanishing", lambda figure: draw(figure, norms))


def draw(figure, norms):
    axes = figure.subplots()
    for (name, depth), norm in norms.items():
        label = (
            f"{name}, {FUNCTIONS[name][3].title()} start: 2 to 20 layers" if depth == 20 else None
        )
        axes.semilogy(range(1, depth + 1), norm, "o-", color=COLOURS[name == "ReLU"], label=label)
    axes.set(xlabel="layer", ylabel="norm of dL/dW", xticks=(1, 2, 5, 10, 15, 20))
    axes.set_title("Each sigmoid layer costs three quarters of the gradient")
    axes.legend()
