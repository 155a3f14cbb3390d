"""Numbers printed in books."""

import numpy as np
import pytest

from mlp import (
    SGD,
    Concat,
    KLDivergence,
    MaxPool,
    Multiply,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    fit,
)
from published import affine, printed

# Goodfellow, Bengio, Courville, "Deep learning" (2016), section 6.1


def test_goodfellow_xor():
    net = Sequential(affine([[1, 1], [1, 1]], [0, -1]), ReLU(), affine([[1], [-2]], [0]))
    y = net.forward(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))
    np.testing.assert_array_equal(y, [[0], [1], [1], [0]])


# Nielsen, "Neural networks and deep learning" (2015), chapters 1 and 3


def test_nielsen_nand_perceptron():
    z = affine([[-2], [-2]], [3]).forward(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))
    np.testing.assert_array_equal(z > 0, [[True], [True], [True], [False]])


@pytest.mark.parametrize("w, b, before, after", [(0.6, 0.9, 0.82, 0.09), (2.0, 2.0, 0.98, 0.20)])
def test_nielsen_neuron_that_learns_slowly(w, b, before, after):
    net = Sequential(affine([[w]], [b]), Sigmoid())
    x, d = np.array([[1.0]]), np.array([[0.0]])
    printed(net.forward(x), [[before]], 2)
    fit(net, SquaredError(factor=0.5), SGD(0.15), x, d, epochs=300, batch_size=None)
    printed(net.forward(x), [[after]], 2)


# Saitoh, "Deep learning from scratch" (2016), chapters 3 to 5


def test_saitoh_three_layer_network():
    net = Sequential(
        affine([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]], [0.1, 0.2, 0.3]),
        Sigmoid(),
        affine([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]], [0.1, 0.2]),
        Sigmoid(),
        affine([[0.1, 0.3], [0.2, 0.4]], [0.1, 0.2]),
    )
    x = np.array([[1.0, 0.5]])
    printed(net[:1].forward(x), [[0.3, 0.7, 1.1]], 8)
    printed(net[:2].forward(x), [[0.57444252, 0.66818777, 0.75026011]], 8)
    printed(net[:3].forward(x), [[0.51615984, 1.21402696]], 8)
    printed(net[:4].forward(x), [[0.62624937, 0.7710107]], 8)
    printed(net.forward(x), [[0.31682708, 0.69627909]], 8)


def test_saitoh_softmax():
    y = Softmax().forward(np.array([[0.3, 2.9, 4.0]]))
    printed(y, [[0.01821127, 0.24519181, 0.73659691]], 8)
    y = Softmax().forward(np.array([[1010.0, 1000, 990]]))
    printed(y, [[9.99954600e-01, 4.53978686e-05, 2.06106005e-09]], 9)


def test_saitoh_losses():
    """His cross-entropy adds 1e-7 to y; hence the distance from his figures."""
    two = np.array([2])
    good = np.array([[0.1, 0.05, 0.6, 0, 0.05, 0.1, 0, 0.1, 0, 0]])
    bad = np.array([[0.1, 0.05, 0.1, 0, 0.05, 0.1, 0, 0.6, 0, 0]])
    half = SquaredError(factor=0.5)
    printed(half.forward(good, two), 0.0975, 15)
    printed(half.forward(bad, two), 0.5975, 15)
    for y, figure in [(good, 0.51082545709933802), (bad, 2.3025840929945458)]:
        value = KLDivergence().forward(y, two)
        np.testing.assert_allclose(value - 1e-7 / y[0, 2], figure, rtol=0, atol=1e-12)


def test_saitoh_gradient_of_a_simple_net():
    W = [[0.47355232, 0.9977393, 0.84668094], [0.85557411, 0.03563661, 0.69422093]]
    layer, loss = affine(W), SoftmaxCrossEntropy()
    p = layer.forward(np.array([[0.6, 0.9]]))
    printed(p, [[1.05414809, 0.63071653, 1.1328074]], 8)
    assert loss.labels(p) == 2
    np.testing.assert_allclose(loss.forward(p, np.array([2])), 0.92806853663411326, atol=3e-7)
    layer.backward(loss.backward())
    expected = [[0.21924763, 0.14356247, -0.36281009], [0.32887144, 0.2153437, -0.54421514]]
    printed(layer.dW, expected, 7)


