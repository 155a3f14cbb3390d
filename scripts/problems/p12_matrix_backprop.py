"""Matrix backpropagation through three hidden layers, in both layouts of derivatives.

f_0 = beta_0 + Omega_0 x, h_k = a[f_k-1], f_k = beta_k + Omega_k h_k, k = 1, 2, 3; a is ReLU and
l the squared distance of f_3 from y. Wanted: dl/dbeta_k and dl/dOmega_k.

Deck 002 has columns and the denominator layout: (df/dh)_ij = df_j/dh_i, a row per input, so the
factors of the chain rule stand from the inside to the outside. In the numerator layout (the other
decks) all is transposed and the order is reversed. Our rows are samples: W_k = Omega_k^T, b = beta.
"""

from itertools import pairwise

import numpy as np

from mlp import Affine, ReLU, Sequential, SquaredError
from problems.numeric import complex_step, gradient_vector, of_parameters
from problems.report import Report

TITLE = "Matrix backpropagation with Omega and beta"
DECKS = "002"


def relu(f):
    return f * (f.real > 0)


def our_vector(omegas, betas):
    """Parameters or gradients in our order: Omega_0^T row by row, beta_0, Omega_1^T, ..."""
    pairs = zip(omegas, betas, strict=True)
    return np.concatenate([np.hstack(pair).T.ravel() for pair in pairs])


def forward(omegas, betas, x):
    """f_0 ... f_3 and h_0 = x ... h_3, columns."""
    f, h = [], [x]
    for omega, beta in zip(omegas, betas, strict=True):
        f.append(beta + omega @ h[-1])
        h.append(relu(f[-1]))
    return f, h[:-1]


def backward(omegas, f, df_last, step):
    """dl/df_0 ... dl/df_3; `step` goes from dl/df_k to dl/df_k-1."""
    df = [df_last]
    for k in (3, 2, 1):
        df.insert(0, step(omegas[k], f[k - 1] > 0, df[0]))
    return df


def denominator(omega, on, df):  # columns, a row per input: df_k/dh_k = Omega_k^T
    return np.diag(on[:, 0]) @ omega.T @ df


def numerator(omega, on, df):  # rows, a row per output: df_k/dh_k = Omega_k
    return df @ omega @ np.diag(on[:, 0])


def pointwise(omega, on, df):  # what a program does: no Jacobian of ReLU
    return on * (omega.T @ df)


def split(v):
    """22 numbers, theta (3, 2), psi (3, 4) and phi (1, 4), as matrices Omega and columns beta."""
    parts = [p.reshape(-1, c) for p, c in zip(np.split(v, [6, 18]), (2, 4, 4), strict=True)]
    return [p[:, 1:] for p in parts], [p[:, :1] for p in parts]


def written_out(v, x, a):
    """Two hidden layers of three units in one formula: each unit computes all that it needs."""
    (theta, psi, phi), (theta_0, psi_0, phi_0) = split(v)
    three = range(3)
    return phi_0[0, 0] + sum(
        phi[0, i]
        * a(psi_0[i, 0] + sum(psi[i, j] * a(theta_0[j, 0] + theta[j, 0] * x) for j in three))
        for i in three
    )


def solve(report: Report) -> None:
    report.claim("""The vectors dl/df_k are the only thing that travels back; both layouts give the
        same numbers, transposed.""")
    report.derive("""
        denominator: dl/df_k-1 = (dh_k/df_k-1) (df_k/dh_k) (dl/df_k) = D_k Omega_k^T dl/df_k
        numerator:   dl/df_k-1 = (dl/df_k) (df_k/dh_k) (dh_k/df_k-1) = dl/df_k Omega_k D_k
        D_k = diag I[f_k-1 > 0], and a diagonal matrix times v is I[f_k-1 > 0] * v
        dl/dbeta_k = dl/df_k      dl/dOmega_k = dl/df_k h_k^T      h_0 = x
        dl/dOmega_k,ij = sum_m dl/df_k,m df_k,m/dOmega_k,ij = dl/df_k,i h_k,j
        """)
    rng, sizes = np.random.default_rng(12), [2, 5, 4, 3, 2]
    omegas = [rng.normal(size=(m, d)) for d, m in pairwise(sizes)]
    betas = [rng.normal(size=(m, 1)) for m in sizes[1:]]
    x, y = rng.normal(size=(2, 1)), rng.normal(size=(2, 1))
    f, h = forward(omegas, betas, x)
    df = backward(omegas, f, 2 * (f[3] - y), denominator)
    report.show("units that are on, by layer", str([int((v > 0).sum()) for v in f[:3]]))
    report.show("dl/df_0, as a row", df[0].T)
    rows = backward(omegas, f, 2 * (f[3] - y).T, numerator)
    report.equal("the layouts are transposes", np.vstack(df), np.hstack(rows).T, 1e-15)
    products = np.vstack(backward(omegas, f, 2 * (f[3] - y), pointwise))
    report.equal("a diagonal is a pointwise product", np.vstack(df), products, 1e-15)
    gradient = our_vector([u @ v.T for u, v in zip(df, h, strict=True)], df)
    layers = [part for omega in omegas for part in (Affine(*omega.T.shape), ReLU())]
    net, loss = Sequential(*layers[:-1]), SquaredError()
    net.load_vector(our_vector(omegas, betas))
    loss.forward(net.forward(x.T), y.T)
    dx = net.backward(loss.backward())
    report.equal("engine, all dOmega and dbeta", gradient_vector(net), gradient, 1e-14)
    report.equal("engine, dl/dx = Omega_0^T dl/df_0", dx.T, omegas[0].T @ df[0], 1e-14)
    numeric = of_parameters(net, lambda n: SquaredError().forward(n.forward(x.T), y.T))
    report.equal("complex step, all dOmega and dbeta", gradient, numeric, 1e-15)
    jacobian = complex_step(lambda v: omegas[2] @ v, h[2][:, 0])  # rows are outputs
    report.equal("df_2/dh_2 by complex step is Omega_2", jacobian, omegas[2], 1e-15)
    report.slip("""the table of df/da for 3 functions of 4 variables ends in df_4/da_4; there is no
        f_4, it is df_3/da_4. df_3/dbeta_3 is written with d/domega_3. For k = 0, h_k is x_i.""")

    report.claim("""Written out, two hidden layers of three units need 3 + 9 activations where the
        layers need 3 + 3; with K layers of D units, D + D^2 + ... + D^K instead of D K.""")
    calls, v = [], rng.normal(size=22)
    value = written_out(v, 0.7, lambda f: calls.append(f) or relu(f))
    small = Sequential(Affine(1, 3), ReLU(), Affine(3, 3), ReLU(), Affine(3, 1))
    small.load_vector(our_vector(*split(v)))
    report.equal("value: the formula and the layers", [[value]], small.forward([[0.7]]), 1e-15)
    report.check("activations in the formula, less 12", abs(len(calls) - 12), 0)
    small.backward([[1.0]])
    numeric = our_vector(*split(complex_step(lambda v: written_out(v, 0.7, relu), v)))
    report.equal("its 22 derivatives and the layers'", gradient_vector(small), numeric, 1e-14)
