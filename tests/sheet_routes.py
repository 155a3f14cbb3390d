"""The answers of the exercise sheets once more, from the statements alone.

Nothing here is derived: what is asked is written as a function of the given numbers, and its
slopes are taken by the complex step. Every route gives {letter: {name: value}} as the problem does.
"""

import numpy as np

ROUTES = {}


def route(stem):
    def keep(function):
        ROUTES[stem] = function
        return function

    return keep


def slope(f, x, h=1e-30):
    """df/dx: the axes of f(x) first, then those of x."""
    x = np.asarray(x, complex)
    columns = []
    for place in np.ndindex(x.shape):
        moved = x.copy()
        moved[place] += 1j * h
        columns.append(np.imag(np.asarray(f(moved), complex)) / h)
    stacked = np.stack(columns, axis=-1)
    return stacked.reshape((*stacked.shape[:-1], *x.shape))


@route("p01_derivatives")
def derivatives(x0, v, p, W, x, u):
    def g(p):
        return np.array([p[0] * p[1], p[0] + p[1], p[1] ** 2])

    def f(y):
        return np.array([y[0] * y[1], y[1] * y[2]])

    return {
        "a": {
            "dy/dx": slope(lambda x: x**2 - 1, x0),
            "dz/dy": slope(lambda y: y**2, x0**2 - 1),
            "dz/dx": slope(lambda x: (x**2 - 1) ** 2, x0),
        },
        "b": {"gradient of h": slope(lambda v: v[0] * v[1] + v[2] ** 2, v)},
        "c": {"Jacobian of f": slope(f, v)},
        "d": {"Jacobian of f(g(p))": slope(lambda p: f(g(p)), p)},
        "f": {
            "dq/dvec(W)": slope(lambda w: w.reshape(W.shape) @ x, W.ravel()),
            "dL/dW": slope(lambda W: u @ W @ x, W),
        },
    }


@route("p02_generalized_jacobian")
def generalized_jacobian(X, D):
    def z(X):
        Y = X @ X
        return np.array([Y[0, 0] * Y[1, 1] - Y[0, 1] * Y[1, 0], Y[0, 0] + Y[1, 1]])

    G, dz = slope(lambda X: X @ X, X), slope(z, X)
    names = {"dY_11/dX": (0, 0), "dY_12/dX": (0, 1), "dY_21/dX": (1, 0), "dY_22/dX": (1, 1)}
    return {
        "b": {name: G[place] for name, place in names.items()},
        "c": {"Delta Y": slope(lambda t: (X + t * D) @ (X + t * D), 0.0)},
        "d": {"dz_1/dX": dz[0], "dz_2/dX": dz[1], "Delta z": slope(lambda t: z(X + t * D), 0.0)},
    }


@route("p05_minibatch_product")
def minibatch_product(W, X, U):
    Y = [[sum(W[k, i] * X[i, n] for i in range(2)) for n in range(3)] for k in range(2)]
    return {
        "a": {"Y": np.array(Y)},
        "b": {"dL/dX": slope(lambda X: (U * (W @ X)).sum(), X)},
        "c": {"dL/dW": slope(lambda W: (U * (W @ X)).sum(), W)},
    }


