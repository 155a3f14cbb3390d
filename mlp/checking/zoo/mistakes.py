"""Mistakes to plant: (the id to be found, the layer of `right`, the text replaced, by what).

An id may be several: any of them is a right name.
"""

import ast
import re
from pathlib import Path

RIGHT = Path(__file__).with_name("right.py")
SCALED = "upstream @ self.W.T * (n / n)"

MISTAKES = [
    # what comes from above
    ("upstream-ignored", "ReLU", "upstream * self.mask", "1.0 * self.mask"),
    ("upstream-ignored", "Sigmoid", "upstream * y * (1 - y)", "y * (1 - y)"),
    ("upstream-ignored", "Tanh", "upstream * (1 -", "1.0 * (1 -"),
    ("upstream-ignored", "affine", "dx = dout @ w.T", "dx = np.ones_like(dout) @ w.T"),
    ("upstream-ignored", "multiply", "dout * y, dout * x", "1 * y, 1 * x"),
    ("upstream-squared", "Sigmoid", "upstream * y", "upstream * upstream * y"),
    ("upstream-squared", "tanh", "dout * (1", "dout**2 * (1"),
    ("upstream-squared", "Affine", "self.dW = self.x.T @ upstream",
     "self.dW = self.x.T @ upstream**2"),
    # signs and factors
    ("sign", "Softmax", "(upstream - dot)", "(dot - upstream)"),
    ("sign", "MSE", "return 2 *", "return -2 *"),
    ("sign", "softmax_loss", "dx = dx / n", "dx = -dx / n"),
    ("sign", "affine", "db = dout.sum(axis=0)", "db = -dout.sum(axis=0)"),
    ("scale", "MSE", "return 2 *", "return"),
    ("scale", "Tanh", "upstream * (1", "2 * upstream * (1"),
    ("scale", "sigmoid", "dout * y", "0.5 * dout * y"),
    ("scale", "Affine", SCALED, "upstream @ self.W.T * 3"),
    # averages
    ("batch-mean-missing", "SoftmaxCrossEntropy", "return dz / self.n", "return dz"),
    ("batch-mean-missing", "MSE", " / len(self.difference)", ""),
    ("batch-mean-missing", "softmax_loss", "dx = dx / n", "dx = dx / 1"),
    ("batch-mean-missing", "mse_loss", "2 * difference / x.size", "2 * difference"),
    ("batch-mean-extra", "Affine", SCALED, "upstream @ self.W.T / n"),
    ("batch-mean-extra", "Affine", "self.x.T @ upstream", "self.x.T @ upstream / n"),
    ("batch-mean-extra", "affine", "dw = x.T @ dout\n    db = dout.sum(axis=0)",
     "dw = x.T @ dout / len(x)\n    db = dout.mean(axis=0)"),
    ("batch-mean-extra", "SoftmaxCrossEntropy", "return dz / self.n", "return dz / self.n**2"),
    ("class-mean-extra", "SoftmaxCrossEntropy", "return dz / self.n", "return dz / dz.size"),
    ("class-mean-extra", "MSE", "/ len(self.difference)", "/ self.difference.size"),
    ("class-mean-extra", "softmax_loss", "dx = dx / n", "dx = dx / dx.size"),
    # affine
    ("transposed", "Affine", "self.dW = self.x.T @ upstream", "self.dW = upstream.T @ self.x"),
    ("transposed", "Affine", SCALED, "upstream @ self.W"),
    ("transposed", "Affine", "x @ self.W + self.b", "x @ self.W.T + self.b"),
    ("transposed", "affine", "dx = dout @ w.T", "dx = (w @ dout.T)"),
    ("transposed", "affine", "dw = x.T @ dout", "dw = x @ dout"),
    ("bias-not-summed", "Affine", "upstream.sum(axis=0)", "upstream"),
    ("bias-not-summed", "affine", "dout.sum(axis=0)", "dout.copy()"),
    ("bias-wrong-axis", "Affine", "upstream.sum(axis=0)", "upstream.sum(axis=1)"),
    ("bias-wrong-axis", "affine", "dout.sum(axis=0)", "np.sum(dout)"),
    ("bias-mean", "Affine", "upstream.sum(axis=0)", "upstream.mean(axis=0)"),
    ("bias-mean", "affine", "dout.sum(axis=0)", "dout.sum(axis=0) / len(x)"),
    # activations
    ("mask-missing", "ReLU", "upstream * self.mask", "upstream.copy()"),
    ("mask-missing", "relu", "dout * (cache > 0)", "dout * 1"),
    ("mask-inverted", "ReLU", "upstream * self.mask", "upstream * ~self.mask"),
    ("mask-inverted", "relu", "(cache > 0)", "(cache < 0)"),
    ("mask-inverted", "ReLU", "self.mask = x > 0", "self.mask = x < 0"),
    ("mask-from-upstream", "ReLU", "upstream * self.mask", "upstream * (upstream > 0)"),
    ("mask-from-upstream", "relu", "dout * (cache > 0)", "np.maximum(dout, 0)"),
    ("sigmoid-of-input", "Sigmoid", "y = self.y", "y = self.x"),
    ("sigmoid-of-input", "sigmoid", "cache[1]", "cache[0]"),
    ("sigmoid-twice", "Sigmoid", "y = self.y", "y = 1 / (1 + np.exp(-self.y))"),
    ("sigmoid-twice", "sigmoid", "y = cache[1]", "y = 1 / (1 + np.exp(-cache[1]))"),
    ("softmax-diagonal-only", "Softmax", "(upstream - dot)", "(1 - self.y) * upstream"),
    ("softmax-diagonal-only", "softmax", "y * (dout - (dout * y).sum(axis=1, keepdims=True))",
     "dout * y * (1 - y)"),
    ("softmax-cross-sign", "Softmax", "(upstream - dot)", "(upstream + dot)"),
    ("softmax-cross-sign", "softmax", "(dout - (dout", "(dout + (dout"),
    ("softmax-wrong-axis", "Softmax", "(upstream * self.y).sum(axis=1",
     "(upstream * self.y).sum(axis=0"),
    ("softmax-wrong-axis", "softmax", "e.sum(axis=1", "e.sum(axis=0"),
    ("softmax-wrong-axis", "Softmax", "e / e.sum(axis=1, keepdims=True)", "e / e.sum()"),
    # losses
    ("double-softmax", "SoftmaxCrossEntropy", "s = z -",
     "z = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)\n        s = z -"),
    ("double-softmax", "softmax_loss", "dx = np.exp(log_p)",
     "dx = np.exp(log_p)\n    dx = np.exp(dx) / np.exp(dx).sum(axis=1, keepdims=True)"),
    ("double-softmax", "Softmax", "return self.y\n",
     "e = np.exp(self.y)\n        self.y = e / e.sum(axis=1)[:, None]\n        return self.y\n"),
    ("label-column-index", "SoftmaxCrossEntropy", "dz[np.arange(self.n), self.labels]",
     "dz[:, self.labels]"),
    ("label-column-index", "softmax_loss", "dx[np.arange(n), y]", "dx[:, y]"),
    ("label-term-missing", "SoftmaxCrossEntropy", "dz[np.arange(self.n), self.labels] -= 1",
     "pass"),
    ("label-term-missing", "softmax_loss", "dx[np.arange(n), y] -= 1", "pass"),
    ("loss-gradient-mismatch", "MSE", "2 * self.difference", "np.sign(self.difference)"),
    ("loss-gradient-mismatch", "mse_loss", "2 * difference / x.size", "2 * difference / len(x)"),
    ("loss-gradient-mismatch", "softmax_loss", "dx = np.exp(log_p)", "dx = x.copy()"),
    # products and pools
    ("factors-swapped", "Multiply", "upstream * self.y, upstream * self.x",
     "upstream * self.x, upstream * self.y"),
    ("factors-swapped", "multiply", "dout * y, dout * x", "dout * x, dout * y"),
    ("shared-input-not-summed", "PairMultiply", "+=", "="),
    ("shared-input-not-summed", "PairMultiply", """        for i, (j, k) in enumerate(self.pairs):
            dx[:, j] += upstream[:, i] * self.x[:, k]
            dx[:, k] += upstream[:, i] * self.x[:, j]
""", """        j, k = np.array(self.pairs).T
        dx[:, j] += upstream * self.x[:, k]
        dx[:, k] += upstream * self.x[:, j]
"""),
    ("overlap-overwritten", "MaxPool", "dx[rows, winner] +=", "dx[rows, winner] ="),
    ("overlap-overwritten", "maxpool", "winner] +=", "winner] ="),
    ("pool-global-max", "MaxPool", "dx[rows, winner] += upstream[:, j]",
     "dx += upstream[:, j : j + 1] * (self.x == self.x.max(axis=1, keepdims=True))"),
    ("pool-global-max", "maxpool", "x[:, a : a + window].max(axis=1) for", "x.max(axis=1) for"),
    ("tie-all", "MaxPool", "dx[rows, winner] += upstream[:, j]", """part = self.x[:, a : a + self.k]
            top = part == part.max(axis=1, keepdims=True)
            dx[:, a : a + self.k] += top * upstream[:, j : j + 1]"""),
    ("tie-all", "maxpool", "dx[np.arange(len(x)), winner] += dout[:, j]",
     """w = x[:, a : a + window]
        dx[:, a : a + window] += (w == w.max(axis=1, keepdims=True)) * dout[:, j : j + 1]"""),
    # promises
    ("accumulates", "Affine", "self.dW = self.x.T", "self.dW += self.x.T"),
    ("accumulates", "Affine", "self.db = upstream", "self.db = getattr(self, 'db', 0) + upstream"),
    ("upstream-mutated", "ReLU", "return upstream * self.mask",
     "upstream[~self.mask] = 0\n        return upstream"),
    ("upstream-mutated", "relu", "return dout * (cache > 0)", "dout *= cache > 0\n    return dout"),
    ("input-mutated", "ReLU", "return x * self.mask", "x[~self.mask] = 0\n        return x"),
    ("input-mutated", "Softmax", "x = x - x.max", "x -= x.max"),
    ("input-mutated", "relu", "out = np.maximum(x, 0)", "out = np.maximum(x, 0, out=x)"),
    ("stale-cache", "Affine", "self.x = x", "self.x = getattr(self, 'x', x)"),
    ("stale-cache", "Tanh", "self.y = np.tanh(x)", "type(self).y = np.tanh(x)"),
    ("stale-cache", "Affine", "x @ self.W + self.b",
     "x @ self.__dict__.setdefault('V', self.W.copy()) + self.b"),
    ("updated-weights", "Affine", "return upstream",
     "self.W -= 0.1 * self.dW\n        return upstream"),
    ("updated-weights", "affine", "dx = dout @ w.T", "dx = dout @ w.T\n    w *= 0.9"),
    ("integer-dtype", "MaxPool", "np.zeros_like(self.x)", "np.zeros(self.x.shape, dtype=int)"),
    ("integer-dtype", "maxpool", "np.zeros_like(x)", "np.zeros_like(x, dtype=np.int64)"),
    ("integer-dtype", "sigmoid", "return out, (x, out)", "return out.astype(int), (x, out)"),
    ("dtype-changed", "ReLU", "return x * self.mask", "return (x * self.mask).astype(np.float32)"),
    ("dtype-changed", "tanh", "dout * (1 - cache**2)", "np.float64(1) * dout * (1 - cache**2)"),
    ("dtype-changed", "Affine", "x @ self.W", "x.astype(np.float32) @ self.W"),
    ("not-deterministic", "ReLU", "upstream * self.mask",
     "upstream * self.mask * np.random.uniform(0.5, 1.5)"),
    ("not-deterministic", "tanh", "np.tanh(x)", "np.tanh(x) + np.random.normal(size=x.shape)"),
    ("forward-wrong", "Sigmoid", "1 / (1 + e), e", "1 / (2 + e), e"),
    ("forward-wrong", "affine", "x @ w + b", "x @ w - b"),
    ("forward-wrong", "MaxPool", ".max(axis=1) for", ".mean(axis=1) for"),
    ("wrong-shape", "Affine", "upstream.sum(axis=0)", "upstream.sum(axis=0)[:-1]"),
    ("wrong-shape", "affine", "dx = dout @ w.T", "dx = (dout @ w.T).ravel()"),
    ("wrong-shape", "tanh", "out = np.tanh(x)", "out = np.tanh(x).squeeze()"),
    ("overflow", "Softmax", "x - x.max(axis=1, keepdims=True)", "x"),
    ("overflow", "Sigmoid", "np.where(x > 0, 1 / (1 + e), e / (1 + e))",
     "np.exp(x) / (1 + np.exp(x))"),
    ("overflow", "softmax_loss", "s - np.log(np.exp(s).sum(axis=1, keepdims=True))",
     "np.log(np.exp(s) / np.exp(s).sum(axis=1, keepdims=True))"),
    # what is common in published code, beside the classics
    ("zero-gradient", "Affine", "self.dW = self.x.T @ upstream", "pass"),
    ("zero-gradient", "affine", "dw = x.T @ dout", "dw = np.zeros_like(w)"),
    ("zero-gradient", "Tanh", "upstream * (1 - self.y**2)", "np.zeros_like(upstream)"),
    ("bias-wrong-axis", "Affine", "upstream.sum(axis=0)",
     "np.full(self.b.shape, np.sum(upstream))"),
    ("bias-wrong-axis", "BatchNorm", "self.dbeta = upstream.sum(axis=0)",
     "self.dbeta = np.sum(upstream)"),
    ("bias-one-sample", "Affine", "upstream.sum(axis=0)", "upstream[0]"),
    ("bias-one-sample", "affine", "dout.sum(axis=0)", "dout[-1]"),
    ("reshaped", "Affine", "self.x.T @ upstream", "self.x.reshape(-1, n) @ upstream"),
    ("reshaped", "affine", "dx = dout @ w.T", "dx = dout @ w.reshape(w.shape[::-1])"),
    ("times-output", "relu", "dout * (cache > 0)", "dout * np.maximum(cache, 0)"),
    ("times-output", "sigmoid", "dout * y * (1 - y)", "dout * y * (1 - y) * y"),
    ("times-output", "Tanh", "upstream * (1 - self.y**2)", "upstream * (1 - self.y**2) * self.y"),
    ("tanh-derivative", "Tanh", "(1 - self.y**2)", "(1 - self.y)"),
    ("tanh-derivative", "tanh", "return out, out", "return out, x"),
    ("mask-missing", "tanh", "dout * (1 - cache**2)", "dout * 1"),
    ("norm-paths-missing", "BatchNorm", "g - g.mean(axis=0) - self.v * (g * self.v).mean(axis=0)",
     "g"),
    ("norm-paths-missing", "BatchNorm", " - self.v * (g * self.v).mean(axis=0)", ""),
    ("norm-paths-missing", "BatchNorm", "g - g.mean(axis=0) -", "g -"),
    ("dropout-mask-missing", "Dropout", "upstream * self.mask", "upstream * 1"),
    ("dropout-mask-missing", "Dropout", "upstream * self.mask", "upstream * (self.mask > 0)"),
    ("stale-cache", "ReLU", """forward(self, x):
        self.mask = x > 0
        return x * self.mask""", """forward(self, x, masks={}):
        self.mask = masks.setdefault(x.shape, x > 0)
        return x * (x > 0)"""),
    ("dtype-changed", "Sigmoid", "upstream * y * (1 - y)",
     "(upstream * y * (1 - y)).astype(np.float32)"),
    ("extra-axis", "Affine", "upstream.sum(axis=0)", "upstream.sum(axis=0, keepdims=True)"),
    ("extra-axis", "affine", "dout.sum(axis=0)", "dout.sum(axis=0, keepdims=True)"),
    ("log-epsilon", "SoftmaxCrossEntropy", "-log_p[np.arange(self.n), labels].mean()",
     "-np.log(self.p[np.arange(self.n), labels] + 1e-4).mean()"),
    ("log-epsilon", "softmax_loss", "-log_p[np.arange(n), y].sum()",
     "-np.log(np.exp(log_p)[np.arange(n), y] + 1e-5).sum()"),
    ("unknown", "relu", "dout * (cache > 0)", "dout * (cache > 0) + 0.01 * dout**3"),
    ("unknown", "Softmax", "dot = (upstream * self.y)", "dot = (upstream * self.y**2)"),
]  # fmt: skip


