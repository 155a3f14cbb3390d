"""Memory maps, rows by number, blocks: the same numbers as of arrays in memory, and no copies."""

import tracemalloc

import numpy as np
import pytest

from mlp import (
    SGD,
    Affine,
    KLDivergence,
    ReLU,
    Sequential,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
    evaluate,
    fit,
)
from mlp import rows as rows_module
from mlp.data.statistics import all_whole, distinct, extremes, mean_and_deviation, numbered
from mlp.errors import CheckpointError
from mlp.files.resume import digest_of
from mlp.rows import ROWS, Rows, place_of_not_finite, row_blocks
from mlp.training import MIXED, _batches

RNG = np.random.default_rng(0)
N = 2 * ROWS + 77


def network(features, outputs=3, dtype=np.float32):
    rng = np.random.default_rng(1)
    hidden = Affine(features, 4, rng=rng, dtype=dtype)
    return Sequential(hidden, ReLU(), Affine(4, outputs, rng=rng, dtype=dtype))


def trained(x, y, loss=None, **options):
    """The weights and the records, without their times."""
    net = network(x.shape[1])
    options = {"epochs": 2, "batch_size": 50, "rng": 0} | options
    history = fit(net, loss or SoftmaxCrossEntropy(), SGD(0.1, momentum=0.9), x, y, **options)
    for record in history:
        del record["seconds"]
    return net.parameter_vector(), history


def assert_same(found, expected):
    np.testing.assert_array_equal(found[0], expected[0])
    assert found[1] == expected[1]


def map_of(path, array, order="C", start=3):
    """A read-only map of a file of these bytes; behind 3 others nothing is aligned."""
    with open(path, "wb") as file:
        file.write(bytes(start) + array.tobytes(order))
    return np.memmap(path, array.dtype, "r", start, array.shape, order)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "<i8", ">f4", "<f4", "<f8", ">f8"])
def test_fit_takes_maps_of_every_dtype_and_layout(tmp_path, dtype, order):
    x = RNG.integers(0, 9, (300, 6)).astype(dtype)
    y = RNG.integers(0, 3, 300).astype(">u4")
    maps = [map_of(tmp_path / name, array, order) for name, array in (("x", x), ("y", y))]
    expected = trained(np.ascontiguousarray(x, x.dtype.newbyteorder("=")), y.astype(np.int64))
    assert_same(trained(*maps), expected)


@pytest.mark.parametrize(
    "options", [{"batch_size": 50}, {"batch_size": None}, {"shuffle_block": 9}]
)
def test_rows_by_number_train_as_their_copy_does(options):
    x, y = RNG.normal(size=(300, 6)), RNG.integers(0, 3, 300)
    some = RNG.permutation(300)[:200]
    rest = np.setdiff1d(np.arange(300), some)
    copies = trained(x[some], y[some], validation=(x[rest], y[rest]), **options)
    rows = trained(Rows(x, some), y[some], validation=(Rows(x, rest), y[rest]), **options)
    assert_same(rows, copies)


def test_rows_are_what_indexing_gives():
    x = RNG.normal(size=(20, 2, 3))
    index = RNG.integers(0, 20, 12)
    rows, copy = Rows(x, index), x[index]
    assert (rows.shape, rows.ndim, rows.dtype, len(rows)) == (copy.shape, 3, copy.dtype, 12)
    np.testing.assert_array_equal(rows, copy)
    np.testing.assert_array_equal(rows[3:7], copy[3:7])
    np.testing.assert_array_equal(rows[[5, 1]], copy[[5, 1]])
    np.testing.assert_array_equal(Rows(rows, np.array([2, 2, 11])), copy[[2, 2, 11]])
    assert digest_of(rows) == digest_of(copy)


