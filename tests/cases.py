"""The table of layers. A new layer joins the whole battery of test_layers_*.py by one row."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlp import (
    Affine,
    Concat,
    Elementwise,
    Flatten,
    Layer,
    MaxPool,
    Multiply,
    ReLU,
    Scale,
    Sequential,
    Sigmoid,
    Softmax,
)


@dataclass(frozen=True)
class Case:
    """One row: a layer, the shape of its x, and numbers worked by hand (x, y, upstream, dx, dW)."""

    name: str
    make: Callable[[np.random.Generator], Layer]
    shape: tuple[int, ...]
    hand: dict[str, Any] = field(default_factory=dict)


def fixed(weights: Any) -> Callable:
    """An init that gives these weights."""
    return lambda rng, shape, dtype: weights


def square() -> Elementwise:
    return Elementwise(lambda z: z * z, lambda z, y: 2 * z)


def tanh() -> Elementwise:
    return Elementwise(np.tanh, lambda z, y: 1 - y * y)


def network(rng: np.random.Generator) -> Sequential:
    wide = Sequential(Affine(12, 3, rng=rng), Sigmoid())
    deep = Sequential(Affine(12, 4, rng=rng), ReLU(negative_slope=0.1), Affine(4, 2, rng=rng))
    return Sequential(Flatten(), Concat(wide, deep, MaxPool(4)), Affine(8, 3, rng=rng), Softmax())


def from_the_readme(name: str) -> Any:
    """What the example of how to add a layer defines under that name."""
    text = (Path(__file__).parent.parent / "mlp/layers/README.md").read_text(encoding="utf-8")
    names: dict = {}
    exec(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[-1], names)
    return names[name]


CASES = [
    Case(
        "Affine",
        lambda rng: Affine(3, 2, init=fixed([[1, 2], [3, 4], [5, 6]])),
        (4, 3),
        {
            "x": [[1, 0, -1], [2, 1, 0]],
            "y": [[-4, -4], [5, 8]],
            "upstream": [[1, 0], [0, 2]],
            "dx": [[1, 3, 5], [4, 8, 12]],
            "dW": [[1, 4], [0, 2], [-1, 0]],
            "db": [1, 2],
        },
    ),
    Case("Affine wide", lambda rng: Affine(2, 7, init="glorot", rng=rng), (3, 2)),
    Case(
        "Affine without bias",
        lambda rng: Affine(2, 1, bias=False, init=fixed([[3], [-2]])),
        (3, 2),
        {"x": [[5, 7]], "y": [[1]], "upstream": [[10]], "dx": [[30, -20]], "dW": [[50], [70]]},
    ),
    Case(
        "ReLU",
        lambda rng: ReLU(),
        (4, 3),
        {"x": [[-2, 0, 3]], "y": [[0, 0, 3]], "upstream": [[5, 7, 11]], "dx": [[0, 0, 11]]},
    ),
    Case("ReLU of images", lambda rng: ReLU(), (2, 3, 2, 2)),
    Case(
        "ReLU leaky",
        lambda rng: ReLU(negative_slope=0.25, at_zero=0.5),
        (4, 3),
        {"x": [[-2, 0, 3]], "y": [[-0.5, 0, 3]], "upstream": [[8, 8, 8]], "dx": [[2, 4, 8]]},
    ),
    Case(
        "ReLU with a slope per unit",
        lambda rng: ReLU(negative_slope=[0.5, 0, -1]),
        (4, 3),
        {"x": [[-2, -4, -3]], "y": [[-1, 0, 3]], "upstream": [[1, 2, 4]], "dx": [[0.5, 0, -4]]},
    ),
    Case(
        "Sigmoid",
        lambda rng: Sigmoid(),
        (4, 3),
        {
            "x": [[0, np.log(3), -np.log(3)]],
            "y": [[0.5, 0.75, 0.25]],
            "upstream": [[4, 16, 32]],
            "dx": [[1, 3, 6]],
        },
    ),
    Case(
        "Softmax",
        lambda rng: Softmax(),
        (4, 3),
        {
            "x": [[0, np.log(2), np.log(5)]],
            "y": [[0.125, 0.25, 0.625]],
            "upstream": [[8, 0, 0]],
            "dx": [[7 / 8, -2 / 8, -5 / 8]],
        },
    ),
    Case("Softmax of images", lambda rng: Softmax(), (2, 3, 4)),
    Case(
        "Multiply",
        lambda rng: Multiply(),
        (3, 4),
        {"x": [[2, 3, 5, 7]], "y": [[6, 35]], "upstream": [[1, 10]], "dx": [[3, 2, 70, 50]]},
    ),
    Case(
        "Multiply shared, squared and unused",
        lambda rng: Multiply([[0, 1], [1, 1], [1, 3]]),
        (3, 5),
        {
            "x": [[2, 3, 5, 7, 11]],
            "y": [[6, 9, 21]],
            "upstream": [[1, 10, 100]],
            "dx": [[3, 2 + 60 + 700, 0, 300, 0]],
        },
    ),
    Case(
        "MaxPool",
        lambda rng: MaxPool(2),
        (3, 5),
        {"x": [[1, 4, 3, 2, 9]], "y": [[4, 3]], "upstream": [[1, 2]], "dx": [[0, 1, 2, 0, 0]]},
    ),
    Case(
        "MaxPool of images",
        lambda rng: MaxPool((2, 2)),
        (2, 4, 5),
        {
            "x": [[[1, 5, 2, 0], [3, 4, 8, 6]]],
            "y": [[[5, 8]]],
            "upstream": [[[1, 2]]],
            "dx": [[[0, 1, 0, 0], [0, 0, 2, 0]]],
        },
    ),
    Case(
        "MaxPool of channels, overlapping",
        lambda rng: MaxPool((2, 2), 1),
        (2, 2, 3, 3),
        {
            "x": [[[[1, 2, 3], [4, 9, 5], [6, 7, 8]]]],
            "y": [[[[9, 9], [9, 9]]]],
            "upstream": [[[[1, 2], [3, 4]]]],
            "dx": [[[[0, 0, 0], [0, 10, 0], [0, 0, 0]]]],
        },
    ),
    Case(
        "MaxPool with gaps",
        lambda rng: MaxPool((2,), 3),
        (2, 2, 6),
        {
            "x": [[[1, 2, 9, 4, 3, 9]]],
            "y": [[[2, 4]]],
            "upstream": [[[5, 6]]],
            "dx": [[[0, 5, 0, 6, 0, 0]]],
        },
    ),
    Case(
        "MaxPool of subsets",
        lambda rng: MaxPool(subsets=[[0, 3, 2], [1, 2], [1]]),
        (3, 5),
        {
            "x": [[1, 2, 9, 4, 50]],
            "y": [[9, 9, 2]],
            "upstream": [[1, 10, 100]],
            "dx": [[0, 100, 11, 0, 0]],
        },
    ),
    Case(
        "MaxPool of subsets without the first input",
        lambda rng: MaxPool(subsets=[[1, 2, 3, 4], [5, 3, 1]]),
        (3, 6),
        {
            "x": [[9, 1, 2, 3, 4, 0]],
            "y": [[4, 3]],
            "upstream": [[1, 10]],
            "dx": [[0, 0, 0, 10, 1, 0]],
        },
    ),
    Case(
        "Elementwise",
        lambda rng: square(),
        (3, 2),
        {"x": [[-1, 2]], "y": [[1, 4]], "upstream": [[3, 5]], "dx": [[-6, 20]]},
    ),
    Case("Elementwise that uses y", lambda rng: tanh(), (3, 2, 2)),
    Case(
        "Flatten",
        lambda rng: Flatten(),
        (2, 3, 2, 2),
        {
            "x": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
            "y": [[1, 2, 3, 4], [5, 6, 7, 8]],
            "upstream": [[8, 7, 6, 5], [4, 3, 2, 1]],
            "dx": [[[8, 7], [6, 5]], [[4, 3], [2, 1]]],
        },
    ),
    Case(
        "Scale",
        lambda rng: Scale([1, 2, 3], [10, 0.5, -1]),
        (4, 3),
        {"x": [[2, 8, 5]], "y": [[10, 3, -2]], "upstream": [[1, 2, 4]], "dx": [[10, 1, -4]]},
    ),
    Case("Scale of images", lambda rng: Scale(3, 1 / 16), (2, 2, 3)),
    Case(
        "Concat",
        lambda rng: Concat(ReLU(), square()),
        (3, 2),
        {
            "x": [[-1, 2]],
            "y": [[0, 2, 1, 4]],
            "upstream": [[1, 10, 100, 1000]],
            "dx": [[0 - 200, 10 + 4000]],
        },
    ),
    Case("Concat of images", lambda rng: Concat(MaxPool((1, 2)), Sigmoid()), (2, 3, 4)),
    Case(
        "Concat of affine branches",
        lambda rng: Concat(Affine(3, 2, rng=rng), Sequential(tanh(), Affine(3, 4, rng=rng))),
        (4, 3),
    ),
    Case(
        "Sequential",
        lambda rng: Sequential(Affine(2, 2, init=fixed([[1, -1], [2, 1]])), square()),
        (4, 2),
        {
            "x": [[1, 2]],  # z = (5, 1)
            "y": [[25, 1]],
            "upstream": [[1, 3]],  # dz = (10, 6)
            "dx": [[10 - 6, 20 + 6]],
            "d0.W": [[10, 6], [20, 12]],
            "d0.b": [10, 6],
        },
    ),
    Case("network", network, (3, 3, 4)),
    Case(
        "Gain of the README",
        lambda rng: from_the_readme("Gain")(3),
        (4, 3),
        {
            "x": [[1, 2, 3], [4, 5, 6]],
            "y": [[1, 2, 3], [4, 5, 6]],
            "upstream": [[1, 10, 100], [2, 0, 1]],
            "dx": [[1, 10, 100], [2, 0, 1]],
            "dg": [9, 20, 306],
        },
    ),
]

every_layer = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def apart(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers between -1.5 and 1.5 in random order, no two close, none close to 0: no kinks."""
    size = int(np.prod(shape))
    return (rng.permutation(size) - size // 2 + 0.4).reshape(shape) * (3 / size)


def prepared(case: Case, seed: int = 0) -> tuple[Layer, np.ndarray, np.ndarray]:
    """The layer after forward(x), x, and an upstream of the shape of the output."""
    rng = np.random.default_rng(seed)
    layer = case.make(rng)
    x = apart(rng, case.shape)
    upstream = rng.normal(size=layer.forward(x).shape)
    return layer, x, upstream


def everything(layer: Layer, upstream: np.ndarray) -> dict[str, np.ndarray]:
    """All that one backward gives: the gradient of x and those of the parameters, as copies."""
    dx = layer.backward(upstream)
    return {"x": dx.copy()} | {name: g.copy() for name, g in layer.gradients().items()}


def assert_same(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Equal to the last bit, with equal keys, shapes and dtypes."""
    if got.keys() != expected.keys():
        raise AssertionError(f"expected {[*expected]}, got {[*got]}")
    for name in got:
        np.testing.assert_array_equal(got[name], expected[name], strict=True, err_msg=name)
