"""What the oracle finds out by itself: no complex derivative, kinks, random layers, exact zeros."""

import math

import numpy as np
import pytest

from mlp import Affine, Elementwise, Flatten, ReLU, Sequential, Softmax, gradcheck
from mlp.checking import oracles
from mlp.checking.comparing import independent, judge
from mlp.checking.oracles import NumericalGradient
from mlp.layers import Layer
from mlp.losses import Loss

RNG = np.random.default_rng(7)
X = RNG.standard_normal((4, 5))
D = RNG.standard_normal((4, 5))
OFF = 1 + 1e-4
COMPLEX, DIFFERENCES = "complex step", "central differences"


def by_math(z):
    return np.array([math.tanh(v) for v in z.ravel()]).reshape(z.shape)


ELEMENTWISE = {
    "abs": (np.abs, lambda z, y: np.sign(z), DIFFERENCES),
    "sign": (lambda z: z * np.sign(z), lambda z, y: np.sign(z), DIFFERENCES),
    "real": (lambda z: z.real**2, lambda z, y: 2 * z, DIFFERENCES),
    "real as a factor": (lambda z: z * z.real, lambda z, y: 2 * z, DIFFERENCES),
    "conjugate": (lambda z: z * np.conj(z), lambda z, y: 2 * z, DIFFERENCES),
    "cast": (lambda z: np.asarray(z, np.float64) ** 2, lambda z, y: 2 * z, DIFFERENCES),
    "math": (by_math, lambda z, y: 1 - y * y, DIFFERENCES),
    "hypot": (lambda z: np.hypot(z, 1), lambda z, y: z / y, DIFFERENCES),
    "maximum": (lambda z: np.maximum(z, 0), lambda z, y: 1.0 * (z > 0), COMPLEX),
    "clip": (lambda z: np.clip(z, -1, 1), lambda z, y: 1.0 * (abs(z) < 1), COMPLEX),
    "comparison": (lambda z: np.where(z > 0, z, z**2), lambda z, y: np.where(z > 0, 1, 2 * z),
                   COMPLEX),
    "tanh": (np.tanh, lambda z, y: 1 - y * y, COMPLEX),
}  # fmt: skip


class Sorted(Layer):
    """The weighted sum of each row's entries in order of size."""

    weights = np.arange(1.0, 6.0)

    def forward(self, x):
        self._cache = np.argsort(x, axis=1)
        return np.sort(x, axis=1) * self.weights

    def backward(self, upstream):
        dx = np.empty_like(upstream)
        np.put_along_axis(dx, self._cache, upstream * self.weights, axis=1)
        return dx


class Unit(Layer):
    """Each row divided by its length."""

    def forward(self, x):
        self._cache = x, np.linalg.norm(x, axis=1, keepdims=True)
        return x / self._cache[1]

    def backward(self, upstream):
        x, n = self._cache
        return upstream / n - x * (upstream * x).sum(axis=1, keepdims=True) / n**3


class Deviation(Layer):
    """Each column by its mean and np.std, which takes absolute values of complex numbers."""

    def forward(self, x):
        s = x.std(axis=0)
        self._cache = (x - x.mean(axis=0)) / s, s
        return self._cache[0]

    def backward(self, upstream):
        z, s = self._cache
        return (upstream - upstream.mean(axis=0) - z * (upstream * z).mean(axis=0)) / s


class AbsoluteWeight(Layer):
    """x |w|: analytic in x, not in w."""

    parameter_names = ("w",)

    def __init__(self):
        self.w, self.dw = np.array([1.0, -2.0, 3.0, -4.0, 0.5]), None

    def forward(self, x):
        self._cache = x
        return x * np.abs(self.w)

    def backward(self, upstream):
        self.dw = (upstream * self._cache).sum(axis=0) * np.sign(self.w)
        return upstream * np.abs(self.w)


LAYERS = {Sorted: COMPLEX, Unit: DIFFERENCES, Deviation: DIFFERENCES, AbsoluteWeight: DIFFERENCES}


class Absolute(Loss):
    def divergence(self, y, d):
        return np.abs(y - d).sum(axis=1)

    def gradient(self, y, d):
        return np.sign(y - d)