@route("p03_toy_graphs")
def toy_graphs(h0, w, t, eta, x, y, z, w0, x0, w1, x1, w2, a, b):
    """A nudge is added to each edge's value; the slope in the nudge is the edge's gradient."""

    def chain(w, n=(0, 0, 0, 0)):
        h = [h0 + n[0]]
        for k in range(3):
            h.append(w[k] * h[k] + n[k + 1])
        return np.array(h), (h[3] - t) ** 2

    def toy(n):
        q = (x + n[0]) + (y + n[1]) + n[3]
        return np.array([x + n[0], y + n[1], z + n[2], q, q * (z + n[2]) + n[4]])

    def neuron(n):
        v = [value + n[i] for i, value in enumerate((w0, x0, w1, x1, w2))]
        v += [v[0] * v[1] + n[5], v[2] * v[3] + n[6]]
        v.append(v[5] + v[6] + v[4] + n[7])
        v.append(-v[7] + n[8])
        v.append(np.exp(v[8]) + n[9])
        v.append(1 + v[9] + n[10])
        return np.array([*v, 1 / v[10] + n[11]])

    def branch(n):
        v = [a + n[0], b + n[1]]
        v += [v[0] + v[1] + n[2], v[0] * v[1] + n[3]]
        v.append(v[2] * v[3] + n[4])
        return np.array([*v, np.tanh(v[4]) + n[5]])

    def edges(graph, size):
        return np.real(graph(np.zeros(size))), slope(lambda n: graph(n)[-1], np.zeros(size))

    (h, e), dw = chain(w), slope(lambda w: chain(w)[1], w)
    dh = slope(lambda n: chain(w, n)[1], np.zeros(4))
    toy, neuron, branch = edges(toy, 5), edges(neuron, 12), edges(branch, 6)
    return {
        "b": {"h": h, "e": e, "de/dw": dw, "de/dh": dh, "new w": w - eta * dw},
        "c": {"values of x, y, z, q, f": toy[0], "gradients": toy[1]},
        "d": {"values of w0, x0, w1, x1, w2, a, ... f": neuron[0], "gradients": neuron[1]},
        "e": {"values of a, b, s, p, m, r": branch[0], "gradients": branch[1]},
        "f": {
            "add": slope(lambda v: 7 * (v[0] + v[1]), [3, 5]),
            "multiply": slope(lambda v: 7 * v[0] * v[1], [3, 5]),
            "larger": slope(lambda v: 7 * max(v, key=np.real), [3, 5]),
            "copied": slope(lambda v: 7 * v + 4 * v, 3),
        },
    }


@route("p04_squared_norm")
def squared_norm(W, x, W_s, x_s):
    def f(W, x):
        return ((W @ x) ** 2).sum()

    small = {"df/dW": slope(lambda W: f(W, x_s), W_s), "df/dx": slope(lambda x: f(W_s, x), x_s)}
    return {
        "a": {"y": W @ x, "f": f(W, x), "df/dy": slope(lambda y: (y**2).sum(), W @ x)},
        "b": {"df/dW": slope(lambda W: f(W, x), W)},
        "c": {"df/dx": slope(lambda x: f(W, x), x)},
        "d": {"y": W_s @ x_s, "f": f(W_s, x_s)} | small,
    }


@route("p06_linear_rows")
def linear_rows(x, W, u, X, U):
    return {
        "a": {"z": (x[0] * W.T).sum(axis=1)[None], "dz/dx": slope(lambda x: x @ W, x[0])},
        "b": {"de/dx": slope(lambda x: (u * (x @ W)).sum(), x)},
        "c": {
            "entries of dz/dW": slope(lambda W: x[0] @ W, W).size,
            "de/dW": slope(lambda W: (u * (x @ W)).sum(), W),
        },
        "d": {
            "de/dX": slope(lambda X: (U * (X @ W)).sum(), X),
            "de/dW": slope(lambda W: (U * (X @ W)).sum(), W),
        },
    }


def positive(z):
    return np.where(np.real(z) > 0, z, 0)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@route("p07_elementwise")
def elementwise(z, U, x, w, b, rate):
    def loss(p):
        return ((positive(p[0] * x + p[1]) - x) ** 2).sum() / 5

    first = np.array([w, b], float)
    gradient = slope(loss, first)
    second = first - rate * gradient
    return {
        "b": {
            "relu'(z)": np.diag(slope(positive, z)),
            "dL/dz": slope(lambda z: (U * positive(z)).sum(), z),
        },
        "c": {
            "sigma(z)": sigmoid(z),
            "sigma'(z)": np.diag(slope(sigmoid, z)),
            "dL/dz": slope(lambda z: (U * sigmoid(z)).sum(), z),
        },
        "d": {
            "z": w * x + b,
            "dL/dw": gradient[0],
            "dL/db": gradient[1],
            "new w": second[0],
            "new b": second[1],
            "second step: z": second[0] * x + second[1],
            "second step: dL/dw, dL/db": slope(loss, second),
        },
    }


