"""Multiplicative combination: products of units, their gradients, and a gate that is learned.

Deck 004 counts units from 1, and so does this problem; our layer counts from 0: its pair
(2i - 1, 2i) is our (2i, 2i + 1). One sample, a flat vector; Jacobians have a row per output. The
deck's o_i is our y_i.
"""

import numpy as np

from book.page import Page
from book.sheets import whole
from mlp import Multiply, SquaredError
from problems.engine import backpropagate, complex_step_gradient
from problems.gates import draw_gates, grid, network, target, train
from problems.numeric import complex_step

TITLE = "Multiplicative units and a gate"
DECKS = "004"
NUMBERS = {
    "z": np.array([2, -3, 4, 5]),
    "u": np.array([1, -2, 3]),
    "pairs": np.array([[1, 2], [1, 3], [4, 4]]),
    "v": np.array([6, -1]),
}


def draw(rng):
    return NUMBERS | {"z": whole(rng, 4), "u": whole(rng, 3), "v": whole(rng, 2)}


def ask(page: Page, z, u, pairs, v) -> None:
    page.given(
        """Some networks multiply units: an output is `y_i = z_j z_k`. Row i of `pairs` holds
        the j and k of output i, counted from 1: here `y_1 = z_1 z_2`, `y_2 = z_1 z_3` and
        `y_3 = z_4 z_4`. Behind these outputs comes a divergence Div with `dDiv/dy_i = u_i`.""",
        z=z,
        u=u,
        pairs=pairs,
    )
    page.given(
        """In a second layer neighbours are multiplied, `y_i = z_(2i-1) z_(2i)`: `z_1` with
        `z_2`, and `z_3` with `z_4`. Behind it `dDiv/dy_i = v_i`.""",
        v=v,
    )
    page.ask("a", "What is `dDiv/dz_j` for the pairs, also for a unit in two pairs or squared?")
    page.ask("b", "Write the second layer as a vector activation: its Jacobian, and `dDiv/dz`.")
    page.ask("c", "Which networks multiply units, and what for?")
    page.ask(
        "d",
        """Wanted is the value v behind a gate that s opens: `t = v sigma(6 s)`. Can a hidden layer
        of additive units give it?""",
    )


def products(z, pairs):
    y = np.zeros(len(pairs))
    for i, (j, k) in enumerate(pairs - 1):  # NumPy counts from 0
        y[i] = z[j] * z[k]
    return y


def gradient(z, u, pairs):
    dz = np.zeros(len(z))
    for i, (j, k) in enumerate(pairs - 1):
        dz[j] += z[k] * u[i]  # each factor gets the other one
        dz[k] += z[j] * u[i]  # times the upstream; what meets is added
    return dz


def vector_activation(z):
    units = len(z) // 2
    y, J = np.zeros(units), np.zeros((units, len(z)))
    for i in range(units):
        first, second = 2 * i, 2 * i + 1
        y[i] = z[first] * z[second]
        J[i, first] = z[second]
        J[i, second] = z[first]
    return y, J


def through(v, J):
    return v @ J


def answers(z, u, pairs, v):
    y, J = vector_activation(z)
    return {
        "a": {"y": products(z, pairs), "dDiv/dz": gradient(z, u, pairs)},
        "b": {"y": y, "J": J, "dDiv/dz": through(v, J)},
    }