class Huber(Loss):
    def divergence(self, y, d):
        e = np.abs(y - d)
        return np.where(e < 1, e**2 / 2, e - 0.5).sum(axis=1)

    def gradient(self, y, d):
        return np.clip(y - d, -1, 1)


class Signed(Absolute):
    def divergence(self, y, d):
        return ((y - d) * np.sign(y - d)).sum(axis=1)


class Real(Loss):
    def divergence(self, y, d):
        return ((y - d).real ** 2).sum(axis=1)

    def gradient(self, y, d):
        return 2 * (y - d)


class Norm(Loss):
    def divergence(self, y, d):
        return np.linalg.norm(y - d, axis=1)

    def gradient(self, y, d):
        return (y - d) / np.linalg.norm(y - d, axis=1, keepdims=True)


class Hinge(Loss):
    def divergence(self, y, d):
        return np.maximum(1 - y * d, 0).sum(axis=1)

    def gradient(self, y, d):
        return np.where(y * d < 1, -d, 0)


class Largest(Loss):
    def divergence(self, y, d):
        return np.sort(y - d, axis=1)[:, -1]

    def gradient(self, y, d):
        return 1.0 * (y - d == (y - d).max(axis=1, keepdims=True))


class Chosen(Loss):
    def divergence(self, y, d):
        return np.where(y > d, (y - d) ** 2, d - y).sum(axis=1)

    def gradient(self, y, d):
        return np.where(y > d, 2 * (y - d), -1)


LOSSES = {
    Absolute: DIFFERENCES,
    Huber: DIFFERENCES,
    Signed: DIFFERENCES,
    Real: DIFFERENCES,
    Norm: DIFFERENCES,
    Hinge: COMPLEX,
    Largest: COMPLEX,
    Chosen: COMPLEX,
}


def off(kind, method):
    """The same layer or loss, with a gradient that is 0.01 % too large."""
    wrong = {method: lambda self, *a: OFF * np.asarray(getattr(kind, method)(self, *a))}
    return type(f"Off{kind.__name__}", (kind,), wrong)


class TestWhereTheComplexStepDoesNotApply:
    @pytest.mark.parametrize("name", ELEMENTWISE)
    def test_elementwise(self, name):
        f, derivative, oracle = ELEMENTWISE[name]
        right = gradcheck(Elementwise(f, derivative), X, rng=0)
        assert (right.verdict, right.oracle) == ("PASS", oracle), right
        wrong = gradcheck(Elementwise(f, lambda z, y: OFF * derivative(z, y)), X, rng=0)
        assert (wrong.verdict, wrong.oracle) == ("FAIL", oracle)

    @pytest.mark.parametrize("kind", LAYERS)
    def test_layers(self, kind):
        right = gradcheck(kind(), X, rng=0)
        assert (right.verdict, right.oracle) == ("PASS", LAYERS[kind]), right
        wrong = gradcheck(off(kind, "backward")(), X, rng=0)
        assert {row.name: row.verdict for row in wrong.rows}["x"] == "FAIL"

    def test_a_parameter_is_asked_as_well_as_the_input(self):
        class Off(AbsoluteWeight):
            def backward(self, upstream):
                dx = super().backward(upstream)
                self.dw *= OFF
                return dx

        report = gradcheck(Off(), X, rng=0)
        assert {row.name: row.verdict for row in report.rows} == {"x": "PASS", "w": "FAIL"}

    @pytest.mark.parametrize("kind", LOSSES)
    @pytest.mark.parametrize("net", [Flatten(), Sequential(Affine(5, 5, rng=0), Softmax())])
    def test_losses(self, kind, net):
        right = gradcheck(net, X, D, kind(), rng=0)
        assert (right.verdict, right.oracle) == ("PASS", LOSSES[kind]), right
        assert any("central differences instead" in n for n in right.notes) == (
            LOSSES[kind] == DIFFERENCES
        )
        wrong = gradcheck(net, X, D, off(kind, "gradient")(), rng=0)
        assert wrong.verdict == "FAIL"
        assert any("fails by itself" in note for note in wrong.notes) == isinstance(net, Sequential)

    @pytest.mark.parametrize("kind", LOSSES)
    def test_losses_with_too_many_coordinates_for_all(self, kind):
        rng = np.random.default_rng(1)
        net = Sequential(Affine(600, 40, rng=0), ReLU(), Affine(40, 5, rng=1))
        x = rng.standard_normal((4, 600))
        assert gradcheck(net, x, D, kind(), rng=0).verdict == "PASS"
        wrong = gradcheck(net, x, D, off(kind, "gradient")(), rng=0)
        assert {row.verdict for row in wrong.rows} == {"FAIL"}


