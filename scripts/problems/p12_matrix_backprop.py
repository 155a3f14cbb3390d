"""Matrix backpropagation through three hidden layers, in both layouts of derivatives.

f_0 = beta_0 + Omega_0 x, h_k = a[f_k-1], f_k = beta_k + Omega_k h_k, k = 1, 2, 3; a is ReLU, l the
squared distance of f_3 from y. Deck 002 has columns and the denominator layout, (df/dh)_ij =
df_j/dh_i, a row per input: factors of the chain rule stand from the inside to the outside. In the
numerator layout (the other decks) all is transposed. Rows are samples: W_k = Omega_k^T, b = beta.
"""

import numpy as np

from mlp import Affine, ReLU, Sequential, SquaredError
from problems.engine import backpropagate, complex_step_gradient
from problems.report import Report

TITLE = "Matrix backpropagation with Omega and beta"
DECKS = "002"
STEPS = {  # from dl/df_k to dl/df_k-1; `on` is I[f_k-1 > 0], a column
    "denominator": lambda omega, on, df: np.diag(on[:, 0]) @ omega.T @ df,  # columns
    "numerator": lambda omega, on, df: df @ omega @ np.diag(on[:, 0]),  # rows
    "pointwise": lambda omega, on, df: on * (omega.T @ df),  # no Jacobian of ReLU: a program
}


def relu(f):
    return f * (f.real > 0)


def forward(layers, x):
    """f_0 ... f_3 and h_0 = x ... h_3, columns; layers are pairs (Omega_k, beta_k)."""
    f, h = [], [x]
    for omega, beta in layers:
        f.append(beta + omega @ h[-1])
        h.append(relu(f[-1]))
    return f, h[:-1]


def backward(layers, f, df_last, layout):
    df = [df_last]
    for k in (3, 2, 1):
        df.insert(0, STEPS[layout](layers[k][0], f[k - 1] > 0, df[0]))
    return df


def our_vector(layers):
    """Parameters or gradients in our order: Omega_0^T row by row, beta_0, Omega_1^T, ..."""
    return np.concatenate([np.hstack(pair).T.ravel() for pair in layers])


def written_out(theta, psi, phi, x, a):
    """Two hidden layers of three units in one formula: each unit computes all that it needs."""
    y = phi[0]
    for i in range(3):
        inner = (psi[i, j + 1] * a(theta[j, 0] + theta[j, 1] * x) for j in range(3))
        y = y + phi[i + 1] * a(psi[i, 0] + sum(inner))
    return y


def solve(report: Report) -> None:
    report.claim("Only dl/df_k travels back; both layouts give the same numbers, transposed.")
    report.derive("""
        columns: dl/df_k-1 = dh_k/df_k-1 df_k/dh_k dl/df_k = D Omega_k^T dl/df_k
        rows:    dl/df_k-1 = dl/df_k df_k/dh_k dh_k/df_k-1 = dl/df_k Omega_k D
        D = diag I[f_k-1 > 0], and D v = I[f_k-1 > 0] * v, entry by entry
        dl/dbeta_k = dl/df_k; columns: dl/dOmega_k = dl/df_k h_k^T      (h_0 = x)
        rows:    dl/dOmega_k = h_k dl/df_k, the transpose of that, and our dW
        """)
    rng, shapes = np.random.default_rng(12), [(5, 2), (4, 5), (3, 4), (2, 3)]
    layers = [(rng.normal(size=(m, d)), rng.normal(size=(m, 1))) for m, d in shapes]
    x, y = rng.normal(size=(2, 2, 1))
    f, h = forward(layers, x)
    df = backward(layers, f, 2 * (f[3] - y), "denominator")
    report.show("dl/df_0, as a row", df[0].T)
    rows = backward(layers, f, 2 * (f[3] - y).T, "numerator")
    report.equal("the layouts are transposes", np.vstack(df), np.hstack(rows).T, 1e-14)
    in_rows = np.hstack([p.ravel() for u, v in zip(rows, h, strict=True) for p in (v @ u, u)])
    same = np.vstack(backward(layers, f, 2 * (f[3] - y), "pointwise"))
    report.equal("the diagonal is a pointwise product", np.vstack(df), same, 1e-14)
    gradient = our_vector([(u @ v.T, u) for u, v in zip(df, h, strict=True)])
    net = Sequential(*[part for m, d in shapes for part in (Affine(d, m), ReLU())][:-1])
    net.load_vector(our_vector(layers))
    _, dx, engine = backpropagate(net, SquaredError(), x.T, y.T)
    report.equal("engine, all dOmega and dbeta", engine, gradient, 1e-14)
    report.equal("engine, dOmega and dbeta in rows", engine, in_rows, 1e-14)
    report.equal("engine, dl/dx", dx.T, layers[0][0].T @ df[0], 1e-14)
    numeric = complex_step_gradient(net, SquaredError(), x.T, y.T)
    report.equal("complex step, all dOmega and dbeta", gradient, numeric, 1e-14)
    report.slip("""the table of df/da for 3 functions of 4 variables ends in df_4/da_4; there is no
        f_4, it is df_3/da_4. df_3/dbeta_3 is written with d/domega_3. For k = 0, h_k is x_i.
        d(Omega_k h_k)/dOmega_k times dl/df_k starts from a three-way array.""")
    report.claim("Written out, K layers of D units need D + D^2 + ... + D^K activations, not D K.")
    theta, psi, phi = (rng.normal(size=shape) for shape in ((3, 2), (3, 4), 4))
    calls, x = iter(range(99)), np.linspace(-3, 3, 50)
    value = written_out(theta, psi, phi, x, lambda f: (next(calls), relu(f))[1])
    net = Sequential(Affine(1, 3), ReLU(), Affine(3, 3), ReLU(), Affine(3, 1))
    net.load_vector(our_vector([(m[:, 1:], m[:, :1]) for m in (theta, psi, phi[None])]))
    report.equal("value: the formula and the layers", value, net.forward(x[:, None])[:, 0], 1e-14)
    report.check("activations in the formula, less 12", abs(next(calls) - 12), 0)
    slope = written_out(theta, psi, phi, x + 1e-30j, relu).imag / 1e-30
    report.equal("slope, likewise", slope, net.backward(np.ones((50, 1)))[:, 0], 1e-14)
