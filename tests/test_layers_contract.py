"""Every layer: the promises of mlp/layers/base.py, beyond the numbers."""

import math

import numpy as np
import pytest

from cases import Case, apart, assert_same, every_layer, everything, prepared
from mlp import Affine, Concat, Layer, Sigmoid
from mlp.layers.arrays import as_numbers
from mlp.layers.container import Container


def changes_of(layer: Layer, seed: int = 5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=p.shape) for name, p in layer.parameters().items()}


@every_layer
def test_backward_is_linear_in_upstream(case: Case):
    layer, _, u = prepared(case)
    v = np.random.default_rng(1).normal(size=u.shape)
    once, other = everything(layer, u), everything(layer, v)
    assert_same(everything(layer, 2 * u), {name: 2 * g for name, g in once.items()})
    zero = everything(layer, np.zeros_like(u))
    assert not any(g.any() for g in zero.values())
    for name, g in everything(layer, u - 3 * v).items():
        np.testing.assert_allclose(g, once[name] - 3 * other[name], rtol=0, atol=1e-13)


@every_layer
def test_backward_may_be_repeated_and_sets_the_gradients(case: Case):
    layer, x, u = prepared(case)
    first = everything(layer, u)
    everything(layer, 7 * u + 1)
    layer.jvp(np.ones_like(x), changes_of(layer))
    assert_same(everything(layer, u), first)


@every_layer
def test_gradients_are_none_before_the_first_backward(case: Case):
    layer = case.make(np.random.default_rng(0))
    layer.forward(apart(np.random.default_rng(0), case.shape))
    assert set(layer.gradients().values()) <= {None}
    assert layer.gradients().keys() == layer.parameters().keys()


@every_layer
def test_the_last_forward_counts(case: Case):
    layer, x, u = prepared(case)
    expected = everything(layer, u)
    layer.forward(x[:, ::-1] * 0.5 + 0.1)
    layer.backward(u)
    layer.forward(x)
    assert_same(everything(layer, u), expected)


@every_layer
def test_two_instances_share_nothing(case: Case):
    layer, x, u = prepared(case)
    expected = everything(layer, u)
    other = case.make(np.random.default_rng(3))
    other.forward(x[::-1] * 0.5 + 0.1)
    other.backward(u)
    assert_same(layer.gradients(), _without_x(expected))
    assert_same(everything(layer, u), expected)


@every_layer
def test_arguments_stay_as_they_are(case: Case):
    layer, x, u = prepared(case)
    dx, changes = np.ones_like(x), changes_of(layer)
    given = {"x": x, "u": u, "dx": dx} | changes | {f"p{k}": p for k, p in _parameters(layer)}
    before = {name: array.tobytes() for name, array in given.items()}
    y = layer.forward(x)
    seen = y.tobytes()
    layer.backward(u)
    layer.jvp(dx, changes)
    assert {name: array.tobytes() for name, array in given.items()} == before
    assert y.tobytes() == seen


@every_layer
def test_results_are_the_callers_own(case: Case):
    """Writing into what backward and jvp gave, or into upstream, changes no later result."""
    layer, x, u = prepared(case)
    expected, dy = everything(layer, u), layer.jvp(x).copy()
    layer.backward(scratch := u.copy())[...] = np.nan
    layer.jvp(x.copy())[...] = np.nan
    scratch[...] = np.nan
    assert_same(everything(layer, u), expected)
    np.testing.assert_array_equal(layer.jvp(x), dy)


@every_layer
def test_read_only_arguments_are_accepted(case: Case):
    layer, x, u = prepared(case)
    expected, dx, changes = everything(layer, u), np.ones_like(x), changes_of(layer)
    y, dy = layer.forward(x), layer.jvp(dx, changes)
    for array in (x, u, dx, *changes.values()):
        array.setflags(write=False)
    np.testing.assert_array_equal(layer.forward(x), y)
    assert_same(everything(layer, u), expected)
    np.testing.assert_array_equal(layer.jvp(dx, changes), dy)


