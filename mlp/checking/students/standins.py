"""What stands in for modules that are not installed, so that the layers beside them load.

While a file is being loaded anything may be done with a stand-in. Afterwards every use of it
raises ModuleNotFoundError: a layer that needs the module cannot be checked, the others can.
"""

import collections
import collections.abc
import functools
import types
from typing import Any

import numpy as np

NUMPY_ALIKE = ("cupy", "autograd", "jax", "minpy")
"""Modules with NumPy's functions, under their own name or as their part `numpy`."""
PYTHON_2 = {"xrange": range, "raw_input": input, "unicode": str, "basestring": str, "long": int}


def divided(a: Any, b: Any) -> Any:
    """a / b of Python 2, which cuts the quotient of integers."""
    whole = isinstance(a, int | np.integer) and isinstance(b, int | np.integer)
    return a // b if whole else a / b


def as_one_number(value: Any, holder: Any = None) -> Any:
    """An array of one entry as a number, to be put into an array; anything else as it is."""
    single = isinstance(value, np.ndarray) and value.size == 1 and value.ndim > 0
    return value.reshape(()) if single and (holder is None or type(holder) is np.ndarray) else value


class Notebook:
    """What `get_ipython()` gives in scripts that were notebooks: it does nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **options: None


_OPERATIONS = (
    "add radd sub rsub mul rmul truediv rtruediv floordiv mod pow rpow matmul rmatmul neg pos abs "
    "lt le gt ge getitem enter or ror and"
)


class Loading:
    """Whether a file is being loaded at present."""

    def __init__(self) -> None:
        self.now = True


class StandIn:
    """Something of a module that is not here. Calling it with one function returns the function."""

    def __init__(self, name: str, loading: Loading) -> None:
        self._name, self._loading = name, loading

    def _use(self) -> "StandIn":
        if not self._loading.now:
            module = self._name.partition(".")[0]
            raise ModuleNotFoundError(f"{self._name} is needed, and {module} is not installed here")
        return self

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self._use()
        if len(arguments) == 1 and isinstance(arguments[0], types.FunctionType | type):
            return arguments[0]
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn(f"{self._name}.{name}", self._loading)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._use()

    def __exit__(self, *reason: Any) -> None:
        self._use()

    def __mro_entries__(self, bases: tuple) -> tuple[type, ...]:
        return ()


def _operation(self: StandIn, *others: Any) -> StandIn:
    return self._use()


for _name in _OPERATIONS.split():
    setattr(StandIn, f"__{_name}__", _operation)


class StandInModule(types.ModuleType):
    """A module that has whatever is asked for."""

    def __init__(self, name: str, loading: Loading) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self._loading = loading

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        first, _, rest = self.__name__.partition(".")
        if (first, name) == ("numba", "prange"):
            return range
        if first in ("past", "future", "builtins", "six"):
            if name in PYTHON_2:
                return PYTHON_2[name]
            import builtins

            if hasattr(builtins, name):
                return getattr(builtins, name)
        if first in NUMPY_ALIKE and hasattr(np, name) and rest in ("", "numpy"):
            return getattr(np, name)
        return StandIn(f"{self.__name__}.{name}", self._loading)


def _accept_no_shape(name: str) -> None:
    """zeros(None) was an array of no axes."""
    function = getattr(np, name)
    if hasattr(function, "__wrapped__"):
        return

    @functools.wraps(function)
    def tolerant(shape: Any = None, *arguments: Any, **options: Any) -> np.ndarray:
        return function(() if shape is None else shape, *arguments, **options)

    setattr(np, name, tolerant)


def restore_old_names() -> None:
    """Names that NumPy and Python have dropped since: old files were right to use them."""
    old = {
        "float": float, "int": int, "object": object, "str": str, "complex": complex,
        "bool": bool, "float_": np.float64, "int_": np.int64, "Inf": np.inf, "NaN": np.nan,
        "infty": np.inf, "product": np.prod, "cumproduct": np.cumprod, "alltrue": np.all,
        "sometrue": np.any, "round_": np.round, "asfarray": lambda a: np.asarray(a, float),
    }  # fmt: skip
    for name, value in old.items():
        if name not in vars(np):
            setattr(np, name, value)
    for name in ("zeros", "ones", "empty"):
        _accept_no_shape(name)
    for name in collections.abc.__all__:
        if not hasattr(collections, name):
            setattr(collections, name, getattr(collections.abc, name))
