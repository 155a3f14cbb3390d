"""Odd arguments to every public name: functions, classes, and the methods of what these make.

All are found in the package, so that a new one is tried without a word here. A parameter gets the
value that its name asks for, else its default, and now and then (always where it has neither) an
odd one.
"""

import contextlib
import inspect
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

import mlp
from mlp import NonFiniteError
from mlp.losses import Loss

DOCUMENTED = (TypeError, ValueError, RuntimeError, NonFiniteError, OSError)
BY_CHANCE = (NotImplementedError, RecursionError, UnicodeError, IndexError, KeyError)
"""Kinds of those that nobody raises on purpose."""
MODULES = (mlp, mlp.data)
FOR_AUTHORS = ("update_parameter", "settings", "divergence", "gradient", "check_shape")
"""Methods that are only called from within, with what was checked before."""
ODD_SHARES = (0.05, 0.2, 0.5)
"""How many of the arguments of a call are odd."""

ODD: list[Any] = [
    None, True, 0, -1, 3, 10**400, 2**63, 0.5, -0.0, float("nan"), float("inf"), 1j, "x", "", b"x",
    [], (), {}, [[1], [1, 2]], [None], object, len, Ellipsis, slice(None), range(3), {1, 2},
    {"W": 1}, {"x": np.ones(3)}, Path("none.csv"), "a\0b",
    lambda: np.zeros(0), lambda: np.zeros((0, 3)), lambda: np.zeros((2, 0)), lambda: np.array(3),
    lambda: np.ones((2, 3)), lambda: np.ones((3, 2)), lambda: np.ones((2, 3, 4)),
    lambda: np.full((2, 3), np.nan), lambda: np.full((2, 3), np.inf), lambda: np.ones((2, 3)) * 1j,
    lambda: np.ones((2, 3), np.float16), lambda: np.ones((2, 3), np.longdouble),
    lambda: np.ones((2, 3), ">f8"), lambda: np.array(["a", "b"]), lambda: np.array([None, 1]),
    lambda: np.ma.masked_array([[1.0, 2, 3]], mask=[[False, True, False]]),
    lambda: np.zeros(2, "M8[s]"), lambda: np.zeros((2, 3), [("a", int)]),
    lambda: np.ones((2, 3), bool), lambda: np.ones((2, 3), np.uint8), lambda: np.arange(2),
    lambda: np.broadcast_to(1.0, (2, 3)), lambda: np.ones((6, 2))[::-3, ::-1],
    lambda: mlp.Affine(3, 2, rng=0), lambda: mlp.ReLU(), lambda: mlp.SquaredError(),
    lambda: mlp.SGD(0.1), lambda: np.random.default_rng(0), lambda: np.float32(1e30),
]  # fmt: skip


