"""ReLU, MaxPool, Multiply and Concat: kinks, ties, overlaps, shared inputs, by hand."""

import numpy as np
import pytest

from mlp import Affine, Concat, Flatten, MaxPool, Multiply, ReLU, Sequential, Sigmoid

ZEROS = np.array([[0.0, -0.0, 1.0, -1.0]])


def slopes(layer, x) -> list:
    layer.forward(np.asarray(x, np.float64))
    return layer.backward(np.ones(np.shape(x))).tolist()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0, 0, 1, 0]),
        ({"at_zero": 0}, [0, 0, 1, 0]),
        ({"at_zero": 0.5}, [0.5, 0.5, 1, 0]),
        ({"at_zero": 1}, [1, 1, 1, 0]),
        ({"negative_slope": 0.25}, [0.25, 0.25, 1, 0.25]),
        ({"negative_slope": 0.25, "at_zero": 0.5}, [0.5, 0.5, 1, 0.25]),
        ({"negative_slope": 0.25, "at_zero": 1}, [1, 1, 1, 0.25]),
        ({"negative_slope": -1, "at_zero": 0}, [0, 0, 1, -1]),
        ({"negative_slope": 3, "at_zero": 2}, [2, 2, 1, 3]),
        ({"negative_slope": 3, "at_zero": 1}, [1, 1, 1, 3]),
        ({"negative_slope": [0, 1, 0, 0.5], "at_zero": 1}, [1, 1, 1, 0.5]),
        ({"negative_slope": [0.25, 0.5, 0, 0.75]}, [0.25, 0.5, 1, 0.75]),
    ],
)
def test_relu_slope_at_the_kink(options: dict, expected: list):
    layer = ReLU(**options)
    assert slopes(layer, ZEROS) == [expected]
    assert layer.jvp(np.ones_like(ZEROS)).tolist() == [expected]
    np.testing.assert_array_equal(layer.forward(ZEROS), ZEROS * [[0, 0, 1, expected[3]]])


def test_relu_chosen_slopes_do_not_leak_into_float32():
    layer = ReLU(negative_slope=np.full(4, 0.1), at_zero=np.float64(0.3))
    y = layer.forward(ZEROS.astype(np.float32))
    dx = layer.backward(np.ones((1, 4), np.float32))
    assert y.dtype == dx.dtype == np.float32
    np.testing.assert_array_equal(dx, np.array([[0.3, 0.3, 1, 0.1]], np.float32))


@pytest.mark.parametrize("shape", [(3,), (1, 3), (4, 1), (4, 3), (1, 1), (1,)])
def test_relu_slopes_broadcast(shape: tuple[int, ...]):
    """One slope per unit, per sample, or (randomized leaky ReLU) per entry."""
    rng = np.random.default_rng(0)
    slope, z, u = rng.uniform(0.1, 0.3, shape), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    full = np.broadcast_to(slope, (4, 3))
    layer = ReLU(negative_slope=slope)
    expected = [z[i] if z[i] > 0 else full[i] * z[i] for i in np.ndindex(4, 3)]
    np.testing.assert_array_equal(layer.forward(z), np.reshape(expected, (4, 3)))
    np.testing.assert_array_equal(layer.backward(u), np.where(z > 0, 1, full) * u)


def test_relu_kinks_are_the_zeros_where_the_slopes_differ():
    kinks = ReLU().kinks([[0.0, -0.0, 1, -1]])
    np.testing.assert_array_equal(kinks, [[True, True, False, False]], strict=True)
    layer = ReLU(negative_slope=[0, 0.5, 1, 2])
    assert layer.kinks(np.zeros((1, 4))).tolist() == [[True, True, False, True]]
    assert not ReLU(negative_slope=1).kinks(np.zeros((1, 4))).any()


@pytest.mark.parametrize(("at_zero", "slope"), [(None, 0), (0.5, 0.5)])
def test_the_real_part_decides_the_slope_of_relu(at_zero: float | None, slope: float):
    layer = ReLU(at_zero=at_zero)
    layer.forward(np.array([[1j, -1j, 2 - 1j, -2 + 1j]]))
    assert layer.backward(np.ones((1, 4))).tolist() == [[slope, slope, 1, 0]]


