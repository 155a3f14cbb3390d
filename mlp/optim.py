"""Stochastic gradient descent."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from mlp.arguments import checked_rate
from mlp.layers.base import Layer


class Settings(NamedTuple):
    """What one step goes by."""

    learning_rate: float
    momentum: float
    nesterov: bool
    weight_decay: float


class SGD:
    """Gradient descent with momentum and weight decay.

    One step, for each parameter w with gradient g:
             g <- g + weight_decay w              (not for biases)
             v <- momentum v + g                  (v starts at 0)
             w <- w - learning_rate v             or, with Nesterov's look ahead,
             w <- w - learning_rate (g + momentum v)

    `learning_rate` is a number, or a schedule: a callable of the step, which counts from 0 for
    each network. `learning_rate` and `weight_decay` may be assigned between steps. Velocities
    belong to the network that is stepped, so one SGD may serve several; a copy of an SGD has none.

    Raises ValueError for rates that are negative or not finite and a momentum outside [0, 1).
    Source: deck 000, SGD update, and deck 004 (eta for the rate); deck 002 (alpha, phi for w).
    """

    def __init__(
        self,
        learning_rate: float | Callable[[int], float],
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.momentum = checked_rate(momentum, "momentum")
        self.nesterov = bool(nesterov)
        if self.momentum >= 1:
            raise ValueError(f"SGD: expected a momentum in [0, 1), got {momentum}")
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov needs a momentum above 0; try momentum=0.9")
        self._states: weakref.WeakKeyDictionary[Layer, State] = weakref.WeakKeyDictionary()

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles, in which the networks that it has stepped are others."""
        return vars(self) | {"_states": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _states=weakref.WeakKeyDictionary())

    def __repr__(self) -> str:
        rate = getattr(self.learning_rate, "__name__", self.learning_rate)
        options = {"momentum": self.momentum, "nesterov": self.nesterov}
        options["weight_decay"] = self.weight_decay
        shown = [str(rate), *(f"{name}={value}" for name, value in options.items() if value)]
        return f"SGD({', '.join(shown)})"

    @property
    def learning_rate(self) -> float | Callable[[int], float]:
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float | Callable[[int], float]) -> None:
        self._learning_rate = value if callable(value) else checked_rate(value)

    @property
    def weight_decay(self) -> float:
        return self._weight_decay

    @weight_decay.setter
    def weight_decay(self, value: float) -> None:
        self._weight_decay = checked_rate(value, "weight_decay")

    def step(self, net: Layer) -> None:
        """Update the parameters of net in place from its gradients, all of them or, on error, none.

        Raises RuntimeError before the first backward, TypeError for what is no network, ValueError
        for a gradient of another shape or a schedule that gives no valid rate.
        """
        if not isinstance(net, Layer):
            raise TypeError(f"SGD.step: expected a network such as Sequential(...), got {net!r}")
        gradients = net.checked_gradients()
        state = self.state(net)
        rate = self.rate(state.step)
        for name, w in net.parameters().items():
            self.update_parameter(name, w, gradients[name], rate, state.velocity)
        state.step += 1

    def forget(self, net: Layer) -> None:
        """Start anew with net: velocities 0, the schedule at step 0."""
        self._states.pop(net, None)

    def update_parameter(
        self, name: str, w: np.ndarray, g: np.ndarray, rate: float, velocity: dict[str, np.ndarray]
    ) -> None:
        """The step of one parameter, by the formula above; `velocity` holds v by name."""
        if self.weight_decay and not is_bias(name):
            g = g + self.weight_decay * w
        if self.momentum:
            v = velocity.setdefault(name, np.zeros_like(w))
            v *= self.momentum
            v += g
            g = g + self.momentum * v if self.nesterov else v
        w -= rate * g

    def settings(self, step: int) -> Settings:
        """What that step (from 0) goes by."""
        return Settings(self.rate(step), self.momentum, self.nesterov, self._weight_decay)

    def state(self, net: Layer) -> "State":
        """The live step count and velocities of net, all 0 before its first step."""
        return self._states.setdefault(net, State())

    def rate(self, step: int) -> float:
        """The learning rate of that step (from 0)."""
        rate = self._learning_rate
        return checked_rate(rate(step)) if callable(rate) else rate


@dataclass
class State:
    """How far an SGD is with one network: its steps, and v of each parameter by name."""

    step: int = 0
    velocity: dict[str, np.ndarray] = field(default_factory=dict)


def is_bias(name: str) -> bool:
    """Whether a parameter of that name ("b", "2.b") is a bias, which weight decay spares."""
    return name.rsplit(".", 1)[-1] == "b"