class Between(Absolute):
    """0.5 at its kink: between the slopes -1 and 1."""

    slope = 0.5

    def gradient(self, y, d):
        return np.where(y == d, self.slope, np.sign(y - d))


class Outside(Between):
    slope = 1.5


class TestKinksOfStrangers:
    @pytest.mark.parametrize(
        ("slope", "verdict"), [(0.0, "KINK"), (0.5, "KINK"), (1.0, "PASS"), (1.5, "FAIL")]
    )
    def test_maximum_at_0(self, slope, verdict):
        """The complex step goes up: with 1, the slope on that side, nothing is to be noticed."""
        layer = Elementwise(
            lambda z: np.maximum(z, 0), lambda z, y: np.where(z == 0, slope, 1.0 * (z > 0))
        )
        report = gradcheck(layer, np.array([[0.0, 1.0, -1.0, 0.0, 2.0]]), rng=0)
        assert report.verdict == verdict
        if verdict == "KINK":
            assert "at a kink in 2 of 5 inputs" in report.notes[0]
            assert report.rows[0].checked == 3

    def test_tied_rows_of_sort(self):
        x = X.copy()
        x[1, 3] = x[1, 0]
        assert gradcheck(Sorted(), x, rng=0).verdict in ("KINK", "PASS")
        assert gradcheck(off(Sorted, "backward")(), x, rng=0).verdict == "FAIL"

    @pytest.mark.parametrize(
        ("loss", "verdict"), [(Absolute(), "KINK"), (Between(), "KINK"), (Outside(), "FAIL")]
    )
    def test_of_a_loss(self, loss, verdict):
        target = D.copy()
        target[0] = X[0]
        report = gradcheck(Flatten(), X, target, loss, rng=0)
        assert report.verdict == verdict
        net = Sequential(Affine(5, 5, init=lambda *_: np.eye(5), rng=0))
        assert gradcheck(net, X, target, loss, rng=0).verdict == verdict
        if verdict == "KINK":
            assert any("at a kink in 5 of 20 inputs" in note for note in report.notes)

    def test_on_the_way_through_a_network_too_large_for_all(self):
        half = Elementwise(lambda z: np.maximum(z, 0), lambda z, y: (np.sign(z) + 1) / 2)
        net = Sequential(Affine(600, 40, rng=0), half, Affine(40, 5, rng=1))
        x = np.random.default_rng(1).standard_normal((4, 600))
        x[0] = 0  # all units of the first sample are at 0
        assert gradcheck(net, x, rng=0).verdict != "FAIL"

    def test_a_dead_part_is_not_excused_by_a_kink_elsewhere(self):
        assert gradcheck(ReLU(), np.array([[0.0, 0.0]]), rng=0).verdict == "KINK"
        assert gradcheck(ReLU(), np.array([[0.0, -1.0]]), rng=0).verdict == "INCONCLUSIVE"
        assert gradcheck(ReLU(), np.array([[0.0, 1.0]]), rng=0).verdict == "KINK"


class Dropout(Layer):
    def __init__(self, seed=None, rate=0.5):
        self.seed, self.rate = seed, rate
        self.rng = np.random.default_rng(0)

    def forward(self, x):
        rng = self.rng if self.seed is None else np.random.default_rng(self.seed)
        self._cache = rng.random(x.shape) >= self.rate
        return x * self._cache

    def backward(self, upstream):
        return upstream * self._cache


