"""Numbers printed in other courses and in the reference pages of libraries."""

import numpy as np
import pytest

from mlp import (
    SGD,
    KLDivergence,
    Sequential,
    Sigmoid,
    SigmoidCrossEntropy,
    Softmax,
    SquaredError,
    fit,
)
from published import affine, printed

# Ng, "Neural networks and deep learning" (deeplearning.ai 2017), week 2 programming assignments


def test_ng_basics():
    printed(Sigmoid().forward(np.array([0, 2])), [0.5, 0.88079708], 8)
    sigmoid = Sigmoid()
    sigmoid.forward(np.array([1, 2, 3]))
    printed(sigmoid.backward(np.ones(3)), [0.19661193, 0.10499359, 0.04517666], 8)
    p = Softmax().forward(np.array([[9, 2, 5, 0, 0], [7, 5, 0, 0, 0]]))
    expected = [
        [9.80897665e-01, 8.94462891e-04, 1.79657674e-02, 1.21052389e-04, 1.21052389e-04],
        [8.78679856e-01, 1.18916387e-01, 8.01252314e-04, 8.01252314e-04, 8.01252314e-04],
    ]
    np.testing.assert_allclose(p, expected, rtol=1e-8)
    y = np.array([[0.9, 0.2, 0.1, 0.4, 0.9]])
    printed(SquaredError().forward(y, np.array([[1, 0, 0, 1, 1]])), 0.43, 12)


NG_SMALL = ([[1, 3], [2, 4]], [1, 0])
NG_LARGE = ([[1, 3], [2, 4], [-1, -3.2]], [1, 0, 1])


@pytest.mark.parametrize(
    "data, cost, dw, db",
    [
        (NG_SMALL, 6.00006477319, [[0.99993216], [1.99980262]], 0.499935230625),
        (NG_LARGE, 5.80154531939, [[0.99845601], [2.39507239]], 0.00145557813678),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_ng_logistic_regression_propagate(data, cost, dw, db, together):
    x, labels = map(np.array, data)
    layer = affine([[1], [2]], [2])
    net = layer if together else Sequential(layer, Sigmoid())
    loss = SigmoidCrossEntropy() if together else KLDivergence()
    printed(loss.forward(net.forward(x), labels), cost, 11)
    net.backward(loss.backward())
    printed(layer.dW, dw, 8)
    printed(layer.db, [db], 11)


@pytest.mark.parametrize(
    "data, w, b, dw, db",
    [
        (
            NG_SMALL,
            [[0.1124579], [0.23106775]],
            1.55930492484,
            [[0.90158428], [1.76250842]],
            0.430462071679,
        ),
        (
            NG_LARGE,
            [[0.19033591], [0.12259159]],
            1.92535983008,
            [[0.67752042], [1.41625495]],
            0.219194504541,
        ),
    ],
)
def test_ng_logistic_regression_optimize(data, w, b, dw, db):
    x, labels = map(np.array, data)
    net = Sequential(affine([[1], [2]], [2]), Sigmoid())
    loss = KLDivergence()
    fit(net, loss, SGD(0.009), x, labels, epochs=99, batch_size=None)
    loss.forward(net.forward(x), labels)
    net.backward(loss.backward())
    printed(net[0].dW, dw, 8)
    printed(net[0].db, [db], 11)
    net.update(0.009)
    printed(net[0].W, w, 8)
    printed(net[0].b, [b], 11)


def test_ng_logistic_regression_predict():
    layer = affine([[0.1124579], [0.23106775]], [-0.3])
    logits = layer.forward(np.array([[1, 1.2], [-1.1, 2], [-3.2, 0.1]]))
    np.testing.assert_array_equal(SigmoidCrossEntropy().labels(logits), [1, 1, 0])


# Reference pages of libraries: their worked examples


def test_keras_losses():
    """keras.losses: CategoricalCrossentropy and BinaryCrossentropy(from_logits=True)."""
    p = np.array([[0.05, 0.95, 0], [0.1, 0.8, 0.1]])
    d = np.array([[0, 1, 0], [0, 0, 1]])
    printed(KLDivergence().forward(p, d), 1.177, 3)
    printed(KLDivergence(reduction="sum").forward(p, d), 2.354, 3)
    printed(KLDivergence().forward(p[:1], d[:1]), 0.0513, 4)
    z, labels = np.array([[-18.6], [0.51], [2.94], [-12.8]]), np.array([0, 1, 0, 0])
    binary = SigmoidCrossEntropy()
    printed(binary.forward(z, labels), 0.865, 3)
    rows = SigmoidCrossEntropy(reduction="sum")
    rows_of = [rows.forward(z[k : k + 2], labels[k : k + 2]) / 2 for k in (0, 2)]
    printed(rows_of, [0.235, 1.496], 3)
    y = np.array([[1.0, 1], [1, 0]])
    printed(SquaredError(factor=0.5).forward(y, np.array([[0, 1], [0, 0]])), 0.5, 12)


def test_scikit_learn_metrics():
    """sklearn.metrics: log_loss and mean_squared_error."""
    p = np.array([[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.35, 0.65]])
    printed(KLDivergence().forward(p, np.array([1, 0, 0, 1])), 0.21616, 5)
    y = np.array([[2.5], [0], [2], [8]])
    assert SquaredError().forward(y, np.array([[3], [-0.5], [2], [7]])) == 0.375
    y = np.array([[0, 2], [-1, 2], [8, -5]])
    d = np.array([[0.5, 1], [-1, 1], [7, -6]])
    printed(SquaredError(factor=0.5).forward(y, d), 0.708333, 6)


def test_scipy_and_wikipedia_softmax():
    """scipy.special.softmax along rows; Wikipedia, "Softmax function", example."""
    z = np.array([[1, 0.5, 0.2, 3], [1, -1, 7, 3], [2, 12, 13, 3]])
    expected = [
        [1.05877e-01, 6.42177e-02, 4.75736e-02, 7.82332e-01],
        [2.42746e-03, 3.28521e-04, 9.79307e-01, 1.79366e-02],
        [1.22094e-05, 2.68929e-01, 7.31025e-01, 3.31885e-05],
    ]
    np.testing.assert_allclose(Softmax().forward(z), expected, rtol=1e-5)
    y = Softmax().forward(np.array([[1, 2, 3, 4, 1, 2, 3]]))
    printed(y, [[0.024, 0.064, 0.175, 0.475, 0.024, 0.064, 0.175]], 3)
