"""Mistakes that one pass does not show: what is printed is true when it is redone."""

import numpy as np
import pytest

from mlp.checking.students.sandbox import Limits, check_file

pytestmark = pytest.mark.long

AFFINE = """
    def __init__(self, D, M): self.W, self.b = np.ones((D, M)), np.zeros(M)
    def forward(self, x): self.x = x; return x @ self.W + self.b
    def backward(self, u): self.dW = self.x.T @ u; self.db = u.sum(0); return u @ self.W.T
"""
OLDER = "forward(x1), forward(x2), backward(upstream)"
SHARED = "with two instances a and b: a.forward(x2), b.forward(x1), a.backward(upstream)"
REPLACED = "forward(x) and backward(upstream) with the first parameters, then with the second"
AGAIN = "forward(x), backward(upstream), and both again"
FILE = {
    "AffineAdds": (AFFINE.replace("self.dW =", "self.dW = getattr(self, 'dW', 0) +"), AGAIN),
    "AffineOldInput": (
        AFFINE.replace("self.x = x;", "self.x = getattr(self, 'x', x);"),
        OLDER,
    ),
    "AffineByShape": (
        AFFINE.replace("self.x = x;", "self.x = KEPT.setdefault(x.shape, x.copy());"),
        OLDER,
    ),
    "AffineOldWeights": (
        AFFINE.replace("self.x = x;", "self.x = x; self.V = getattr(self, 'V', self.W.T.copy());")
        .replace("u @ self.W.T", "u @ self.V"),
        REPLACED,
    ),
    "AffineMoves": (
        AFFINE.replace("return u @ self.W.T", "dx = u @ self.W.T; self.W -= self.dW; return dx"),
        "forward(x), backward(upstream)",
    ),
    "ReLU": (
        "    def forward(self, x): type(self).m = x > 0; return np.maximum(x, 0)\n"
        "    def backward(self, u): return u * self.m\n",
        SHARED,
    ),
    "MSELoss": (
        "    g = 0\n"
        "    def forward(self, y, t): self.d = y - t; return (self.d**2).sum()\n"
        "    def backward(self): self.g = self.g + 2 * self.d; return self.g\n",
        "forward(x, target), backward(), and both again",
    ),
}  # fmt: skip
"""Layers whose gradients are right once, and what has to be done to see that they are wrong."""


def text_of(name):
    return f"import numpy as np\nKEPT = {{}}\nclass {name}:\n{FILE[name][0]}"


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    path = tmp_path_factory.mktemp("histories") / "student.py"
    classes = [f"class {name}:\n{body}" for name, (body, _) in FILE.items()]
    path.write_text("\n".join(["import numpy as np", "KEPT = {}", *classes]))
    return {r.name: r for r in check_file(path, limits=Limits(120)).reports}


class Redone:
    """A fresh file, an instance of its class, and the numbers of a counterexample."""

    def __init__(self, name, given):
        self.names = {}
        exec(text_of(name), self.names)
        self.name, self.given = name, {k: v.copy() for k, v in given.items()}

    def made(self, which=""):
        given = self.given
        if f"W{which}" not in given:
            return self.names[self.name]()
        layer = self.names[self.name](*given[f"W{which}"].shape)
        layer.W[...], layer.b[...] = given[f"W{which}"], given[f"b{which}"]
        return layer

    def after(self, steps):
        """The instance after the steps, and what its last backward has returned."""
        g = self.given
        if steps == OLDER:
            layer = self.made()
            layer.forward(g["x1"]), layer.forward(g["x2"])
            return layer, layer.backward(g["upstream"])
        if steps == SHARED:
            layer, other = self.made(), self.made()
            layer.forward(g["x2"]), other.forward(g["x1"])
            return layer, layer.backward(g["upstream"])
        if steps == REPLACED:
            layer = self.made("1")
            layer.forward(g["x"]), layer.backward(g["upstream"])
            layer.W[...], layer.b[...] = g["W2"], g["b2"]
            layer.forward(g["x"])
            return layer, layer.backward(g["upstream"])
        layer = self.made()
        for _ in range(2 if "again" in steps else 1):
            if "target" in g:
                layer.forward(g["x"], g["target"])
                dx = layer.backward()
            else:
                layer.forward(g["x"])
                dx = layer.backward(g["upstream"])
        return layer, dx

    def slope(self, array, at):
        """Central differences of the forward pass of a fresh instance."""
        name, h = array + at, 1e-6
        slope = np.zeros(self.given[name].shape)
        for i in range(slope.size):
            sides = []
            for step in (h, -h):
                moved = Redone(self.name, self.given)
                moved.given[name].flat[i] += step
                g = moved.given
                x = g["x2"] if "x2" in g else g["x"]
                inputs = [x, g["target"]] if "target" in g else [x]
                sides.append(moved.made("2" if "W2" in g else "").forward(*inputs))
            upstream = self.given.get("upstream", 1.0)
            slope.flat[i] = (upstream * (sides[0] - sides[1])).sum() / (2 * h)
        return slope


@pytest.mark.parametrize("name", FILE)
def test_it_fails_with_numbers_that_can_be_redone(name, reports):
    report, steps = reports[name], FILE[name][1]
    assert report.verdict == "FAIL"
    shown = report.counterexample
    assert shown is not None, str(report)
    assert shown.steps == steps
    assert sum(v.size for v in shown.given.values()) <= 6
    assert all(float(v).is_integer() for a in shown.given.values() for v in a.flat)
    redone = Redone(name, shown.given)
    layer, dx = redone.after(steps)
    if shown.what == "W after backward":
        np.testing.assert_array_equal(layer.W, shown.yours)
        np.testing.assert_array_equal(shown.given["W"], shown.right)
        return
    yours = dx if shown.what == "dx" else getattr(layer, shown.what)
    np.testing.assert_array_equal(yours, shown.yours)
    array = shown.what[1:]
    at = "2" if f"{array}2" in shown.given else ""
    np.testing.assert_allclose(redone.slope(array, at), shown.right, rtol=1e-8, atol=1e-8)
    assert not np.allclose(shown.yours, shown.right)


def test_it_is_named(reports):
    names = {name: report.diagnosis.id for name, report in reports.items()}
    assert names.pop("AffineAdds") == names.pop("MSELoss") == "accumulates"
    assert names.pop("AffineMoves") == "updated-weights"
    assert set(names.values()) == {"stale-cache"}
