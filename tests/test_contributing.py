"""The examples of CONTRIBUTING.md do what it says of them."""

import re
from pathlib import Path

import numpy as np
import pytest

from mlp import Affine, ReLU, Sequential, SquaredError, fit, gradcheck

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def example(name):
    """What the example that defines this class defines under its name."""
    [code] = [
        c for c in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if f"class {name}" in c
    ]
    names: dict = {}
    exec(code, names)
    return names[name]


def network():
    rng = np.random.default_rng(3)
    return Sequential(Affine(3, 5, rng=rng), ReLU(), Affine(5, 2, rng=rng))


def samples():
    rng = np.random.default_rng(4)
    return rng.normal(size=(8, 3)), rng.normal(size=(8, 2))


def test_the_loss():
    x, target = samples()
    loss = example("QuarticError")()
    assert loss.forward(np.array([[3.0, 1.0]]), np.array([[1.0, 0.0]])) == 17  # 2^4 + 1^4
    np.testing.assert_array_equal(loss.backward(), [[32, 4]])
    assert gradcheck(network(), x, target, loss).ok


def test_a_wrong_loss_would_be_found():
    class Wrong(example("QuarticError")):
        def gradient(self, y, d):
            return (y - d) ** 3

    assert not gradcheck(network(), *samples(), Wrong()).ok


@pytest.mark.parametrize("batch_size", [None, 8])
def test_the_optimizer(batch_size):
    x, target = samples()
    by_hand, fitted, loss = network(), network(), SquaredError()
    for _ in range(3):
        loss.forward(by_hand.forward(x), target)
        by_hand.backward(loss.backward())
        for name, w in by_hand.parameters().items():
            w -= 0.01 * np.sign(by_hand.gradients()[name])
    optimizer = example("SignDescent")(0.01)
    fit(fitted, loss, optimizer, x, target, epochs=3, batch_size=batch_size, rng=0)
    # exactly, though the batch may come in another order: the signs of its sums are the same
    np.testing.assert_array_equal(fitted.parameter_vector(), by_hand.parameter_vector())


def test_every_file_and_room_that_it_names_exists():
    named = set(re.findall(r"`((?:mlp|scripts|tests|\.ci)/[\w/.]*)`", TEXT))
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []
