"""Numbers that other people printed in their courses and books, through the public names of mlp.

Every test names its source. A number is compared to the last digit that was printed.
"""

import random

import numpy as np
import pytest

from mlp import (
    SGD,
    Affine,
    Concat,
    Elementwise,
    Flatten,
    KLDivergence,
    MaxPool,
    Multiply,
    ReLU,
    Sequential,
    Sigmoid,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    evaluate,
    fit,
)


def printed(actual, expected, digits, cut=False):
    """Equal to `digits` digits after the point, rounded or (some authors) cut off there."""
    unit = 10.0**-digits
    np.testing.assert_allclose(actual, expected, rtol=0, atol=unit if cut else 0.501 * unit)


def affine(W, b=None):
    W = np.array(W, float)
    layer = Affine(*W.shape, bias=b is not None, init=lambda rng, shape, dtype: W)
    if b is not None:
        layer.b = b
    return layer


def square_norm_of_weights(net):
    return sum((p**2).sum() for name, p in net.parameters().items() if name.endswith("W"))


# CS231n, Stanford 2015 to 2020: assignments 1 and 2, notebooks FullyConnectedNets,
# two_layer_net and ConvolutionalNetworks


def cs231n_affine():
    W = np.linspace(-0.2, 0.3, 360).reshape(120, 3)
    return affine(W, np.linspace(-0.3, 0.1, 3))


def test_cs231n_affine_forward():
    x = np.linspace(-0.1, 0.5, 240).reshape(2, 4, 5, 6)
    z = Sequential(Flatten(), cs231n_affine()).forward(x)
    printed(z, [[1.49834967, 1.70660132, 1.91485297], [3.25553199, 3.5141327, 3.77273342]], 8)


def test_cs231n_relu_forward():
    y = ReLU().forward(np.linspace(-0.5, 0.5, 12).reshape(3, 4))
    expected = [
        [0, 0, 0, 0],
        [0, 0, 0.04545455, 0.13636364],
        [0.22727273, 0.31818182, 0.40909091, 0.5],
    ]
    printed(y, expected, 8)


def test_cs231n_two_layer_net_scores_and_loss():
    D, H, C = 5, 50, 7
    net = Sequential(
        affine(np.linspace(-0.7, 0.3, D * H).reshape(D, H), np.linspace(-0.1, 0.9, H)),
        ReLU(),
        affine(np.linspace(-0.3, 0.4, H * C).reshape(H, C), np.linspace(-0.9, 0.1, C)),
    )
    x = np.linspace(-5.5, 4.5, 3 * D).reshape(D, 3).T
    scores = net.forward(x)
    expected = [
        [11.53165108, 12.2917344, 13.05181771, 13.81190102, 14.57198434, 15.33206765, 16.09215096],
        [12.05769098, 12.74614105, 13.43459113, 14.1230412, 14.81149128, 15.49994135, 16.18839143],
        [12.58373087, 13.20054771, 13.81736455, 14.43418138, 15.05099822, 15.66781506, 16.2846319],
    ]
    printed(scores, expected, 8)
    loss = SoftmaxCrossEntropy().forward(scores, np.array([0, 5, 1]))
    printed(loss, 3.4702243556, 10)
    printed(loss + 0.5 * square_norm_of_weights(net), 26.5948426952, 10)


def cs231n_toy_network():
    draw, data = np.random.RandomState(0), np.random.RandomState(1)
    net = Sequential(
        affine(0.1 * draw.randn(4, 10), np.zeros(10)),
        ReLU(),
        affine(0.1 * draw.randn(10, 3), np.zeros(3)),
    )
    return net, 10 * data.randn(5, 4), np.array([0, 1, 2, 2, 1])


def test_cs231n_toy_network_scores_and_loss():
    net, x, labels = cs231n_toy_network()
    scores = net.forward(x)
    expected = [
        [-0.81233741, -1.27654624, -0.70335995],
        [-0.17129677, -1.18803311, -0.47310444],
        [-0.51590475, -1.01354314, -0.8504215],
        [-0.15419291, -0.48629638, -0.52901952],
        [-0.00618733, -0.12435261, -0.15226949],
    ]
    printed(scores, expected, 7)
    loss = SoftmaxCrossEntropy().forward(scores, labels)
    printed(loss + 0.5 * 0.1 * square_norm_of_weights(net), 1.30378789133, 11)


def test_cs231n_toy_network_trained():
    """Final training loss 0.017149607938732093, printed by solutions of the 2017 notebook.

    100 steps of 200 samples drawn with replacement; the rate falls by 0.95 in every one.
    """
    net, x, labels = cs231n_toy_network()
    draw = np.random.RandomState(0)
    draw.randn(70)  # the weights came from it
    sgd = SGD(lambda step: 0.1 * 0.95**step, weight_decay=2 * 5e-6)
    loss = SoftmaxCrossEntropy()
    for _ in range(100):
        rows = draw.choice(5, 200)
        value = loss.forward(net.forward(x[rows]), labels[rows])
        value += 5e-6 * square_norm_of_weights(net)
        net.backward(loss.backward())
        sgd.step(net)
    printed(value, 0.017149607938732093, 15)