@pytest.mark.parametrize("slope", [0, [0, 0.5], [[0, 0.5]]])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_relu_takes_minus_infinity_to_0_where_the_slope_is_0(slope, dtype):
    y = ReLU(negative_slope=slope).forward(np.array([[-np.inf, np.inf], [np.nan, -4]], dtype))
    last = -4 * np.ravel(slope)[-1]
    np.testing.assert_array_equal(y, np.array([[0, np.inf], [np.nan, last]], dtype), strict=True)


def test_relu_of_minus_itself_has_no_gradient_at_0():
    """relu(x) - relu(-x) = x has slope 1, but backpropagation with slope 0 at 0 says 0."""
    difference = Affine(2, 1, bias=False, init=lambda *_: [[1], [-1]])
    split = Affine(1, 2, bias=False, init=lambda *_: [[1, -1]])
    net = Sequential(split, ReLU(), difference)
    assert net.forward([[0.0], [3.0]]).tolist() == [[0], [3]]
    assert net.backward(np.ones((2, 1))).tolist() == [[0], [1]]


def pooled(layer: MaxPool, x) -> tuple[list, list]:
    """y, and where each output's gradient goes: backward of 1, 10, 100, ..."""
    y = layer.forward(np.asarray(x, np.float64))
    u = 10.0 ** np.arange(y.size).reshape(y.shape)
    return y.tolist(), layer.backward(u).tolist()


def test_maxpool_tie_goes_to_the_first_in_row_major_order():
    assert pooled(MaxPool(3), [[7, 7, 7]]) == ([[7]], [[1, 0, 0]])
    assert pooled(MaxPool(3), [[1, 7, 7]]) == ([[7]], [[0, 1, 0]])
    assert pooled(MaxPool((2, 2)), [[[1, 7], [7, 7]]]) == ([[[7]]], [[[0, 1], [0, 0]]])
    assert pooled(MaxPool((2, 2)), [[[1, 2], [7, 7]]]) == ([[[7]]], [[[0, 0], [1, 0]]])
    zeros = pooled(MaxPool((2, 2), 1), np.zeros((1, 3, 3)))
    assert zeros == ([[[0, 0], [0, 0]]], [[[1, 10, 0], [100, 1000, 0], [0, 0, 0]]])
    assert pooled(MaxPool(2), [[-0.0, 0.0]])[1] == [[1, 0]]


def test_maxpool_tie_goes_to_the_first_listed_in_a_subset():
    layer = MaxPool(subsets=[[2, 0, 1], [1, 2], [0], [1, 1]])
    y, dx = pooled(layer, [[7, 7, 7]])
    assert y == [[7, 7, 7, 7]]
    assert dx == [[100, 10 + 1000, 1]]
    assert pooled(layer, [[7, 8, 7]]) == ([[8, 8, 7, 8]], [[100, 1 + 10 + 1000, 0]])


def test_maxpool_kinks_are_the_largest_where_they_are_several():
    kinks = MaxPool(3).kinks([[7, 7, 1, 2, 2, 2, 1, 3, 2], [1, 2, 3, 1, 4, 4, 0, 0, 9]])
    expected = [[1, 1, 0, 1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0, 0, 0]]
    np.testing.assert_array_equal(kinks, np.array(expected, bool), strict=True)
    layer = MaxPool(subsets=[[1, 0, 2], [1, 1], [3]])  # one input listed twice is no tie
    assert layer.kinks([[7, 8, 7, 9]]).tolist() == [[False, False, False, False]]
    assert layer.kinks([[8, 7, 8, 9]]).tolist() == [[True, False, True, False]]
    assert layer.kinks([[8, 8, 7, 9]]).tolist() == [[True, True, False, False]]


