"""The fused step against the textbook's: the same numbers, and nothing else disturbed."""

import math
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import mlp
from mlp import (
    SGD,
    Affine,
    Concat,
    Elementwise,
    Flatten,
    KLDivergence,
    Layer,
    MaxPool,
    Multiply,
    NonFiniteError,
    ReLU,
    Scale,
    Sequential,
    Sigmoid,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
    fit,
)
from mlp.fused import FusedStep, TextbookStep, training_step
from mlp.pairing import from_logits

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}


class TextbookSGD(SGD):
    """A subclass is not fused: with it, fit takes textbook steps."""


class Scaled(Affine):
    """A subclass of ours with a formula of its own."""

    def forward(self, x):
        return 2 * super().forward(x)

    def backward(self, upstream):
        return super().backward(2 * upstream)


class Mine(Layer):
    """A user's layer with a parameter; it keeps what it gets."""

    parameter_names = ("a",)

    def __init__(self, dtype):
        self.a, self.da = np.full(1, 0.5, dtype), None
        self.seen = []

    def forward(self, x):
        self._cache = x
        self.seen.append((x, x.copy()))
        return self.a * x

    def backward(self, upstream):
        self.seen.append((upstream, upstream.copy()))
        self.da = np.array([(upstream * self._cache).sum()])
        return self.a * upstream


def tanh():
    return Elementwise(np.tanh, lambda z, y: 1 - y * y)


def same(ours, theirs, tolerance):
    """Equal but for a small part of the largest entry (of 0.01 where all pass through 0)."""
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        assert ours[name].dtype == array.dtype
        assert abs(ours[name] - array).max() <= tolerance * max(abs(array).max(), 0.01), name


def nearly(losses, dtype):
    """A loss far below 1 is a difference of numbers around 1."""
    return pytest.approx(losses, rel=TOLERANCE[dtype], abs=TOLERANCE[dtype])


@st.composite
def middles(draw, width, dtype, depth=0):
    """A few layers that take rows of `width`, and the width that they give."""
    layers = []
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(KINDS if depth == 0 else KINDS[:-2]))
        if kind in (Affine, Scaled):
            out, bias = draw(st.integers(1, 9)), draw(st.booleans())
            layers.append(kind(width, out, bias=bias, init="glorot", rng=rng, dtype=dtype))
            if bias:
                layers[-1].b = rng.normal(size=out)
            width = out
        elif kind is ReLU:
            a = draw(st.sampled_from([0.0, 0.1, -0.5, 1.5, 1, np.linspace(0, 0.5, width)]))
            layers.append(ReLU(negative_slope=a, at_zero=draw(st.sampled_from([None, 1]))))
        elif kind is Multiply:
            layers += [Multiply(rng.integers(0, width, (3, 2))), tanh()]  # products may explode
            width = 3
        elif kind is MaxPool:
            layers.append(MaxPool(subsets=rng.integers(0, width, (4, 2)).tolist()))
            width = 4
        elif kind is Scale:
            layers.append(Scale(draw(st.sampled_from([0, 0.5])), rng.normal(size=width)))
        elif kind is Mine:
            layers.append(Mine(dtype))
        elif kind in (Sequential, Concat):
            parts = [draw(middles(width, dtype, depth + 1)) for _ in range(draw(st.integers(1, 2)))]
            if kind is Concat:
                layers.append(Concat(*(Sequential(*part) for part, _ in parts)))
                width = sum(out for _, out in parts)
            else:
                layers.append(Sequential(*parts[0][0]))
                width = parts[0][1]
        else:
            layers.append(kind())
    return layers, width


KINDS = [Affine, Affine, ReLU, Sigmoid, tanh, Softmax, Flatten, Multiply, MaxPool, Scale, Scaled]
KINDS += [Mine, Sequential, Concat]