def solve(page: Page) -> None:
    z, u, pairs, v = (page.values[name] for name in ("z", "u", "pairs", "v"))
    page.answer("a")
    page.formula(
        r"\frac{\partial y_i}{\partial z_j} = z_k, \quad \frac{\partial y_i}{\partial z_k} = z_j",
        "dy_i/dz_j = z_k,   dy_i/dz_k = z_j",
        "the other factor is held: each one's slope is the other",
    )
    page.formula(
        r"\frac{\partial \mathrm{Div}}{\partial z_j} = \sum_{i: \, y_i = z_j z_k}"
        r" z_k \frac{\partial \mathrm{Div}}{\partial y_i}",
        "dDiv/dz_j = sum_{i: y_i = z_j z_k} z_k dDiv/dy_i",
        "`z_j` reaches Div through every pair that it is in, and the ways add up",
    )
    page.formula(
        r"\frac{\partial \mathrm{Div}}{\partial z_j}"
        r" = 2 z_j \frac{\partial \mathrm{Div}}{\partial y_i}"
        r" \quad \text{for } y_i = z_j z_j",
        "dDiv/dz_j = 2 z_j dDiv/dy_i   for y_i = z_j z_j",
        "in a square it is both factors: two shares of `z_j` times the upstream. In the numbers, "
        "dz is `dDiv/dz`.",
    )
    page.compute("y", products, "z, pairs")
    dz = page.compute("dz", gradient, "z, u, pairs")
    jacobian = complex_step(lambda z: np.array([z[j] * z[k] for j, k in pairs - 1]), z)
    layer = Multiply(pairs - 1)
    page.equal("complex step", dz, u @ jacobian, 1e-14)
    page.equal("engine: outputs", layer.forward(1.0 * z[None])[0], products(z, pairs), 0)
    page.equal("engine: dz", layer.backward(1.0 * u[None])[0], dz, 0)
    page.proof("by hand = engine = complex step")
    page.slip("""004 gives `dDiv/dy_j` as one product; that is the share of one pair. A unit in
        several pairs gets the sum of them, as `z_1` here.""")

    page.answer("b")
    page.formula(
        r"y_i = z_{2i-1} z_{2i}",
        "y_i = z_(2i-1) z_(2i)",
        "2M inputs, M outputs; the inputs are those of the layer before as they are",
    )
    page.formula(
        r"J = \begin{pmatrix} z_2 & z_1 & 0 & 0 \\ 0 & 0 & z_4 & z_3 \end{pmatrix}",
        "J = (z_2 z_1  0   0 )\n    ( 0   0  z_4 z_3)",
        "row i has two entries, as `y_i` depends on two inputs: no diagonal matrix, so a vector "
        "activation, and no full one",
    )
    page.formula(
        r"\frac{\partial \mathrm{Div}}{\partial z} = v J = (z_2 v_1, z_1 v_1, z_4 v_2, z_3 v_2)",
        "dDiv/dz = v J = (z_2 v_1, z_1 v_1, z_4 v_2, z_3 v_2)",
        "a row times the Jacobian, as behind every vector activation (problem 15)",
    )
    y, J = page.compute("y_2, J", vector_activation, "z")
    dz = page.compute("dz_2", through, "v, J")
    layer = Multiply()
    page.equal("engine: y", layer.forward(1.0 * z[None])[0], y, 0)
    page.equal("engine: dz", layer.backward(1.0 * v[None])[0], dz, 0)
    numeric = complex_step(lambda z: np.array([z[0] * z[1], z[2] * z[3]]), z)
    page.equal("complex step", J, numeric, 1e-14)
    neighbours = np.array([[1, 2], [3, 4]])
    page.equal("as pairs, by (a)", gradient(z, v, neighbours), dz, 0)
    page.proof("as a vector activation = as pairs = engine = complex step")

    page.answer("c")
    page.say("""LSTM, GRU and attention. An LSTM keeps a cell c and multiplies it with a
        forget gate f, the new value g with an input gate i, and what it shows with an output gate:
        `c = f c_prev + i g`, entry by entry, where f and i are sigmoids of weighted sums. A GRU
        mixes the state before and a new one with one gate: `h = (1 - u) h_prev + u g`. Attention
        multiplies twice: a score is a product of a query with a key, `s_j = q^T k_j`, and the
        result is the values weighted with the softmax of the scores, `sum_j a_j v_j`.""")
    page.say("""So a unit can decide, from the data, how much of another one passes: near 0 the gate
        is shut and near 1 it is open. The backward pass says the same once more: the value gets
        the gate times the upstream, hence nothing through a shut gate, and the gate gets the
        value times the upstream.""")

    page.answer("d")
    page.say("""One product of a gate and a value gives it at once. Two additive units,
        `t = g(a_1 v + a_2 s) + h(b_1 v + b_2 s)`, cannot, whatever g and h are:""")
    page.formula(
        r"t(x) - t(x + p) - t(x + q) + t(x + p + q) = 0",
        "t(x) - t(x + p) - t(x + q) + t(x + p + q) = 0",
        "with x = (v, s), p at right angles to a and q to b: g does not notice p, nor h q; so the "
        "terms cancel in pairs, everywhere",
    )
    page.formula(
        r"\frac{\partial^2 t}{\partial p \partial q}"
        r" = 6 (p_v q_s + p_s q_v) \sigma'(6s) + 36 v p_s q_s \sigma''(6s) \ne 0",
        "d^2 t/dpdq = 6 (p_v q_s + p_s q_v) sigma'(6s) + 36 v p_s q_s sigma''(6s)\n    != 0",
        "the target's mixed slope is 0 everywhere only for `p_s = q_s = 0`; but then v is in "
        "neither unit",
    )
    learn(page)


def learn(page: Page) -> None:
    """Gradient descent finds the gate, and no additive units."""
    x, rng = grid(), np.random.default_rng(16)
    net = network(0, rng)
    slope = backpropagate(net, SquaredError(), x[::7], target(x[::7]))[2]
    numeric = complex_step_gradient(net, SquaredError(), x[::7], target(x[::7]))
    page.equal("gate: gradients, engine and complex step", slope, numeric, 1e-14)
    best = [min((train(n, x, rng) for _ in range(3)), key=lambda r: r[0]) for n in range(4)]
    page.say(
        "Trained on 81 points, v from -2 to 2 and s from -1 to 1, by at most 120 steps of BFGS:"
    )
    rows = [(n or "a gate", size, error) for n, (error, size, _) in enumerate(best)]
    page.table(["additive units", "parameters", "rms error, best of 3"], rows)
    page.check("gate: rms error", best[0][0], 1e-8)
    page.proof("the gate learns the target")
    f, (p, q) = best[2][2].predict, best[2][2][0].W.T @ [[0, -1], [1, 0]]
    zero = f(x) - f(x + p) - f(x + q) + f(x + p + q)
    page.check("two additive units: mixed difference", abs(zero).max(), 1e-12)
    page.proof("the mixed difference of two trained additive units is 0 everywhere")
    page.figure(
        "gate",
        lambda figure: draw_gates(figure, best[0][2], best[2][2]),
        "Output over v for four values of s; the two additive units miss the target.",
    )
