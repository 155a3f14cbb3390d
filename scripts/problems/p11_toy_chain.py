"""The toy chain: four weights, four biases, one path, and every derivative along it.

f[x, phi] = b3 + w3 a[b2 + w2 a[b1 + w1 a[b0 + w0 x]]] with the loss l = (f - y)^2. Wanted: all
derivatives of l, in reverse order; in which sense a doubled activation doubles the effect of the
weight that it meets. Deck 002 writes omega_k, beta_k for w_k, b_k, f_k for what enters an
activation, h_k for what leaves it (h_0 = x). All are scalars: the order of factors is free.
"""

import numpy as np

from mlp import Affine, ReLU, Sequential, Sigmoid, SquaredError
from problems.engine import backpropagate
from problems.numeric import complex_step
from problems.report import Report

TITLE = "The toy chain and its eight derivatives"
DECKS = "002"
RELU = (lambda f: f * (f.real > 0), lambda f: f.real > 0)
SIGMOID = (lambda f: 1 / (1 + np.exp(-f)), lambda f: np.exp(-f) / (1 + np.exp(-f)) ** 2)


def forward(b, w, x, a, nudge):
    """f_0 ... f_3 and h_0 ... h_3, with the rows of nudge added to them."""
    f, h = [], []
    for k in range(4):
        h.append((a[0](f[-1]) if k else x) + nudge[1][k])
        f.append(b[k] + w[k] * h[k] + nudge[0][k])
    return np.array(f), np.array(h)


def backward(w, f, a, top):
    """dl/df_0 ... dl/df_3 and dl/dh_0 ... dl/dh_3 from top = dl/df_3, last to first."""
    df, dh = [top], []
    for k in (3, 2, 1):
        dh.insert(0, w[k] * df[0])  # f_k = b_k + w_k h_k
        df.insert(0, a[1](f[k - 1]) * dh[0])  # h_k = a[f_k-1]
    return np.array(df), np.array([w[0] * df[0], *dh])


def gradient(v, x, y, a):  # v = (b, w, nudges of f, nudges of h), an array (4, 4)
    f, h = forward(*v[:2], x, a, v[2:])
    df, dh = backward(v[1], f, a, 2 * (f[3] - y))
    return (f[3] - y) ** 2, np.array([df, h * df, df, dh])


def effect(v, x, a, k, scale):
    """df_3/dw_k when h_k is multiplied by scale."""
    nudge = np.zeros((2, 4))
    nudge[1, k] = (scale - 1) * forward(*v[:2], x, a, nudge)[1][k]
    f, h = forward(*v[:2], x, a, nudge)
    return h[k] * backward(v[1], f, a, 1.0)[0][k]


def solve(report: Report) -> None:
    report.claim("One pass from the loss back to x gives all; each parameter costs a product.")
    report.derive("""
        dl/df_3   = 2 (f_3 - y)
        dl/dh_k   = w_k dl/df_k           as f_k = b_k + w_k h_k      k = 3, 2, 1
        dl/df_k-1 = a'[f_k-1] dl/dh_k     as h_k = a[f_k-1]
        dl/dw_k   = h_k dl/df_k           dl/db_k = dl/df_k           h_0 = x
        """)
    v = np.array([[0.4, 0.2, -0.1, 0.3], [1.3, 0.8, 0.7, -1.9], [0] * 4, [0] * 4])
    x, y, columns = 0.6, 1.5, ["k = 3", "2", "1", "0"]
    for name, a, layer in (("sigmoid", SIGMOID, Sigmoid), ("ReLU", RELU, ReLU)):
        value, dv = gradient(v, x, y, a)
        rows = zip(("dl/df_k = dl/db_k", "dl/dw_k", "dl/dh_k"), dv[[2, 1, 3]], strict=True)
        report.table([name, *columns], [(label, *row[::-1]) for label, row in rows])
        numeric = complex_step(lambda v, a=a: gradient(v, x, y, a)[0], v)
        report.equal(f"{name}: all by complex step", dv, numeric, 1e-14)
        net = Sequential(*(p for _ in range(3) for p in (Affine(1, 1), layer())), Affine(1, 1))
        net.load_vector(np.ravel(v[1::-1], "F"))  # w_0, b_0, w_1, b_1, ...
        loss, dx, eight = backpropagate(net, SquaredError(), *np.array([[[x]], [[y]]]))
        ours = [value, dv[3, 0], *np.ravel(dv[1::-1], "F")]
        report.equal(f"{name}: engine: l, dl/dx, the eight", [loss, *dx[0], *eight], ours, 1e-14)

    report.claim("""Doubling h_k doubles df_k/dw_k = h_k. It doubles df_3/dw_k too if the slopes on
        the way stay: with ReLU, until a unit switches, not with sigmoid.""")
    effects = [[effect(v, x, a, k, t) for k in range(4)] for a in (RELU, SIGMOID) for t in (1, 2)]
    relu, sigmoid = np.divide(effects[1::2], effects[::2])
    report.table(
        ["effect on f_3, times", *columns], [("ReLU", *relu[::-1]), ("sigmoid", *sigmoid[::-1])]
    )
    report.equal("doubled: ReLU all, sigmoid the last", [*relu, sigmoid[3]], [2] * 5, 1e-14)
    report.slip("002's dh/df = dh/dg dg/df, h = g(f(x)), is dh/dx = dg/df df/dx.")
    report.figure("doubled_activation", lambda figure: draw(figure, v, x))


def draw(figure, v, x) -> None:
    axes, scales = figure.subplots(1, 2, sharey=True), np.linspace(0, 4, 81)
    for axis, name, a in zip(axes, ("ReLU", "sigmoid"), (RELU, SIGMOID), strict=True):
        for k, line in ((1, "-"), (2, "--"), (3, ":")):
            curve = np.array([effect(v, x, a, k, t) for t in scales]) / effect(v, x, a, k, 1)
            axis.plot(scales, curve, line, label=f"weight $w_{k}$")
        axis.plot(2, 2, "ko")
        axis.set(title=name, xlabel="activation $h_k$, times", xlim=(0, 4), ylim=(0, 4))
    axes[0].annotate("twice the activation,\ntwice the effect", (2, 2), (1.9, 1.2))
    axes[0].annotate("a unit switches off", (0.1, 0), (1, 0.1), arrowprops={"arrowstyle": "->"})
    axes[0].set(ylabel="effect of $w_k$ on $f_3$, times")
    axes[1].legend()