@pytest.mark.parametrize("stride", [(1, 1), (1, 3), (2, 2)])
def test_maxpool_kinks_of_images_are_found_window_by_window(stride: tuple[int, int]):
    x = np.random.default_rng(0).integers(0, 4, (3, 2, 5, 7))
    expected = np.zeros(x.shape, bool)
    for i in range(0, 4, stride[0]):
        for j in range(0, 5, stride[1]):
            cut = (..., slice(i, i + 2), slice(j, j + 3))
            top = x[cut] == x[cut].max(axis=(2, 3), keepdims=True)
            expected[cut] |= top & (top.sum(axis=(2, 3), keepdims=True) > 1)
    np.testing.assert_array_equal(MaxPool((2, 3), stride).kinks(x), expected)
    assert 0 < expected.mean() < 1


def test_the_real_part_decides_the_winner():
    x = np.array([[1, 1 + 1j, 3 - 9j, 2 + 9j]])
    layer = MaxPool(2)
    assert layer.forward(x).tolist() == [[1, 3 - 9j]]
    assert layer.kinks(x).tolist() == [[True, True, False, False]]


def test_maxpool_winner_of_overlapping_windows_gets_the_sum():
    assert pooled(MaxPool(2, 1), [[1, 9, 1, 3]]) == ([[9, 9, 3]], [[0, 11, 0, 100]])
    assert pooled(MaxPool(3, 1), [[1, 2, 9, 3, 4]]) == ([[9, 9, 9]], [[0, 0, 111, 0, 0]])


