"""Classes in the forms that people publish, each with a planted mistake: (text, old, new)."""

CLASSES = {
    "Bend": (
        """
class Bend:
    def __init__(self, activation, activation_prime):
        self.activation, self.activation_prime = activation, activation_prime
    def forward(self, x): self.x = x; return self.activation(x)
    def backward(self, grad): return grad * self.activation_prime(self.x)
""", "grad * self", "self"),
    "Flagged": (
        """
class Flagged:
    def __init__(self, function): self.function = function
    def forward(self, x): self.x = x; return self.function(x)
    def backward(self, grad): return grad * self.function(self.x, derivative=True)
""", "self.function(self.x, derivative=True)", "self.function(self.x)"),
    "DenseThen": (
        """
class DenseThen:
    def __init__(self, n_in, n_out, activation):
        self.W, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)
        self.act = activation()
    def forward(self, x): self.x = x; return self.act.forward(x @ self.W + self.b)
    def backward(self, delta):
        back = self.act.backward(delta)
        self.dW, self.db = self.x.T @ back, back.sum(axis=0)
        return back @ self.W.T
""", "self.x.T @ back", "self.x.T @ delta"),
    "Dense": (
        """
class Dense:
    def __init__(self, units): self.units, self.input_shape, self.weights = units, None, None
    def initialize(self):
        self.weights = np.random.randn(self.input_shape[0], self.units)
        self.bias = np.zeros(self.units)
    def forward(self, x): self.x = x; return x @ self.weights + self.bias
    def backward(self, g):
        self.weights_gradient, self.bias_gradient = self.x.T @ g, g.sum(axis=0)
        return g @ self.weights.T
""", "g.sum(axis=0)", "g.mean(axis=0)"),
    "LinearAfter": (
        """
class LinearAfter:
    def __init__(self, previous_layer, n_units):
        self.W = np.random.randn(previous_layer.output_shape[0], n_units)
    def forward(self, x): self.x = x; return x @ self.W
    def backward(self, g): self.dW = self.x.T @ g; return g @ self.W.T
""", "self.x.T @ g", "2 * self.x.T @ g"),
    "ShapedLayer": (
        """
class ShapedLayer:
    def __init__(self, transformation_shape): self.weights = np.random.randn(*transformation_shape)
    def forward(self, x): self.x = x; return x @ self.weights
    def backward(self, g): self.d_weights = self.x.T @ g; return g @ self.weights.T
""", "g @ self.weights.T", "g @ self.weights.T / 2"),
    "FC": (
        """
class FC:
    def __init__(self, out_f): self.out_f, self.w, self.b = out_f, None, np.zeros((1, out_f))
    def __call__(self, x):
        if self.w is None: self.w = np.random.randn(self.out_f, x.shape[1])
        self.x = x
        return x @ self.w.T + self.b
    def backward(self, delta, wrt="w"):
        if wrt == "b": return delta.sum(axis=0, keepdims=True)
        if wrt == "w": return delta.T @ self.x
        if wrt == "a": return delta @ self.w
""", "delta.T @ self.x", "delta.T @ self.x * 2"),
    "Stepping": (
        """
class Stepping:
    def __init__(self, n_in, n_out):
        self.fc_w, self.fc_b = np.random.randn(n_in, n_out), np.zeros((1, n_out))
    def forward(self, x): self.x = x; return x @ self.fc_w + self.fc_b
    def backward(self, g, learning_rate):
        dx = g @ self.fc_w.T
        self.fc_w = self.fc_w - learning_rate * self.x.T @ g
        self.fc_b = self.fc_b - learning_rate * g.sum(axis=0, keepdims=True)
        return dx
""", "self.x.T @ g", "abs(self.x.T) @ g"),
    "LateStep": (
        """
class LateStep:
    def __init__(self, n_in, n_out, lr=0.5): self.W, self.lr = np.random.randn(n_in, n_out), lr
    def forward(self, x): self.x = x; return x @ self.W
    def backward(self, g):
        dx = g @ self.W.T
        self.W -= self.lr * self.x.T @ g
        return dx
""", "        dx = g @ self.W.T\n        self.W -= self.lr * self.x.T @ g\n        return dx",
     "        self.W -= self.lr * self.x.T @ g\n        return g @ self.W.T"),
    "OneVector": (
        """
class OneVector:
    def __init__(self, shape_in, shape_out):
        self.w = np.random.randn(shape_out[0], shape_in[0])
        self.wb, self.none = np.zeros(shape_out), np.zeros(None)
    def forward(self, x): self.x = x.ravel(); return (self.w @ self.x).reshape(self.wb.shape)
    def backward(self, g):
        self.grad_w = np.outer(g, self.x); return g @ self.w
""", "np.outer(g, self.x)", "np.outer(g, self.x ** 2)"),
    "Conv2DLayer": (
        """
class Conv2DLayer:
    def __init__(self, num_of_kernels, kernel_shape, num_of_channels, stride=(1, 1)):
        self.kernel_height, self.kernel_width = kernel_shape
        self.weights = np.random.randn(num_of_kernels, num_of_channels, *kernel_shape)
    def windows(self, a):
        h, w = self.kernel_height, self.kernel_width
        for i, j in np.ndindex(a.shape[2] - h + 1, a.shape[3] - w + 1):
            yield i, j, a[:, :, i:i + h, j:j + w]
    def forward(self, x):
        self.x = x
        h, w = x.shape[2] - self.kernel_height + 1, x.shape[3] - self.kernel_width + 1
        out = np.zeros((len(x), len(self.weights), h, w))
        for i, j, part in self.windows(x):
            out[:, :, i, j] = np.tensordot(part, self.weights, ((1, 2, 3),) * 2)
        return out
    def backward(self, dout):
        dx, self.weights_gradient = np.zeros_like(self.x), np.zeros_like(self.weights)
        for (i, j, part), (_, _, seen) in zip(self.windows(dx), self.windows(self.x)):
            part += np.tensordot(dout[:, :, i, j], self.weights, 1)
            self.weights_gradient += np.tensordot(dout[:, :, i, j].T, seen, 1)
        return dx
""", "part += np", "part[...] = np"),
    "MaxPool2D": (
        """
class MaxPool2D:
    def __init__(self, pool_size=(2, 2)): self.size = pool_size
    def forward(self, x):
        N, H, W, C = x.shape; h, w = self.size
        parts = x.reshape(N, H // h, h, W // w, w, C).transpose(0, 1, 3, 5, 2, 4)
        parts = parts.reshape(N, H // h, W // w, C, h * w)
        self.hit, self.shape = np.eye(h * w)[parts.argmax(axis=-1)], x.shape
        return parts.max(axis=-1)
    def backward(self, g):
        N, H, W, C = self.shape; h, w = self.size
        dx = (self.hit * g[..., None]).reshape(N, H // h, W // w, C, h, w)
        return dx.transpose(0, 1, 4, 2, 5, 3).reshape(self.shape)
""", "g[..., None]", "abs(g[..., None])"),
    "Add": (
        """
class Add:
    def forward(self, X): self.n = len(X); return sum(X[1:], X[0])
    def backward(self, g): return [g for _ in range(self.n)]
""", "[g for _", "[2 * g for _"),
    "Collecting": (
        """
class Collecting:
    def __init__(self, n_in, n_out):
        self.parameters = {"W": np.random.randn(n_in, n_out)}
        self.gradients = {"W": np.zeros((n_in, n_out))}
    def flush_gradients(self): self.X = []; self.gradients["W"][...] = 0
    def forward(self, X): self.X.append(X); return X @ self.parameters["W"]
    def backward(self, dLdy):
        self.gradients["W"] += self.X[-1].T @ dLdy
        return dLdy @ self.parameters["W"].T
""", "self.X[-1].T @ dLdy", "3 * self.X[-1].T @ dLdy"),
    "Called": (
        """
class Called:
    def __init__(self): self.kept = 0
    def __call__(self, x): self.kept = x; return self.forward(x)
    def forward(self, x): return x ** 3
    def backward(self, g): return g * 3 * self.kept.reshape(g.shape) ** 2
""", "* 3 *", "* 2 *"),
    "CategoricalLoss": (
        """
class CategoricalLoss:
    def forward(self, y_pred, y_true):
        return -np.log(np.sum(np.clip(y_pred, 1e-7, 1 - 1e-7) * y_true, axis=1))
    def backward(self, dvalues, y_true): self.dinputs = -y_true / dvalues / len(dvalues)
""", "-y_true / dvalues", "-y_true / dvalues ** 2"),
    "SoftmaxAndLoss": (
        """
class SoftmaxAndLoss:
    def forward(self, inputs, y_true):
        e = np.exp(inputs - inputs.max(axis=1, keepdims=True))
        self.output = e / e.sum(axis=1, keepdims=True)
        return np.mean(-np.log(self.output[range(len(e)), y_true]))
    def backward(self, dvalues, y_true):
        self.dinputs = dvalues.copy()
        self.dinputs[range(len(dvalues)), y_true] -= 1
        self.dinputs = self.dinputs / len(dvalues)
""", "y_true] -= 1", "y_true] -= 2"),
    "EntryLoss": (
        """
class EntryLoss:
    def __call__(self, target, predict): return (target - predict) ** 2
    def backprop(self, target, predict): return 2 * (predict - target)
""", "2 * (predict", "(predict"),
    "MeanLoss": (
        """
class MeanLoss:
    def forloss(self, x, y): self.x, self.y = x, y; return np.mean((x - y) ** 2, axis=-1)
    def backloss(self): return 2 * (self.x - self.y) / self.x.shape[-1] / len(self.x)
""", "2 * (self", "-(self"),
    "LogitLoss": (
        """
class LogitLoss:
    @staticmethod
    def loss(y, y_pred): return -np.sum(y * np.log(y_pred))
    @staticmethod
    def grad(y, y_pred): return y_pred - y
""", "y_pred - y", "y - y_pred"),
    "SoftmaxOutputLayer": (
        """
class SoftmaxOutputLayer:
    def __init__(self, num_hidden, num_outputs):
        self.W, self.b = np.random.randn(num_hidden, num_outputs), np.zeros(num_outputs)
    def forward(self, x, y):
        z = x @ self.W + self.b
        self.p = np.exp(z - z.max(axis=1, keepdims=True))
        self.p /= self.p.sum(axis=1, keepdims=True)
        self.x, self.y = x, y
        return -np.average(np.log(self.p[range(len(y)), np.argmax(y, axis=1)]))
    def backward(self, d_prev=1):
        back = (self.p - self.y) / len(self.y)
        self.dW, self.db = self.x.T @ back, back.sum(axis=0)
        return back @ self.W.T
""", "self.x.T @ back", "self.x.T @ (2 * back)"),
    "KeptLoss": (
        """
class KeptLoss:
    def __init__(self, shape_in): self.loss = np.zeros(shape_in)
    def forward(self, x, t): self.x, self.t = x, t; self.loss += (x - t) ** 2 / 2; return x
    def backward(self): return self.x - self.t
""", "return self.x - self.t", "return self.x + self.t"),
}  # fmt: skip