LAYOUTS = {
    "every second": lambda a: np.stack([a, a + 1], axis=-1)[..., 0],
    "reversed": lambda a: np.flip(np.flip(a).copy()),
    "Fortran-ordered": np.asfortranarray,
    "cut from a larger array": lambda a: np.pad(a, [(1, 2)] * a.ndim, constant_values=9)[
        (slice(1, -2),) * a.ndim
    ],
    "rows swapped twice": lambda a: a[::-1].copy()[::-1],
    "big-endian": lambda a: a.astype(">f8"),
    "misaligned": lambda a: _misaligned(a),
}


@every_layer
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_layout_in_memory_does_not_matter(case: Case, layout):
    layer, x, u = prepared(case)
    dx, changes = x[::-1].copy(), changes_of(layer)
    y, expected, dy = layer.forward(x), everything(layer, u), layer.jvp(dx, changes)
    for a in (x, u, dx):
        np.testing.assert_array_equal(layout(a), a)
    _assert_equal_native(layer.forward(layout(x)), y)
    assert_same(everything(layer, layout(u)), expected)
    laid = {name: layout(change) for name, change in changes.items()}
    _assert_equal_native(layer.jvp(layout(dx), laid), dy)


@every_layer
def test_lists_integers_and_booleans_become_floats(case: Case):
    layer = case.make(np.random.default_rng(0))
    whole = np.random.default_rng(0).permutation(math.prod(case.shape)).reshape(case.shape) - 4
    y = layer.forward(whole.astype(np.float64))
    for x in (whole, whole.astype(np.int8), whole.tolist()):
        _assert_equal_native(layer.forward(x), y)
    u = np.random.default_rng(1).integers(-3, 4, y.shape)
    expected = everything(layer, u.astype(np.float64))
    assert_same(everything(layer, u), expected)
    assert_same(everything(layer, u.tolist()), expected)
    flags = whole > 0
    _assert_equal_native(layer.forward(flags), layer.forward(flags.astype(np.float64)))


@every_layer
@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.complex128])
def test_the_dtype_is_kept(case: Case, dtype: type):
    """Also when the upstream, the changes and (with parameters) x come in float64."""
    layer, x, u = prepared(case)
    layer = layer.astype(dtype)
    changes = changes_of(layer)
    for given in (dtype, np.float64) if layer.parameters() else (dtype,):
        y = layer.forward(x.astype(given))
        dy = layer.jvp(x, changes)
        assert {y.dtype, dy.dtype} == {np.dtype(dtype)}
        assert {g.dtype for g in everything(layer, u).values()} == {np.dtype(dtype)}
    assert layer.forward(x[:0]).dtype == (dtype if layer.parameters() else np.float64)


@every_layer
@pytest.mark.parametrize("x_dtype", [np.float32, np.complex64, np.complex128])
def test_parameters_decide_the_dtype_and_an_imaginary_part_survives(case: Case, x_dtype: type):
    layer, x, u = prepared(case)
    y = layer.forward(x.astype(x_dtype))
    expected = np.result_type(np.float64, x_dtype) if layer.parameters() else np.dtype(x_dtype)
    assert y.dtype == expected
    assert layer.backward(u).dtype == expected
    assert {g.dtype for g in layer.gradients().values()} <= {expected}
    layer.forward(x)
    w = everything(layer, 1j * u)
    for name, g in everything(layer, u).items():
        np.testing.assert_allclose(w[name], 1j * g, rtol=1e-14, atol=1e-15)


@every_layer
def test_float32_agrees_with_float64(case: Case):
    layer, x, u = prepared(case)
    x, u = x.astype(np.float32), u.astype(np.float32)
    narrow = layer.astype(np.float32)
    wide = narrow.astype(np.float64)
    y = wide.forward(x.astype(np.float64))
    np.testing.assert_allclose(narrow.forward(x), y, rtol=0, atol=3e-6 * abs(y).max())
    expected = everything(wide, u)
    for name, g in everything(narrow, u).items():
        np.testing.assert_allclose(g, expected[name], rtol=0, atol=3e-6 * abs(expected[name]).max())


@every_layer
def test_an_empty_batch_gives_empty_output_and_zero_gradients(case: Case):
    layer, x, u = prepared(case)
    y = layer.forward(x[:0])
    assert y.shape == (0, *u.shape[1:])
    assert layer.jvp(x[:0], changes_of(layer)).shape == y.shape
    assert layer.backward(y).shape == x[:0].shape
    for name, gradient in layer.gradients().items():
        np.testing.assert_array_equal(gradient, np.zeros_like(layer.parameters()[name]))


