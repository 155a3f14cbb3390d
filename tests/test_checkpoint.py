"""Networks in files, and trainings that go on."""

import copy
import io
import json
import pickle
import zipfile
from hashlib import sha256

import numpy as np
import pytest

from mlp import (
    SGD,
    Affine,
    CheckpointError,
    Concat,
    Elementwise,
    Layer,
    MaxPool,
    Multiply,
    ReLU,
    Scale,
    Sequential,
    Softmax,
    SoftmaxCrossEntropy,
    fit,
    load_checkpoint,
    save_checkpoint,
)
from mlp.callbacks import Callback
from mlp.files import archive
from mlp.files.resume import TrainingCheckpoint
from tasks import blobs, classifier

X, Y = blobs()


class Gain(Layer):
    """y = g x, one factor for each column."""

    parameter_names = ("g",)

    def __init__(self, width):
        self.input_shape = (width,)
        self.g, self.dg = np.ones(width), None

    def forward(self, x):
        return x * self.g

    def constructor_arguments(self):
        return self.input_shape, {}


class Forgetful(Gain):
    constructor_arguments = Layer.constructor_arguments


class Twice(Layer):
    """A layer that holds a layer."""

    def __init__(self, inner, *, times=2):
        self.inner, self.times = inner, times

    def forward(self, x):
        for _ in range(self.times):
            x = self.inner.forward(x)
        return x

    def constructor_arguments(self):
        return (self.inner,), {"times": self.times}


def several():
    return Sequential(
        Scale(np.arange(4.0), 2.0),
        Concat(
            Affine(4, 3, rng=0, dtype=np.float32),
            Sequential(
                ReLU(negative_slope=np.array([0.1, 0.2, 0.3, 0.4]), at_zero=0.5),
                Affine(4, 3, bias=False, rng=1, dtype=np.float32),
            ),
        ),
        MaxPool(2),
        MaxPool(subsets=[[0, 1], [2]]),
        Multiply([[0, 1]]),
        Softmax(),
    )


def test_what_was_saved_comes_back(tmp_path):
    net, path = several(), tmp_path / "net.npz"
    save_checkpoint(path, net, classes=np.array(["a", "ö"]), seed=3, empty=np.zeros((0, 2)))
    again, extra = load_checkpoint(path)
    assert repr(again) == repr(net)
    assert again.dtype == np.float32
    for name, parameter in net.parameters().items():
        np.testing.assert_array_equal(again.parameters()[name], parameter)
    x = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_array_equal(again.forward(x), net.forward(x))
    assert extra.keys() == {"classes", "seed", "empty"}
    assert extra["classes"].tolist() == ["a", "ö"]
    assert extra["seed"].item() == 3
    assert extra["empty"].shape == (0, 2)
    for parameter in again.parameters().values():
        parameter += 1  # the arrays are its own, and can be written


def test_numpy_alone_reads_a_checkpoint(tmp_path):
    net = several()
    save_checkpoint(tmp_path / "net.npz", net)
    with np.load(tmp_path / "net.npz", allow_pickle=False) as file:
        for name, parameter in net.parameters().items():
            np.testing.assert_array_equal(file[name], parameter)


def test_layers_of_ones_own(tmp_path):
    net, path = Sequential(Gain(3), Twice(ReLU(at_zero=1), times=3)), tmp_path / "own.npz"
    net[0].g[...] = [1, 2, 3]
    save_checkpoint(path, net)
    again, _ = load_checkpoint(path, layers=[Gain, Twice])
    assert type(again[0]) is Gain and again[0].g.tolist() == [1, 2, 3]
    assert type(again[1]) is Twice and again[1].times == 3 and again[1].inner.at_zero == 1
    remedy = r"a layer Gain, which is not one of mlp's; .* load_checkpoint\(path, layers=\[Gain\]\)"
    with pytest.raises(CheckpointError, match=remedy):
        load_checkpoint(path, layers=[Twice])


def test_layers_that_no_file_can_describe_are_refused_before_anything_is_written(tmp_path):
    path = tmp_path / "net.npz"
    with pytest.raises(ValueError, match="Elementwise holds a function"):
        save_checkpoint(path, Sequential(Elementwise(np.tanh, lambda z, y: 1 - y * y)))
    with pytest.raises(ValueError, match="does not make this Forgetful again; write that method"):
        save_checkpoint(path, Forgetful(3))
    with pytest.raises(ValueError, match="expected another name for a layer than ReLU"):
        save_checkpoint(path, type("ReLU", (Gain,), {})(3))
    with pytest.raises(ValueError, match=r"the names \['0.W'\] belong to the network"):
        save_checkpoint(path, Sequential(Affine(1, 1)), **{"0.W": 1})
    with pytest.raises(ValueError, match=r"expected arrays, numbers or texts for \['x'\]"):
        save_checkpoint(path, Affine(1, 1), x=object())
    with pytest.raises(TypeError, match=r"expected a layer or network, got \[\]"):
        save_checkpoint(path, [])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TypeError, match="expected classes of layers, got 'Gain'"):
        load_checkpoint(path, layers=["Gain"])
    with pytest.raises(TypeError, match=r"expected classes of layers, as in layers=\[Gain\]"):
        load_checkpoint(path, layers=Gain)
    with pytest.raises(ValueError, match="there is a layer ReLU in mlp already"):
        load_checkpoint(path, layers=[type("ReLU", (Gain,), {})])


