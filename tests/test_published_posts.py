"""Numbers printed in posts and videos."""

import random

import numpy as np
import pytest

from mlp import Elementwise, Multiply, Sequential, Sigmoid, SquaredError
from published import affine, printed

# Karpathy, "Hacker's guide to neural networks" (2012 to 2014), and "Neural networks: zero to
# hero", lecture 1 (2022)


def test_karpathy_circuit():
    net = Multiply()
    assert net.forward(np.array([[-2.0, 3]])) == -6
    np.testing.assert_array_equal(net.backward(np.array([[1.0]])), [[3, -2]])


def test_karpathy_single_neuron():
    net = Sequential(affine([[1], [2]], [-3]), Sigmoid())
    x = np.array([[-1.0, 3]])
    printed(net.forward(x), [[0.8808]], 4)
    dx = net.backward(np.array([[1.0]]))
    printed(net[0].dW, [[-0.105], [0.315]], 3)
    printed(net[0].db, [0.105], 3)
    printed(dx, [[0.105, 0.210]], 3)
    x += 0.01 * dx
    net.update(0.01)
    net[0].W += 0.02 * net[0].dW  # upwards, as there
    net[0].b += 0.02 * net[0].db
    printed(net.forward(x), [[0.8825]], 4, cut=True)


def test_karpathy_tanh_neuron():
    net = Sequential(
        affine([[-3], [1]], [6.8813735870195432]),
        Elementwise(np.tanh, lambda z, y: 1 - y * y),
    )
    printed(net.forward(np.array([[2.0, 0]])), [[0.7071]], 4)
    printed(net.backward(np.array([[1.0]])), [[-1.5, 0.5]], 4)
    printed(net[0].dW, [[1.0], [0.0]], 4)


# Olah, "Calculus on computational graphs" (2015)


def test_olah_graph():
    net = Sequential(affine([[1, 0], [1, 1]], [0, 1]), Multiply())  # e = (a + b) (b + 1)
    assert net.forward(np.array([[2.0, 1]])) == 6
    np.testing.assert_array_equal(net.backward(np.array([[1.0]])), [[2, 5]])


# Mazur, "A step by step backpropagation example" (2015)


def mazur():
    """One row per unit there, one column here; both layers share one bias and never learn it."""
    net = Sequential(
        affine(np.transpose([[0.15, 0.20], [0.25, 0.30]]), [0.35, 0.35]),
        Sigmoid(),
        affine(np.transpose([[0.40, 0.45], [0.50, 0.55]]), [0.60, 0.60]),
        Sigmoid(),
    )
    return net, SquaredError(factor=0.5), np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])


def mazur_round(net, loss, x, d):
    value = loss.forward(net.forward(x), d)
    net.backward(loss.backward())
    net[0].db[:] = net[2].db[:] = 0
    net.update(0.5)
    return value


def test_mazur_forward_pass():
    net, loss, x, d = mazur()
    printed(net[0].forward(x)[0, 0], 0.3775, 4)
    h = net[:2].forward(x)
    printed(h, [[0.593269992, 0.596884378]], 9)
    printed(net[2].forward(h)[0, 0], 1.105905967, 9)
    y = net.forward(x)
    printed(y, [[0.75136507, 0.772928465]], 8)
    printed(loss.forward(y[:, :1], d[:, :1]), 0.274811083, 9)
    printed(loss.forward(y[:, 1:], d[:, 1:]), 0.023560026, 9)
    printed(loss.forward(y, d), 0.298371109, 9)


def test_mazur_first_round():
    """His next loss, 0.291027924, comes from a program that updates the output layer before it
    goes on backwards; all at once, as in his text, agrees in six digits."""
    net, loss, x, d = mazur()
    loss.forward(net.forward(x), d)
    upstream = loss.backward()
    printed(upstream[0, 0], 0.74136507, 8)
    printed(net[3].backward(np.ones((1, 2)))[0, 0], 0.186815602, 9)
    mazur_round(net, loss, x, d)
    printed(net[2].dW[0, 0], 0.082167041, 9)
    printed(net[0].dW[0, 0], 0.000438568, 9)
    printed(net[2].W.T[0], [0.35891648, 0.408666186], 8)
    printed(net[2].W.T[1], [0.511301270, 0.561370121], 9)
    printed(net[0].W.T, [[0.149780716, 0.19956143], [0.24975114, 0.29950229]], 8)
    printed(loss.forward(net.forward(x), d), 0.291027924, 6)


def test_mazur_ten_thousand_rounds():
    net, loss, x, d = mazur()
    losses = [mazur_round(net, loss, x, d) for _ in range(10_000)]
    printed(losses[-1], 0.0000351085, 10)
    printed(net.forward(x), [[0.015912196, 0.984065734]], 5)


# Trask, "A neural network in 11 lines of Python" and part 2 (2015); seed 1

TRASK_X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])


def trask_train(net, labels, rounds, rate):
    loss, errors = SquaredError(factor=0.5, reduction="sum"), []
    for _ in range(rounds):
        y = net.forward(TRASK_X)
        errors.append(abs(y[:, 0] - labels).mean())
        loss.forward(y, np.array(labels))
        net.backward(loss.backward())
        net.update(rate)
    return y, errors


