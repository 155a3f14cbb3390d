"""Ranks end together, and what was given differently on one of them is refused."""

import math

import numpy as np
import pytest

from mlp import SGD, Affine, DataError, NonFiniteError, Sequential, SoftmaxCrossEntropy, fit
from mlp.callbacks import Callback
from mlp.files.archive import read_archive
from mlp.parallel import Team
from mlp.parallel.messages import Message
from ranks import FakeCommunicator, Ranks, on_ranks, results_on
from tasks import blobs, classifier
from trainings import Training

X, Y = blobs()


def trained(communicator, **more):
    net = more.pop("net", None) or classifier()
    sgd = more.pop("optimizer", None) or SGD(0.1, momentum=0.5)
    options = {"epochs": 3, "batch_size": 7, "rng": 0} | more
    fit(net, SoftmaxCrossEntropy(), sgd, X, Y, communicator=communicator, **options)
    return net.parameter_vector()


class OnStep(Callback):
    """Does something after the third step."""

    def __init__(self, do):
        self.do = do

    def on_step(self, state):
        if state.optimizer.state(state.net).step == 3:
            self.do(state)


def nothing(state):
    pass


def only_on(rank, communicator, do):
    return [OnStep(do if communicator.Get_rank() == rank else nothing)]


def failing(error):
    def fail(state):
        raise error

    return fail


def test_the_message_keeps_the_numbers_of_each_rank_whatever_they_are():
    """In float32, too: counts beyond 2^24 are exact, and infinity and NaN stay in their rows."""
    rows = [[1, 2**40 + 1, 1 / 3], [0, math.inf, -math.nan], [0, -math.inf, 1e-30]]
    total = None
    for rank, row in enumerate(rows):
        message = Message({"W": (2, 3), "b": ()}, np.dtype(np.float32), 3)
        message.given["W"][...] = rank + 1
        message.write(rank, row)
        total = message.sent.copy() if total is None else total + message.sent
    message.received[...] = total
    found = message.numbers()
    np.testing.assert_array_equal(found[:, :2], np.array(rows)[:, :2])
    np.testing.assert_allclose(found[::2, 2], [1 / 3, 1e-30], rtol=2**-48)
    assert math.isnan(found[1, 2])
    np.testing.assert_array_equal(message.sums["W"], np.full((2, 3), 6))


def test_one_message_per_step():
    """A step of 9 batches, an epoch ends with two more, and the start takes ten calls or so."""
    calls = []

    def count(communicator):
        counts = []
        watch = OnStep(lambda state: counts.append(communicator.calls))
        trained(communicator, callbacks=[watch])
        return counts[0], communicator.calls

    for before_third, whole in results_on(2, count):
        calls.append(whole - before_third)
    assert calls == [9 * 3 - 3 + 2 * 3] * 2


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("kind", [LookupError, DataError, KeyboardInterrupt])
def test_an_error_on_one_rank_is_raised_on_all(rank, kind):
    error = kind("lost")

    def work(communicator):
        return trained(communicator, callbacks=only_on(rank, communicator, failing(error)))

    results = on_ranks(3, work)
    assert {type(result) for result in results} == {kind}
    assert results[rank] is error
    for other in (0, 1, 2):
        if other != rank and kind is not KeyboardInterrupt:  # it has no text
            assert str(results[other].args[0]) == f"rank {rank}: {error}"


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_on_one_rank_ends_all_with_the_last_good_weights(rank, value):
    nets = [classifier(), classifier()]

    def spoil(state):
        state.net[0].W[0, 0] = value

    def work(communicator):
        callbacks = only_on(rank, communicator, spoil)
        return trained(communicator, net=nets[communicator.Get_rank()], callbacks=callbacks)

    for result in on_ranks(2, work):
        assert isinstance(result, NonFiniteError)
        assert "the weights of the last good epoch are restored" in result.__notes__
    first = classifier().parameter_vector()
    for net in nets:
        np.testing.assert_array_equal(net.parameter_vector(), first)


def test_weights_that_a_callback_changes_on_one_rank_only_are_noticed():
    def change(state):
        state.net[0].W[0, 0] += 1e-6

    def work(communicator):
        return trained(communicator, callbacks=only_on(1, communicator, change))

    for result in on_ranks(3, work):
        assert isinstance(result, RuntimeError)
        assert "after epoch 1 the weights of rank 1 are not those of rank 0" in str(result)