# Files that are sealed rightly and make no sense


def sealed(body):
    return body + sha256(body).hexdigest().encode()


def members_of(path):
    with zipfile.ZipFile(path) as file:
        return {info.filename: file.read(info) for info in file.infolist()}


def rebuilt(members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, data in members.items():
            file.writestr(zipfile.ZipInfo(name), data, compression)
        file.comment = bytes(archive.DIGEST)
    return buffer.getvalue()[: -archive.DIGEST]


def array_bytes(value):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(value), allow_pickle=True)
    return buffer.getvalue()


def header_for(shape, descr="<f8"):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def encrypted(members):
    body = bytearray(rebuilt(members))
    body[body.index(b"PK\x03\x04") + 6] |= 1
    body[body.index(b"PK\x01\x02") + 8] |= 1
    return bytes(body)


def of_method(members, method):
    body = bytearray(rebuilt(members))
    body[body.index(b"PK\x03\x04") + 8] = method
    body[body.index(b"PK\x01\x02") + 10] = method
    return bytes(body)


def with_architecture(text):
    return lambda members: rebuilt(
        members | {"architecture.npy": array_bytes(text), "manifest.npy": manifest(members, text)}
    )


def manifest(members, text):
    said = json.loads(np.load(io.BytesIO(members["manifest.npy"])).item())
    said["members"][0][1] = np.asarray(text).dtype.str
    return array_bytes(json.dumps(said))


MALFORMED = {
    "encrypted": encrypted,
    "method 99": lambda m: of_method(m, 99),
    "broken deflate": lambda m: of_method(m, 8),
    "compressed": lambda m: rebuilt(m, zipfile.ZIP_DEFLATED),
    "no zip": lambda m: b"PK" * 300,
    "nothing": lambda m: b"",
    "a member more": lambda m: rebuilt(m | {"more.npy": m["0.W.npy"]}),
    "a member less": lambda m: rebuilt({k: v for k, v in m.items() if k != "0.b.npy"}),
    "no numpy": lambda m: rebuilt(m | {"0.W.npy": b"text"}),
    "cut": lambda m: rebuilt(m | {"0.W.npy": m["0.W.npy"][:-1]}),
    "too large": lambda m: rebuilt(m | {"0.W.npy": header_for("(100000000000,)")}),
    "overflowing": lambda m: rebuilt(m | {"0.W.npy": header_for("(4611686018427387904, 4)")}),
    "negative": lambda m: rebuilt(m | {"0.W.npy": header_for("(-1, -8)") + bytes(64)}),
    "no width": lambda m: rebuilt(m | {"0.W.npy": header_for("(1000000000000,)", "<U0")}),
    "open header": lambda m: rebuilt(m | {"0.W.npy": header_for("(2, 3").replace(b"}", b"(")}),
    "objects": lambda m: rebuilt(m | {"0.W.npy": array_bytes(np.array([None]))}),
    "not finite": lambda m: rebuilt(m | {"0.W.npy": array_bytes(np.full((2, 3), np.nan))}),
    "huge Affine": with_architecture(json.dumps(["Affine", [10**9, 10**9], {}])),
    "another Affine": with_architecture(json.dumps(["Sequential", [["Affine", [3, 2], {}]], {}])),
    "unknown layer": with_architecture(json.dumps(["os.system", ["true"], {}])),
    "no list": with_architecture(json.dumps({"a": 1})),
    "no JSON": with_architecture("[" * 100_000),
    "a later format": lambda m: rebuilt(
        m | {"manifest.npy": array_bytes(json.dumps({"format": 99, "members": []}))}
    ),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_what_is_sealed_but_malformed_is_a_checkpoint_error(tmp_path, kind):
    path = tmp_path / "net.npz"
    save_checkpoint(path, Sequential(Affine(2, 3, rng=0)))
    path.write_bytes(sealed(MALFORMED[kind](members_of(path))))
    with pytest.raises(CheckpointError, match=r"net\.npz: no.* in it that this version reads: "):
        load_checkpoint(path)


def test_the_way_to_malform_a_file_leaves_a_good_one_good(tmp_path):
    path = tmp_path / "net.npz"
    save_checkpoint(path, Sequential(Affine(2, 3, rng=0)))
    path.write_bytes(sealed(rebuilt(members_of(path))))
    assert load_checkpoint(path)[0].parameters()["0.W"].shape == (2, 3)


def test_a_checkpoint_without_a_manifest_as_mlp_0_1_wrote_it(tmp_path):
    path, net = tmp_path / "net.npz", Sequential(Affine(2, 3, rng=0), ReLU())
    save_checkpoint(path, net)
    members = members_of(path)
    del members["manifest.npy"]
    old = json.dumps(["Sequential", [["Affine", [2, 3], {}], ["ReLU", [], {}]], {}])
    members["architecture.npy"] = array_bytes(old)
    path.write_bytes(sealed(rebuilt(members)))
    assert repr(load_checkpoint(path)[0]) == repr(net)


# Trainings that go on


class StopsAt(Exception):
    pass


class Killed(Callback):
    """Ends the process's work at a step, as a kill would."""

    def __init__(self, step):
        self.step = step

    def on_step(self, state):
        if state.optimizer.state(state.net).step == self.step:
            raise StopsAt


def train(checkpoint=None, callbacks=(), seed=3, epochs=6, momentum=0.9, x=X, **options):
    net = classifier()
    sgd = SGD(lambda step: 0.2 / (1 + step), momentum=momentum)
    options = {"epochs": epochs, "batch_size": 7, "rng": seed} | options
    history = fit(
        net, SoftmaxCrossEntropy(), sgd, x, Y, callbacks=callbacks, checkpoint=checkpoint, **options
    )
    return net, [{k: v for k, v in r.items() if k != "seconds"} for r in history]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("patience", [None, 2])
@pytest.mark.parametrize("step", [3, 10, 30, 51])
def test_a_killed_training_goes_on_to_the_same_bytes(tmp_path, step, patience, momentum):
    options = {"patience": patience, "momentum": momentum, "validation": (X[:20] + 0.5, Y[:20])}
    whole, history = train(**options)
    path = tmp_path / "run" / "checkpoint.npz"
    with pytest.raises(StopsAt):
        train(path, [Killed(step)], **options)
    assert path.exists() == (step > 9)
    net, again = train(path, seed=None if step > 9 else 3, **options)
    np.testing.assert_array_equal(net.parameter_vector(), whole.parameter_vector())
    assert again == history
    net, again = train(path, **options)  # it has ended: nothing is done again
    np.testing.assert_array_equal(net.parameter_vector(), whole.parameter_vector())
    assert again == history
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint.npz"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epochs": 7}, "epochs: 6 there, 7 now"),
        ({"batch_size": 8}, "batch size: 7 there, 8 now"),
        ({"x": X + 1}, "data: [0-9a-f]{64} there, [0-9a-f]{64} now"),
        ({"momentum": 0.5}, r"optimizer: .*momentum=0.9\) there, .*momentum=0.5\) now"),
        ({"patience": 1}, "patience: None there, 1 now"),
        ({"seed": 4}, "rng: PCG64 [0-9a-f]{12} there, PCG64 [0-9a-f]{12} now"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused_and_stays(tmp_path, change, said):
    path = tmp_path / "checkpoint.npz"
    train(path)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=f"of another training .*{said}.*; use another path"):
        train(path, **change)
    assert path.read_bytes() == before