@route("p08_hidden_layer")
def hidden_layer(x, W0, b0, W1, b1):
    def y(W0, b0, W1, b1):
        return (W1 @ sigmoid(W0 @ x + b0))[0] + b1

    v = W0 @ x + b0
    return {
        "a": {"v": v, "z": sigmoid(v), "y": y(W0, b0, W1, b1)},
        "b": {
            "dy/dW1": slope(lambda W1: y(W0, b0, W1, b1), W1),
            "dy/db1": slope(lambda b1: y(W0, b0, W1, b1), b1),
        },
        "c": {"dy/dz": slope(lambda z: W1 @ z, sigmoid(v))},
        "d": {
            "dy/dW0": slope(lambda W0: y(W0, b0, W1, b1), W0),
            "dy/db0": slope(lambda b0: y(W0, b0, W1, b1), b0)[None],
        },
    }


@route("p09_equal_weights")
def equal_weights(x, c0, c, target, alpha):
    shapes = {"W0": (4, 2), "b0": (4,), "W1": (1, 4), "b1": ()}

    def y(p):
        return (p["W1"] @ sigmoid(p["W0"] @ x + p["b0"]))[0] + p["b1"]

    def slopes(f, p):
        return {name: slope(lambda value, name=name: f(p | {name: value}), p[name]) for name in p}

    zero, equal = ({k: np.full(s, float(v)) for k, s in shapes.items()} for v in (c0, c))
    dy = slopes(y, zero)
    dL = slopes(lambda p: (y(p) - target) ** 2, equal)
    return {
        "a": {"z": sigmoid(zero["W0"] @ x + zero["b0"]), "y": y(zero)},
        "b": {"dy/dW1": dy["W1"], "dy/db1": dy["b1"], "dy/dW0": dy["W0"], "dy/db0": dy["b0"][None]},
        "c": {name: equal[name] - alpha * dL[name] for name in shapes},
    }


@route("p10_other_ways")
def other_ways(x, W0, b0, W1, b1, step):
    t = np.array([*W0.ravel(), *b0, *W1, b1], float)

    def f(t):
        return t[6:8] @ sigmoid(t[:4].reshape(2, 2) @ x + t[4:6]) + t[8]

    v = W0 @ x + b0
    moved = [(f(t + step * unit) - f(t)) / step for unit in np.eye(9)]
    return {
        "a": {"one-sided": np.array(moved)},
        "b": {"exact": slope(f, t)},
        "c": {
            "dy/dz": slope(lambda z: W1 @ z, sigmoid(v))[None],
            "dz/dv": slope(sigmoid, v),
            "dv/dW0": slope(lambda w: w.reshape(2, 2) @ x + b0, W0.ravel()),
            "both products": slope(f, t)[None, :4],
        },
    }


@route("p14_neuron_by_neuron")
def neuron_by_neuron(x, W1, W2, d, eta):
    def layer(y, W):
        return W[0] + y @ W[1:]

    def after_second(W2, y1):
        return ((sigmoid(layer(y1, W2)) - d) ** 2).sum()

    def div(x, W1, W2):
        return after_second(W2, sigmoid(layer(x, W1)))

    z1 = layer(x, W1)
    y1 = sigmoid(z1)
    z2 = layer(y1, W2)
    y2 = sigmoid(z2)
    dW1, dW2 = slope(lambda W: div(x, W, W2), W1), slope(lambda W: div(x, W1, W), W2)
    return {
        "a": {"z1": z1, "y1": y1, "z2": z2, "y2": y2},
        "b": {
            "dy2": slope(lambda y: ((y - d) ** 2).sum(), y2),
            "dz2": slope(lambda z: ((sigmoid(z) - d) ** 2).sum(), z2),
            "dW2": dW2,
        },
        "c": {
            "dy1": slope(lambda y: after_second(W2, y), y1),
            "dz1": slope(lambda z: after_second(W2, sigmoid(z)), z1),
            "dW1": dW1,
            "dx": slope(lambda x: div(x, W1, W2), x),
        },
        "d": {
            "W1 after": W1 - eta * dW1,
            "W2 after": W2 - eta * dW2,
            "Div after": div(x, W1 - eta * dW1, W2 - eta * dW2),
        },
    }


@route("p15_softmax")
def softmax_layer(e, u, d):
    def softmax(z):
        return np.exp(z) / np.exp(z).sum()

    z, hit = np.log(e), d > 0
    return {
        "b": {"y": e / e.sum(), "dy/dz": slope(softmax, z)},
        "c": {"dDiv/dz": slope(lambda z: u @ softmax(z), z)},
        "d": {"dDiv/dz": slope(lambda z: -(d[hit] * np.log(softmax(z)[hit])).sum(), z)},
    }


