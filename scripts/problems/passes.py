"""The by-hand part of problem 18: both passes through three layers, in columns and in rows.

Layers are pairs (W, b), with W (M, D) for columns and (D, M) for rows.
"""

import numpy as np


def sigmoid(z):  # y and its Jacobian: a scalar activation, so diagonal
    y = 1 / (1 + np.exp(-z))
    return y, np.diag(y * (1 - y))


def products(z):  # a vector activation, M x 2M: each row has two entries
    swapped = z.reshape(-1, 2)[:, ::-1].ravel()
    return z[::2] * z[1::2], np.repeat(np.eye(len(z) // 2), 2, axis=1) * swapped


def softmax(z):  # a vector activation: full
    y = np.exp(z) / np.exp(z).sum()
    return y, np.diag(y) - np.outer(y, y)


ACTIVATIONS = (sigmoid, products, softmax)


def forward_columns(layers, x):
    """y_0 = x ... y_N, z_1 ... z_N, and the Jacobians J_y1(z_1) ... J_yN(z_N)."""
    y, z, J = [x], [], []
    for (W, b), f in zip(layers, ACTIVATIONS, strict=True):
        z.append(W @ y[-1] + b)
        y_k, J_k = f(z[-1])
        y, J = [*y, y_k], [*J, J_k]
    return y, z, J


def backward_columns(layers, y, J, grad):
    """grad_W1, grad_b1, grad_W2, ... and grad_x from grad = grad_Y Div."""
    gradients = []
    for k in reversed(range(len(layers))):
        grad = grad @ J[k]  # grad_z = grad_y J_y(z)
        gradients = [np.outer(y[k], grad), grad, *gradients]  # grad_W = y grad_z, grad_b = grad_z
        grad = grad @ layers[k][0]  # grad_y = grad_z W
    return gradients, grad


def forward_rows(layers, x):
    """Y_0 = x ... Y_N, each with a row per sample, and the Jacobians of each row."""
    Y, J = [x], []
    for (W, b), f in zip(layers, ACTIVATIONS, strict=True):
        outputs, jacobians = zip(*map(f, Y[-1] @ W + b), strict=True)
        Y, J = [*Y, np.array(outputs)], [*J, np.array(jacobians)]
    return Y, J


def backward_rows(layers, Y, J, dY):
    """dW1, db1, dW2, ... and dx, for the sum over the rows of Div."""
    gradients = []
    for k in reversed(range(len(layers))):
        dZ = np.einsum("nj,nji->ni", dY, J[k])  # row by row dY J
        gradients = [Y[k].T @ dZ, dZ.sum(axis=0), *gradients]
        dY = dZ @ layers[k][0].T
    return gradients, dY
