"""Multiplicative combination: products of units, their gradients, and a gate that is learned.

o_i = z_j z_k for pairs of the units before; as a vector activation, y_i = z_2i-1 z_2i (deck 004
counts from 1: our pair (2i, 2i + 1)). One sample, a flat vector; Jacobians have a row per output.
Wanted: dDiv/dz, also for a unit in several pairs or squared; a task that a gate and a value solve
by their product, and two additive hidden units do not.
"""

import numpy as np
from scipy.optimize import minimize

from mlp import Affine, Concat, Multiply, Sequential, Sigmoid, SquaredError
from problems.engine import backpropagate, complex_step_gradient
from problems.numeric import complex_step
from problems.report import Report

TITLE = "Multiplicative units and a gate"
DECKS = "004"
MSE = SquaredError()


def gradient(z, pairs, upstream):
    dz = np.zeros_like(z)
    for (j, k), u in zip(pairs, upstream, strict=True):
        dz[j] += z[k] * u
        dz[k] += z[j] * u
    return dz


def network(units, rng):
    if units:  # an additive network; else a gate times a value
        return Sequential(Affine(2, units, rng=rng), Sigmoid(), Affine(units, 1, rng=rng))
    gate, value = Sequential(Affine(2, 1, rng=rng), Sigmoid()), Affine(2, 1, rng=rng)
    return Sequential(Concat(gate, value), Multiply())


def target(x):  # the value v = x_0 behind a gate that s = x_1 opens
    return x[:, :1] / (1 + np.exp(-6 * x[:, 1:]))


def train(units, x, rng):  # until nothing moves: rms error, parameters, network
    net = network(units, rng)

    def value_and_slope(vector):
        net.load_vector(vector)
        return backpropagate(net, MSE, x, target(x))[::2]

    found = minimize(value_and_slope, net.parameter_vector(), jac=True, tol=1e-9)  # BFGS
    net.load_vector(found.x)
    return np.sqrt(found.fun), found.x.size, net


def solve(report: Report) -> None:
    report.claim("Each factor gets the other one times the upstream; what meets is added.")
    report.derive("""
        o_i = z_j z_k, do_i/dz_j = z_k, dDiv/dz_j = sum of z_k dDiv/do_i
        """)
    rng, pairs = np.random.default_rng(16), [(0, 1), (2, 3), (0, 2), (2, 2)]
    z, x, upstream = rng.normal(size=4), rng.normal(size=(5, 2)), rng.normal(size=4)
    jacobian = complex_step(lambda z: np.array([z[j] * z[k] for j, k in pairs]), z)
    report.show(f"do/dz for the pairs {pairs}", jacobian)
    ours, layer = gradient(z, pairs, upstream), Multiply(pairs)
    report.equal("dDiv/dz by complex step", ours, upstream @ jacobian, 1e-14)
    layer.forward(z[None])
    report.equal("dDiv/dz, engine", layer.backward(upstream[None])[0], ours, 1e-14)
    net = network(0, rng)
    slope = backpropagate(net, MSE, x, target(x))[2]
    numeric = complex_step_gradient(net, MSE, x, target(x))
    report.equal("gate by complex step", slope, numeric, 1e-15)
    report.slip("dDiv/dy_j is one pair's share; a unit in several pairs gets the sum of them.")
    report.claim("v sigma(6 s) is a gate times a value, and no g(a.x) + h(b.x) for any g and h.")
    report.derive("""
        f = g(a.x) + h(b.x) and p, q at right angles to a, b give, for every x,
        f(x) - f(x + p) - f(x + q) + f(x + p + q) = 0, hence d2f/dpdq = 0. But here
        d2f/dpdq = (p_v q_s + p_s q_v) sigma' + p_s q_s v sigma'' is 0 everywhere
        only for p_s = q_s = 0: then a.x and b.x have no v in them, but f has.
        """)
    x = np.stack(np.meshgrid(np.linspace(-2, 2, 17), np.linspace(-1, 1, 17)), -1).reshape(-1, 2)
    best = [min((train(n, x, rng) for _ in range(5)), key=lambda r: r[0]) for n in range(4)]
    rows = [(n or "gate", size, error) for n, (error, size, _) in enumerate(best)]
    report.table(["additive units", "parameters", "rms error, best of 5"], rows)
    report.check("gate: rms error", best[0][0], 1e-8)
    f, (p, q) = best[2][2].predict, best[2][2][0].W.T @ [[0, -1], [1, 0]]
    zero = f(x) - f(x + p) - f(x + q) + f(x + p + q)
    report.check("two additive units: mixed difference", abs(zero).max(), 1e-12)
    report.figure("gate", lambda figure: draw(figure, best[0][2], best[2][2]))


def draw(figure, *nets) -> None:
    v = np.linspace(-4, 4, 161)
    for axis, net in zip(figure.subplots(1, 2, sharey=True), nets, strict=True):
        axis.axvspan(-2, 2, color="#f0f0f0")
        for s in (-0.8, -0.2, 0.2, 0.8):
            x = np.column_stack([v, np.full(161, s)])
            axis.plot(v, net.predict(x), label=f"$s$ = {s}")
            axis.plot(v, target(x), "k:", linewidth=1)
        axis.set(xlabel="value $v$ (grey: trained on)", ylabel="output (dotted: target)")
        axis.set_title("two additive units" if len(net) > 2 else "a gate times a value")
        axis.legend()