@pytest.mark.parametrize(
    ("index", "error", "text"),
    [
        ([0, 20], IndexError, "numbers of 20 rows, got 20"),
        ([-1, 3], IndexError, "numbers of 20 rows, got -1"),
        ([True, False], TypeError, "np.flatnonzero"),
        ([[0], [1]], TypeError, r"row numbers \(N,\)"),
    ],
)
def test_rows_that_are_not_there(index, error, text):
    with pytest.raises(error, match=text):
        Rows(np.zeros((20, 2)), np.array(index))


def test_a_digest_does_not_depend_on_the_byte_order():
    x = RNG.normal(size=(5, 3))
    assert digest_of(x.astype(">f8")) == digest_of(x) != digest_of(x.astype(np.float32))


@pytest.mark.parametrize("shape", [(N, 2), (N,), (7, 2), (0, 2), (5, 1 << 23), (3, 1 << 25)])
def test_blocks_are_all_rows_once_and_never_large(shape):
    array = np.broadcast_to(np.uint8(0), shape)
    blocks = list(row_blocks(array))
    numbers = [i for rows in blocks for i in range(rows.start, rows.stop)]
    assert numbers == list(range(shape[0]))
    wide = int(np.prod(shape[1:]))
    for rows in blocks:
        count = rows.stop - rows.start
        assert count == 1 or (count <= ROWS and count * wide <= rows_module.VALUES)


@pytest.mark.parametrize("row", [0, ROWS - 1, ROWS, N - 1])
def test_the_first_value_that_is_not_finite_is_named(row):
    x = np.zeros((N, 2), np.float32)
    x[row:, 1] = np.inf
    assert place_of_not_finite(x) == (row, 1)
    net, y = network(2), np.zeros(N, int)
    with pytest.raises(ValueError, match=f"finite x, got NaN or infinity in row {row}$"):
        fit(net, SoftmaxCrossEntropy(), SGD(0.1), x, y, epochs=1)
    assert place_of_not_finite(np.zeros((N, 2))) is None


def test_a_wrong_target_is_named_by_its_row_among_all():
    y = np.zeros(N, int)
    y[ROWS + 5] = 3
    with pytest.raises(ValueError, match=f"got 3 at row {ROWS + 5}; labels count from 0"):
        SoftmaxCrossEntropy().check_target(y, (3,))
    rows = np.full((N, 2), 0.5)
    rows[2 * ROWS + 1] = 0.6
    with pytest.raises(ValueError, match=f"got sum 1.2 in row {2 * ROWS + 1}"):
        KLDivergence().check_target(rows, (2,))
    with pytest.raises(ValueError, match=rf"targets of shape \({N}, 3\), or labels of shape"):
        SoftmaxCrossEntropy().check_target(np.zeros((N, 2)), (3,))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (SoftmaxCrossEntropy(), "labels"),
        (SoftmaxCrossEntropy(reduction="sum"), "labels"),
        (SigmoidCrossEntropy(), "rows"),
        (SquaredError(), "real"),
    ],
)
def test_evaluate_by_blocks_is_the_loss_of_all_outputs(loss, targets, weighted, dtype):
    x = RNG.normal(size=(N, 5)).astype(dtype)
    y = RNG.integers(0, 3, N)
    y = {"labels": y, "rows": np.eye(3)[y], "real": RNG.normal(size=(N, 3))}[targets]
    weights = RNG.random(N) + 0.1 if weighted else None
    net = network(5, dtype=dtype)
    found = evaluate(net, loss, x, y, sample_weight=weights)
    outputs = net.predict(x).astype(np.float64)
    # each divergence, and the sums within a block (pairwise: some 20 additions deep), round in
    # the dtype of the outputs
    size = 30 * float(np.finfo(dtype).eps)
    assert found["loss"] == pytest.approx(loss.forward(outputs, y, weights), rel=size)
    right = loss.accuracy(net.predict(x), y, weights)
    assert found["accuracy"] == (None if right is None else pytest.approx(right, rel=1e-14))


