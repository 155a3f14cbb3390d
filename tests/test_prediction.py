"""Sequential.predict: the layers' own values, bit by bit, from arrays that nobody else sees."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlp import (
    Affine,
    Concat,
    Flatten,
    MaxPool,
    Multiply,
    ReLU,
    Scale,
    Sequential,
    Sigmoid,
    Softmax,
)
from mlp.layers import Layer
from networks import Spy

WIDTHS = st.integers(1, 9)
OTHERS = {
    "ReLU": ReLU,
    "leaky": lambda: ReLU(negative_slope=0.1),
    "one at zero": lambda: ReLU(at_zero=1),
    "Sigmoid": Sigmoid,
    "Softmax": Softmax,
    "Scale": lambda: Scale(0.3, 1.7),
    "Flatten": Flatten,
    "Concat": lambda: Concat(ReLU(), Sigmoid()),
    "nested": lambda: Sequential(Sigmoid(), Sequential(ReLU())),
    "own": Spy,
}


@st.composite
def networks(draw):
    """A network of the widths, the layers and the order that were drawn, of one dtype."""
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    width = first = draw(WIDTHS)
    layers = []
    for name in draw(st.lists(st.sampled_from(["Affine", *OTHERS]), min_size=1, max_size=7)):
        if name == "Affine":
            new = draw(WIDTHS)
            bias = draw(st.booleans())
            layers.append(Affine(width, new, bias=bias, rng=rng, dtype=dtype))
            if bias:
                layers[-1].b = rng.normal(size=new).astype(dtype)
            width = new
        else:
            layers.append(OTHERS[name]())
            width = 2 * width if name == "Concat" else width
    return Sequential(*layers), first, rng


@given(networks(), st.sampled_from([0, 1, 2, 63, 64, 65, 150]), st.sampled_from([1, 7, 64, 130]))
def test_the_outputs_are_those_of_forward_bit_by_bit(drawn, n, batch_size):
    net, width, rng = drawn
    x = rng.normal(size=(n, width))
    x[rng.random(x.shape) < 0.1] = 0
    before = x.copy()
    y = net.predict(x, batch_size)
    parts = [net.forward(x[i : i + batch_size]) for i in range(0, max(n, 1), batch_size)]
    expected = np.concatenate(parts)
    assert y.dtype == expected.dtype
    assert y.tobytes() == expected.tobytes()
    assert x.tobytes() == before.tobytes()
    assert not np.shares_memory(x, y)


def test_infinities_and_nan_come_out_as_from_forward():
    x = np.array([[np.inf, -np.inf, np.nan, -0.0, 1e308]])
    for layers in ([ReLU()], [Sigmoid()], [Scale(), ReLU(), Sigmoid()]):
        net = Sequential(*layers)
        np.testing.assert_array_equal(net.predict(x), net.forward(x))


@pytest.mark.parametrize("dtype", [">f4", ">f8", np.float16, np.uint8, np.complex128])
def test_other_numbers_come_out_as_from_forward(dtype):
    net = Sequential(ReLU(), Affine(3, 2, rng=0), Sigmoid())
    x = np.arange(6).reshape(2, 3).astype(dtype)
    assert net.predict(x).tobytes() == net.forward(x).tobytes()
    fortran = np.asfortranarray(np.linspace(-1, 1, 210).reshape(70, 3))
    assert net.predict(fortran).tobytes() == net.forward(fortran).tobytes()


@pytest.mark.parametrize("dtypes", [(np.float32, np.float64), (np.float64, np.float32)])
def test_layers_of_two_dtypes(dtypes):
    first, second = dtypes
    net = Sequential(Affine(2, 3, rng=0, dtype=first), ReLU(), Affine(3, 2, rng=1, dtype=second))
    x = np.ones((70, 2))
    y = net.predict(x, 64)
    assert y.dtype == second
    assert y[:64].tobytes() == net.forward(x[:64]).tobytes()


@pytest.mark.parametrize("n", [1, 63, 64, 65, 127, 128, 129, 200])
def test_every_row_gets_the_bias_once(n):
    net = Sequential(Affine(2, 3, init="zeros"))
    net[0].b = [1, 2, 3]
    np.testing.assert_array_equal(net.predict(np.ones((n, 2))), np.tile([1, 2, 3], (n, 1)))


def test_what_a_layer_of_the_users_keeps_is_not_overwritten():
    spy = Spy()
    net = Sequential(Affine(1, 1, init=1.0), spy, ReLU())
    y = net.predict(np.array([[-1.0], [2.0], [-3.0]]), 1)
    np.testing.assert_array_equal(spy.seen, [[[-1]], [[2]], [[-3]]])
    np.testing.assert_array_equal(y, [[0], [2], [0]])


def test_the_result_belongs_to_the_caller():
    net = Sequential(Affine(2, 2, rng=0), ReLU())
    x = np.ones((3, 2))
    first = net.predict(x)
    kept = first.copy()
    net.predict(-x)
    np.testing.assert_array_equal(first, kept)
    first += 1
    np.testing.assert_array_equal(net.predict(x), kept)
    spy = Spy()
    Sequential(spy).predict(x)[:] = 7
    np.testing.assert_array_equal(spy.seen, [np.ones((3, 2))])


class Doubled(Affine):
    """A layer that inherits all but its value."""

    def forward(self, x):
        return 2 * super().forward(x)


def test_a_forward_of_the_users_own_is_called():
    x = np.ones((1, 1))
    assert Sequential(Doubled(1, 1, init=3.0)).predict(x) == 6
    net = Sequential(Affine(1, 1, init=3.0), ReLU())
    net[1].forward = lambda z: z + 1
    assert net.predict(x) == 4


class Dropping(Layer):
    """Gives one row less than it takes, or one column."""

    def __init__(self, axis):
        self.axis = axis

    def forward(self, x):
        return x[1:] if self.axis == 0 else x[:, : len(x)]


@pytest.mark.parametrize(("axis", "got"), [(0, (1, 3)), (1, (1, 1))])
def test_outputs_that_are_no_row_for_each_row_are_refused(axis, got):
    with pytest.raises(ValueError, match=rf"^predict: expected .*, got \({got[0]}, {got[1]}\)$"):
        Sequential(Dropping(axis)).predict(np.ones((3, 3)), 2)


def test_errors_say_in_which_layer():
    net = Sequential(ReLU(), Sequential(MaxPool(2), Affine(2, 1, rng=0)))
    with pytest.raises(ValueError, match=r"expected x of shape \(N, 2\)") as caught:
        net.predict(np.ones((2, 7)))
    assert caught.value.__notes__ == ["in layer 1 of Sequential", "in layer 1 of Sequential"]
    with pytest.raises(ValueError, match="Multiply"):
        Sequential(Multiply()).predict(np.ones((2, 3)))


def test_threads_do_not_disturb_one_another():
    net = Sequential(Affine(8, 64, rng=0), ReLU(), Affine(64, 64, rng=1), Sigmoid())
    xs = [np.random.default_rng(i).normal(size=(1000, 8)) for i in range(8)]
    alone = [net.predict(x, 100).tobytes() for x in xs]
    with ThreadPoolExecutor(8) as pool:
        together = [y.tobytes() for y in pool.map(lambda x: net.predict(x, 100), xs)]
    assert together == alone