class TestRandomLayers:
    def test_it_is_said_and_nothing_is_claimed(self):
        report = gradcheck(Dropout(), RNG.standard_normal((4, 6)), rng=0)
        assert report.verdict == "INCONCLUSIVE"
        assert [(row.verdict, row.checked) for row in report.rows] == [("INCONCLUSIVE", 0)]
        assert len(report.notes) == 1
        assert "is random" in report.notes[0]
        assert "fix its seed" in report.notes[0]
        assert "kink" not in str(report)

    def test_the_layer_is_named(self):
        net = Sequential(Affine(5, 4, rng=0), Dropout(), Affine(4, 2, rng=1))
        report = gradcheck(net, X, rng=0)
        assert [row.name for row in report.rows] == ["x", "0.W", "0.b", "2.W", "2.b"]
        assert [note[: len("layer 1 Dropout()")] for note in report.notes] == ["layer 1 Dropout()"]

    def test_a_rare_difference_is_noticed(self):
        found = [gradcheck(Dropout(rate=0.1), X[:1], rng=i).verdict for i in range(10)]
        assert found.count("INCONCLUSIVE") >= 8

    def test_with_its_seed_fixed_it_is_judged(self):
        assert gradcheck(Dropout(seed=3), X, rng=0).verdict == "PASS"
        assert gradcheck(off(Dropout, "backward")(seed=3), X, rng=0).verdict == "FAIL"


class BatchNorm(Layer):
    def forward(self, x):
        c = x - x.mean(axis=0)
        s = np.sqrt((c * c).mean(axis=0) + 1e-5)
        self._cache = c / s, s
        return c / s

    def backward(self, upstream):
        z, s = self._cache
        return (upstream - upstream.mean(axis=0) - z * (upstream * z).mean(axis=0)) / s


class WithoutTheMean(BatchNorm):
    def backward(self, upstream):
        z, s = self._cache
        return (upstream - z * (upstream * z).mean(axis=0)) / s


class ShiftedNorm(BatchNorm):
    """Its own bias before the norm, in one layer."""

    parameter_names = ("b",)

    def __init__(self):
        self.b, self.db = np.zeros(5), None

    def forward(self, x):
        return super().forward(x + self.b)

    def backward(self, upstream):
        dx = super().backward(upstream)
        self.db = dx.sum(axis=0)
        return dx


class ForgottenNorm(ShiftedNorm):
    def backward(self, upstream):
        dx = super().backward(upstream)
        self.db = upstream.sum(axis=0)
        return dx


class Switch(Layer):
    """A parameter that matters beyond 10 only, where it was not tried."""

    parameter_names = ("b",)

    def __init__(self):
        self.b, self.db = np.zeros(5), None

    def forward(self, x):
        self._cache = 1 + (self.b > 10)
        return x * self._cache

    def backward(self, upstream):
        self.db = np.zeros(5)
        return upstream * self._cache


class TestExactZeros:
    def test_a_bias_before_a_batch_norm_is_judged_by_the_terms_that_cancel(self):
        net = Sequential(Affine(5, 4, rng=0), BatchNorm(), Affine(4, 3, rng=1))
        report = gradcheck(net, X, rng=0)
        assert report.verdict == "PASS"
        bias = next(row for row in report.rows if row.name == "0.b")
        assert bias.resolution < 1e-9
        assert bias.max_error < 1e-9
        wrong = Sequential(Affine(5, 4, rng=0), WithoutTheMean(), Affine(4, 3, rng=1))
        rows = {row.name: row.verdict for row in gradcheck(wrong, X, rng=0).rows}
        assert rows["0.b"] == "FAIL"

    def test_in_one_layer_it_is_judged_by_having_no_influence(self):
        report = gradcheck(ShiftedNorm(), X, rng=0)
        assert {row.name: row.verdict for row in report.rows} == {"x": "PASS", "b": "PASS"}
        wrong = gradcheck(ForgottenNorm(), X, rng=0)
        assert {row.name: row.verdict for row in wrong.rows} == {"x": "PASS", "b": "FAIL"}

    def test_no_influence_at_this_x_is_no_reason(self):
        report = gradcheck(Switch(), X, rng=0)
        assert {r.name: r.verdict for r in report.rows} == {"x": "PASS", "b": "INCONCLUSIVE"}
        for threshold in (10, 1e6):  # 1e6 is beyond every step that is tried
            step = Elementwise(lambda z, t=threshold: z * (np.maximum(z, -z) > t), lambda z, y: 0.0)
            assert gradcheck(step, X, rng=0).verdict == "INCONCLUSIVE"
        assert gradcheck(ReLU(), -abs(X), rng=0).verdict == "INCONCLUSIVE"

    @pytest.mark.parametrize(
        ("f", "expected"),
        [
            (lambda b: X + 0 * b, True),
            (lambda b: (X + b) - (X + b).mean(), False),
            (lambda b: X + b.mean() - (X + b.mean()).mean(), True),
            (lambda b: X + 1e-6 * b, False),
            (lambda b: X + (b > 20), False),
            (lambda b: X + np.maximum(b - 1500, 0), False),
            (lambda b: X * np.nan if abs(b).max() > 3 else X, False),
        ],
    )
    def test_independence(self, f, expected):
        assert independent(f, np.zeros(5), np.random.default_rng(0)) is expected

    def test_a_function_that_refuses_the_step_is_not_independent(self):
        def picky(b):
            if abs(b).max() > 1:
                raise ValueError("too large")
            return X

        assert not independent(picky, np.zeros(5), np.random.default_rng(0))