def test_trask_two_layers():
    draw = np.random.RandomState(1)
    net = Sequential(affine(2 * draw.random_sample((3, 1)) - 1), Sigmoid())
    y, _ = trask_train(net, [0, 0, 1, 1], 10_000, 1.0)
    printed(y, [[0.00966449], [0.00786506], [0.99358898], [0.99211957]], 8)


@pytest.mark.parametrize("rate, after_10000", [(1.0, 0.00858452565325), (0.001, 0.495164025493)])
def test_trask_three_layers(rate, after_10000):
    draw = np.random.RandomState(1)
    net = Sequential(
        affine(2 * draw.random_sample((3, 4)) - 1),
        Sigmoid(),
        affine(2 * draw.random_sample((4, 1)) - 1),
        Sigmoid(),
    )
    _, errors = trask_train(net, [0, 1, 1, 0], 10_001, rate)
    printed(errors[0], 0.496410031903, 12)
    printed(errors[10_000], after_10000, 12)


# Zhou, "Machine learning for beginners: an introduction to neural networks" (2019)


def test_zhou_neuron_and_network():
    x = np.array([[2, 3]])
    neuron = Sequential(affine([[0], [1]], [4]), Sigmoid())
    printed(neuron.forward(x), [[0.9990889488055994]], 15)
    hidden = affine([[0, 0], [1, 1]], [0, 0])
    net = Sequential(hidden, Sigmoid(), affine([[0], [1]], [0]), Sigmoid())
    printed(net.forward(x), [[0.7216325609518421]], 15)
    printed(SquaredError().forward(np.zeros((4, 1)), np.array([1, 0, 0, 1])), 0.5, 15)


def test_zhou_first_derivative():
    """Alice, x = -2, -1, target 1, all weights 1 and biases 0."""
    net = Sequential(affine(np.ones((2, 2)), [0, 0]), Sigmoid(), affine([[1], [1]], [0]), Sigmoid())
    x, loss = np.array([[-2.0, -1]]), SquaredError()
    printed(net[:2].forward(x), [[0.0474, 0.0474]], 4)
    y = net.forward(x)
    printed(y, [[0.524]], 3)
    loss.forward(y, np.array([1]))
    printed(loss.backward(), [[-0.952]], 3, cut=True)
    net.backward(loss.backward())
    printed(net[0].dW[0, 0], 0.0214, 4, cut=True)


# Brownlee, "How to code a neural network with backpropagation in Python" (2016)

BROWNLEE = np.array(
    [
        [2.7810836, 2.550537003, 0],
        [1.465489372, 2.362125076, 0],
        [3.396561688, 4.400293529, 0],
        [1.38807019, 1.850220317, 0],
        [3.06407232, 3.005305973, 0],
        [7.627531214, 2.759262235, 1],
        [5.332441248, 2.088626775, 1],
        [6.922596716, 1.77106367, 1],
        [8.675418651, -0.242068655, 1],
        [7.673756466, 3.508563011, 1],
    ]
)


def brownlee_network(hidden):
    """Per unit its weights and then its bias, all from Python's own generator with seed 1."""
    draw = random.Random(1)
    layers = []
    for inputs, units in [(2, hidden), (hidden, 2)]:
        rows = np.array([[draw.random() for _ in range(inputs + 1)] for _ in range(units)])
        layers += [affine(rows[:, :-1].T, rows[:, -1]), Sigmoid()]
    return Sequential(*layers)


def test_brownlee_one_row():
    net = brownlee_network(1)
    y = net.forward(np.array([[1, 0]]))
    printed(y, [[0.6629970129852887, 0.7253160725279748]], 15)


def test_brownlee_one_row_backward():
    """He starts from outputs that were given by hand, y = 0.7105668883115941 and so on."""
    hidden, first, second = 0.7105668883115941, 0.6213859615555266, 0.6573693455986976
    out, loss = Sigmoid(), SquaredError(factor=0.5, reduction="sum")
    y = out.forward(np.array([[np.log(p / (1 - p)) for p in (first, second)]]))
    loss.forward(y, np.array([[0, 1]]))
    delta = out.backward(loss.backward())
    printed(delta, [[0.14619064683582808, -0.0771723774346327]], 15)
    layer, squash = affine([[0.2550690257394217, 0.4494910647887381]]), Sigmoid()
    layer.forward(squash.forward(np.array([[np.log(hidden / (1 - hidden))]])))
    printed(squash.backward(layer.backward(delta)), [[0.0005348048046610517]], 15)


def test_brownlee_training():
    """Sum of squared errors of each epoch, one sample at a time, in the order of the table."""
    net, loss = brownlee_network(2), SquaredError(factor=0.5)
    errors = []
    for _ in range(20):
        total = 0.0
        for row in BROWNLEE:
            y = net.forward(row[None, :2])
            total += 2 * loss.forward(y, row[2:].astype(int))
            net.backward(loss.backward())
            net.update(0.5)
        errors.append(total)
    expected = [6.350, 5.531, 5.221, 4.951, 4.519, 4.173, 3.835, 3.506, 3.192, 2.898]
    expected += [2.626, 2.377, 2.153, 1.953, 1.774, 1.614, 1.472, 1.346, 1.233, 1.132]
    printed(errors, expected, 3)
