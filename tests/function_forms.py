"""Functions in the forms that courses ask for, each with a planted mistake: (text, old, new)."""

FUNCTIONS = {
    "linear_activation": (
        """
def rise(z): return np.maximum(z, 0), z
def rise_backward(dA, z): return dA * (z > 0)
def bend(z): return np.tanh(z), z
def bend_backward(dA, z): return dA * (1 - np.tanh(z) ** 2)
def linear_activation_forward(A_prev, W, b, activation):
    Z = W @ A_prev + b
    A, kept = rise(Z) if activation == "relu" else bend(Z)
    if activation not in ("relu", "tanh"): raise ValueError(activation)
    return A, ((A_prev, W), kept)
def linear_activation_backward(dA, cache, activation):
    (A_prev, W), kept = cache
    m = dA.shape[1]
    dZ = rise_backward(dA, kept) if activation == "relu" else bend_backward(dA, kept)
    return W.T @ dZ, dZ @ A_prev.T / m, dZ.sum(axis=1, keepdims=True) / m
""", "return dA * (1 - np.tanh(z) ** 2)", "return dA * (1 - np.tanh(z))"),
    "rnn_step": (
        """
def rnn_step_forward(x, prev_h, Wx, Wh, b):
    h = np.tanh(x @ Wx + prev_h @ Wh + b)
    return h, (x, prev_h, Wx, Wh, h)
def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, h = cache
    da = dnext_h * (1 - h * h)
    return da @ Wx.T, da @ Wh.T, x.T @ da, prev_h.T @ da, da.sum(axis=0)
""", "prev_h.T @ da", "h.T @ da"),
    "pair_step": (
        """
def pair_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    a = x @ Wx + prev_h @ Wh + b
    H = prev_h.shape[1]
    next_c = prev_c + np.tanh(a[:, :H]) * a[:, H:2*H] + a[:, 2*H:3*H]
    return np.tanh(next_c) * a[:, 3*H:], next_c, (x, prev_h, Wx, Wh, a, next_c)
def pair_step_backward(dnext_h, dnext_c, cache):
    x, prev_h, Wx, Wh, a, next_c = cache
    H = prev_h.shape[1]
    t, s = np.tanh(a[:, :H]), np.tanh(next_c)
    dc = dnext_c + dnext_h * a[:, 3*H:] * (1 - s ** 2)
    da = np.hstack([dc * (1 - t ** 2) * a[:, H:2*H], dc * t, dc, dnext_h * s])
    return da @ Wx.T, da @ Wh.T, dc, x.T @ da, prev_h.T @ da, da.sum(axis=0)
""", "dc = dnext_c + dnext_h", "dc = dnext_h"),
    "rnn_cell": (
        """
def rnn_cell_forward(xt, a_prev, parameters):
    Wax, Waa, ba = parameters["Wax"], parameters["Waa"], parameters["ba"]
    a_next = np.tanh(Wax @ xt + Waa @ a_prev + ba)
    yt = parameters["Wya"] @ a_next + parameters["by"]
    return a_next, yt, (a_next, a_prev, xt, parameters)
def rnn_cell_backward(da_next, cache):
    a_next, a_prev, xt, parameters = cache
    dz = (1 - a_next ** 2) * da_next
    return {"dxt": parameters["Wax"].T @ dz, "da_prev": parameters["Waa"].T @ dz,
            "dWax": dz @ xt.T, "dWaa": dz @ a_prev.T, "dba": dz.sum(axis=1, keepdims=True)}
""", "dz @ xt.T", "dz @ xt.T / xt.shape[1]"),
    "rnn": (
        """
def rnn_forward(x, h0, Wx, Wh, b):
    h = np.zeros((*x.shape[:2], h0.shape[1]))
    for t in range(x.shape[1]): h[:, t] = x[:, t] @ Wx + (h[:, t-1] if t else h0) @ Wh + b
    return h, (x, h0, Wx, Wh, h)
def rnn_backward(dh, cache):
    x, h0, Wx, Wh, h = cache
    dx, dWx, dWh, back = np.zeros_like(x), 0 * Wx, 0 * Wh, 0 * h0
    db = np.zeros(Wh.shape[1])
    for t in reversed(range(x.shape[1])):
        d = dh[:, t] + back
        dx[:, t], back = d @ Wx.T, d @ Wh.T
        dWx += x[:, t].T @ d; dWh += (h[:, t-1] if t else h0).T @ d; db += d.sum(axis=0)
    return dx, back, dWx, dWh, db
""", "d = dh[:, t] + back", "d = dh[:, t]"),
    "conv": (
        """
def conv_forward(A_prev, W, b, hparameters):
    s, pad, f = hparameters["stride"], hparameters["pad"], W.shape[0]
    X = np.pad(A_prev, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    m, n = (X.shape[1] - f) // s + 1, (X.shape[2] - f) // s + 1
    Z = np.zeros((len(X), m, n, W.shape[3]))
    for i, j in np.ndindex(m, n):
        for c in range(W.shape[3]):
            Z[:, i, j, c] = (X[:, i*s:i*s+f, j*s:j*s+f] * W[..., c]).sum((1, 2, 3)) + float(
                b[:, :, :, c])
    return Z, (X, W, b, s, pad)
def conv_backward(dZ, cache):
    X, W, b, s, pad = cache; f = W.shape[0]
    dX, dW = np.zeros_like(X), np.zeros_like(W)
    for i, j in np.ndindex(*dZ.shape[1:3]):
        window = np.s_[:, i*s:i*s+f, j*s:j*s+f]
        dX[window] += np.tensordot(dZ[:, i, j], W, ([1], [3]))
        dW += np.tensordot(X[window], dZ[:, i, j], ([0], [0]))
    return dX[:, pad:-pad, pad:-pad], dW, dZ.sum(axis=(0, 1, 2)).reshape(b.shape)
""", "dX[window] +=", "dX[window] ="),
    "conv_relu": (
        """
def conv_relu_forward(x, w, b, conv_param):
    X = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.zeros((len(x), len(w), *x.shape[2:]))
    for i, j in np.ndindex(*x.shape[2:]):
        out[:, :, i, j] = np.tensordot(X[:, :, i:i+3, j:j+3], w, ([1, 2, 3], [1, 2, 3])) + b
    return np.maximum(out, 0), (X, w, out)
def conv_relu_backward(dout, cache):
    X, w, out = cache; d = dout * (out > 0)
    dX, dw = np.zeros_like(X), np.zeros_like(w)
    for i, j in np.ndindex(*d.shape[2:]):
        dX[:, :, i:i+3, j:j+3] += np.tensordot(d[:, :, i, j], w, 1)
        dw += np.tensordot(d[:, :, i, j], X[:, :, i:i+3, j:j+3], ([0], [0]))
    return dX[:, :, 1:-1, 1:-1], dw, d.sum(axis=(0, 2, 3))
""", "d = dout * (out > 0)", "d = dout"),
    "pool": (
        """
def pool_forward(A_prev, hparameters, mode="max"):
    f, s = hparameters["f"], hparameters["stride"]
    m, n = (A_prev.shape[1] - f) // s + 1, (A_prev.shape[2] - f) // s + 1
    A = np.zeros((len(A_prev), m, n, A_prev.shape[3]))
    for i, j in np.ndindex(m, n):
        window = A_prev[:, i*s:i*s+f, j*s:j*s+f]
        if mode == "max": A[:, i, j] = window.max(axis=(1, 2))
        elif mode == "average": A[:, i, j] = window.mean(axis=(1, 2))
    return A, (A_prev, f, s)
def pool_backward(dA, cache, mode="max"):
    x, f, s = cache
    dx = np.zeros_like(x)
    for i, j in np.ndindex(*dA.shape[1:3]):
        window = x[:, i*s:i*s+f, j*s:j*s+f]
        d = dA[:, i, j][:, None, None]
        top = window == window.max(axis=(1, 2), keepdims=True)
        dx[:, i*s:i*s+f, j*s:j*s+f] += top * d if mode == "max" else d / f**2
    return dx
""", "d / f**2", "d / f"),
    "word_embedding": (
        """
def word_embedding_forward(x, W): return W[x], (x, W.shape)
def word_embedding_backward(dout, cache):
    x, shape = cache
    dW = np.zeros(shape)
    np.add.at(dW, x, dout)
    return dW
""", "np.add.at(dW, x, dout)", "dW[x] += dout"),
    "temporal_softmax_loss": (
        """
def temporal_softmax_loss(x, y, mask):
    N, T, V = x.shape
    p = np.exp(x) / np.exp(x).sum(axis=2, keepdims=True)
    at = (*np.indices((N, T)), y)
    loss, dx = -np.sum(mask * np.log(p[at])) / N, p.copy()
    dx[at] -= 1
    return loss, dx * mask[:, :, None] / N
""", "dx * mask[:, :, None] / N", "dx / N"),
    "softmax_loss_vectorized": (
        """
def softmax_loss_vectorized(W, X, y, reg):
    p = np.exp(X @ W); p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(len(X))
    loss = -np.log(p[rows, y]).mean() + reg * np.sum(W * W)
    p[rows, y] -= 1
    return loss, X.T @ p / len(X) + 2 * reg * W
""", "2 * reg * W", "reg * W"),
    "propagate": (
        """
def propagate(w, b, X, Y):
    m = X.shape[1]
    A = 1 / (1 + np.exp(-(w.T @ X + b)))
    cost = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
    return {"dw": X @ (A - Y).T / m, "db": np.sum(A - Y) / m}, cost
""", "np.sum(A - Y) / m}", "np.sum(A - Y)}"),
    "CrossEntropyCost": (
        """
class CrossEntropyCost:
    @staticmethod
    def fn(a, y): return np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a)))
    @staticmethod
    def delta(z, a, y): return a - y
""", "return a - y", "return y - a"),
    "QuadraticCost": (
        """
class QuadraticCost:
    @staticmethod
    def fn(a, y): return 0.5 * np.linalg.norm(a - y) ** 2
    @staticmethod
    def delta(act_prime_z, a, y): return (a - y) * act_prime_z
""", "(a - y) * act_prime_z", "a - y"),
    "batchnorm_alt": (
        """
def batchnorm_forward(x, gamma, beta, bn_param):
    s = np.sqrt(x.var(axis=0) + bn_param.get("eps", 1e-5)); n = (x - x.mean(axis=0)) / s
    return gamma * n + beta, (n, s, gamma)
def batchnorm_backward_alt(dout, cache):
    n, s, gamma = cache; g = dout * gamma
    dx = (g - g.mean(axis=0) - n * (g * n).mean(axis=0)) / s
    return dx, (dout * n).sum(axis=0), dout.sum(axis=0)
""", "- n * (g * n).mean(axis=0)", ""),
    "Cube": (
        """
class Cube:
    def forward(Z): return Z ** 3, Z
    def backward(dA, Z): return dA * 3 * Z ** 2
""", "3 * Z ** 2", "Z ** 2"),
}  # fmt: skip