def test_evaluate_is_the_same_wherever_the_samples_are(tmp_path):
    x, y = RNG.normal(size=(N, 5)).astype(np.float32), RNG.integers(0, 3, N)
    net, loss = network(5), SoftmaxCrossEntropy()
    expected = evaluate(net, loss, x, y)
    for other in (
        map_of(tmp_path / "map", x.astype(">f4")),
        Rows(x, np.arange(N)),
        np.asfortranarray(x),
        x.astype(np.float64),
    ):
        assert evaluate(net, loss, other, y) == expected


def test_evaluate_of_one_block_is_the_loss_to_the_bit():
    x, y = RNG.normal(size=(ROWS, 5)).astype(np.float32), RNG.integers(0, 3, ROWS)
    net, loss = network(5), SoftmaxCrossEntropy()
    weights = RNG.random(ROWS)
    for given in ((y,), (y, weights)):
        found = evaluate(net, loss, x, y, sample_weight=weights if given[1:] else None)
        outputs = net.predict(x)
        assert found == {
            "loss": loss.forward(outputs, *given),
            "accuracy": loss.accuracy(outputs, *given),
        }


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8])
@pytest.mark.parametrize("n", [7, N])
def test_statistics_by_blocks_are_those_of_all_rows(n, dtype):
    x = (RNG.normal(size=(n, 3)) * [1, 20, 40] + [5, 60, 120]).clip(0, 250).astype(dtype)
    mean, deviation = mean_and_deviation(Rows(x, np.arange(n)))
    # float32 columns of many rows are added up in float64 now: more exactly than NumPy does
    exact = x if dtype != np.float32 or n < ROWS else x.astype(np.float64)
    np.testing.assert_array_equal(mean, exact.mean(axis=0))
    np.testing.assert_array_equal(deviation, exact.std(axis=0))
    least, most = extremes(Rows(x, np.arange(n)))
    np.testing.assert_array_equal([least, most], [x.min(axis=0), x.max(axis=0)])
    assert least.dtype == most.dtype == dtype
    assert all_whole(x) == (dtype not in (np.float32, np.float64))


@pytest.mark.parametrize("dtype", ["i8", "u1", ">u4", "U2", ">U2"])
def test_classes_by_blocks_are_those_of_all_labels(dtype):
    y = RNG.integers(0, 12, N).astype(dtype)
    values, numbers = np.unique(y, return_inverse=True)
    np.testing.assert_array_equal(distinct(y), values)
    np.testing.assert_array_equal(numbered(y, values), numbers)


def peak(function, *arguments, **options):
    """How many bytes of memory the call has taken at its height. Maps are no memory."""
    tracemalloc.start()
    try:
        function(*arguments, **options)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


MOST = {"exact": 8, "blocks": 0, "in order": 0}
"""Bytes for each sample that the order of an epoch takes."""


@pytest.mark.parametrize("order", MOST)
def test_memory_of_training_does_not_grow_with_the_samples(tmp_path, order):
    options = {
        "exact": {},
        "blocks": {"shuffle_block": 256},
        "in order": {"shuffle": False},
    }[order]
    net, sizes = network(40), (6 * ROWS, 12 * ROWS)  # several blocks to validate

    def training(n):
        x = map_of(tmp_path / f"x{n}", RNG.integers(0, 9, (n, 40)).astype(np.uint8))
        y = map_of(tmp_path / f"y{n}", RNG.integers(0, 3, n).astype(np.uint8))
        loss, how = SoftmaxCrossEntropy(), {"batch_size": 4096, "epochs": 1, "rng": 0}
        weights = map_of(tmp_path / f"w{n}", RNG.random(n) + 0.5, start=64)
        held = Rows(x, np.arange(0, n, 3)), y[::3]  # made before: it is data
        how |= {"validation": held, "patience": 5, "sample_weight": weights}
        return peak(fit, net, loss, SGD(0.01), x, y, **how, **options)

    training(ROWS)  # what is imported late, or kept for next time
    few, many = map(training, sizes)
    # an eighth of a byte per sample is for what happens to be alive at the height
    assert many - few <= (MOST[order] + 0.125) * (sizes[1] - sizes[0])