class TestJudgement:
    def reference(self, gradient, tolerance, terms, floor=1e-15):
        parts = (np.array(part, float) for part in (gradient, tolerance, terms))
        return NumericalGradient(*parts, floor, COMPLEX)

    def test_an_error_at_its_tolerance_is_none(self):
        reference = self.reference([1.0, 2.0], [0.25, 0.25], [1.0, 2.0])
        judged = judge(np.array([1.25, 2.5]), reference)
        assert judged.wrong.tolist() == [False, True]
        assert (judged.max_error, judged.used) == (0.25, 2.0)
        assert judge(np.array([np.nan, 2.0]), reference).wrong.tolist() == [True, False]

    def test_the_resolution_is_that_of_nine_in_ten_of_what_is_above_the_floor(self):
        gradient = np.arange(1.0, 12.0)
        reference = self.reference(gradient, np.full(11, 1e-9), gradient)
        assert judge(gradient, reference).resolution == 1e-9 / 2
        reference = self.reference([1.0, 1e-16], [1e-9, 1e-15], [1.0, 1e-16])
        assert judge(np.array([1.0, 0.0]), reference).resolution == 1e-9

    def test_a_0_has_the_size_of_its_terms(self):
        reference = self.reference([0.0], [1e-13], [2.0])
        judged = judge(np.array([1e-14]), reference)
        assert judged.resolution == 1e-13 / 2
        assert judged.max_error == 1e-14 / 2
        blank = judge(np.zeros(1), self.reference([0.0], [1e-13], [0.0]))
        assert blank.resolution == np.inf
        # what is no 0 keeps its own size, however large its terms
        assert judge(np.ones(1), self.reference([1.0], [1e-3], [1e6])).resolution == 1e-3


class TestOracles:
    def test_the_terms_are_the_absolute_summands(self):
        u, w = np.array([[1.0, -2.0]]), np.array([[3.0, 5.0], [7.0, -4.0]])
        gradient, terms = [3 - 10, 7 + 8], [3 + 10, 7 + 8]
        for oracle in (oracles.complex_step, oracles.richardson):
            found = oracle(lambda x: x @ w, np.array([[0.3, 0.4]]), u)
            np.testing.assert_allclose(found.gradient, gradient, rtol=1e-9)
            np.testing.assert_allclose(found.terms, terms, rtol=1e-9)

    def test_where_the_function_refuses_steps_the_complex_one_is_taken(self):
        def log(x):
            if (x.real <= 0).any() or (x.real > 1).any():
                raise ValueError("no probability")
            return np.log(x)

        rng = np.random.default_rng(0)
        for x in (np.full((2, 3), 0.5), np.ones((2, 3))):
            assert oracles.why_not_analytic(log, x, rng) is None

    @pytest.mark.parametrize(
        ("f", "reason"),
        [
            (np.abs, "drops the imaginary part"),
            (lambda z: z + 1j * np.iscomplexobj(z), "another value"),
            (lambda z: z * (1 + np.iscomplexobj(z)), "another value"),
            (lambda z: np.hypot(z, 1), "does not take complex numbers"),
            (np.conj, "disagrees"),
        ],
    )
    def test_the_reason_is_given(self, f, reason):
        assert reason in oracles.why_not_analytic(f, X, np.random.default_rng(0))
