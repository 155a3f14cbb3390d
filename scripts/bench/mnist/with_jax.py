import sys

import idx
import jax
import jax.numpy as jnp
import numpy as np

x, y, x_test, y_test = idx.load(sys.argv[1])
rng = np.random.default_rng(0)
net = []
for d, m in ((784, 100), (100, 10)):
    W = rng.normal(0, (2 / d) ** 0.5, (d, m)).astype(np.float32)
    net.append((jnp.array(W), jnp.zeros(m)))
velocity = jax.tree.map(jnp.zeros_like, net)


def forward(net, x):
    (W1, b1), (W2, b2) = net
    return jax.nn.relu(x @ W1 + b1) @ W2 + b2


def loss(net, x, y):
    log_p = jax.nn.log_softmax(forward(net, x))
    return -jnp.mean(jnp.take_along_axis(log_p, y[:, None], axis=1))


@jax.jit
def step(net, velocity, x, y):
    velocity = jax.tree.map(lambda v, g: 0.9 * v + g, velocity, jax.grad(loss)(net, x, y))
    return jax.tree.map(lambda w, v: w - 0.1 * v, net, velocity), velocity


for _ in range(10):
    for batch in rng.permutation(len(x)).reshape(-1, 200):
        net, velocity = step(net, velocity, x[batch], y[batch])
print(np.mean(np.argmax(forward(net, x_test), axis=1) == y_test))
