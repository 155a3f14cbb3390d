"""Numbers printed by CS231n (Stanford): assignments, notes and slides."""

import numpy as np

from mlp import (
    SGD,
    Concat,
    Flatten,
    MaxPool,
    Multiply,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    evaluate,
)
from published import affine, printed, square_norm_of_weights

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