def test_a_reason_to_stop_of_one_rank_stops_all():
    class Enough(Callback):
        def __init__(self, rank):
            self.rank = rank

        def on_epoch(self, state):
            if self.rank == 1 and state.epoch == 2:
                state.stop = "the time is up"

    def work(communicator):
        states = []
        watch = OnStep(states.append)
        callbacks = [Enough(communicator.Get_rank()), watch]
        trained(communicator, epochs=9, callbacks=callbacks)
        return states[0].epoch, states[0].stop

    assert results_on(3, work) == [(2, "the time is up")] * 3


def test_all_begin_with_what_rank_0_has():
    """Weights, velocities, steps and generator: the result is that of rank 0 alone."""

    def prepared(seed):
        net = Sequential(Affine(4, 3, rng=seed))
        sgd = SGD(lambda step: 0.1 / (1 + step), momentum=0.9)
        fit(net, SoftmaxCrossEntropy(), sgd, X, Y, epochs=1 + seed, rng=seed)
        return {"net": net, "optimizer": sgd, "rng": np.random.default_rng(seed)}

    together = results_on(2, lambda c: trained(c, **prepared(c.Get_rank())))
    np.testing.assert_array_equal(together[0], together[1])
    np.testing.assert_allclose(together[0], trained(None, **prepared(0)), rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"batch_size": 8}, "the same batch size on all ranks, got 7 on rank 0 and 8 on rank 1"),
        ({"epochs": 4}, "the same epochs"),
        ({"patience": 2}, "the same patience"),
        ({"optimizer": SGD(0.2, momentum=0.5)}, "the same optimizer"),
        ({"sample_weight": np.arange(60) + 1.0}, "the same sample_weight"),
        ({"net": Sequential(Affine(4, 3, rng=0))}, "the same network"),
        ({"batch_size": 0}, "batch_size to be a whole number above 0"),
    ],
)
def test_other_arguments_on_one_rank_are_refused_on_all(change, part):
    results = on_ranks(3, lambda c: trained(c, **(change if c.Get_rank() == 1 else {})))
    for result in results:
        assert isinstance(result, ValueError), result
        assert part in str(result)


def test_parts_of_the_data_in_place_of_all_are_refused():
    def work(communicator):
        part = slice(communicator.Get_rank() * 30, communicator.Get_rank() * 30 + 30)
        fit(classifier(), SoftmaxCrossEntropy(), SGD(0.1), X[part], Y[part], epochs=1,
            communicator=communicator)  # fmt: skip

    for result in on_ranks(2, work):
        assert "the same x values on all ranks" in str(result)


@pytest.mark.parametrize("number", [1, 5, 8])
def test_a_checkpoint_goes_on_with_another_number_of_ranks(tmp_path, number):
    training = Training(number)
    training.epochs, training.patience = 4, 3
    path = tmp_path / "training.npz"

    class Killed(Callback):
        def on_epoch(self, state):
            if state.epoch == 2:
                raise InterruptedError

    def cut(communicator):
        return training.run(communicator, checkpoint=path, callbacks=[Killed()])

    def whole(communicator):
        return training.run(communicator, checkpoint=path)

    assert all(isinstance(result, InterruptedError) for result in on_ranks(3, cut))
    assert path.exists()
    net, records, *_ = training.run()
    tolerance = training.tolerance(records)
    for mine, theirs, *_ in results_on(2, whole):
        assert [record["epoch"] for record in theirs] == [1, 2, 3, 4]
        weights = net.parameter_vector()
        bound = tolerance * max(1, abs(weights).max())
        assert abs(mine.parameter_vector() - weights).max() <= bound
    assert read_archive(path)


def test_one_rank_is_one_process_bit_by_bit():
    np.testing.assert_array_equal(trained(FakeCommunicator(Ranks(1), 0)), trained(None))


def test_ranks_repeat_bit_by_bit():
    first, again = (results_on(3, trained)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_what_is_no_communicator_is_refused():
    with pytest.raises(TypeError, match=r"expected a communicator such as mpi4py\.MPI"):
        trained(3)


def test_the_parts_of_a_batch_are_all_of_it():
    for size in range(1, 6):
        teams = [Team(FakeCommunicator(Ranks(size), rank)) for rank in range(size)]
        for n in range(12):
            rows = [row for team in teams for row in range(n)[team.part(n)]]
            assert rows == list(range(n))
