"""Sequential: dtypes, parameters as a vector, prediction in batches."""

import numpy as np
import pytest

from mlp import Affine, Flatten, ReLU, Sequential, Sigmoid, SquaredError
from networks import Spy, deep, tiny


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, np.float64, bool])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_x_is_cast_once_to_the_dtype_of_the_first_parameter(kind, dtype):
    spy = Spy()
    net = Sequential(spy, Affine(2, 2, rng=0, dtype=dtype), Sigmoid())
    y = net.forward(np.array([[0, 1]], kind))
    assert spy.seen[0].dtype == dtype
    assert y.dtype == dtype
    assert net.dtype == dtype
    assert net.backward(np.ones((1, 2))).dtype == dtype
    x = np.ones((1, 2), dtype)
    net.forward(x)
    assert spy.seen[1] is x  # nothing to cast, nothing copied


def test_without_parameters_floats_stay_and_integers_become_float64():
    net = Sequential(ReLU(), Flatten())
    assert net.dtype is None
    for kind, dtype in [(np.float32, np.float32), (np.complex128, np.complex128), (int, float)]:
        assert net.forward(np.ones((2, 2), kind)).dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_astype_converts_a_copy(dtype):
    net, x = deep(), np.linspace(-1, 1, 12).reshape(3, 4)
    y = net.forward(x)
    net.backward(y)
    twin = net.astype(dtype)
    assert {p.dtype for p in twin.parameters().values()} == {np.dtype(dtype)}
    assert {p.dtype for p in net.parameters().values()} == {np.dtype(float)}
    assert set(twin.gradients().values()) == {None}
    with pytest.raises(RuntimeError, match="forward"):
        twin.backward(y)
    np.testing.assert_allclose(twin.forward(x), y, rtol=1e-5)
    assert twin.forward(x).dtype == dtype
    twin[0].W[:] = 0
    np.testing.assert_array_equal(net.forward(x), y)  # nothing is shared
    net.backward(y)  # and the cache of net is its own


def test_complex_step_through_a_complex_twin():
    rng = np.random.default_rng(0)
    net, loss = deep(), SquaredError()
    x, d = rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
    loss.forward(net.forward(x), d)
    net.backward(loss.backward())
    gradient = np.concatenate([g.ravel() for g in net.gradients().values()])
    direction = rng.normal(size=gradient.shape)
    twin = net.astype(np.complex128)
    twin.load_vector(net.parameter_vector() + 1e-30j * direction)
    step = loss.forward(twin.forward(x), d).imag / 1e-30
    np.testing.assert_allclose(gradient @ direction, step, rtol=1e-13)


def test_astype_refuses_what_is_no_float():
    for dtype in (int, np.float16, "U3"):
        with pytest.raises(TypeError, match="expected dtype float32 or float64"):
            deep().astype(dtype)


# Vectors


def test_parameter_vector_order_and_round_trip():
    net = tiny()
    vector = net.parameter_vector()
    np.testing.assert_array_equal(vector, [1, -1, 2, 0, 0, 1, 3, -2, 1])
    vector[:] = range(9)
    assert net[0].W[0, 1] == -1  # a new vector, not a view
    arrays = net.parameters()
    net.load_vector(vector)
    np.testing.assert_array_equal(net[0].W, [[0, 1], [2, 3]])
    np.testing.assert_array_equal(net[0].b, [4, 5])
    np.testing.assert_array_equal(net[2].W, [[6], [7]])
    np.testing.assert_array_equal(net[2].b, [8])
    assert all(net.parameters()[name] is array for name, array in arrays.items())
    vector[:] = -1
    np.testing.assert_array_equal(net.parameter_vector(), range(9))  # copied


def test_parameter_vector_of_a_nest_and_of_float32():
    net = deep().astype(np.float32)
    vector = net.parameter_vector()
    assert vector.dtype == np.float32
    assert vector.shape == (65,)
    net.load_vector(np.zeros(65))
    assert not net.parameter_vector().any()
    assert net.parameter_vector().dtype == np.float32
    net.load_vector(vector.astype(float))
    np.testing.assert_array_equal(net.parameter_vector(), vector)


def test_a_network_without_parameters_has_the_empty_vector():
    net = Sequential(ReLU())
    assert net.parameter_vector().shape == (0,)
    net.load_vector(np.zeros(0))


@pytest.mark.parametrize(
    "vector, kind, message",
    [
        (np.zeros(8), ValueError, r"expected vector of shape \(9,\), got \(8,\)"),
        (np.zeros(10), ValueError, r"expected vector of shape \(9,\), got \(10,\)"),
        (np.zeros((9, 1)), ValueError, r"expected vector of shape \(9,\), got \(9, 1\)"),
        (np.float64(1), ValueError, r"expected vector of shape \(9,\), got \(\)"),
        (["a"] * 9, TypeError, "expected vector to be an array of numbers"),
        (np.zeros(9, complex), TypeError, "complex128"),
    ],
)
def test_a_wrong_vector_changes_nothing(vector, kind, message):
    net = tiny()
    before = net.parameter_vector()
    with pytest.raises(kind, match=message):
        net.load_vector(vector)
    np.testing.assert_array_equal(net.parameter_vector(), before)


# predict


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 8, 1000])
def test_predict_in_batches_equals_forward(batch_size):
    spy = Spy()
    net = Sequential(spy, Affine(3, 2, rng=0), Sigmoid())
    x = np.linspace(-1, 1, 21).reshape(7, 3)
    y = net.predict(x, batch_size)
    assert [len(part) for part in spy.seen] == [
        min(batch_size, 7 - start) for start in range(0, 7, batch_size)
    ]
    np.testing.assert_allclose(y, net.forward(x), rtol=1e-14)


def test_predict_clears_the_caches():
    net = tiny()
    net.forward(np.ones((2, 2)))
    net.predict(np.ones((5, 2)))
    with pytest.raises(RuntimeError, match="call forward"):
        net.backward(np.ones((5, 1)))


def test_predict_nothing():
    net = Sequential(Affine(3, 2, rng=0, dtype=np.float32), Sigmoid())
    y = net.predict(np.zeros((0, 3)))
    assert y.shape == (0, 2)
    assert y.dtype == np.float32
    with pytest.raises(ValueError, match=r"expected x of shape \(N, 3\)"):
        net.predict(np.zeros((0, 4)))


def test_predict_errors():
    for size in (0, -1, 2.0, "8", None):
        with pytest.raises(
            ValueError, match=f"batch_size to be a whole number above 0, got {size!r}"
        ):
            tiny().predict(np.ones((2, 2)), size)
    with pytest.raises(ValueError, match=r"^predict: expected x of shape \(N, \.\.\.\), got 3\.0$"):
        tiny().predict(3.0)
    assert tiny().predict(np.ones((2, 2)), np.int64(1)).shape == (2, 1)