@st.composite
def learners(draw):
    """What fit needs, as a function that makes it anew each time, and the dtype."""
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    shape = draw(st.sampled_from([(1,), (5,), (2, 3)]))
    classes = draw(st.sampled_from([2, 4]))
    seed, samples = draw(st.integers(0, 99)), draw(st.integers(1, 40))
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, *shape))
    x = draw(st.sampled_from([x, x.astype(dtype), np.asfortranarray(x), (x > 0).view(np.uint8)]))
    ends = {
        "labels": (SoftmaxCrossEntropy, [], rng.integers(0, classes, samples).astype(np.uint8)),
        "scaled": (SoftmaxCrossEntropy, [Scale(0.1, 0.5)], rng.integers(0, classes, samples)),
        "rows": (SoftmaxCrossEntropy, [], rng.dirichlet(np.ones(classes), samples)),
        "kl": (KLDivergence, [Softmax()], rng.integers(0, classes, samples)),
        "squares": (SquaredError, [Sigmoid()], rng.normal(size=(samples, classes))),
        "bits": (SigmoidCrossEntropy, [], rng.integers(0, 2, (samples, classes))),
    }
    kind, end, y = ends[draw(st.sampled_from(list(ends)))]
    reduction = draw(st.sampled_from(["mean", "sum"]))
    layers, width = draw(middles(math.prod(shape), dtype))
    last = Affine(width, classes, init="glorot", rng=seed, dtype=dtype)
    last.b = rng.normal(size=classes)  # of a b near 0, rounding is a large part
    net = Sequential(Flatten(), *layers, last, *end)
    rate = 0.03 if reduction == "mean" else 0.03 / samples
    options = draw(
        st.fixed_dictionaries(
            {
                "learning_rate": st.sampled_from([rate, lambda step: rate / (1 + step / 9)]),
                "momentum": st.sampled_from([0.0, 0.5, 0.9]),
                "nesterov": st.booleans(),
                "weight_decay": st.sampled_from([0.0, 0.01]),
            }
        )
    )
    options["nesterov"] &= options["momentum"] > 0
    run = {"batch_size": draw(st.sampled_from([1, 7, 16])), "rng": seed}
    return net, kind(reduction=reduction), options, x, y, run


@settings(max_examples=120, deadline=None, derandomize=True)
@given(learners())
def test_the_fused_step_does_what_the_textbook_step_does(learner):
    net, loss, options, x, y, run = learner
    x_before, y_before = x.copy(), y.copy()
    epochs = math.ceil(50 / math.ceil(len(x) / run["batch_size"]))
    dtype = net.dtype.type
    nets = {SGD: net, TextbookSGD: net.astype(dtype)}
    records, states = {}, {}
    for kind, each in nets.items():
        optimizer = kind(**options)
        try:
            records[kind] = fit(each, loss, optimizer, x, y, epochs=epochs, **run)
        except NonFiniteError as error:
            records[kind] = str(error)
        states[kind] = optimizer.state(each)
    textbook = records[TextbookSGD]
    if isinstance(textbook, str):
        assert records[SGD] == textbook
        return
    assume(textbook[-1]["loss"] <= textbook[0]["loss"])

    same(nets[SGD].parameters(), nets[TextbookSGD].parameters(), TOLERANCE[dtype])
    assert states[SGD].step == states[TextbookSGD].step
    assert states[SGD].velocity.keys() == states[TextbookSGD].velocity.keys()
    for ours, theirs in zip(records[SGD], textbook, strict=True):
        assert ours["loss"] == nearly(theirs["loss"], dtype)
        assert ours["accuracy"] == theirs["accuracy"]
    assert (x == x_before).all() and (y == y_before).all()


@settings(max_examples=80, deadline=None, derandomize=True)
@given(learners())
def test_so_it_does_for_all_samples_at_once(learner):
    net, loss, options, x, y, _ = learner
    net, loss = from_logits(net, loss)
    assume(FusedStep.takes(net, net, SGD(0.1), x))
    x_before, y_before = x.copy(), y.copy()
    dtype = net.dtype.type
    twin = net.astype(dtype)
    ours = take_steps(FusedStep, net, x, y, SGD(**options), loss=loss, steps=50)
    theirs = take_steps(TextbookStep, twin, x, y, SGD(**options), loss=loss, steps=50)
    assume(theirs[-1] <= theirs[0])
    same(net.parameters(), twin.parameters(), TOLERANCE[dtype])
    assert ours == nearly(theirs, dtype)
    assert (x == x_before).all() and (y == y_before).all()