@every_layer
def test_rows_are_samples(case: Case):
    """One by one or all at once: the same outputs, and gradients of parameters are sums."""
    layer, x, u = prepared(case)
    y, expected, dy = layer.forward(x), everything(layer, u), layer.jvp(x)
    sums = {name: np.zeros_like(g) for name, g in _without_x(expected).items()}
    for n in range(len(x)):
        row = slice(n, n + 1)
        np.testing.assert_allclose(layer.forward(x[row]), y[row], rtol=0, atol=1e-14)
        np.testing.assert_allclose(layer.jvp(x[row]), dy[row], rtol=0, atol=1e-14)
        got = everything(layer, u[row])
        np.testing.assert_allclose(got.pop("x"), expected["x"][row], rtol=0, atol=1e-14)
        for name, gradient in got.items():
            sums[name] += gradient
    for name, total in sums.items():
        np.testing.assert_allclose(total, expected[name], rtol=0, atol=1e-13)


@every_layer
def test_nan_goes_through_and_stays_in_its_row(case: Case):
    layer, x, u = prepared(case)
    clean = layer.forward(x)
    x[1] = np.nan
    y = layer.forward(x)
    assert np.isnan(y[1]).all()
    np.testing.assert_allclose(np.delete(y, 1, 0), np.delete(clean, 1, 0), rtol=0, atol=1e-14)
    layer.backward(u)


@every_layer
def test_output_shape_is_that_of_forward(case: Case):
    layer, x, u = prepared(case)
    assert layer.output_shape(case.shape[1:]) == u.shape[1:]
    assert layer.output_shape(list(case.shape[1:])) == u.shape[1:]
    if layer.input_shape is not None:
        assert layer.input_shape == x.shape[1:]


@every_layer
def test_backward_and_jvp_need_a_forward(case: Case):
    layer, x, u = prepared(case)
    twin = layer.astype(np.float64)
    layer.clear_cache()
    for fresh in (layer, twin, case.make(np.random.default_rng(0))):
        with pytest.raises(RuntimeError, match=r"call forward\(x\) first"):
            fresh.backward(u)
        with pytest.raises(RuntimeError, match=r"call forward\(x\) first"):
            fresh.jvp(x)


def _wrong(a: np.ndarray) -> list[np.ndarray]:
    """Arrays of other shapes; most of them would broadcast to a."""
    small = [a[:1], a[0], a[..., :1], a[None], a.sum(), np.zeros(()), a[:-1]]
    return [w for w in [*small, a.ravel(), a[..., None]] if np.shape(w) != a.shape]


@every_layer
def test_shapes_that_would_broadcast_are_refused(case: Case):
    layer, x, u = prepared(case)
    before = everything(layer, u)
    for wrong in _wrong(u):
        with pytest.raises(ValueError, match=_text("upstream", u.shape, np.shape(wrong))):
            layer.backward(wrong)
    for wrong in _wrong(x):
        with pytest.raises(ValueError, match=_text("dx", x.shape, np.shape(wrong))):
            layer.jvp(wrong)
    assert_same(layer.gradients(), _without_x(before))
    assert_same(everything(layer, u), before)


@every_layer
def test_unknown_and_misshapen_changes_of_parameters_are_refused(case: Case):
    layer, x, _ = prepared(case)
    known = [*layer.parameters()]
    with pytest.raises(ValueError, match=r"expected changes of the parameters \[") as caught:
        layer.jvp(x, {"V": np.zeros(3)} | changes_of(layer))
    assert str(caught.value).endswith(f"{known}, got ['V']")
    for name, parameter in layer.parameters().items():
        for wrong in _wrong(parameter):
            message = _text(f"d{name}", parameter.shape, np.shape(wrong))
            with pytest.raises(ValueError, match=message):
                layer.jvp(x, {name: wrong})