@route("p16_multiply")
def multiplied(z, u, pairs, v):
    def given(z):
        return np.array([z[j - 1] * z[k - 1] for j, k in pairs])

    def neighbours(z):
        return z[::2] * z[1::2]

    return {
        "a": {"y": given(z), "dDiv/dz": slope(lambda z: u @ given(z), z)},
        "b": {
            "y": neighbours(z),
            "J": slope(neighbours, z),
            "dDiv/dz": slope(lambda z: v @ neighbours(z), z),
        },
    }


@route("p17_kinks")
def kinks(a, alpha, z, subsets, u):
    def y(z):
        return np.array([max((z[i - 1] for i in subset), key=np.real) for subset in subsets])

    def leaky(z):
        return z if np.real(z) > 0 else a * z

    taken = slope(y, z)
    sides = [leaky(h) / h for h in (-1e-3, 1e-3)]
    slopes = np.array([alpha if entry == 0 else slope(leaky, entry) for entry in z])
    return {
        "b": {"from": min(sides), "to": max(sides), "slopes": slopes},
        "f": {"y": y(z), "winners": taken.argmax(axis=1) + 1, "dDiv/dz": u @ taken},
    }


@route("p11_toy_chain")
def toy_chain(x, y, b, w):
    def relu(f):
        return f * (np.real(f) > 0)

    def steps(b, w):
        h, values = x, {}
        for k in range(4):
            f = b[k] + w[k] * h
            h = relu(f)
            values |= {f"f{k}": f} | ({f"h{k + 1}": h} if k < 3 else {})
        return values | {"loss": (f - y) ** 2}

    def loss_behind(k, h):
        for j in range(k, 4):
            f = b[j] + w[j] * h
            h = relu(f)
        return (f - y) ** 2

    values = steps(b, w)
    db = slope(lambda b: steps(b, w)["loss"], b)
    dh = {k: slope(lambda h, k=k: loss_behind(k, h), values[f"h{k}"]) for k in (3, 2, 1)}
    back = {"dl/df3": db[3], "dl/dh3": dh[3], "dl/df2": db[2], "dl/dh2": dh[2]}
    back |= {"dl/df1": db[1], "dl/dh1": dh[1], "dl/df0": db[0]}
    return {
        "a": values,
        "b": back,
        "c": {"dl/db": db, "dl/dw": slope(lambda w: steps(b, w)["loss"], w)},
    }


@route("p12_matrix_backprop")
def matrix_backprop(x, y, u, theta, psi, phi, **layers):
    def relu(f):
        return f * (np.real(f) > 0)

    def steps(layers):
        h, values = x, {}
        for k in range(4):
            f = layers[f"beta{k}"] + layers[f"Omega{k}"] @ h
            h = relu(f)
            values |= {f"f{k}": f} | ({f"h{k + 1}": h} if k < 3 else {})
        return values | {"loss": ((f - y) ** 2).sum()}

    def change(name):
        return slope(lambda value: steps(layers | {name: value})["loss"], layers[name])

    values = steps(layers)
    h3 = values["h3"]
    first = relu(theta[:, 0] + theta[:, 1] * u)
    second = relu(psi[:, 0] + psi[:, 1:] @ first)
    return {
        "a": values,
        "b": {"df3/dh3": slope(lambda h: layers["Omega3"] @ h, h3).T},
        "c": {"dh3/df2": slope(relu, values["f2"]).T},
        "d": {f"dl/df{k}": change(f"beta{k}") for k in (3, 2, 1, 0)},
        "e": {f"dl/dOmega{k}": change(f"Omega{k}") for k in range(4)}
        | {f"dl/dbeta{k}": change(f"beta{k}") for k in range(4)},
        "f": {"output": phi[0] + phi[1:] @ second},
    }


