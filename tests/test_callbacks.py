"""The seam of fit: what callbacks see, what they may change, and that the state is complete."""

import copy

import numpy as np
import pytest

from mlp import SGD, SoftmaxCrossEntropy, fit
from mlp.callbacks import Callback
from tasks import blobs, classifier

X, Y = blobs()
OPTIONS = {"batch_size": 7, "rng": 3}


class Watching(Callback):
    def __init__(self):
        self.seen = []

    def on_start(self, state):
        self.seen.append(("start", state.epoch, len(state.history)))

    def on_step(self, state):
        self.seen.append(("step", state.epoch, state.optimizer.state(state.net).step))

    def on_epoch(self, state):
        self.seen.append(("epoch", state.epoch, len(state.history)))


def test_callbacks_are_called_after_each_step_and_each_epoch():
    watching, net = Watching(), classifier()
    steps = -(-len(X) // 7)
    fit(net, SoftmaxCrossEntropy(), SGD(0.1), X, Y, epochs=2, callbacks=[watching], **OPTIONS)
    first = [("step", 0, k + 1) for k in range(steps)]
    second = [("step", 1, steps + k + 1) for k in range(steps)]
    assert watching.seen == [("start", 0, 0), *first, ("epoch", 1, 1), *second, ("epoch", 2, 2)]


def test_looking_on_changes_nothing():
    nets = [classifier(), classifier()]
    for net, callbacks in zip(nets, ([], [Watching()]), strict=True):
        sgd = SGD(0.1, momentum=0.9)
        fit(net, SoftmaxCrossEntropy(), sgd, X, Y, epochs=3, callbacks=callbacks, **OPTIONS)
    np.testing.assert_array_equal(nets[0].parameter_vector(), nets[1].parameter_vector())


def test_a_reason_to_stop_ends_training_after_the_epoch():
    class Enough(Callback):
        def on_step(self, state):
            state.stop = "enough" if state.epoch == 1 else None

    history = fit(
        classifier(), SoftmaxCrossEntropy(), SGD(0.1), X, Y, epochs=9, callbacks=[Enough()]
    )
    assert [record["epoch"] for record in history] == [1, 2]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_state_that_is_put_back_goes_on_to_the_same_bytes(momentum):
    """Weights, velocities, step count, generator, history: nothing else decides what comes."""

    def schedule(step):
        return 0.2 / (1 + step)

    class Keep(Callback):
        def on_epoch(self, state):
            if state.epoch == 2:
                self.weights = state.net.parameter_vector()
                self.velocity = copy.deepcopy(state.optimizer.state(state.net))
                self.generator = copy.deepcopy(state.rng.bit_generator.state)
                self.history = copy.deepcopy(state.history)

    class PutBack(Callback):
        def on_start(self, state):
            state.net.load_vector(kept.weights)
            now = state.optimizer.state(state.net)
            now.step, now.velocity = kept.velocity.step, kept.velocity.velocity
            state.rng.bit_generator.state = kept.generator
            state.epoch, state.history = 2, kept.history

    kept, whole, resumed = Keep(), classifier(), classifier()
    loss, options = SoftmaxCrossEntropy(), {"epochs": 5, "batch_size": 7}
    sgd = SGD(schedule, momentum=momentum)
    expected = fit(whole, loss, sgd, X, Y, callbacks=[kept], rng=3, **options)
    sgd = SGD(schedule, momentum=momentum)
    history = fit(resumed, loss, sgd, X, Y, callbacks=[PutBack()], rng=99, **options)
    np.testing.assert_array_equal(whole.parameter_vector(), resumed.parameter_vector())
    strip = [{k: v for k, v in r.items() if k != "seconds"} for r in expected]
    assert strip == [{k: v for k, v in r.items() if k != "seconds"} for r in history]


def test_what_is_no_callback_is_refused():
    with pytest.raises(
        TypeError, match=r"fit: expected callbacks of type mlp\.callbacks\.Callback"
    ):
        fit(classifier(), SoftmaxCrossEntropy(), SGD(0.1), X, Y, epochs=1, callbacks=[print])
    with pytest.raises(TypeError, match="fit: expected on_epoch to be a function of a record"):
        fit(classifier(), SoftmaxCrossEntropy(), SGD(0.1), X, Y, epochs=1, on_epoch="log.txt")