@pytest.mark.parametrize(
    ("width", "window", "stride", "y"),
    [
        (7, 2, None, [2, 4, 6]),
        (7, 3, None, [3, 6]),
        (7, 3, 2, [3, 5, 7]),
        (8, 3, 2, [3, 5, 7]),
        (7, 2, 3, [2, 5]),
        (8, 2, 3, [2, 5, 8]),
        (7, 1, 4, [1, 5]),
        (7, 7, None, [7]),
        (7, 7, 100, [7]),
        (7, 1, 1, [1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_maxpool_drops_windows_that_do_not_fit(width, window, stride, y):
    """The floor rule, for strides below, at and above the window."""
    x = np.arange(1.0, width + 1)[None]
    layer = MaxPool(window, stride)
    assert layer.forward(x).tolist() == [y]
    dx = np.zeros((1, width))
    dx[0, np.array(y) - 1] = 1
    np.testing.assert_array_equal(layer.backward(np.ones((1, len(y)))), dx)
    assert MaxPool((1, window), (1, stride or window)).forward(x[:, None]).tolist() == [[y]]


def test_maxpool_of_images_and_channels_agree():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 4))
    u = np.random.default_rng(1).normal(size=(2, 3, 2, 2))
    channels, images = MaxPool((2, 2)), MaxPool((2, 2))
    y = channels.forward(x)
    assert y.shape == (2, 3, 2, 2)
    np.testing.assert_array_equal(images.forward(x.reshape(6, 5, 4)).reshape(y.shape), y)
    dx = images.backward(u.reshape(6, 2, 2)).reshape(x.shape)
    np.testing.assert_array_equal(channels.backward(u), dx)


def test_maxpool_windows_need_not_be_square():
    x = [[[1, 2, 3], [4, 5, 6], [7, 8, 9], [0, 0, 0]]]
    assert pooled(MaxPool((3, 2)), x)[0] == [[[8]]]
    assert pooled(MaxPool((2, 1), (2, 2)), x)[0] == [[[4, 6], [7, 9]]]
    assert pooled(MaxPool((2, 1), 2), x)[0] == [[[4, 6], [7, 9]]]
    assert MaxPool((2, 2, 2)).forward(np.arange(27.0).reshape(1, 3, 3, 3)).tolist() == [[[[13]]]]
    assert MaxPool([2, 2]).forward(np.ones((1, 2, 2))).shape == (1, 1, 1)


def test_maxpool_finds_negative_maxima_and_lets_one_nan_through():
    assert pooled(MaxPool(2), [[-5, -3, -np.inf, -7]]) == ([[-3, -7]], [[0, 1, 0, 10]])
    y, dx = pooled(MaxPool(3), [[1, np.nan, 9, 1, 2, 3]])
    assert np.isnan(y[0][0])
    assert y[0][1] == 3
    assert dx == [[0, 1, 0, 0, 0, 10]]


def test_multiply_shared_squared_and_unused_inputs():
    """y = (z0 z1, z1 z1, z1 z0, z3 z3) of (2, 3, 5, 7), upstream 1, 10, 100, 1000."""
    layer = Multiply(np.array([[0, 1], [1, 1], [1, 0], [3, 3]]))
    z = np.array([[2.0, 3, 5, 7]])
    assert layer.forward(z).tolist() == [[6, 9, 6, 49]]
    u = np.array([[1.0, 10, 100, 1000]])
    assert layer.backward(u).tolist() == [[3 + 300, 2 + 60 + 200, 0, 14000]]
    assert layer.jvp(np.eye(4)[[1]]).tolist() == [[2, 6, 2, 0]]


def test_multiply_by_0_keeps_the_other_factor():
    layer = Multiply()
    assert layer.forward(np.array([[0.0, 4, 0, 0]])).tolist() == [[0, 0]]
    assert layer.backward(np.ones((1, 2))).tolist() == [[4, 0, 0, 0]]


def test_concat_sums_gradients_and_names_nested_parameters():
    rng = np.random.default_rng(0)
    first, second, third = Affine(3, 2, rng=rng), Affine(3, 2, rng=rng), Affine(2, 1, rng=rng)
    net = Concat(first, Sequential(second, Sigmoid(), Concat(third, ReLU())), MaxPool(3))
    names = ["0.W", "0.b", "1.0.W", "1.0.b", "1.2.0.W", "1.2.0.b"]
    assert [*net.parameters()] == [*net.gradients()] == [*net.parameter_names] == names
    assert net.parameters()["1.2.0.W"] is third.W
    x, u = rng.normal(size=(4, 3)), rng.normal(size=(4, 6))
    net.forward(x)
    total = net.backward(u)
    assert net.gradients()["1.2.0.W"] is third.dW
    cut = np.split(u, [2, 5], axis=1)
    parts = [branch.backward(U) for branch, U in zip(net.layers, cut, strict=True)]
    np.testing.assert_allclose(total, sum(parts), rtol=0, atol=1e-15)
    np.testing.assert_array_equal(first.dW, x.T @ u[:, :2])


def test_concat_of_one_branch_and_of_images():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    assert Concat(ReLU()).forward(x).tolist() == ReLU().forward(x).tolist()
    pools = Concat(MaxPool((1, 2)), MaxPool((1, 4)), Sigmoid())
    assert pools.forward(x).shape == (2, 3, 2 + 1 + 4)
    assert pools.output_shape((3, 4)) == (3, 7)
    assert Concat(Flatten(), Flatten()).output_shape((3, 4)) == (24,)
    assert Concat(ReLU()).output_shape((3, 4)) == (3, 4)


def test_outputs_that_cannot_be_joined_leave_nothing_to_go_back_through():
    net = Concat(ReLU(), Flatten())
    net.forward(np.ones((2, 3)))
    with pytest.raises(ValueError, match="differ in the last axis only"):
        net.forward(np.ones((2, 3, 1)))
    with pytest.raises(RuntimeError, match=r"^Concat: nothing to go back through"):
        net.jvp(np.ones((2, 3, 1)))


@pytest.mark.parametrize(("kind", "width"), [(Concat, 6), (Sequential, 2)])
def test_after_a_failed_forward_there_is_nothing_to_go_back_through(kind: type, width: int):
    """The parts would hold caches of different x."""
    net = kind(ReLU(), Multiply())
    net.forward(np.ones((2, 4)))
    net.backward(np.ones((2, width)))
    with pytest.raises(ValueError, match="even number"):
        net.forward(np.ones((2, 3)))
    with pytest.raises(RuntimeError, match="nothing to go back through; call forward"):
        net.backward(np.ones((2, width)))


def test_the_kinks_of_a_vector_are_refused_as_forward_refuses_it():
    pool = MaxPool(subsets=[[0, 2], [1]])
    for method in (pool.kinks, pool.forward):
        with pytest.raises(ValueError, match=r"expected x of shape \(N, D\), got \(3,\)"):
            method(np.zeros(3))
