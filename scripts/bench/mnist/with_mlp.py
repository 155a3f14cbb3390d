import sys

import numpy as np

from mlp import SGD, Affine, ReLU, Scale, Sequential, SoftmaxCrossEntropy, evaluate, fit
from mlp.data import load

data = load(sys.argv[1])
if data.x_test is None or data.y_test is None:
    sys.exit("expected a training and a test part")
x, x_test = (part.reshape(len(part), 784) for part in (data.x, data.x_test))  # bytes
rng = np.random.default_rng(0)
net = Sequential(
    Scale(0, 1 / 255),
    Affine(784, 100, rng=rng, dtype=np.float32),
    ReLU(),
    Affine(100, 10, rng=rng, dtype=np.float32),
)
loss = SoftmaxCrossEntropy()
fit(net, loss, SGD(0.1, momentum=0.9), x, data.y, epochs=10, batch_size=200, rng=rng)
print(evaluate(net, loss, x_test, data.y_test)["accuracy"])
