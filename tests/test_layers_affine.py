"""Affine: first weights, the random numbers they come from, assignment, no bias."""

import numpy as np
import pytest

from mlp import Affine


def test_he_and_glorot_have_the_variances_of_their_papers():
    """2/D and 2/(D+M): within four standard errors of a sample variance, and of mean 0."""
    D, M = 300, 500
    for init, variance in [("he", 2 / D), ("glorot", 2 / (D + M))]:
        W = Affine(D, M, init=init, rng=0).W
        error = variance * np.sqrt(2 / W.size)
        assert abs(W.var() - variance) < 4 * error
        assert abs(W.mean()) < 4 * np.sqrt(variance / W.size)
        inside = np.mean(abs(W) < np.sqrt(variance))
        assert abs(inside - 0.6827) < 0.005  # normal, not uniform (0.577)


def test_he_is_the_default_and_b_starts_at_0():
    layer = Affine(4, 3, rng=0)
    np.testing.assert_array_equal(layer.W, Affine(4, 3, init="he", rng=0).W)
    np.testing.assert_array_equal(layer.W, np.random.default_rng(0).normal(0, 0.5**0.5, (4, 3)))
    np.testing.assert_array_equal(layer.b, np.zeros(3), strict=True)
    assert (Affine(4, 3, init=lambda rng, shape, dtype: np.ones(shape)).b == 0).all()


@pytest.mark.parametrize("number", [0, 0.25, -2, np.float32(1.5), np.float64(3)])
def test_init_by_a_number(number: float):
    np.testing.assert_array_equal(Affine(2, 3, init=number).W, np.full((2, 3), float(number)))


def test_init_by_name_zeros_and_by_a_callable():
    assert not Affine(2, 3, init="zeros").W.any()
    calls = []

    def corner(rng, shape, dtype):
        calls.append((type(rng), shape, dtype))
        return rng.uniform(size=shape)

    layer = Affine(2, 3, init=corner, rng=7, dtype=np.float32)
    assert calls == [(np.random.Generator, (2, 3), np.dtype(np.float32))]
    expected = np.random.default_rng(7).uniform(size=(2, 3)).astype(np.float32)
    np.testing.assert_array_equal(layer.W, expected, strict=True)


def test_a_callables_array_stays_its_own():
    weights = np.ones((2, 3))
    layer = Affine(2, 3, init=lambda *_: weights)
    layer.W[0, 0] = 9
    assert weights[0, 0] == 1


def test_seeds_and_generators():
    seed = Affine(4, 3, rng=5).W
    np.testing.assert_array_equal(seed, Affine(4, 3, rng=5).W)
    np.testing.assert_array_equal(seed, Affine(4, 3, rng=np.random.default_rng(5)).W)
    assert (seed != Affine(4, 3, rng=6).W).all()
    assert (Affine(4, 3).W != Affine(4, 3).W).all()
    rng = np.random.default_rng(5)
    first, second = Affine(4, 3, rng=rng).W, Affine(4, 3, rng=rng).W
    np.testing.assert_array_equal(first, seed)
    assert (second != seed).all()


def test_no_global_random_numbers_are_used_or_moved():
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.random(5)  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    Affine(4, 3)
    Affine(4, 3, rng=0)
    np.testing.assert_array_equal(np.random.random(5), expected)  # noqa: NPY002


@pytest.mark.parametrize("init", ["he", "glorot"])
def test_float32_starts_at_the_rounded_float64_weights(init: str):
    narrow = Affine(5, 4, init=init, rng=1, dtype=np.float32)
    wide = Affine(5, 4, init=init, rng=1)
    assert narrow.W.dtype == narrow.b.dtype == narrow.dtype == np.float32
    np.testing.assert_array_equal(narrow.W, wide.W.astype(np.float32), strict=True)
    np.testing.assert_array_equal(wide.astype(np.float32).W, narrow.W, strict=True)
    assert Affine(5, 4, dtype=">f8").W.dtype.isnative