def small(dtype=np.float64, *, middle=(), classes=3):
    """A network, and data for it."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(40, 6)), rng.integers(0, classes, 40)
    parts = [Affine(6, 8, rng=rng, dtype=dtype), ReLU(), *middle]
    return Sequential(*parts, Affine(8, classes, rng=rng, dtype=dtype)), x, y


def take_steps(kind, net, x, y, optimizer=None, *, loss=None, steps=3):
    """Full-batch steps; returns the losses."""
    step = kind(net, net, loss or SoftmaxCrossEntropy(), optimizer or SGD(0.1), x, y)
    step.begin()
    losses = []
    for _ in range(steps):
        losses.append(step.forward(slice(None)))
        step.backward()
        step.update()
    return losses


def both(run, make=small):
    """run(net, kind of SGD, x, y) with fused and with textbook steps: must give the same."""
    results = []
    for kind in (SGD, TextbookSGD):
        net, x, y = make()
        results.append((run(net, kind, x, y), net.parameters()))
    same(results[0][1], results[1][1], 1e-12)
    return results[0][0], results[1][0]


@pytest.mark.parametrize("slope", [0.0, 0.3])
@pytest.mark.parametrize("at_zero", [None, 0.7, 1])
def test_fused_relu_chooses_the_same_subgradient_at_the_kink(slope, at_zero):
    def make():
        net = Sequential(Affine(4, 6, init="zeros"), ReLU(negative_slope=slope, at_zero=at_zero))
        return Sequential(net, Affine(6, 2, rng=0)), np.eye(4), np.array([0, 1, 1, 0])

    def run(net, kind, x, y):
        fit(net, SoftmaxCrossEntropy(), kind(0.1), x, y, epochs=1, batch_size=2, rng=0)

    both(run, make)


@pytest.mark.parametrize("batch_size", [9, None])
def test_fit_fuses_the_last_step_of_an_epoch_and_full_batches_too(batch_size):
    def run(net, kind, x, y):
        fit(net, SoftmaxCrossEntropy(), kind(0.1), x, y, epochs=2, batch_size=batch_size, rng=0)
        formed = any(gradient is not None for gradient in net.gradients().values())
        assert formed == (kind is TextbookSGD)
        return net.parameters()

    same(*both(run), 1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "d", "m"), [(1, 1, 1), (1, 5, 3), (5, 1, 3), (5, 3, 1), (70, 9, 4)])
def test_the_step_writes_into_the_arrays_of_the_layer(n, d, m, dtype):
    net = Sequential(Affine(d, m, rng=0, dtype=dtype))
    W, b = net[0].W, net[0].b
    before = W.copy(), b.copy()
    x = np.random.default_rng(0).normal(size=(n, d)).astype(dtype)
    optimizer = SGD(0.1, momentum=0.9)
    loss = SquaredError()
    step = training_step(net, net, loss, optimizer, x, np.zeros((n, m)))
    assert type(step) is FusedStep
    step.begin()
    step.forward(slice(None))
    step.backward()
    step.update()
    assert net[0].W is W and net[0].b is b
    assert not np.isin(W, before[0]).any() and b.all()
    velocity = optimizer.state(net).velocity
    np.testing.assert_allclose(W, before[0] - 0.1 * velocity["0.W"], rtol=1e-5)
    assert net[0].dW is None, "a fused step never forms dW"


def test_what_cannot_be_fused_is_left_to_the_textbook():
    def kind(net, optimizer=None, x=np.zeros((3, 6))):  # noqa: B008
        optimizer = optimizer or SGD(0.1)
        return type(training_step(net, net, SquaredError(), optimizer, x, np.zeros((3, 8))))

    class MySequential(Sequential):
        pass

    affine, single = Affine(6, 8), Affine(8, 8, dtype=np.float32)
    assert kind(Sequential(affine, ReLU())) is FusedStep
    assert kind(Sequential(affine), TextbookSGD(0.1)) is TextbookStep
    assert kind(Sequential(affine, single)) is TextbookStep
    assert kind(Sequential(affine).astype(complex)) is TextbookStep
    assert kind(Sequential(affine), x=np.zeros((3, 6), complex)) is TextbookStep
    assert kind(Sequential(Scaled(6, 8), ReLU())) is TextbookStep
    assert kind(MySequential(affine)) is TextbookStep


@pytest.mark.parametrize(
    ("hidden", "loss", "targets", "sure"),
    [
        ([ReLU()], SoftmaxCrossEntropy(), "labels", True),
        ([Flatten(), Scale(0.0, 2.0)], SoftmaxCrossEntropy(reduction="sum"), "labels", True),
        ([ReLU()], SoftmaxCrossEntropy(), "rows", False),
        ([ReLU()], SquaredError(), "labels", False),
        ([Sigmoid()], SoftmaxCrossEntropy(), "labels", False),
    ],
)
def test_when_the_loss_alone_is_sure_to_show_a_weight_that_is_not_finite(
    hidden, loss, targets, sure
):
    """Then the weights need not be looked at, and labels are never spread out into rows."""
    net = Sequential(Affine(4, 5, rng=0), *hidden, Affine(5, 3, rng=1))
    y = np.array([0, 2, 1]) if targets == "labels" else np.eye(3)
    step = training_step(net, net, loss, SGD(0.1), np.ones((3, 4)), y)
    step.begin()
    step.forward(slice(None))
    assert step.shows_all() is sure


def counted(thing, name, calls):
    """Count the calls of one instance's method, as a debugging reader would."""
    method = getattr(thing, name)

    def spy(*args, **kwargs):
        calls.append(name)
        return method(*args, **kwargs)

    object.__setattr__(thing, name, spy)