def test_cs231n_softmax_with_no_weights_costs_log_10():
    scores = affine(np.zeros((5, 10))).forward(np.ones((3, 5)))
    printed(SoftmaxCrossEntropy().forward(scores, np.array([3, 1, 4])), 2.302585, 6)


def test_cs231n_max_pool_forward():
    x = np.linspace(-0.3, 0.4, 96).reshape(2, 3, 4, 4)
    expected = [
        [
            [[-0.26315789, -0.24842105], [-0.20421053, -0.18947368]],
            [[-0.14526316, -0.13052632], [-0.08631579, -0.07157895]],
            [[-0.02736842, -0.01263158], [0.03157895, 0.04631579]],
        ],
        [
            [[0.09052632, 0.10526316], [0.14947368, 0.16421053]],
            [[0.20842105, 0.22315789], [0.26736842, 0.28210526]],
            [[0.32631579, 0.34105263], [0.38526316, 0.4]],
        ],
    ]
    printed(MaxPool((2, 2)).forward(x), expected, 8)


def test_cs231n_momentum_update():
    """Their velocity is -learning_rate times ours; the first step here only sets it."""
    rate = 1e-3
    w = np.linspace(-0.4, 0.6, 20).reshape(4, 5)
    dw = np.linspace(-0.6, 0.4, 20).reshape(4, 5)
    v = np.linspace(0.6, 0.9, 20).reshape(4, 5)
    layer, sgd = affine(w - v), SGD(rate, momentum=0.9)
    layer.dW = -v / rate
    sgd.step(layer)
    np.testing.assert_allclose(layer.W, w, atol=1e-12)
    layer.dW = dw
    sgd.step(layer)
    expected = [
        [0.1406, 0.20738947, 0.27417895, 0.34096842, 0.40775789],
        [0.47454737, 0.54133684, 0.60812632, 0.67491579, 0.74170526],
        [0.80849474, 0.87528421, 0.94207368, 1.00886316, 1.07565263],
        [1.14244211, 1.20923158, 1.27602105, 1.34281053, 1.4096],
    ]
    printed(layer.W, expected, 8)
    velocity = [
        [0.5406, 0.55475789, 0.56891579, 0.58307368, 0.59723158],
        [0.61138947, 0.62554737, 0.63970526, 0.65386316, 0.66802105],
        [0.68217895, 0.69633684, 0.71049474, 0.72465263, 0.73881053],
        [0.75296842, 0.76712632, 0.78128421, 0.79544211, 0.8096],
    ]
    printed(layer.W - w, velocity, 8)


# CS231n, lecture notes and slides


def test_cs231n_notes_on_linear_classification():
    """Notes "linear classification", softmax: the role of regularization, and 123, 456, 789."""
    printed(Softmax().forward(np.array([[1, -2, 0]])), [[0.7, 0.04, 0.26]], 2, cut=True)
    printed(Softmax().forward(np.array([[0.5, -1, 0]])), [[0.55, 0.12, 0.33]], 2)
    printed(Softmax().forward(np.array([[123, 456, 789.0]])), [[0, 0, 1]], 6)


def test_cs231n_slides_on_the_cat():
    """Lecture 3, 2017: scores 3.2, 5.1, -1.7 of the cat image, correct class cat."""
    scores = np.array([[3.2, 5.1, -1.7]])
    printed(Softmax().forward(scores), [[0.13, 0.87, 0.00]], 2)
    printed(SoftmaxCrossEntropy().forward(scores, np.array([0])), 2.04, 2)


def test_cs231n_notes_f_is_x_plus_y_times_z():
    """Notes "optimization-2": x, y, z = -2, 5, -4."""
    net = Sequential(affine([[1, 0], [1, 0], [0, 1]]), Multiply())
    assert net.forward(np.array([[-2.0, 5, -4]])) == -12
    np.testing.assert_array_equal(net.backward(np.array([[1.0]])), [[-4, -4, 3]])


def test_cs231n_notes_sigmoid_neuron():
    """Notes "optimization-2": w = 2, -3, -3 (the last one the bias), x = -1, -2."""
    net = Sequential(affine([[2], [-3]], [-3]), Sigmoid())
    printed(net.forward(np.array([[-1.0, -2.0]])), [[0.73]], 2)
    dx = net.backward(np.array([[1.0]]))
    printed(net[0].dW, [[-0.20], [-0.39]], 2)
    printed(net[0].db, [0.20], 2)
    printed(dx, [[0.39, -0.59]], 2)