def test_what_is_not_said_again_differs_but_for_the_generator(tmp_path):
    path = tmp_path / "checkpoint.npz"
    train(TrainingCheckpoint(path, {"batch size": 7, "rng": "PCG64 1"}))
    train(TrainingCheckpoint(path, {"batch size": 7}))
    train(TrainingCheckpoint(path, {"batch size": 7, "rng": "PCG64 1"}))  # it is still known
    with pytest.raises(CheckpointError, match="batch size: 7 there, None now"):
        train(TrainingCheckpoint(path, {"rng": "PCG64 1"}))


def test_what_a_kill_left_of_a_save_is_removed(tmp_path):
    for name in (".a[1].npz.123.part", ".other.npz.123.part"):
        (tmp_path / name).write_bytes(b"cut")
    train(tmp_path / "a[1].npz", epochs=1)
    assert {p.name for p in tmp_path.iterdir()} == {"a[1].npz", ".other.npz.123.part"}


def test_what_is_no_training_is_refused(tmp_path):
    path = tmp_path / "net.npz"
    save_checkpoint(path, classifier())
    with pytest.raises(CheckpointError, match="holds a network, but no training to go on with"):
        train(path)
    path.write_bytes(b"text")
    with pytest.raises(CheckpointError, match="digest"):
        train(path)


def test_an_optimizer_without_a_state_is_refused(tmp_path):
    class Plain:
        def step(self, net):
            net.update(0.1)

    with pytest.raises(
        TypeError, match=r"expected an optimizer with state\(net\) for a checkpoint"
    ):
        fit(classifier(), SoftmaxCrossEntropy(), Plain(), X, Y, epochs=1, checkpoint=tmp_path / "a")


# Copies


@pytest.mark.parametrize("again", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_copies_and_pickles(again):
    net, loss = several(), SoftmaxCrossEntropy(reduction="sum")
    assert repr(again(net)) == repr(net)
    np.testing.assert_array_equal(again(net).parameter_vector(), net.parameter_vector())
    assert repr(again(loss)) == repr(loss)
    net, sgd = classifier(), SGD(0.1, momentum=0.9, weight_decay=1e-3)
    fit(net, SoftmaxCrossEntropy(), sgd, X, Y, epochs=1)
    twin = again(sgd)
    assert repr(twin) == repr(sgd)
    assert twin.state(net).velocity == {}
    assert sgd.state(net).velocity
