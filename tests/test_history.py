"""What fit returns: a list like any other, which shows and draws itself; and the bar beside it."""

import copy
import io
import math
import pickle
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from mlp import SGD, NonFiniteError, SoftmaxCrossEntropy, SquaredError, fit
from mlp.callbacks import Callback, Progress
from mlp.history import History
from tasks import blobs, classifier

X, Y = blobs()


def record(epoch, loss, validated=None):
    return {
        "epoch": epoch, "loss": loss, "accuracy": 0.5, "validation_loss": validated,
        "validation_accuracy": None if validated is None else 0.25, "seconds": 0.125,
    }  # fmt: skip


COURSE = History([record(1, 2.0, 3.0), record(2, 1.0, 1.5), record(3, 0.5, 2.5), record(4, 0.1, 4)])


def trained(**options):
    given = {"epochs": 3, "batch_size": 7, "rng": 0} | options
    return fit(classifier(), SoftmaxCrossEntropy(), SGD(0.1), X, Y, **given)


def test_it_is_a_list_of_dicts():
    history = trained()
    plain = [dict(record) for record in history]
    assert isinstance(history, list)
    assert history == plain
    assert plain == history
    for other in (
        pickle.loads(pickle.dumps(history)), copy.copy(history), copy.deepcopy(history),
        history.copy(), history[:], history[:1] + history[1:],
    ):  # fmt: skip
        assert type(other) is History
        assert other == plain
        assert other is not history
    assert type(history[0]) is dict
    assert history[::-1] == plain[::-1]


def test_a_training_that_goes_on_gives_one_too(tmp_path):
    path = tmp_path / "run.npz"

    class Interrupt(Callback):
        def on_epoch(self, state):
            if state.epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(checkpoint=path, callbacks=[Interrupt()])
    assert type(resumed := trained(checkpoint=path)) is History
    assert [r["loss"] for r in resumed] == [r["loss"] for r in trained()]


def test_printed_it_is_a_short_table():
    assert repr(COURSE).splitlines() == [
        "epoch  loss  accuracy  validation: loss  accuracy  seconds  of 4",
        "    1     2     0.500                 3     0.250     0.12  first",
        "    2     1     0.500               1.5     0.250     0.12  best",
        "    4   0.1     0.500                 4     0.250     0.12  last",
    ]
    assert repr(History([record(1, 2.0)])).splitlines() == [
        "epoch  loss  accuracy  seconds  of 1",
        "    1     2     0.500     0.12  first, best, last",
    ]
    assert repr(History()) == "no epochs"
    large = History([record(10**5 + i, 12345.678, 98765.432) for i in range(3)])
    assert max(map(len, repr(large).splitlines())) <= 80


def test_the_best_epoch_is_that_of_the_lowest_validation_loss():
    assert COURSE.best() is COURSE[1]
    assert History([record(1, math.nan), record(2, 2.0), record(3, 1.0)]).best()["epoch"] == 3
    with pytest.raises(ValueError, match="at least one epoch"):
        History().best()


def test_in_a_notebook_it_is_a_table_however_long_it_is():
    long = History([record(epoch, 1 / epoch, 2.0) for epoch in range(1, 5001)])
    root = ElementTree.fromstring(long._repr_html_())
    text = [[cell.text for cell in row] for row in root.iter("tr")]
    assert [row[-1] for row in text] == ["of 5000", "first, best", "last"]
    assert text[2][:2] == ["5000", "0.0002"]
    ElementTree.fromstring(History()._repr_html_())


def test_it_draws_itself():
    history = trained(validation=(X, Y))
    both, ax = history.plot(), Figure().subplots()
    assert [axes.get_ylabel() for axes in both.axes] == ["loss", "accuracy"]
    assert history.plot("accuracy", ax=ax) is ax.figure
    (training, validation) = ax.lines
    np.testing.assert_array_equal(training.get_ydata(), [r["accuracy"] for r in history])
    np.testing.assert_array_equal(
        validation.get_ydata(), [r["validation_accuracy"] for r in history]
    )


class Ends(Callback):
    def __init__(self, log, name):
        self.log, self.name = log, name

    def on_start(self, state):
        self.log.append(f"{self.name} starts")

    def on_end(self, state):
        self.log.append(f"{self.name} ends")
        self.weights = state.net.parameter_vector()


class Refusing(Callback):
    def on_start(self, state):
        raise RuntimeError("no")


def test_each_callback_that_started_is_told_the_end():
    log = []
    trained(callbacks=[Ends(log, "a"), Ends(log, "b")])
    assert sorted(log[:2]) == ["a starts", "b starts"]
    assert sorted(log[2:]) == ["a ends", "b ends"]
    log.clear()
    with pytest.raises(RuntimeError, match="no"):
        trained(callbacks=[Ends(log, "a"), Refusing(), Ends(log, "b")])
    assert log == ["a starts", "a ends"]


def test_at_the_end_the_network_has_the_weights_that_it_keeps():
    ends, net = Ends([], "a"), classifier()
    start = net.parameter_vector()
    x = np.where(X[5, 0] == X, 1e200, X)
    with pytest.raises(NonFiniteError):
        fit(net, SquaredError(), SGD(1.0), x, Y, epochs=2, callbacks=[ends])
    np.testing.assert_array_equal(ends.weights, start)
    np.testing.assert_array_equal(net.parameter_vector(), start)


@pytest.mark.parametrize("stops", [False, True])
def test_a_bar_shows_epochs_and_losses_and_is_closed(stops):
    class Stop(Callback):
        def on_epoch(self, state):
            if stops and state.epoch == 2:
                raise KeyboardInterrupt

    said = io.StringIO()
    progress = Progress(file=said, desc="run 3", mininterval=0, ascii=True)
    try:
        history = trained(callbacks=[progress, Stop()], validation=(X, Y))
    except KeyboardInterrupt:
        assert stops
    else:
        last = {name: f"{history[-1][name]:.3g}" for name in ("loss", "validation_loss")}
        assert all(f"{name}={value}" in said.getvalue() for name, value in last.items())
    lines = said.getvalue().split("\r")
    assert lines[-1].startswith("run 3:  67%" if stops else "run 3: 100%")
    assert f"{2 if stops else 3}/3" in lines[-1]
    assert said.getvalue().endswith("\n")  # the bar was closed
