"""Sequential: the chain rule by hand, names, the table, what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlp import (
    SGD,
    Affine,
    Concat,
    Elementwise,
    Flatten,
    MaxPool,
    Multiply,
    ReLU,
    Sequential,
    Sigmoid,
)
from networks import deep, tiny

NAMES = ["0.W", "0.b", "2.0.W", "2.0.b", "2.2.1.W", "2.2.2.W", "2.2.2.b"]


# Forward, backward, jvp, update


def test_forward_backward_update_by_hand():
    """z = (3, 0) and (-1, 2); h = (3, 0) and (0, 2); y = 10 and -3."""
    net = tiny()
    x = np.array([[1.0, 1], [-1, 0]])
    np.testing.assert_array_equal(net.forward(x), [[10], [-3]])
    dx = net.backward(np.array([[1.0], [2.0]]))
    # U2 = (1; 2), dh = (3, -2; 6, -4), dz = (3, 0; 0, -4)
    np.testing.assert_array_equal(net[2].dW, [[3], [4]])
    np.testing.assert_array_equal(net[2].db, [3])
    np.testing.assert_array_equal(net[0].dW, [[3, 4], [3, 0]])
    np.testing.assert_array_equal(net[0].db, [3, -4])
    np.testing.assert_array_equal(dx, [[3, 6], [4, 0]])
    net.update(0.5)
    np.testing.assert_array_equal(net[0].W, [[-0.5, -3], [0.5, 0]])
    np.testing.assert_array_equal(net[0].b, [-1.5, 3])
    np.testing.assert_array_equal(net[2].W, [[1.5], [-4]])
    np.testing.assert_array_equal(net[2].b, [-0.5])


def test_jvp_by_hand():
    net = tiny()
    net.forward(np.array([[1.0, 1], [-1, 0]]))
    dx = np.array([[1.0, 0], [0, 1]])  # dz = (1, -1; 2, 0), dh = (1, 0; 0, 0)
    np.testing.assert_array_equal(net.jvp(dx), [[3], [0]])
    changes = {"0.b": [1, 1], "2.W": [[0], [1]]}  # dz = (2, 0; 3, 1), dh = (2, 0; 0, 1)
    np.testing.assert_array_equal(net.jvp(dx, changes), [[6 + 0], [-2 + 2]])


@given(st.integers(0, 2**32))
def test_backward_and_jvp_are_transposes_in_any_nest(seed):
    rng = np.random.default_rng(seed)
    net = deep()
    x, dx, U = rng.normal(size=(6, 4)), rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    changes = {name: rng.normal(size=p.shape) for name, p in net.parameters().items()}
    net.forward(x)
    forward_mode = (U * net.jvp(dx, changes)).sum()
    reverse_mode = (net.backward(U) * dx).sum()
    reverse_mode += sum((g * changes[name]).sum() for name, g in net.gradients().items())
    np.testing.assert_allclose(forward_mode, reverse_mode, rtol=1e-10, atol=1e-13)


def test_nesting_changes_nothing_but_names():
    nested, x, U = deep(), np.linspace(-1, 1, 12).reshape(3, 4), np.ones((3, 2))
    parts = [nested[0], nested[1], nested[2][0], nested[2][1], *nested[2][2], nested[3]]
    flat = Sequential(*(part.astype(float) for part in parts))
    np.testing.assert_array_equal(nested.forward(x), flat.forward(x))
    U[0, 0] = 3
    np.testing.assert_array_equal(nested.backward(U), flat.backward(U))
    pairs = zip(nested.gradients().values(), flat.gradients().values(), strict=True)
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)
    assert [*flat.parameters()] == ["0.W", "0.b", "2.W", "2.b", "5.W", "6.W", "6.b"]


def test_backward_may_be_repeated_and_sets_anew():
    net, x = deep(), np.linspace(-1, 1, 12).reshape(3, 4)
    net.forward(x)
    U = np.linspace(0, 1, 6).reshape(3, 2)
    first = net.backward(U), {k: g.copy() for k, g in net.gradients().items()}
    net.backward(-3 * U)
    again = net.backward(U), net.gradients()
    np.testing.assert_array_equal(first[0], again[0])
    for name in NAMES:
        np.testing.assert_array_equal(first[1][name], again[1][name])


def test_update_equals_plain_sgd_and_moves_no_array():
    one, other, x = deep(), deep(), np.linspace(-1, 1, 12).reshape(3, 4)
    arrays = one.parameters()
    for net, step in [(one, lambda: one.update(0.3)), (other, lambda: SGD(0.3).step(other))]:
        net.forward(x)
        net.backward(np.array([[1.0, 0], [0, 2], [1, 1]]))
        step()
    for name, array in one.parameters().items():
        assert array is arrays[name]
        np.testing.assert_array_equal(array, other.parameters()[name])
    assert not np.array_equal(one.parameter_vector(), deep().parameter_vector())


# Names, live arrays, indexing


def test_names_are_depth_first_and_w_comes_before_b():
    net = deep()
    assert [*net.parameters()] == NAMES
    assert [*net.gradients()] == NAMES
    assert net.parameter_names == tuple(NAMES)
    assert net.parameters()["2.2.1.W"] is net[2][2][1].W
    assert set(net.gradients().values()) == {None}


def test_gradients_are_live_so_they_can_be_clipped():
    net = tiny()
    net.forward(np.array([[1.0, 1], [-1, 0]]))
    net.backward(np.array([[1.0], [2.0]]))
    for gradient in net.gradients().values():
        np.clip(gradient, -1, 1, out=gradient)
    net.update(1)
    np.testing.assert_array_equal(net[0].W, [[0, -2], [1, 0]])
    np.testing.assert_array_equal(net[2].W, [[2], [-3]])


def test_indexing_slicing_iteration_len():
    net = deep()
    assert len(net) == 4
    assert [*net] == [net[0], net[1], net[2], net[3]]
    assert net[-1] is net[3]
    head = net[:2]
    assert type(head) is Sequential
    assert [*head] == [net[0], net[1]]
    assert head[0].W is net[0].W  # the same layers, not copies
    with pytest.raises(IndexError):
        net[4]
    with pytest.raises(ValueError, match="at least one layer, got none"):
        net[2:2]


# The table


def test_repr_is_a_table():
    assert repr(deep()) == (
        "layer                            output shape  parameters\n"
        "0  Affine(4, 3)                  (N, 3)                15\n"
        "1  Sigmoid()                     (N, 3)                 0\n"
        "2  Sequential                    (N, 2)                50\n"
        "2.0  Affine(3, 5)                (N, 5)                20\n"
        "2.1  Sigmoid()                   (N, 5)                 0\n"
        "2.2  Sequential                  (N, 2)                30\n"
        "2.2.0  ReLU()                    (N, 5)                 0\n"
        "2.2.1  Affine(5, 4, bias=False)  (N, 4)                20\n"
        "2.2.2  Affine(4, 2)              (N, 2)                10\n"
        "3  Softmax()                     (N, 2)                 0\n"
        "total                                                  65"
    )


def test_repr_of_images_and_large_numbers():
    net = Sequential(MaxPool((2, 2)), Flatten(), Affine(196, 1000, rng=0))
    assert repr(net) == (
        "layer                 output shape  parameters\n"
        "0  MaxPool((2, 2))    ?                      0\n"
        "1  Flatten()          ?                      0\n"
        "2  Affine(196, 1000)  (N, 1000)        197,000\n"
        "total                                  197,000"
    )


# Shapes that do not chain


def test_shapes_that_do_not_chain_are_refused_with_both_layers():
    with pytest.raises(ValueError) as caught:
        Sequential(Affine(4, 3), ReLU(), Affine(5, 2))
    assert str(caught.value) == (
        "Sequential: layer 0 Affine(4, 3) gives samples of shape (3,), which layer 2 does not "
        "take: Affine(5, 2): expected samples of shape (5,), got (3,)"
    )


@pytest.mark.parametrize(
    "layers, message",
    [
        (lambda: (Affine(4, 3), Multiply()), r"layer 0 Affine\(4, 3\) .* layer 1 does not take"),
        (lambda: (Affine(4, 4), Multiply(), Affine(4, 1)), r"layer 1 Multiply\(\) gives .*\(2,\)"),
        (lambda: (Affine(4, 2), Sequential(Affine(3, 1))), r"layer 0 Affine\(4, 2\) .* layer 1"),
        (lambda: (Sequential(Affine(4, 2)), Affine(3, 1)), r"layer 0 Sequential gives"),
        (lambda: (Affine(4, 2), MaxPool(3)), r"layer 0 Affine\(4, 2\) .* layer 1"),
        (
            lambda: (Affine(4, 2), Concat(ReLU(), Affine(3, 2))),
            r"layer 0 Affine\(4, 2\) .* layer 1",
        ),
    ],
)
def test_more_shapes_that_do_not_chain(layers, message):
    with pytest.raises(ValueError, match=f"^Sequential: {message}"):
        Sequential(*layers())


def test_output_shape():
    net = Sequential(MaxPool((2, 2)), Flatten(), Affine(6, 3), ReLU(), Multiply([[0, 1]]))
    assert net.output_shape((4, 6)) == (1,)
    assert net.shapes((4, 6)) == [(2, 3), (6,), (3,), (3,), (1,)]
    assert net.shapes() == [None, None, (3,), (3,), (1,)]
    with pytest.raises(ValueError, match=r"layer 1 Flatten\(\) gives .*\(4,\), which layer 2"):
        net.output_shape((4, 4))
    with pytest.raises(ValueError, match=r"the input gives .*\(6,\), which layer 0"):
        net.output_shape((6,))


# What a Sequential is made of


def test_no_layers_and_no_layer():
    with pytest.raises(ValueError, match="Sequential: expected at least one layer, got none"):
        Sequential()
    with pytest.raises(TypeError, match="Sequential: expected layers, got 3 as layer 1"):
        Sequential(ReLU(), 3)
    with pytest.raises(TypeError, match="as layer 0"):
        Sequential([ReLU()])


def test_the_same_layer_twice_is_refused():
    relu, layer = ReLU(), Affine(2, 2)
    message = r"ReLU\(\) is in it twice, and has one cache for both places; make two layers"
    for layers in (
        (relu, layer, relu),
        (Sequential(relu, layer), relu),
        (relu, Sequential(layer, Sequential(relu))),
        (Concat(relu, layer), relu),
    ):
        with pytest.raises(ValueError, match=message):
            Sequential(*layers)
    inner = Sequential(layer)
    with pytest.raises(ValueError, match="twice"):
        Sequential(inner, inner)
    assert len(Sequential(ReLU(), layer, ReLU())) == 3  # equal, but not the same


# Errors on the way


def notes(error):
    return error.value.__notes__


def test_errors_say_in_which_layer():
    net = Sequential(Flatten(), Sequential(Sigmoid(), Affine(4, 2, rng=0)))
    with pytest.raises(ValueError, match=r"Affine\(4, 2\): expected x of shape \(N, 4\)") as error:
        net.forward(np.ones((2, 3)))
    assert notes(error) == ["in layer 1 of Sequential", "in layer 1 of Sequential"]
    net.forward(np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"expected upstream of shape \(2, 2\)") as error:
        net.backward(np.ones((2, 1)))
    assert notes(error) == ["in layer 1 of Sequential", "in layer 1 of Sequential"]
    with pytest.raises(ValueError, match=r"expected dx of shape \(2, 4\)") as error:
        net.jvp(np.ones((2, 3)))
    assert notes(error) == ["in layer 0 of Sequential"]


def test_errors_of_a_user_function_say_in_which_layer():
    net = Sequential(ReLU(), Elementwise(lambda z: 1 / 0, lambda z, y: z))
    with pytest.raises(ZeroDivisionError) as error:
        net.forward(np.ones((1, 1)))
    assert notes(error) == ["in layer 1 of Sequential"]


@pytest.mark.parametrize("call", ["backward", "jvp"])
def test_nothing_to_go_back_through(call):
    net = Sequential(Sigmoid(), Affine(4, 2, rng=0), ReLU())
    argument = np.ones((2, 2)) if call == "backward" else np.ones((2, 4))
    with pytest.raises(RuntimeError, match=r"call forward\(x\) first"):
        getattr(net, call)(argument)
    net.forward(np.ones((2, 4)))
    getattr(net, call)(argument)
    with pytest.raises(ValueError):
        net.forward(np.ones((2, 3)))
    with pytest.raises(RuntimeError, match=r"call forward\(x\) first"):
        getattr(net, call)(argument if call == "backward" else np.ones((2, 3)))


def test_update_before_backward_changes_nothing():
    net = tiny()
    before = net.parameter_vector()
    with pytest.raises(RuntimeError, match=r"0\.W has no gradient yet"):
        net.update(0.1)
    net.forward(np.ones((1, 2)))
    net.backward(np.ones((1, 1)))
    net[2].db = None
    with pytest.raises(RuntimeError, match=r"2\.b has no gradient yet"):
        net.update(0.1)
    net[2].db = np.zeros(2)
    with pytest.raises(ValueError, match=r"the gradient of 2\.b of shape \(1,\), got \(2,\)"):
        net.update(0.1)
    np.testing.assert_array_equal(net.parameter_vector(), before)


@pytest.mark.parametrize(
    "rate, kind", [(-1, ValueError), (np.nan, ValueError), ("1", TypeError), (None, TypeError)]
)
def test_update_by_a_wrong_rate_changes_nothing(rate, kind):
    net = tiny()
    net.forward(np.ones((1, 2)))
    net.backward(np.ones((1, 1)))
    before = net.parameter_vector()
    with pytest.raises(kind, match="learning_rate"):
        net.update(rate)
    np.testing.assert_array_equal(net.parameter_vector(), before)


def test_changes_of_unknown_parameters_are_refused():
    net = tiny()
    net.forward(np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"Sequential: expected changes of .* got \['1.W'\]"):
        net.jvp(np.ones((1, 2)), {"1.W": np.ones((2, 2))})
    with pytest.raises(ValueError, match=r"expected d0.b of shape \(2,\), got \(1,\)"):
        net.jvp(np.ones((1, 2)), {"0.b": np.ones(1)})