def test_saitoh_gradient_descent_on_a_paraboloid():
    """f = w0^2 + w1^2 from (-3, 4), 100 steps: the weights themselves are what is learned."""
    for rate, expected in [
        (0.1, [-6.11110793e-10, 8.14814391e-10]),
        (1e-10, [-2.99999994, 3.99999992]),
    ]:
        layer = affine([[-3.0, 4.0]])
        loss = SquaredError()
        fit(layer, loss, SGD(rate), np.ones((1, 1)), np.zeros((1, 2)), epochs=100)
        np.testing.assert_allclose(layer.W, [expected], rtol=2e-9)


def test_saitoh_apples_and_oranges():
    """Two apples at 100 and three oranges at 150 with tax 1.1: 715."""
    net = Sequential(
        Concat(Multiply([[0, 1], [2, 3]]), affine(np.eye(5)[:, 4:])),
        affine([[1, 0], [1, 0], [0, 1]]),
        Multiply(),
    )
    printed(net.forward(np.array([[100, 2, 150, 3, 1.1]])), [[715]], 9)
    printed(net.backward(np.array([[1.0]])), [[2.2, 110, 3.3, 165, 650]], 9)


# Kinsley and Kukiela, "Neural networks from scratch in Python" (2020), chapters 2 to 9

KINSLEY_X = np.array([[1, 2, 3, 2.5], [2, 5, -1, 2], [-1.5, 2.7, 3.3, -0.8]])
KINSLEY_W = np.array([[0.2, 0.8, -0.5, 1], [0.5, -0.91, 0.26, -0.5], [-0.26, -0.27, 0.17, 0.87]])


def test_kinsley_layers():
    first = affine(KINSLEY_W.T, [2, 3, 0.5])
    expected = [[4.8, 1.21, 2.385], [8.9, -1.81, 0.2], [1.41, 1.051, 0.026]]
    printed(first.forward(KINSLEY_X), expected, 3)
    W = np.array([[0.1, -0.14, 0.5], [-0.5, 0.12, -0.33], [-0.44, 0.73, -0.13]])
    both = Sequential(first, affine(W.T, [-1, 2, -0.5]))
    expected = [[0.5031, -1.04185, -2.03875], [0.2434, -2.7332, -5.7633]]
    printed(both.forward(KINSLEY_X), [*expected, [-0.99314, 1.41254, -0.35655]], 5)


def test_kinsley_softmax_and_cross_entropy():
    p = Softmax().forward(np.array([[4.8, 1.21, 2.385]]))
    printed(p, [[0.89528266, 0.02470831, 0.08000903]], 8)
    p = np.array([[0.7, 0.1, 0.2], [0.1, 0.5, 0.4], [0.02, 0.9, 0.08]])
    loss = KLDivergence()
    printed(loss.forward(p[:1], np.array([0])), 0.35667494393873245, 15)
    printed(loss.forward(p, np.array([0, 1, 1])), 0.38506088005216804, 15)
    assert loss.accuracy(p, np.array([0, 1, 1])) == 1


def test_kinsley_softmax_gradients():
    """The Jacobian row by row, and the gradient of the loss through it: both of his ways."""
    p = np.array([[0.7, 0.1, 0.2], [0.1, 0.5, 0.4], [0.02, 0.9, 0.08]])
    softmax = Softmax()
    softmax.forward(np.log(np.tile(p[0], (3, 1))))
    jacobian = [[0.21, -0.07, -0.14], [-0.07, 0.09, -0.02], [-0.14, -0.02, 0.16]]
    printed(softmax.backward(np.eye(3)), jacobian, 8)
    expected = [
        [-0.1, 0.03333333, 0.06666667],
        [0.03333333, -0.16666667, 0.13333333],
        [0.00666667, -0.03333333, 0.02666667],
    ]
    labels, apart, together = np.array([0, 1, 1]), KLDivergence(), SoftmaxCrossEntropy()
    apart.forward(softmax.forward(np.log(p)), labels)
    printed(softmax.backward(apart.backward()), expected, 8)
    together.forward(np.log(p), labels)
    printed(together.backward(), expected, 8)


def test_kinsley_single_neuron_step():
    net = Sequential(affine([[-3], [-1], [2]], [1]), ReLU())
    x = np.array([[1.0, -2, 3]])
    assert net.forward(x) == 6
    np.testing.assert_array_equal(net.backward(np.array([[1.0]])), [[-3, -1, 2]])
    np.testing.assert_array_equal(net[0].dW.T, [[1, -2, 3]])
    net.update(0.001)
    printed(net[0].W.T, [[-3.001, -0.998, 1.997]], 12)
    printed(net[0].b, [0.999], 12)
    printed(net.forward(x), [[5.985]], 12)


