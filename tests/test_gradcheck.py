"""The checker is checked: planted mistakes must fail, correct code must never."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planted
from mlp import (
    Affine,
    Concat,
    Elementwise,
    Flatten,
    KLDivergence,
    MaxPool,
    Multiply,
    ReLU,
    Sequential,
    Sigmoid,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    gradcheck,
)
from mlp.checking import oracles
from mlp.checking.builtin import builtin_cases, check_layer, parse_layer
from mlp.checking.referee import ANALYTIC

SCRIPT = Path(__file__).parent.parent / "scripts" / "gradcheck.py"


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def verdicts(report):
    return {row.name: row.verdict for row in report.rows}


class TestMistakes:
    @pytest.mark.parametrize(
        ("layer", "shape", "wrong"),
        planted.MISTAKES,
        ids=[type(layer).__name__ for layer, _, _ in planted.MISTAKES],
    )
    def test_each_fails_in_its_own_row(self, layer, shape, wrong):
        report = gradcheck(layer, normal(*shape), rng=1)
        assert {k for k, verdict in verdicts(report).items() if verdict == "FAIL"} == wrong
        assert not report.ok
        assert str(report).startswith("FAIL")

    def test_one_entry_of_39200_off_by_a_millionth_is_seen_by_directions(self):
        net = Sequential(planted.OneEntryBothWays(784, 50, rng=0), ReLU(), Affine(50, 3, rng=1))
        x, labels = normal(10, 784), np.arange(10) % 3
        sampled = gradcheck(net, x, labels, SoftmaxCrossEntropy(), rng=0)
        row = sampled.rows[1]
        assert 64 <= row.checked < 784 * 50
        assert row.wrong == []  # the entry is not in the sample
        assert row.verdict == "FAIL"
        assert "along a random direction" in row.notes[0]
        assert "layer 0 OneEntryBothWays(784, 50) fails by itself" in sampled.notes
        complete = gradcheck(net, x, labels, SoftmaxCrossEntropy(), rng=0, full=True)
        assert [entry[0] for entry in complete.rows[1].wrong] == [(37, 41)]

    @pytest.mark.parametrize("loss", [planted.LossWithoutMean(), planted.LossWithoutTwo()])
    def test_a_wrong_loss_is_named(self, loss):
        net = Sequential(Affine(4, 3, rng=0), Elementwise(np.tanh, lambda z, y: 1 - y * y))
        report = gradcheck(net, normal(5, 4), np.arange(5) % 3, loss, rng=0)
        assert set(verdicts(report).values()) == {"FAIL"}
        assert f"{loss!r} fails by itself" in report.notes

    def test_the_culprit_in_a_network_is_named(self):
        middle = Concat(planted.DiagonalSoftmax(), ReLU())
        net = Sequential(Affine(4, 4, rng=0), middle, Affine(8, 2, rng=1))
        report = gradcheck(net, normal(5, 4), rng=0)
        wrong = dict.fromkeys(("x", "0.W", "0.b"), "FAIL")
        assert verdicts(report) == wrong | {"2.W": "PASS", "2.b": "PASS"}
        assert report.notes == ["layer 1.0 DiagonalSoftmax() fails by itself"]

    def test_float32_is_compared_with_float64(self):
        x = normal(4, 5).astype(np.float32)
        report = gradcheck(planted.Float32Slip(), x, rng=0)
        assert report.verdict == "FAIL"
        assert "dx in float32 is off by" in str(report)
        assert gradcheck(planted.Float32Slip(), x.astype(np.float64), rng=0).ok
        assert "float32 in, but" in str(gradcheck(planted.Float64Leak(), x, rng=0))


PARTS = st.sampled_from(
    [
        lambda rng: Affine(4, 4, rng=rng),
        lambda rng: Affine(4, 4, init=lambda r, shape, d: 30 * r.normal(size=shape), rng=rng),
        lambda rng: ReLU(),
        lambda rng: ReLU(negative_slope=0.3, at_zero=0.5),
        lambda rng: Sigmoid(),
        lambda rng: Softmax(),
        lambda rng: Multiply([[0, 1], [1, 2], [2, 2], [3, 0]]),
        lambda rng: MaxPool(subsets=[[0, 1], [1, 2], [3], [0, 3, 2]]),
        lambda rng: Elementwise(np.tanh, lambda z, y: 1 - y * y),
        lambda rng: Sequential(Concat(Sigmoid(), ReLU()), Affine(8, 4, rng=rng)),
    ]
)
LOSSES = {
    "softmax": SoftmaxCrossEntropy(),
    "sigmoid": SigmoidCrossEntropy(reduction="sum"),
    "square": SquaredError(factor=0.5),
    "kl": KLDivergence(),
}


class TestCorrectCode:
    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_everything_built_in_is_sound(self, seed, dtype):
        for layer, x, target, loss in builtin_cases(np.random.default_rng(seed)):
            report = gradcheck(layer.astype(dtype), x.astype(dtype), target, loss, rng=seed)
            assert report.ok, report

    @settings(max_examples=150, deadline=None)
    @given(
        parts=st.lists(PARTS, min_size=1, max_size=4),
        scale=st.floats(-3, 3),
        seed=st.integers(0, 2**32 - 1),
        dtype=st.sampled_from([np.float64, np.float32]),
    )
    def test_networks_never_fail(self, parts, scale, seed, dtype):
        rng = np.random.default_rng(seed)
        net = Sequential(*(part(rng) for part in parts)).astype(dtype)
        x = (10**scale * rng.standard_normal((3, 4))).astype(dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.isfinite(net.forward(x)).all():
                return
        report = gradcheck(net, x, rng=rng)
        assert report.verdict != "FAIL", report

    @settings(max_examples=100, deadline=None)
    @given(
        kind=st.sampled_from([*LOSSES]),
        scale=st.floats(-3, 3),
        seed=st.integers(0, 2**32 - 1),
        dtype=st.sampled_from([np.float64, np.float32]),
    )
    def test_losses_never_fail(self, kind, scale, seed, dtype):
        rng = np.random.default_rng(seed)
        net = Sequential(Affine(4, 3, rng=rng)).astype(dtype)
        x = (10**scale * rng.standard_normal((5, 4))).astype(dtype)
        labels = rng.integers(0, 3, 5)
        if kind == "kl":
            net = Sequential(net, Softmax())
            if net.forward(x)[np.arange(5), labels].min() < 8 * np.finfo(dtype).tiny:
                return  # the loss or its gradient is infinite
        report = gradcheck(net, x, labels, LOSSES[kind], rng=rng)
        assert report.verdict != "FAIL", report

    def test_layers_that_are_taken_to_be_analytic_are(self):
        rng = np.random.default_rng(0)
        makers = {Affine: lambda: Affine(6, 3, rng=0), MaxPool: lambda: MaxPool(2)}
        for kind in ANALYTIC:
            layer = makers.get(kind, kind)()
            twin = layer.astype(complex)

            def f(x, layer=layer, twin=twin):
                return (twin if np.iscomplexobj(x) else layer).forward(x)

            assert oracles.why_not_analytic(f, normal(4, 6) + 2, rng) is None, kind

    def test_lanes_that_mix_are_noticed(self):
        def mixing(x):
            return x + 0.5 * x[::-1]

        x, upstream = normal(4, 3), normal(4, 3)
        reference = oracles.complex_step(mixing, x, upstream, lanes=(0, 0))
        truth = upstream + 0.5 * upstream[::-1]
        np.testing.assert_allclose(reference.gradient, truth.ravel(), rtol=1e-15)

    def test_the_network_is_left_as_it_was(self):
        net = Sequential(Affine(4, 3, rng=0), ReLU())
        x = normal(5, 4)
        y = net.forward(x)
        dx = net.backward(y)
        kept = {name: value.copy() for name, value in net.parameters().items()}
        gradients = {name: value.copy() for name, value in net.gradients().items()}
        gradcheck(net, 2 * x, rng=0)
        for name in kept:
            assert np.array_equal(kept[name], net.parameters()[name])
            assert np.array_equal(gradients[name], net.gradients()[name])
        assert np.array_equal(net.backward(y), dx)


TIED = np.array([[1.0, 1.0, 3.0, 2.0], [2.0, 2.0, 5.0, 5.0]])


class TestKinks:
    @pytest.mark.parametrize("at_zero", [0.0, 0.5, 1.0])
    def test_relu_at_zero_says_its_convention(self, at_zero):
        x = np.array([[0.0, 1.0, -1.0], [-0.0, 2.0, 0.0]])
        report = gradcheck(ReLU(at_zero=at_zero), x, rng=0)
        assert report.verdict == "KINK"
        assert report.ok
        assert report.notes == [f"ReLU is at a kink in 3 of 6 inputs: ReLU'(0) = {at_zero:g}"]

    def test_a_slope_that_is_no_subgradient_fails(self):
        report = gradcheck(planted.SlopeTwoAtZero(), np.array([[0.0, 1.0, -1.0]]), rng=0)
        assert report.verdict == "FAIL"
        assert "is no subgradient" in report.notes[0]

    def test_a_kink_does_not_hide_a_mistake_elsewhere(self):
        x = np.array([[0.0, 1.0, -1.0, 2.0]])
        assert gradcheck(planted.InvertedMask(), x, rng=0).verdict == "FAIL"
        x = normal(3, 4) * [[0], [1], [1]]  # the first row makes all units 0
        for kind, expected in ((Affine, "KINK"), (planted.OffByAThousandth, "FAIL")):
            net = Sequential(kind(4, 3, rng=0), ReLU(), Affine(3, 2, rng=1))
            found = verdicts(gradcheck(net, x, rng=0))
            assert found["0.W"] == expected
            assert (found["x"], found["0.b"]) == ("KINK", "KINK")
            assert (found["2.W"], found["2.b"]) == ("PASS", "PASS")

    def test_slope_one_on_both_sides_is_no_kink(self):
        assert gradcheck(ReLU(negative_slope=1.0), np.zeros((2, 3)), rng=0).verdict == "PASS"

    @pytest.mark.parametrize(
        ("layer", "convention"),
        [
            (MaxPool(2), "the first of the equal inputs wins"),
            (planted.TieToLast(2), "the last of the equal inputs wins"),
            (planted.TieEvenly(2), "equal inputs share evenly"),
            (MaxPool(subsets=[[3, 1, 0], [2, 3]]), "the first of the equal inputs wins"),
        ],
        ids=["first", "last", "evenly", "listed"],
    )
    def test_a_tie_says_its_convention(self, layer, convention):
        report = gradcheck(layer, TIED, rng=0)
        assert report.verdict == "KINK"
        assert report.notes[0].endswith(convention)

    def test_a_tie_that_counts_twice_fails(self):
        report = gradcheck(planted.TieToAll(2), TIED, rng=0)
        assert report.verdict == "FAIL"
        assert "add up to" in report.notes[0]

    def test_a_network_names_the_layers_and_claims_nothing(self):
        minus = Affine(1, 1, bias=False, init=-1.0)
        difference = Affine(2, 1, bias=False, init=lambda *_: np.array([[1.0], [-1.0]]))
        net = Sequential(Concat(ReLU(), Sequential(minus, ReLU())), difference)  # the identity
        report = gradcheck(net, np.array([[0.0]]), rng=0)
        assert verdicts(report)["x"] == "KINK"
        assert sum("layer 0.0 ReLU" in note for note in report.notes) == 1
        assert sum("layer 0.1.1 ReLU" in note for note in report.notes) == 1
        assert "nothing is claimed about the network as a whole at this x" in report.notes
        beside = gradcheck(net, np.array([[1e-12]]), rng=0)
        assert verdicts(beside)["x"] == "PASS"

    def test_one_in_a_single_branch_reaches_what_is_below(self):
        for branches in ((Sigmoid(), ReLU()), (ReLU(), Sigmoid())):
            net = Sequential(Affine(2, 2, rng=0), Concat(*branches), Affine(4, 1, rng=1))
            found = verdicts(gradcheck(net, np.array([[0.0, 0.0], [1.0, 2.0]]), rng=0))
            kinked = dict.fromkeys(("x", "0.W", "0.b"), "KINK")
            assert found == kinked | {"2.W": "PASS", "2.b": "PASS"}

    def test_one_is_found_with_too_many_coordinates_for_all(self):
        net = Sequential(Affine(784, 30, rng=0), ReLU(), Affine(30, 3, rng=1))
        x = normal(10, 784)
        x[0] = 0
        found = verdicts(gradcheck(net, x, rng=0))
        kinked = dict.fromkeys(("x", "0.W", "0.b"), "KINK")
        assert found == kinked | {"2.W": "PASS", "2.b": "PASS"}

    @pytest.mark.parametrize("distance", [1e-4, 1e-6, 1e-9])
    def test_one_near_by_gives_no_false_alarm(self, distance):
        x = np.array([[distance, -distance, 1.0]])
        assert gradcheck(ReLU(), x, rng=0).verdict == "PASS"
        stranger = Elementwise(np.abs, lambda z, y: np.sign(z))  # not analytic: differences
        report = gradcheck(stranger, x, rng=0)
        assert report.rows[0].oracle == "central differences"
        assert report.verdict in ("PASS", "INCONCLUSIVE")

    def test_that_of_a_stranger_is_found_from_both_sides(self):
        x = np.array([[0.0, 1.0, -2.0]])
        good = Elementwise(np.abs, lambda z, y: np.sign(z))
        bad = Elementwise(np.abs, lambda z, y: np.where(z == 0, 1.5, np.sign(z)))
        assert gradcheck(good, x, rng=0).verdict == "KINK"
        assert gradcheck(bad, x, rng=0).verdict == "FAIL"


class TestReport:
    @pytest.mark.parametrize(
        ("layer", "x"),
        [(ReLU(), -np.ones((2, 3))), (Softmax(), np.array([[800.0, 0.0, -800.0]]))],
        ids=["dead", "saturated"],
    )
    def test_inconclusive_where_a_wrong_value_would_not_show(self, layer, x):
        report = gradcheck(layer, x, rng=0)
        assert report.verdict == "INCONCLUSIVE"
        assert not report.ok

    def test_directions_decide_where_the_sample_is_blank(self):
        x = normal(10, 784)
        x[:, [0, 391, 783]] = 0  # as the borders of images: no sampled entry of dW differs from 0
        net = Sequential(Affine(784, 30, rng=0), Sigmoid())
        assert gradcheck(net, x, rng=0).verdict == "PASS"

    def test_the_seed_repeats_it(self):
        layer, x = planted.DiagonalSoftmax(), normal(4, 5)
        report = gradcheck(layer, x)
        assert f"seed {report.seed}" in str(report)
        assert str(gradcheck(layer, x, rng=report.seed)) == str(report)
        assert str(gradcheck(layer, x, rng=report.seed + 1)) != str(report)

    def test_it_is_readable_and_plain(self):
        net = Sequential(Affine(784, 10, rng=0), ReLU())
        report = gradcheck(net, normal(30, 784), rng=0, full=True)
        assert max(map(len, str(report).splitlines())) <= 80
        table = json.loads(json.dumps(report.to_dict(), allow_nan=False))
        assert table["verdict"] == "PASS"
        assert [row["name"] for row in table["arrays"]] == ["x", "0.W", "0.b"]
        assert table["arrays"][1]["checked"] == 7840
        assert table["arrays"][1]["resolution"] < 1e-9

    def test_an_infinite_gradient_is_refused(self):
        y = np.array([[1.0, 1e-310]])
        with pytest.raises(ValueError, match="the gradient of the loss has NaN or infinity"):
            gradcheck(Flatten(), y, np.array([1]), KLDivergence(), rng=0)

    def test_a_loss_is_left_as_it_was(self):
        loss, y = SquaredError(), normal(3, 4)
        loss.forward(y, 2 * y)
        gradcheck(Affine(4, 4, rng=0), y, y, loss, rng=0)
        np.testing.assert_allclose(loss.backward(), -2 * y / 3)

    def test_bad_calls_are_refused(self):
        net, x = Sequential(Affine(4, 3, rng=0), Softmax()), normal(2, 4)
        with pytest.raises(ValueError, match="takes logits"):
            gradcheck(net, x, np.array([0, 1]), SoftmaxCrossEntropy())
        with pytest.raises(ValueError, match="target and loss together"):
            gradcheck(net, x, np.array([0, 1]))
        with pytest.raises(ValueError, match="x has NaN"):
            gradcheck(net, np.full((2, 4), np.nan))


class TestProgram:
    def run(self, *arguments):
        command = [sys.executable, SCRIPT, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_it_checks_everything_built_in(self):
        code, out, err = self.run("--json")
        assert (code, err) == (0, "")
        answer = json.loads(out)
        assert (answer["file"], answer["error"]) == (None, None)
        assert {entry["verdict"] for entry in answer["checked"]} == {"PASS", "KINK"}
        assert {entry["dtype"] for entry in answer["checked"]} == {"float64", "float32"}

    def test_it_checks_one_layer(self):
        code, out, err = self.run("--layer", "Affine(5, 3)", "--seed", "3")
        assert (code, err) == (0, "")
        assert out.startswith("PASS  Affine(5, 3), float64, seed 3\n")

    def test_it_refuses_what_is_no_layer(self):
        code, out, err = self.run("--layer", "Affine(5")
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1

    @pytest.mark.parametrize("text", ["Affine(0, 3)", "__import__('os')", "3", "Affine(*[5])", "x"])
    def test_only_layers_are_understood(self, text):
        with pytest.raises((ValueError, TypeError)):
            parse_layer(text)

    def test_a_network_in_words(self):
        net = parse_layer("Sequential(MaxPool((2, 2)), Flatten(), Affine(9, 3, bias=False))")
        assert net[2].b is None
        assert all(report.ok for report in check_layer(net))


def test_what_is_no_layer_or_loss_is_refused():
    with pytest.raises(TypeError, match=r"gradcheck: expected a layer .*, got 'x'"):
        gradcheck("x", np.zeros((1, 2)))
    with pytest.raises(TypeError, match=r"gradcheck: expected a loss .*, got 3"):
        gradcheck(Affine(2, 1), np.zeros((1, 2)), np.zeros((1, 1)), 3)
    for rng in (np.inf, 0.5, "0"):
        with pytest.raises(TypeError, match="gradcheck: expected rng to be a whole number or a"):
            gradcheck(Affine(2, 1), np.zeros((1, 2)), rng=rng)
