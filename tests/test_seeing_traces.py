"""trace: one pass, recorded layer by layer."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from mlp import (
    Affine,
    KLDivergence,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    trace,
)
from mlp.layers import Layer
from passes import branching, mazur, mazur_network
from published import affine


def test_records_are_those_of_a_plain_pass_through_nested_networks_and_branches():
    rng = np.random.default_rng(0)
    net, x, d = branching(rng), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    loss = SquaredError()
    traced = trace(net, x, d, loss)
    assert [r.name for r in traced] == ["0", "1.0", "1.1.0", "1.1.1", "2.0", "2.1.0", "2.1.1", "3"]
    y = net.forward(x)
    assert traced.loss_value == loss.forward(y, d)
    dx = net.backward(loss.backward())
    np.testing.assert_array_equal(traced.output, y)
    np.testing.assert_array_equal(traced.downstream, dx)
    found = {f"{r.name}.{name}": g for r in traced for name, g in r.gradients.items()}
    assert found.keys() == net.gradients().keys()
    for name, gradient in net.gradients().items():
        np.testing.assert_array_equal(found[name], gradient)
    np.testing.assert_array_equal(traced["1.0"].input, traced["0"].output)
    both = traced["2.0"].downstream + traced["2.1.0"].downstream
    np.testing.assert_allclose(traced["1.1.1"].upstream, both, rtol=1e-15)
    assert traced["2.1.1"].output_shape == (7, 3)
    assert traced[0].input_shape == (7, 3)


def test_the_network_its_gradients_and_caches_x_and_loss_stay_what_they_are():
    net, loss = mazur_network(), SquaredError(factor=0.5)
    x = np.array([[0.05, 0.10]])
    net.forward(np.ones((3, 2)))
    net.backward(np.ones((3, 2)))
    before = {name: g.copy() for name, g in net.gradients().items()}
    weights = net.parameter_vector()
    traced = trace(net, x, [[0.01, 0.99]], loss, learning_rate=0.5)
    np.testing.assert_array_equal(net.parameter_vector(), weights)
    for name, gradient in net.gradients().items():
        np.testing.assert_array_equal(gradient, before[name])
    assert net.backward(np.ones((3, 2))).shape == (3, 2)
    with pytest.raises(RuntimeError):
        loss.backward()
    x[:] = 7
    net[0].W = np.zeros((2, 2))
    assert traced.x[0, 0] == traced["0"].input[0, 0] == 0.05
    assert traced["0"].parameters["W"][0, 0] == 0.15


def test_the_step_is_that_of_update():
    net, traced = mazur_network(), mazur()
    loss = SquaredError(factor=0.5)
    loss.forward(net.forward(traced.x), traced.target)
    net.backward(loss.backward())
    net.update(0.5)
    for record in (traced["0"], traced["2"]):
        for name, new in record.new_parameters.items():
            np.testing.assert_array_equal(new, net.parameters()[f"{record.name}.{name}"])
    assert trace(net, traced.x)["0"].new_parameters is None


def test_forward_only_and_from_an_upstream():
    net, x = mazur_network(), [[0.05, 0.10]]
    forward = trace(net, x)
    assert forward.upstream is forward.downstream is forward.loss_value is None
    assert all(r.upstream is None and r.downstream is None for r in forward)
    assert all(g is None for r in forward for g in r.gradients.values())
    assert forward["0"].statistics.gradient_norm is None
    known = mazur()
    back = trace(net, x, upstream=known.upstream)
    np.testing.assert_array_equal(back.downstream, known.downstream)


def test_statistics_by_hand():
    net = Sequential(affine([[1.0, -1.0, 2.0]]), ReLU(), affine([[6.0], [0.0], [0.0]]), Sigmoid())
    traced = trace(net, [[1.0], [2.0]], upstream=[[1.0], [1.0]], learning_rate=0.5)
    first = traced["0"].statistics
    assert (first.low, first.high, first.mean) == (-2, 4, 1)
    assert first.norm == pytest.approx(np.sqrt(1 + 1 + 4 + 4 + 4 + 16), rel=1e-15)
    assert traced["1"].statistics.dead == pytest.approx(1 / 3)
    assert first.dead is traced["1"].statistics.saturated is None
    assert traced["3"].statistics.saturated == 1.0  # sigmoid(6) = 0.9975
    assert traced["3"].statistics.upstream_norm == pytest.approx(np.sqrt(2))
    dW = traced["2"].gradients["W"]
    assert traced["2"].statistics.gradient_norm == pytest.approx(np.linalg.norm(dW))
    assert traced["2"].statistics.update_ratio == pytest.approx(0.5 * np.linalg.norm(dW) / 6)
    leaky = trace(Sequential(ReLU(negative_slope=0.1)), [[-1.0]])
    assert leaky["0"].statistics.dead is None


@pytest.mark.parametrize("scale", [1.0, 1e-5, 1e7])
def test_the_table_fits_100_columns(scale):
    rng = np.random.default_rng(1)
    net = Sequential(
        Sequential(Affine(640, 1000, rng=rng, dtype="float32", bias=False), ReLU()),
        Sequential(Sequential(Affine(1000, 10, rng=rng, dtype="float32"))),
    )
    x = scale * rng.normal(size=(100, 640))
    text = str(trace(net, x, rng.integers(10, size=100), SoftmaxCrossEntropy(), learning_rate=0.1))
    assert max(map(len, text.splitlines())) <= 100
    assert text.splitlines()[-1].startswith("loss ")
    assert "0.0  Affine" in text


def test_a_double_softmax_is_refused():
    net = Sequential(Affine(2, 3, rng=0), Softmax())
    with pytest.raises(ValueError, match="takes logits, and the network already ends in Softmax"):
        trace(net, [[1.0, 2.0]], [1], SoftmaxCrossEntropy())
    assert trace(net, [[1.0, 2.0]], [1], KLDivergence()).loss_value > 0


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([[0.0, 1.0]],), {}, "a target needs a loss"),
        ((None, SquaredError()), {}, "a loss needs a target"),
        (([[0.0, 1.0]], SquaredError()), {"upstream": [[1.0, 1.0]]}, "got both"),
        ((), {"learning_rate": 0.1}, "a learning_rate needs gradients"),
        (([[0.0, 1.0]], SquaredError()), {"learning_rate": -1}, "learning_rate"),
    ],
)
def test_ends_that_do_not_fit_together(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        trace(mazur_network(), [[0.05, 0.10]], *arguments, **options)


def test_what_is_no_network_or_loss():
    with pytest.raises(TypeError, match="expected a network"):
        trace("net", [[1.0]])
    with pytest.raises(TypeError, match="expected a loss"):
        trace(mazur_network(), [[1.0, 2.0]], [[1.0, 1.0]], SquaredError)


class Forgets(Sigmoid):
    def backward(self, upstream):
        super().backward(upstream)


def test_what_a_layer_does_not_give_is_missing_before_it_and_not_zero():
    rng = np.random.default_rng(0)
    net = branching(rng)
    net = Sequential(net[0], Forgets(), *net[1:])
    traced = trace(net, rng.normal(size=(2, 3)), upstream=np.ones((2, 2)))
    assert traced["1"].upstream is not None
    assert traced["1"].downstream is traced["0"].upstream is traced["0"].downstream is None
    assert traced["0"].gradients == {"W": None, "b": None}
    assert traced.downstream is None


def test_a_branch_without_gradient_leaves_the_sum_unknown():
    from mlp import Concat

    net = Sequential(Affine(2, 2, rng=0), Concat(Forgets(), Sigmoid()))
    traced = trace(net, [[1.0, 2.0]], upstream=np.ones((1, 4)))
    assert traced["1.1"].downstream is not None
    assert traced["0"].upstream is None


def test_errors_say_in_which_layer():
    with pytest.raises(ValueError, match="expected x of shape") as caught:
        trace(mazur_network(), [0.05, 0.10])
    assert caught.value.__notes__ == ["in layer 0 of Sequential"]


def test_a_single_layer_and_an_unknown_record():
    traced = trace(Sigmoid(), [[0.0]])
    assert len(traced) == 1
    assert traced["0"].output[0, 0] == 0.5
    with pytest.raises(KeyError, match="there are 0"):
        traced["1"]


@pytest.mark.parametrize("shown", [mazur(), mazur_network(), Sequential(Sigmoid())])
def test_notebook_tables_are_well_formed(shown):
    root = ElementTree.fromstring(f"<div>{shown._repr_html_()}</div>")
    rows = root.findall(".//tr")
    assert len({len(row) for row in rows}) == 1
    text = ["".join(row.itertext()) for row in rows]
    assert text[0].startswith("layer")
    assert any("Sigmoid()" in line for line in text)


def test_html_is_escaped():
    class Odd(Layer):
        def forward(self, x):
            return x

        def __repr__(self):
            return "<script>"

    for shown in (Sequential(Odd()), trace(Odd(), [[1.0]])):
        assert "<script>" not in shown._repr_html_()
        assert "&lt;script&gt;" in shown._repr_html_()


LIGHT = """
import sys
import mlp
assert "numpy" not in sys.modules
net = mlp.Sequential(mlp.Affine(2, 2, rng=0), mlp.Sigmoid())
net._repr_html_()
assert not [name for name in sys.modules if name.startswith("mlp.seeing")]
traced = mlp.trace(net, [[1.0, 2.0]], [[1.0, 0.0]], mlp.SquaredError())
traced.explain(), repr(traced), traced._repr_html_(), mlp.compare_traces(traced, traced)
assert "matplotlib" not in sys.modules
"""


def test_the_engine_knows_nothing_of_seeing_and_only_pictures_load_matplotlib():
    subprocess.run([sys.executable, "-c", LIGHT], check=True)