def test_cs231n_notes_max_and_add_gates():
    """Notes "optimization-2", patterns in backward flow: 2 (x y + max(z, w)) at 3, -4, 2, -1."""
    net = Sequential(
        Concat(Multiply([[0, 1]]), MaxPool(subsets=[[2, 3]])),
        affine([[2], [2]]),
    )
    assert net.forward(np.array([[3.0, -4, 2, -1]])) == -20
    np.testing.assert_array_equal(net.backward(np.array([[1.0]])), [[-8, 6, 2, 0]])


def test_cs231n_slides_vectorized_squared_norm():
    """Lecture 4, 2017: f = |W x|^2 with W = [.1 .5; -.3 .8] and x = (.2, .4)."""
    layer, loss = affine([[0.1, -0.3], [0.5, 0.8]]), SquaredError()
    q = layer.forward(np.array([[0.2, 0.4]]))
    printed(q, [[0.22, 0.26]], 3)
    printed(loss.forward(q, np.zeros((1, 2))), 0.116, 3)
    dx = layer.backward(loss.backward())
    printed(layer.dW.T, [[0.088, 0.176], [0.104, 0.208]], 3)
    printed(dx, [[-0.112, 0.636]], 3)


def spiral():
    """The spiral of the CS231n case study, seed 0."""
    draw = np.random.RandomState(0)
    x, labels = [], np.repeat(np.arange(3), 100)
    for j in range(3):
        radius = np.linspace(0, 1, 100)
        angle = np.linspace(j * 4, (j + 1) * 4, 100) + 0.2 * draw.randn(100)
        x.append(np.c_[radius * np.sin(angle), radius * np.cos(angle)])
    return np.concatenate(x), labels


def case_study_losses(net, steps):
    x, labels = spiral()
    sgd, cross_entropy, losses = SGD(1.0, weight_decay=1e-3), SoftmaxCrossEntropy(), []
    for _ in range(steps):
        data = cross_entropy.forward(net.forward(x), labels)
        losses.append(data + 0.5e-3 * square_norm_of_weights(net))
        net.backward(cross_entropy.backward())
        sgd.step(net)
    return losses, evaluate(net, cross_entropy, x, labels)["accuracy"]


# His notebook drew 300 numbers for the spiral and then, as the printed losses show, drew the 6
# weights of the linear classifier four times over; the network came after.
CASE_STUDY_DRAWS = 0.01 * np.random.RandomState(0).randn(824)[318:]


def test_cs231n_case_study_linear():
    """Notes "minimal neural network case study", 2015: losses of iterations 0, 10, ..."""
    net = Sequential(affine(CASE_STUDY_DRAWS[:6].reshape(2, 3), np.zeros(3)))
    losses, accuracy = case_study_losses(net, 200)
    expected = [1.096956, 0.917265, 0.851503, 0.822336, 0.807586, 0.799448, 0.794681, 0.791764]
    expected += [0.789920, 0.788726, 0.787938, 0.787409, 0.787049, 0.786803, 0.786633, 0.786514]
    expected += [0.786431, 0.786373, 0.786331, 0.786302]
    printed(losses[::10], expected, 6)
    printed(accuracy, 0.49, 2)


def test_cs231n_case_study_network():
    """The same notes: losses of iterations 0, 1000 and 2000."""
    net = Sequential(
        affine(CASE_STUDY_DRAWS[6:206].reshape(2, 100), np.zeros(100)),
        ReLU(),
        affine(CASE_STUDY_DRAWS[206:].reshape(100, 3), np.zeros(3)),
    )
    losses, _ = case_study_losses(net, 2001)
    printed(losses[::1000], [1.098744, 0.294946, 0.259301], 6)


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


# Goodfellow, Bengio, Courville, "Deep learning" (2016), section 6.1


def test_goodfellow_xor():
    net = Sequential(affine([[1, 1], [1, 1]], [0, -1]), ReLU(), affine([[1], [-2]], [0]))
    y = net.forward(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))
    np.testing.assert_array_equal(y, [[0], [1], [1], [0]])


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
    fit(net, KLDivergence(), SGD(0.009), x, labels, epochs=100, batch_size=None)
    printed(net[0].W, w, 8)
    printed(net[0].b, [b], 11)
    printed(net[0].dW, dw, 8)
    printed(net[0].db, [db], 11)


def test_ng_logistic_regression_predict():
    layer = affine([[0.1124579], [0.23106775]], [-0.3])
    logits = layer.forward(np.array([[1, 1.2], [-1.1, 2], [-3.2, 0.1]]))
    np.testing.assert_array_equal(SigmoidCrossEntropy().labels(logits), [1, 1, 0])


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
    printed(net.forward(x), [[0.726, 0.708, 0.778]], 3)


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