@route("p13_least_squares")
def least_squares(x, y, phi_start, alpha, batches):
    def loss(phi, part=slice(None)):
        return ((phi[0] + phi[1] * x[part] - y[part]) ** 2).sum()

    def after(phi, part=slice(None)):
        return phi - alpha * slope(lambda phi: loss(phi, part), phi)

    once, first = after(phi_start), after(phi_start, batches[0])
    bend = np.array([[2 * len(x), 2 * x.sum()], [2 * x.sum(), 2 * (x * x).sum()]])
    return {
        "a": {"L": loss(phi_start), "dL/dphi": slope(loss, phi_start)},
        "b": {"after one step": once, "after two": after(once)},
        "c": {"after the first batch": first, "after the second": after(first, batches[1])},
        "d": {
            "best phi": np.polyfit(x, y, 1)[::-1],
            "alpha must be less than": 2 / np.linalg.norm(bend, 2),
        },
    }


@route("p18_vector_passes")
def vector_passes(x, W1, b1, W2, b2, W3, b3, d):
    def softmax(z):
        return np.exp(z) / np.exp(z).sum()

    activations = [sigmoid, lambda z: z[::2] * z[1::2], softmax]
    given = {"x": x, "W1": W1, "b1": b1, "W2": W2, "b2": b2, "W3": W3, "b3": b3}

    def run(p):
        y, found = p["x"], {}
        for k, f in enumerate(activations, 1):
            z = p[f"W{k}"] @ y + p[f"b{k}"]
            y = f(z)
            found |= {f"z{k}": z, f"y{k}": y}
        return found

    def divergence(p):
        return ((run(p)["y3"] - d) ** 2).sum()

    def in_name(name):
        return slope(lambda value: divergence(given | {name: value}), given[name])

    values = run(given)
    jacobians = {f"J{k}": slope(f, values[f"z{k}"]) for k, f in enumerate(activations, 1)}
    gradients = {f"grad_z{k}": in_name(f"b{k}") for k in (3, 2, 1)} | {"grad_x": in_name("x")}
    gradients |= {f"grad_W{k}": in_name(f"W{k}").T for k in (3, 2, 1)}
    return {"a": values, "b": jacobians, "d": gradients}


@route("p19_digits")
def digits(x, W1, b1, W2, b2, d):
    def div(W1, b1, W2, b2):
        z = positive(x @ W1 + b1) @ W2 + b2  # log y and log(1 - y), without 1 - y
        return (d * np.log(1 + np.exp(-z)) + (1 - d) * np.log(1 + np.exp(z))).sum() / len(x)

    return {
        "a": {
            "Div": div(W1, b1, W2, b2),
            "dW1": slope(lambda W1: div(W1, b1, W2, b2), W1),
            "db1": slope(lambda b1: div(W1, b1, W2, b2), b1),
            "dW2": slope(lambda W2: div(W1, b1, W2, b2), W2),
            "db2": slope(lambda b2: div(W1, b1, W2, b2), b2),
        }
    }


@route("p20_cost")
def cost(K, N, D, s, M, x, W, U, size):
    """Multiplications and bytes are counted one by one, layer after layer."""
    counted = dict.fromkeys(("forward", "backward", "h", "W"), 0)
    for _ in range(K):
        counted["forward"] += N * D * D
        counted["backward"] += N * D * D + N * D * D  # h^T dz and dz W^T
        counted["h"] += 8 * N * D
        counted["W"] += 8 * D * D
    blocks = 8 * N * D * len(range(0, K, s)) + 8 * N * D * s
    parts = 4 * M
    W1 = W[0]
    rows = [slope(lambda V, n=n: (U[n] * (x[n] @ V)).sum(), W1) for n in range(2)]
    shares = [slope(lambda x, j=j: (U[:, j] * (x @ W1[:, j])).sum(), x) for j in range(2)]
    return {
        "a": {"forward": counted["forward"], "backward": counted["backward"]},
        "b": {"bytes for h": counted["h"], "bytes for W": counted["W"]},
        "c": {"bytes": blocks, "more multiplications": counted["forward"]},
        "d": {"first": rows[0], "second": rows[1], "dW_1": rows[0] + rows[1]},
        "e": {
            "z": x @ W1,
            "dx_a": shares[0],
            "dx_b": shares[1],
            "dx": shares[0] + shares[1],
            "busy": 1 / M,
            "busy, in parts": parts / (parts + M - 1),
        },
    }
