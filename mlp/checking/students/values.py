"""What an argument is given, by what its name means."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlp.checking.students.adapters import Recorder
from mlp.checking.students.names import meaning, plain
from mlp.checking.students.neighbours import Curve, Neighbour

ACTIVATION = re.compile(
    r"(hidden|layer|output)?(act|activ|activation|activator|nonlin|nonlinearity|transfer)"
    r"(fn|f|func|function|class|layer|cls|type)?|f|fn|func|function|fun|phi"
)
"""Plain names of arguments that want an activation."""
_DERIVATIVE = re.compile(r"(d(?=act|f)\w+|\w+(prime|derivative|deriv|grad|gradient|der|backward))")


@dataclass(frozen=True)
class Size:
    """What a layer is built for; only what its constructor asks for is used."""

    D: int = 5
    M: int = 3
    window: Any = 2
    stride: Any = None
    pairs: Any = None
    image: tuple[int, ...] | None = None
    """The shape of a sample, where it is no vector."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample."""
        return self.image or (self.D,)

    def array(self, shape: tuple[int, ...], salt: int = 0) -> np.ndarray:
        """Random numbers for an array that a constructor wants."""
        return np.random.default_rng(salt).normal(size=shape)


def asked(name: str, size: Size) -> bool:
    """Optional strides and pairs are given only where the size names them."""
    wanted = meaning(name)
    if wanted == "stride":
        return size.stride is not None
    return wanted != "pairs" or size.pairs is not None


def by_meaning(name: str, index: int, size: Size) -> Any:
    wanted = meaning(name)
    special = _special(plain(name), size)
    if special is not None:
        return special
    one = plain(name)[-1:] in ("h", "w", "t") and isinstance(size.window, tuple)
    window = size.window[0] if one and wanted == "window" else size.window
    values: dict[str | None, Any] = {
        "in": size.D,
        "out": size.M,
        "W": size.array((size.D, size.M) if size.image is None else (size.M, size.D, 2, 2)),
        "b": size.array((size.M,), 1),
        "window": window,
        "stride": size.stride or size.window,
        "pairs": size.pairs if size.pairs is not None else [(0, 1), (2, 3)],
        "rng": np.random.default_rng(0),
        "seed": 0,
        "slope": 0.1,
        "rate": 0.5,
        "flag": True,
        "text": "layer",
        None: (size.D, size.M)[min(index, 1)],
    }
    return values[wanted]


def _special(name: str, size: Size) -> Any:
    """What arguments want whose names say more than a size; None for others."""
    if "optim" in name:
        return Recorder()
    if name in ("gamma", "gammas", "g"):
        return size.array((size.D,), 2)
    if name in ("beta", "betas"):
        return size.array((size.D,), 3)
    if name.endswith(("initfn", "initfunc", "initializer", "initialiser")):
        return _initialised
    if name in ("inputshape", "shapein", "inshape", "xshape", "imageshape", "inputdims"):
        return size.shape
    if name in ("outputshape", "shapeout", "outshape"):
        return (size.M,)
    if name in ("pad", "pads", "padding", "paddings"):
        return 1 if size.stride == 1 or size.stride == (1, 1) else 0
    if size.image is not None and name in ("p", "s", "k", "f", "ks"):
        return 1 if name == "p" else size.stride or size.window if name == "s" else size.window
    if ACTIVATION.fullmatch(name):
        return Curve()
    if _DERIVATIVE.fullmatch(name):
        return Curve().prime
    if name.startswith(("prev", "inputlayer", "inlayer", "layerin", "upper", "left")):
        return Neighbour(size.D)
    if name.startswith(("nextlayer", "outlayer", "rightlayer")):
        return Neighbour(size.M)
    if name in ("bn", "batchnorm", "usebn", "last", "lastlayer", "islast"):
        return False
    return None


def _initialised(*shape: Any, **options: Any) -> np.ndarray:
    """Random weights of a shape given as numbers or as a tuple."""
    shape = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    return np.random.default_rng(5).normal(size=shape)