@pytest.mark.parametrize("nest", [lambda net: net, lambda net: Sequential(Sequential(net))])
@pytest.mark.parametrize(
    "what, name",
    [
        (lambda net, loss, sgd: net[2], "backward"),
        (lambda net, loss, sgd: net[1], "forward"),
        (lambda net, loss, sgd: net, "backward"),
        (lambda net, loss, sgd: loss, "backward"),
        (lambda net, loss, sgd: sgd, "step"),
        (lambda net, loss, sgd: sgd, "update_parameter"),
    ],
)
def test_a_method_given_to_an_instance_is_called_in_every_step(nest, what, name):
    net, x, y = small()
    loss, sgd, calls = SoftmaxCrossEntropy(), SGD(0.1), []
    counted(what(net, loss, sgd), name, calls)
    fit(nest(net), loss, sgd, x, y, epochs=3, batch_size=len(x) // 2, rng=0)
    assert len(calls) >= 3 * 2


def test_fused_and_textbook_steps_may_take_turns():
    options = {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}

    def train(net, first, second, x, y):
        optimizer = SGD(lambda step: 0.1 / (1 + step), **options)
        for kind in (first, second, first):
            take_steps(kind, net, x, y, optimizer)
        return optimizer.state(net).step, optimizer.state(net).velocity

    nets = [small() for _ in range(3)]
    kinds = [(TextbookStep,) * 2, (FusedStep, TextbookStep), (TextbookStep, FusedStep)]
    states = [train(net, *pair, x, y) for (net, x, y), pair in zip(nets, kinds, strict=True)]
    for (net, _, _), (count, velocity) in zip(nets[1:], states[1:], strict=True):
        same(net.parameters(), nets[0][0].parameters(), 1e-12)
        same(velocity, states[0][1], 1e-12)
        assert count == states[0][0] == 9


def test_results_and_what_layers_keep_are_never_overwritten():
    mine = Mine(np.float64)
    net, x, y = small(middle=[mine])
    kept = [net.predict(x), net.forward(x), net[0].forward(x)]
    copies = [array.copy() for array in kept]
    x_before = x.copy()
    fit(net, SoftmaxCrossEntropy(), SGD(0.1), x, y, epochs=3, batch_size=7, rng=0)
    assert len(mine.seen) > 30
    for array, copy in [*zip(kept, copies, strict=True), *mine.seen, (x, x_before)]:
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("first", [ReLU(), Sigmoid(), Scale(1.0, 2.0)], ids=repr)
def test_layers_on_the_data_leave_the_data_alone(first):
    net, x, y = small()
    before = x.copy()
    take_steps(FusedStep, Sequential(Flatten(), first, *net), x, y)
    np.testing.assert_array_equal(x, before)


def test_what_on_epoch_changes_is_obeyed():
    def train(net, kind, x, y):
        optimizer = kind(0.1)

        def change(record):
            if record["epoch"] == 2:
                net[1].negative_slope = 0.2
                net[0].W = net[0].W / 2
                optimizer.learning_rate, optimizer.momentum = 0.05, 0.9
            if record["epoch"] == 4:
                net[1].negative_slope = np.linspace(0, 0.5, 8)
                optimizer.state(net).velocity["0.W"] = np.asfortranarray(np.ones((6, 8)))

        fit(net, SoftmaxCrossEntropy(), optimizer, x, y, epochs=6, rng=0, on_epoch=change)

    both(train)


def test_a_single_layer_and_early_stopping_give_the_same():
    def train(net, kind, x, y):
        options = {"validation": (x[:9], y[:9]), "patience": 2, "tolerance": 1e-4, "epochs": 30}
        return fit(net, SoftmaxCrossEntropy(), kind(0.5), x, y, rng=0, **options)

    ours, theirs = both(train, lambda: (Affine(6, 3, rng=0), *small()[1:]))
    assert len(ours) == len(theirs)
    for key in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
        assert [r[key] for r in ours] == pytest.approx([r[key] for r in theirs], rel=1e-12)


@pytest.mark.parametrize("rate", [1e200, 1e308])
def test_a_diverging_run_ends_the_same_way(rate):
    def train(net, kind, x, y):
        with pytest.raises(NonFiniteError) as caught:
            fit(net, SoftmaxCrossEntropy(), kind(rate), x * 1e6, y, epochs=5, rng=0)
        return str(caught.value), caught.value.__notes__

    ours, theirs = both(train)
    assert ours == theirs


def test_an_infinity_that_relu_takes_away_is_no_end():
    def make():
        net = Sequential(Affine(2, 2, init="zeros"), ReLU(), Affine(2, 2, rng=0))
        net[0].W = [[-1e300, 0.1], [0.0, 0.2]]
        return net, np.array([[1e10, 0.5], [1e9, -0.5]]), np.array([0, 1])

    def train(net, kind, x, y):
        optimizer = kind(1e-12, momentum=0.5)
        return fit(net, SoftmaxCrossEntropy(), optimizer, x, y, epochs=4)[-1]["loss"]

    with np.errstate(over="ignore"):
        ours, theirs = both(train, make)
    assert ours == pytest.approx(theirs, rel=1e-12)


def test_a_failing_backward_leaves_the_weights_alone():
    class Failing(Mine):
        def backward(self, upstream):
            raise OverflowError("no way back")

    net, x, y = small(middle=[Sequential(Failing(np.float64))])
    before = net.parameter_vector()
    with pytest.raises(OverflowError) as caught:
        fit(net, SoftmaxCrossEntropy(), SGD(0.1), x, y, epochs=1)
    assert caught.value.__notes__ == ["in layer 0 of Sequential", "in layer 2 of Sequential"]
    np.testing.assert_array_equal(net.parameter_vector(), before)


def test_pixels_stay_bytes_and_memory_stays_within_its_bound():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (30_000, 784), dtype=np.uint8)
    y = rng.integers(0, 10, len(x))
    net = Sequential(
        Affine(784, 256, rng=0, dtype=np.float32), ReLU(), Affine(256, 10, rng=1, dtype=np.float32)
    )
    tracemalloc.start()
    fit(net, SoftmaxCrossEntropy(), SGD(1e-5, momentum=0.9), x, y, epochs=1, batch_size=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    weights = net.parameter_vector().nbytes
    activations = 4 * 100 * (784 + 256 + 256 + 10)
    assert peak < 2 * weights + 3 * activations + 8 * 10 * len(x) * 3 + 2_000_000


def test_importing_loads_no_more_than_numpy():
    heavy = "{'scipy', 'matplotlib', 'tqdm', 'numpy.random', 'zipfile'}"
    code = f"import sys, mlp; print({heavy} & sys.modules.keys())"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_what_loads_later_is_found_under_its_name():
    assert {*mlp.__all__} <= {*dir(mlp)}
    assert all(callable(getattr(mlp, name)) for name in mlp.__all__)
    code = "import mlp; print(mlp.data.load.__name__, 'data' in dir(mlp))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "load True\n"
    with pytest.raises(AttributeError, match="no attribute 'gradchek'"):
        mlp.gradchek  # noqa: B018