def test_kinsley_layer_gradients():
    layer = affine(KINSLEY_W.T, [0, 0, 0])
    layer.forward(KINSLEY_X)
    dx = layer.backward(np.array([[1.0] * 3, [2.0] * 3, [3.0] * 3]))
    expected = [[0.44, -0.38, -0.07, 1.37], [0.88, -0.76, -0.14, 2.74], [1.32, -1.14, -0.21, 4.11]]
    printed(dx, expected, 8)
    printed(layer.dW, [[0.5] * 3, [20.1] * 3, [10.9] * 3, [4.1] * 3], 8)
    np.testing.assert_array_equal(layer.db, [6, 6, 6])


def test_kinsley_relu_gradient():
    relu = ReLU()
    relu.forward(np.array([[1, 2, -3, -4], [2, -7, -1, 3], [-1, 2, 5, -1]]))
    dz = relu.backward(np.arange(1.0, 13).reshape(3, 4))
    np.testing.assert_array_equal(dz, [[1, 2, 0, 0], [5, 0, 0, 8], [0, 10, 11, 0]])


def test_kinsley_step_that_minimizes_the_relu_outputs():
    net = Sequential(affine(KINSLEY_W.T, [2, 3, 0.5]), ReLU())
    loss = SquaredError(factor=0.5, reduction="sum")
    loss.forward(net.forward(KINSLEY_X), np.zeros((3, 3)))
    net.backward(loss.backward())
    net.update(0.001)
    expected = [
        [0.179515, 0.5003665, -0.262746],
        [0.742093, -0.9152577, -0.2758402],
        [-0.510153, 0.2529017, 0.1629592],
        [0.971328, -0.5021842, 0.8636583],
    ]
    printed(net[0].W, expected, 7)
    printed(net[0].b, [1.98489, 2.997739, 0.497389], 6)


# Rashid, "Make your own neural network" (2016), part 1: a three-layer example


def test_rashid_three_layers():
    net = Sequential(
        affine(np.transpose([[0.9, 0.3, 0.4], [0.2, 0.8, 0.2], [0.1, 0.5, 0.6]])),
        Sigmoid(),
        affine(np.transpose([[0.3, 0.7, 0.5], [0.6, 0.5, 0.2], [0.8, 0.1, 0.9]])),
        Sigmoid(),
    )
    x = np.array([[0.9, 0.1, 0.8]])
    printed(net[:1].forward(x), [[1.16, 0.42, 0.62]], 2)
    printed(net[:2].forward(x), [[0.761, 0.603, 0.650]], 3)
    printed(net[:3].forward(x), [[0.975, 0.888, 1.254]], 3, cut=True)
    printed(net.forward(x), [[0.726, 0.708, 0.778]], 3, cut=True)


# Raschka, "Python machine learning" (2015), chapter 12


def test_raschka_activations():
    neuron = Sequential(affine([[0.4], [0.3], [0.5]]), Sigmoid())
    printed(neuron.forward(np.array([[1, 1.4, 2.5]])), [[0.888]], 3)
    W = [[1.1, 1.2, 0.8, 0.4], [0.2, 0.4, 1.0, 0.2], [0.6, 1.5, 1.2, 0.7]]
    z = affine(np.transpose(W)).forward(np.array([[1, 0.1, 0.4, 0.6]]))
    printed(z, [[1.78, 0.76, 1.65]], 2)
    printed(Sigmoid().forward(z), [[0.85569687, 0.68135373, 0.83889105]], 8)
    printed(Softmax().forward(z), [[0.44668973, 0.16107406, 0.39223621]], 8)


# Zhang, Lipton, Li, Smola, "Dive into deep learning": softmax regression from scratch; pooling


def test_d2l_cross_entropy_and_pooling():
    p, labels = np.array([[0.1, 0.3, 0.6], [0.3, 0.2, 0.5]]), np.array([0, 2])
    loss = KLDivergence(reduction="sum")
    printed([loss.forward(p[n : n + 1], labels[n : n + 1]) for n in (0, 1)], [2.3026, 0.6931], 4)
    assert loss.accuracy(p, labels) == 0.5
    y = MaxPool((2, 2), 1).forward(np.arange(9.0).reshape(1, 3, 3))
    np.testing.assert_array_equal(y, [[[4, 5], [7, 8]]])
    y = MaxPool((3, 3)).forward(np.arange(16.0).reshape(1, 4, 4))
    np.testing.assert_array_equal(y, [[[10]]])