def test_memory_of_predict_is_that_of_its_outputs(tmp_path):
    n, net = 6 * ROWS, network(40)
    x = map_of(tmp_path / "x", RNG.integers(0, 9, (n, 40)).astype(np.uint8))
    net.predict(x[:5])
    outputs = n * 3 * 4
    assert peak(net.predict, x) < outputs + 1024 * 40 * 4 * 5
    evaluated = peak(evaluate, net, SoftmaxCrossEntropy(), x, np.zeros(n, np.uint8))
    assert evaluated < 60 * ROWS * 3  # labels, one-hot rows, outputs and the loss of a block


@pytest.mark.parametrize(("samples", "block"), [(1000, 7), (1000, 64), (1000, 5000), (50, 1)])
@pytest.mark.parametrize("batch", [1, 32, 333, 2000])
def test_shuffled_blocks_are_every_sample_once(samples, block, batch):
    batches = list(_batches(samples, batch, np.random.default_rng(0), block))
    order = np.concatenate(batches)
    assert sorted(order) == list(range(samples))
    assert [len(b) for b in batches[:-1]] == [batch] * (len(batches) - 1)
    assert len(batches) == -(-samples // batch)
    again = np.concatenate(list(_batches(samples, batch, np.random.default_rng(0), block)))
    other = np.concatenate(list(_batches(samples, batch, np.random.default_rng(1), block)))
    np.testing.assert_array_equal(again, order)
    assert not np.array_equal(other, order)


def test_shuffled_blocks_read_few_places_at_a_time():
    samples, block = 10_000, 100
    order = np.concatenate(list(_batches(samples, 32, np.random.default_rng(0), block)))
    for start in range(0, samples, MIXED * block):
        blocks = np.unique(order[start : start + MIXED * block] // block)
        assert len(blocks) == min(MIXED, (samples - start) // block)
    assert len(np.unique(order[:32] // block)) > MIXED // 2  # mixed, not one after the other


def test_the_exact_order_is_one_permutation():
    order = np.concatenate(list(_batches(1000, 32, np.random.default_rng(5))))
    np.testing.assert_array_equal(order, np.random.default_rng(5).permutation(1000))
    order = np.concatenate(list(_batches(2 * ROWS + 5, 33, None)))
    np.testing.assert_array_equal(order, np.arange(2 * ROWS + 5))


def test_training_by_blocks_goes_on_where_it_was_and_not_in_another_order(tmp_path):
    x, y = RNG.normal(size=(500, 6)), RNG.integers(0, 3, 500)
    expected = trained(x, y, epochs=4, shuffle_block=16)
    assert not np.array_equal(expected[0], trained(x, y, epochs=4)[0])
    assert not np.array_equal(expected[0], trained(x, y, epochs=4, shuffle_block=20)[0])

    class Enough(Exception):
        pass

    def stop(record):
        if record["epoch"] == 2:
            raise Enough

    how = {"epochs": 4, "checkpoint": tmp_path / "training.npz"}
    with pytest.raises(Enough):
        trained(x, y, shuffle_block=16, on_epoch=stop, **how)
    for other in ({}, {"shuffle_block": 20}, {"shuffle": False}):
        with pytest.raises(CheckpointError, match="order: blocks of 16 rows there"):
            trained(x, y, **how, **other)
    assert_same(trained(x, y, shuffle_block=16, **how), expected)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"shuffle_block": 0}, "shuffle_block"),
        ({"shuffle_block": 2.5}, "shuffle_block"),
        ({"shuffle_block": 8, "shuffle": False}, "no meaning with shuffle=False"),
        ({"shuffle_block": 8, "batch_size": None}, "no meaning with batch_size=None"),
    ],
)
def test_blocks_that_mean_nothing_are_refused(options, text):
    with pytest.raises((ValueError, TypeError), match=text):
        trained(np.zeros((9, 2)), np.zeros(9, int), **options)