class Calls:
    """Public names and methods, called with values of which some are odd."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.last = folder, ""
        self.table, self.saved = folder / "table.csv", folder / "net.npz"
        self.table.write_text("a,b,c,d,kind\n1,2,3,4,0\n4,5,6,7,1\n")
        mlp.save_checkpoint(self.saved, _net())
        names = [(module, name) for module in MODULES for name in module.__all__]
        found = [(name, getattr(module, name)) for module, name in names]
        self.functions = [(name, item) for name, item in found if not _is_error(item)]
        self.methods = [
            (name, method)
            for name, kind in self.functions
            if inspect.isclass(kind) and kind is not mlp.Layer  # its own forward is nobody's
            for method, function in inspect.getmembers(kind, callable)
            if not (method.startswith("_") or method in FOR_AUTHORS)
            and len(inspect.signature(function).parameters) > 1  # beside self
        ]

    def is_refused(self, rng: np.random.Generator) -> bool:
        """Whether a call is; raises what is no documented error."""
        with contextlib.chdir(self.folder):  # some odd paths can be written to
            try:
                name, function, values = self._drawn(rng)
                self._call(name, function, values, rng)
            except DOCUMENTED as error:
                if isinstance(error, BY_CHANCE):
                    raise
                return True
            finally:
                for path in {*self.folder.iterdir()} - {self.table, self.saved}:
                    path.unlink()
        return False

    def _drawn(self, rng: np.random.Generator) -> tuple[str, Callable, dict[str, Any]]:
        values = self._values()
        if rng.random() < 0.5:
            name, function = self.functions[rng.integers(len(self.functions))]
            if name == "compare_traces":
                net, x, y, loss = (values[part] for part in ("net", "x", "y", "loss"))
                values["a"] = values["b"] = mlp.trace(net, x, y, loss)
            own: dict[str, dict[str, Any]] = {
                "load_checkpoint": {"path": self.saved, "layers": ()},
                "save_checkpoint": {"path": self.folder / "new.npz"},
            }
            return name, function, values | own.get(name, {})
        name, method = self.methods[rng.integers(len(self.methods))]
        self.last = f"{name}(...)"
        thing = self._made(name, values, rng)
        if isinstance(thing, mlp.Layer):
            y = np.asarray(thing.forward(values["x"]))
            values |= {"upstream": np.ones_like(y)}
            if method != "backward":
                thing.backward(values["upstream"])
        if isinstance(thing, Loss):
            values["y"] = values["z"] = np.full((4, 2), 0.5)
            thing.forward(values["y"], values["target"])
        return f"{name}.{method}", getattr(thing, method), values

    def _made(self, name: str, values: dict[str, Any], rng: np.random.Generator) -> Any:
        """An instance to call methods of: now and then of another shape than the default's."""
        others = {
            "MaxPool": lambda: mlp.MaxPool(subsets=[[0, 2], [1, 3]]),
            "Multiply": lambda: mlp.Multiply([[0, 1]]),
            "Sequential": _net,
        }
        if name in others and rng.random() < 0.5:
            return others[name]()
        return _called(dict(self.functions)[name], values, lambda: values["odd"])

    def _call(
        self, name: str, function: Callable, values: dict[str, Any], rng: np.random.Generator
    ) -> None:
        self.last, share = name, rng.choice(ODD_SHARES)

        def odd() -> Any:
            one = ODD[rng.integers(len(ODD))]
            one = one() if isinstance(one, FunctionType) else one
            self.last += f" {str(one)[:60]!r}"
            return one

        _called(function, values, odd, lambda: rng.random() < share)

    def _values(self) -> dict[str, Any]:
        """New ones each time: a call may keep or change them."""
        x, labels = np.arange(16.0).reshape(4, 4) % 7 - 3, np.array([0, 1, 0, 1])
        net, loss = _net(), mlp.SoftmaxCrossEntropy()
        loss.forward(net.forward(x), labels)
        net.backward(loss.backward())
        return {
            "x": x, "dx": x, "z": x, "dz": x, "y": labels, "target": labels, "labels": labels,
            "net": net, "layer": net, "loss": loss, "optimizer": mlp.SGD(0.1),
            "in_features": 4, "out_features": 2, "learning_rate": 0.1, "epochs": 2,
            "function": np.tanh, "derivative": np.cos, "window": 2, "classes": 2, "fraction": 0.5,
            "momentum": 0.9, "step": 1, "width": 4, "input_shape": (4,), "shape": (4,),
            "output_shape": (2,),
            "dtype": np.float64, "vector": net.parameter_vector(), "path": self.table,
            "rng": 0, "layers": (mlp.Affine(4, 2, rng=0), mlp.ReLU()), "dparameters": {},
            "branches": (mlp.Affine(4, 2, rng=0), mlp.ReLU()), "extra": {}, "odd": None,
            "name": "x", "value": np.ones(4),
        }  # fmt: skip


def _called(
    function: Callable,
    values: dict[str, Any],
    odd: Callable[[], Any],
    drawn: Callable[[], bool] = lambda: False,
) -> Any:
    """The call, with an odd value for each parameter that is drawn or not known by its name."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            kwargs |= {"note": odd()} if drawn() else {}
        elif parameter.kind is parameter.VAR_POSITIONAL:
            args += [odd() if drawn() else value for value in values.get(name, ())]
        elif drawn() or not (name in values or parameter.default is not parameter.empty):
            kwargs[name] = odd()
        elif name in values:
            kwargs[name] = values[name]
    return function(*args, **kwargs)


def _is_error(item: Any) -> bool:
    return inspect.isclass(item) and issubclass(item, Exception)


def _net() -> mlp.Sequential:
    return mlp.Sequential(mlp.Affine(4, 4, rng=0), mlp.ReLU(), mlp.Affine(4, 2, rng=1))