@every_layer
def test_what_is_no_array_of_numbers_is_refused(case: Case):
    layer, x, u = prepared(case)
    before = everything(layer, u)
    for bad, got in [
        (x.astype(object), "ndarray of dtype object"),
        (x.astype(str), "ndarray of dtype <U"),
        ("x", "str of dtype <U1"),
        (None, "NoneType of dtype object"),
        ([[1.0, 2.0], [3.0]], "a ragged list"),
        (np.ma.masked_array(x, x > 0), "a masked array; use .filled"),
        (np.zeros(case.shape, "M8[s]"), "ndarray of dtype datetime64"),
    ]:
        for call, name in [(layer.backward, "upstream"), (layer.jvp, "dx"), (layer.forward, "")]:
            with pytest.raises(TypeError) as caught:
                call(bad)
            what = f"{name} to be an array" if name else "an array"
            assert f": expected {what} of numbers, got {got}" in str(caught.value)
        layer.forward(x)
    assert_same(everything(layer, u), before)


@every_layer
def test_astype_makes_an_independent_copy(case: Case):
    layer, x, u = prepared(case)
    y, expected = layer.forward(x), everything(layer, u)
    twin = layer.astype(np.float64)
    assert type(twin) is type(layer)
    assert repr(twin) == repr(layer)
    assert set(twin.gradients().values()) <= {None}
    np.testing.assert_array_equal(twin.forward(x), y)
    for parameter in twin.parameters().values():
        parameter[...] = 9
    twin.forward(2 * x)
    twin.backward(u)
    assert_same(everything(layer, u), expected)
    np.testing.assert_array_equal(layer.forward(x), y)
    for dtype in (np.int64, bool, np.float16, object):
        who = type(layer).__name__
        with pytest.raises(TypeError, match=f"^{who}: expected dtype float32 or float64 .or comp"):
            layer.astype(dtype)


@every_layer
def test_the_gradients_of_parameters_are_the_live_arrays(case: Case):
    layer, _, u = prepared(case)
    layer.backward(u)
    for name, gradient in layer.gradients().items():
        gradient[...] = 3
        np.testing.assert_array_equal(layer.gradients()[name], 3)
        assert layer.parameters()[name] is layer.parameters()[name]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_what_is_an_array_of_that_dtype_already_is_not_copied(dtype: type):
    x = np.ones((2, 3), dtype)
    assert as_numbers(x, "x") is x
    assert as_numbers(x, "x", dtype) is x


def test_a_branch_that_computes_in_float32_makes_the_others_do_so():
    net = Concat(Sigmoid(), Affine(2, 1, rng=0, dtype=np.float32))
    assert net.forward(np.ones((3, 2))).dtype == np.float32


def test_check_gradients_names_the_parameter():
    layer = Affine(2, 3, rng=0)
    with pytest.raises(RuntimeError, match=r"^Affine\(2, 3\): W has no gradient yet; call forw"):
        layer.checked_gradients()
    layer.forward(np.ones((1, 2)))
    layer.backward(np.ones((1, 3)))
    layer.checked_gradients()
    layer.db = np.ones((1, 3))
    with pytest.raises(ValueError, match=r"expected the gradient of b of shape \(3,\), got \(1, 3"):
        layer.checked_gradients()


def test_a_parameter_that_is_no_array_is_named():
    layer = Affine(2, 3, rng=0)
    before = layer.W.copy()
    with pytest.raises(TypeError) as caught:
        layer.W = None
    assert str(caught.value) == (
        "Affine(2, 3): expected W to be an array of numbers, got NoneType of dtype object"
    )
    np.testing.assert_array_equal(layer.W, before)


def test_the_base_alone_is_no_layer():
    for call in (Layer().forward, Layer().backward, Layer().jvp):
        with pytest.raises(NotImplementedError):
            call(np.ones((1, 1)))
    with pytest.raises(NotImplementedError):
        Container(Layer())._inputs((1,))


def _parameters(layer: Layer):
    return layer.parameters().items()


def _without_x(gradients: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: g for name, g in gradients.items() if name != "x"}


def _misaligned(a: np.ndarray) -> np.ndarray:
    raw = np.zeros(a.nbytes + 1, np.uint8)[1:]
    out = raw.view(a.dtype).reshape(a.shape)
    out[...] = a
    return out


def _assert_equal_native(got: np.ndarray, expected: np.ndarray) -> None:
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, expected, strict=True)


def _text(name: str, shape: tuple, got: tuple) -> str:
    escaped = [str(s).replace("(", r"\(").replace(")", r"\)") for s in (shape, got)]
    return rf": expected {name} of shape {escaped[0]}, got {escaped[1]}(; transpose it)?(\n|$)"
