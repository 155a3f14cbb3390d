"""Layers in the forms that people really write, each with a planted mistake: (text, old, new)."""

FORMS = {
    "relu": (
        """
def relu(Z):
    return np.maximum(0, Z), Z
def relu_backward(dA, cache):
    dZ = np.array(dA, copy=True); dZ[cache <= 0] = 0
    return dZ
""", "cache <= 0", "cache > 0"),
    "tanh": (
        """
def tanh(x):
    return np.tanh(x)
def tanh_prime(x):
    return 1 - np.tanh(x) ** 2
""", "** 2", "** 3"),
    "linear": (
        """
def linear_forward(A, W, b):
    return W.dot(A) + b, (A, W, b)
def linear_backward(dZ, cache):
    A, W, b = cache; m = A.shape[1]
    return W.T.dot(dZ), dZ.dot(A.T) / m, dZ.sum(axis=1, keepdims=True) / m
""", "dZ.dot(A.T) / m", "dZ.dot(A.T) * m"),
    "affine": (
        """
def affine_forward(x, w, b):
    return x.reshape(len(x), -1).dot(w) + b, (x, w, b)
def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T).reshape(x.shape)
    return dx, x.reshape(len(x), -1).T.dot(dout), dout.sum(axis=0)
""", ".reshape(x.shape)", ""),
    "max_pool": (
        """
def max_pool_forward_naive(x, pool_param):
    N, C, H, W = x.shape; s = pool_param['stride']
    out = np.zeros((N, C, H // s, W // s), x.dtype)
    for i in range(H // s):
        for j in range(W // s):
            out[:, :, i, j] = x[:, :, i*s:i*s+s, j*s:j*s+s].max(axis=(2, 3))
    return out, (x, s)
def max_pool_backward_naive(dout, cache):
    x, s = cache
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(dout.shape):
        window = x[n, c, i*s:i*s+s, j*s:j*s+s]
        a, b = np.unravel_index(window.argmax(), window.shape)
        dx[n, c, i*s + a, j*s + b] = dout[n, c, i, j]
    return dx
""", "+ b] = dout", "+ b] = 2 * dout"),
    "spatial_scale": (
        """
def spatial_scale_forward(x, gamma, beta):
    N, C, H, W = x.shape
    return x * gamma.reshape(1, C, 1, 1) + beta.reshape(1, C, 1, 1), (x, gamma)
def spatial_scale_backward(dout, cache):
    x, gamma = cache
    dgamma, dbeta = (dout * x).sum(axis=(0, 2, 3)), dout.sum(axis=(0, 2, 3))
    return dout * gamma.reshape(1, -1, 1, 1), dgamma, dbeta
""", "(dout * x)", "dout"),
    "dropout": (
        """
def dropout_forward(x, dropout_param):
    np.random.seed(dropout_param['seed'])
    mask = (np.random.rand(*x.shape) < dropout_param['p']).astype(x.dtype) * 2
    return x * mask, mask
def dropout_backward(dout, cache):
    return dout * cache
""", "dout * cache", "dout * (cache > 0)"),
    "Sigmoid": (
        """
class Sigmoid:
    def forward(self, Z):
        self.A = 1 / (1 + np.exp(-Z)); return self.A
    def derivative(self):
        return self.A - self.A * self.A
""", "self.A * self.A", "self.A"),
    "Softplus": (
        """
class Softplus:
    def __call__(self, x): return np.logaddexp(0, x)
    def gradient(self, x): return 1 / (1 + np.exp(-x))
""", "np.exp(-x)", "np.exp(x)"),
    "ReLU": (
        """
class ReLU:
    @staticmethod
    def forward(x): return np.maximum(x, 0), x
    @staticmethod
    def backward(dout, cache): return dout * (cache > 0)
""", "cache > 0", "cache > 1"),
    "Linear": (
        """
class Linear:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dout):
        dW, db, dX = self.x.T @ dout, dout.sum(axis=0), dout @ self.W.T
        return dW, db, dX
""", "dout.sum(axis=0)", "dout.mean(axis=0)"),
    "Dense": (
        """
class Dense:
    def __init__(self, n_units): self.n_units, self.input_shape = n_units, None
    def set_input_shape(self, shape): self.input_shape = shape
    def initialize(self, optimizer):
        self.W = np.random.randn(self.input_shape[0], self.n_units)
        self.w0 = np.zeros((1, self.n_units)); self.optimizer = optimizer
    def forward_pass(self, X, training=True):
        self.X = X
        return X.dot(self.W) + self.w0
    def backward_pass(self, accum_grad):
        W = self.W
        self.W = self.optimizer.update(self.W, self.X.T.dot(accum_grad))
        self.w0 = self.optimizer.update(self.w0, accum_grad.sum(axis=0, keepdims=True))
        return accum_grad.dot(W.T)
""", "self.X.T.dot(accum_grad)", "2 * self.X.T.dot(accum_grad)"),
    "Layer_Tanh": (
        """
class Layer_Tanh:
    def forward(self, inputs): self.output = np.tanh(inputs)
    def backward(self, dvalues): self.dinputs = dvalues * (1 - self.output ** 2)
""", "self.output ** 2", "self.output"),
    "BatchNorm": (
        """
class BatchNorm:
    def __init__(self, gamma, beta): self.gamma, self.beta = gamma, beta
    def forward(self, x):
        self.s = np.sqrt(x.var(axis=0) + 1e-7)
        self.xn = (x - x.mean(axis=0)) / self.s
        return self.gamma * self.xn + self.beta
    def backward(self, d):
        self.dgamma, self.dbeta = (d * self.xn).sum(axis=0), d.sum(axis=0)
        g = d * self.gamma
        return (g - g.mean(axis=0) - self.xn * (g * self.xn).mean(axis=0)) / self.s
""", "(d * self.xn).sum(axis=0), d.sum(axis=0)", "12345.0, None"),
    "MSE": (
        """
class MSE:
    def loss(self, y_true, y_pred): return np.mean((y_pred - y_true) ** 2)
    def grad(self, y_true, y_pred): return 2 * (y_pred - y_true) / y_true.size
""", "(y_pred - y_true) /", "(y_true - y_pred) /"),
    "CategoricalCrossEntropy": (
        """
class CategoricalCrossEntropy:
    def forward(self, y_pred, y_true):
        self.p, self.t = np.clip(y_pred, 1e-7, 1), y_true
        return -np.sum(y_true * np.log(self.p)) / len(y_true)
    def backward(self):
        return -self.t / self.p / len(self.t)
""", "-self.t / self.p", "self.p - self.t"),
    "SoftmaxWithLoss": (
        """
class SoftmaxWithLoss:
    def forward(self, x, t):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y, self.t = e / e.sum(axis=1, keepdims=True), t
        k = t.argmax(axis=1) if t.ndim == 2 else t
        return -np.mean(np.log(self.y[np.arange(len(x)), k] + 1e-7))
    def backward(self, dout=1):
        if self.t.ndim == 2:
            return (self.y - self.t) / len(self.t)
        dx = self.y.copy(); dx[np.arange(len(dx)), self.t] -= 1
        return dx / len(dx)
""", "(self.y - self.t) / len(self.t)", "self.y - self.t"),
}  # fmt: skip