def sources() -> dict[str, str]:
    """The text of every right layer by name, a pair of functions as one text."""
    text = RIGHT.read_text()
    found: dict[str, str] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            name = re.sub("_(forward|backward)$", "", node.name)
            segment = ast.get_source_segment(text, node) or ""
            found[name] = f"{found[name]}\n\n\n{segment}" if name in found else segment
    return found


def planted() -> dict[str, tuple[str, str]]:
    """{unique name: (id, text)}: every mistake as a layer of its own."""
    originals = sources()
    found = {}
    for i, (identity, layer, old, new) in enumerate(MISTAKES):
        text = originals[layer]
        if old not in text:
            raise ValueError(f"{layer} has no {old!r}")
        name = f"{layer}_{i}" if not layer.endswith("_loss") else f"{layer[:-5]}_{i}_loss"
        found[name] = identity, _renamed(text.replace(old, new), layer, name)
    return found


def _renamed(text: str, old: str, new: str) -> str:
    return re.sub(rf"^(class|def) {old}(?=_forward|_backward|\W)", rf"\1 {new}", text, flags=re.M)


def as_file(layers: dict[str, tuple[str, str]]) -> str:
    """One student's file with all these layers."""
    return "\n\n\n".join(["import numpy as np", *(text for _, text in layers.values())]) + "\n"