def test_assignment_copies_into_place():
    layer = Affine(2, 3, rng=0, dtype=np.float32)
    W, b = layer.W, layer.b
    new = np.arange(6.0).reshape(2, 3)
    layer.W = new
    layer.b = [1, 2, 3]
    assert layer.W is W
    assert layer.b is b
    np.testing.assert_array_equal(W, new.astype(np.float32), strict=True)
    assert b.tolist() == [1, 2, 3]
    new[0, 0] = 99
    assert W[0, 0] == 0
    layer.W -= np.ones((2, 3), np.float32)
    assert layer.W is W
    assert W[0].tolist() == [-1, 0, 1]
    assert layer.forward([[1, 1]]).tolist() == [[1 - 1 + 2, 2 + 0 + 3, 3 + 1 + 4]]


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("W", np.ones((3, 2)), ValueError, "W of shape (2, 3), got (3, 2); transpose it"),
        ("W", np.ones((1, 3)), ValueError, "W of shape (2, 3), got (1, 3)"),
        ("W", 1.0, ValueError, "W of shape (2, 3), got ()"),
        ("W", None, TypeError, "W to be an array of numbers, got NoneType of dtype object"),
        ("b", np.ones((1, 3)), ValueError, "b of shape (3,), got (1, 3)"),
        ("b", 0.0, ValueError, "b of shape (3,), got ()"),
        ("b", [[1], [2, 3]], TypeError, "b to be an array of numbers, got a ragged list"),
        (
            "b",
            np.ones(3) * 1j,
            TypeError,
            "real numbers for b, got complex128; astype(np.complex128) makes a complex copy of "
            "the layer",
        ),
    ],
)
def test_assignment_of_anything_else_is_refused(name, value, error, message):
    layer = Affine(2, 3, rng=0)
    before = {key: p.copy() for key, p in layer.parameters().items()}
    with pytest.raises(error) as caught:
        setattr(layer, name, value)
    assert str(caught.value) == f"Affine(2, 3): expected {message}"
    for key, p in layer.parameters().items():
        np.testing.assert_array_equal(p, before[key])


def test_without_bias():
    layer = Affine(2, 3, bias=False, rng=0)
    assert [*layer.parameters()] == [*layer.gradients()] == ["W"]
    x = np.ones((4, 2))
    np.testing.assert_array_equal(layer.forward(x), x @ layer.W)
    layer.backward(np.ones((4, 3)))
    assert layer.b is None
    assert layer.db is None
    assert repr(layer) == "Affine(2, 3, bias=False)"
    np.testing.assert_array_equal(layer.W, Affine(2, 3, rng=0).W)
    with pytest.raises(ValueError, match=r"parameters \['W'\], got \['b'\]$"):
        layer.jvp(x, {"b": np.ones(3)})


def test_one_hot_rows_pick_weights():
    """x = unit vectors: z is W + b and dW is upstream, to the last bit."""
    layer = Affine(3, 2, rng=0)
    layer.b = [0.5, -1]
    np.testing.assert_array_equal(layer.forward(np.eye(3)), layer.W + layer.b)
    u = np.random.default_rng(1).normal(size=(3, 2))
    layer.backward(u)
    np.testing.assert_array_equal(layer.dW, u)


def test_many_features():
    """Sizes that are equal need not be one object, as small integers are."""
    assert Affine(300, 2, init=1).forward(np.ones((1, 300))).tolist() == [[300, 300]]


def test_cs231n_affine_forward():
    """The published numbers of the CS231n exercise, with 4 x 5 x 6 inputs made rows."""
    x = np.linspace(-0.1, 0.5, 240).reshape(2, 120)
    layer = Affine(120, 3, init=lambda *_: np.linspace(-0.2, 0.3, 360).reshape(120, 3))
    layer.b = np.linspace(-0.3, 0.1, 3)
    expected = [[1.49834967, 1.70660132, 1.91485297], [3.25553199, 3.5141327, 3.77273342]]
    np.testing.assert_allclose(layer.forward(x), expected, rtol=0, atol=5e-9)


def test_without_bias_b_cannot_be_given_by_the_way():
    layer = Affine(3, 2, bias=False, rng=0)
    with pytest.raises(ValueError, match=r"Affine\(3, 2, bias=False\): has no b"):
        layer.b = np.ones(2)
    assert layer.b is None


@pytest.mark.parametrize("name", ["in_features", "out_features", "input_shape"])
def test_the_sizes_follow_from_the_weights_and_cannot_be_assigned(name):
    layer = Affine(2, 3, rng=0)
    with pytest.raises(AttributeError, match=f"{name} follows from W; make a new Affine"):
        setattr(layer, name, 9)
    assert repr(layer) == "Affine(2, 3)"
    assert layer.forward(np.ones((1, 2))).shape == (1, 3)
