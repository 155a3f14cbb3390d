"""The gradient check of everything that comes with the package."""

import ast
from collections.abc import Iterator
from inspect import signature
from typing import Any

import numpy as np

from mlp import layers, losses
from mlp.checking.checker import gradcheck
from mlp.checking.report import Report
from mlp.checking.walking import one_line
from mlp.layers import (
    Affine,
    Concat,
    Elementwise,
    Flatten,
    Layer,
    MaxPool,
    Multiply,
    ReLU,
    Sigmoid,
    Softmax,
)
from mlp.losses import Loss
from mlp.sequential import Sequential

Example = tuple[Layer, np.ndarray, np.ndarray | None, Loss | None]
"""A layer, its input, and a target and loss or None and None."""

NAMES = {name: getattr(layers, name) for name in layers.__all__ if name != "Layer"} | {
    "Sequential": Sequential
}
DTYPES = (np.float64, np.float32)


def check_builtin(seed: int = 0) -> list[Report]:
    """Reports on all built-in layers, losses and a few networks, in float64 and float32."""
    cases = list(builtin_cases(np.random.default_rng(seed)))
    return [_checked(case, dtype, seed) for dtype in DTYPES for case in cases]


def check_layer(layer: Layer, seed: int = 0) -> list[Report]:
    """Reports on one layer or network at a random input, in float64 and float32."""
    x = np.random.default_rng(seed).standard_normal(_input_shape(layer))
    return [_checked((layer, x, None, None), dtype, seed) for dtype in DTYPES]


def check_many(coordinates: int, seed: int = 0) -> tuple[int, float, str, set[str]]:
    """Check the built-in cases at fresh points, scaled by 1e-3 to 1e3, until so many coordinates
    were compared one by one.

    Returns how many there were, the worst error in eps of the natural scale (32 are allowed), the
    name of the case that had it, and the verdicts that occurred.
    """
    rng = np.random.default_rng(seed)
    count, worst, name, verdicts = 0, 0.0, "", set()
    while count < coordinates:
        for layer, x, target, loss in builtin_cases(rng):
            scale = 1.0 if isinstance(loss, losses.KLDivergence) else 10 ** rng.uniform(-3, 3)
            report = gradcheck(layer, scale * x, target, loss, rng=rng, full=True)
            count += sum(row.checked for row in report.rows)
            verdicts.add(report.verdict)
            used = 32 * max(row.used for row in report.rows)
            worst, name = max((worst, name), (used, f"{report.name}, seed {report.seed}"))
    return count, worst, name, verdicts


def builtin_cases(rng: np.random.Generator) -> Iterator[Example]:
    """Every layer in its variants, every loss in its forms, a few networks; random numbers."""
    for layer, shape in _layers(rng):
        yield layer, rng.standard_normal(shape), None, None
    on_kinks = np.array([[0.0, 1.0, -1.0, 0.0], [2.0, 2.0, 0.0, 3.0]])
    for layer in (ReLU(), ReLU(at_zero=0.5), ReLU(at_zero=1.0), MaxPool(2), MaxPool(2, 1)):
        yield layer, on_kinks, None, None
    yield from _losses(rng)
    yield from _networks(rng)


def _layers(rng: np.random.Generator) -> Iterator[tuple[Layer, tuple[int, ...]]]:
    yield Affine(5, 3, rng=rng), (4, 5)
    yield Affine(3, 7, bias=False, init="glorot", rng=rng), (4, 3)
    yield ReLU(), (4, 5)
    yield ReLU(negative_slope=0.1), (4, 2, 3)
    yield ReLU(negative_slope=rng.uniform(0.1, 0.3, (4, 5))), (4, 5)
    yield Sigmoid(), (4, 5)
    yield Softmax(), (4, 5)
    yield Multiply(), (4, 6)
    yield Multiply([[0, 1], [1, 2], [3, 3]]), (4, 5)
    yield MaxPool(2), (4, 7)
    yield MaxPool(3, 1), (4, 7)
    yield MaxPool((2, 2)), (2, 3, 4, 5)
    yield MaxPool((3, 2), (2, 1)), (2, 5, 5)
    yield MaxPool(subsets=[[0, 3, 5], [1, 2], [2, 4, 5]]), (4, 6)
    yield Elementwise(np.tanh, lambda z, y: 1 - y * y), (4, 5)
    yield Flatten(), (4, 2, 3)
    yield Concat(Affine(4, 2, rng=rng), ReLU(), Sigmoid()), (3, 4)


def _losses(rng: np.random.Generator) -> Iterator[Example]:
    y = rng.standard_normal((6, 4))
    labels = rng.integers(0, 4, 6)
    rows = Softmax().forward(rng.standard_normal((6, 4)))
    for square in (losses.SquaredError(), losses.SquaredError(factor=0.5, reduction="sum")):
        yield Flatten(), y, rng.standard_normal(y.shape), square
    for entropy in (losses.SoftmaxCrossEntropy(), losses.SoftmaxCrossEntropy(reduction="sum")):
        yield Flatten(), y, labels, entropy
        yield Flatten(), y, rows, entropy
    yield Flatten(), y, rows, losses.SigmoidCrossEntropy()
    yield Flatten(), y[:, :1], labels % 2, losses.SigmoidCrossEntropy(reduction="sum")
    yield Flatten(), Softmax().forward(y), labels, losses.KLDivergence()
    yield Flatten(), Softmax().forward(y), rows, losses.KLDivergence()
    yield Flatten(), Sigmoid().forward(y[:, :1]), labels % 2, losses.KLDivergence(reduction="sum")


def _networks(rng: np.random.Generator) -> Iterator[Example]:
    pixels = rng.integers(0, 17, (8, 8, 8)) / 16 + rng.uniform(0, 0.01, (8, 8, 8))
    labels = rng.integers(0, 10, 8)
    digits = [Flatten(), Affine(64, 32, rng=rng), ReLU(), Affine(32, 10, rng=rng)]
    yield Sequential(*digits), pixels, labels, losses.SoftmaxCrossEntropy()
    yield (
        Sequential(Affine(6, 5, rng=rng), Sigmoid(), Affine(5, 3, rng=rng), Softmax()),
        rng.standard_normal((4, 6)),
        labels[:4] % 3,
        losses.KLDivergence(),
    )
    yield (
        Sequential(MaxPool((2, 2)), Flatten(), Affine(16, 3, rng=rng)),
        pixels,
        rng.standard_normal((8, 3)),
        losses.SquaredError(),
    )
    inner = Sequential(Affine(6, 4, rng=rng), Multiply(), Sigmoid())
    branches = Concat(inner, ReLU(negative_slope=0.2), MaxPool(2))
    yield Sequential(branches, Affine(11, 2, rng=rng)), rng.standard_normal((5, 6)), None, None


def parse_layer(text: str, seed: int = 0) -> Layer:
    """The layer that an expression like `Affine(5, 3)` or `Sequential(Flatten(), ...)` describes.

    Names of layers, calls and literals are understood; nothing is evaluated as Python. Weights
    come from `seed`. Raises ValueError for anything else.
    """
    try:
        layer = _build(ast.parse(text.strip(), mode="eval").body, np.random.default_rng(seed))
    except SyntaxError as error:
        raise ValueError(f'cannot read {text!r}; expected a layer, as in "Affine(5, 3)"') from error
    if not isinstance(layer, Layer):
        raise ValueError(f'expected a layer, as in "Affine(5, 3)", got {text!r}')
    return layer


def _build(node: ast.expr, rng: np.random.Generator) -> Any:
    if not isinstance(node, ast.Call):
        try:
            return ast.literal_eval(node)
        except ValueError:
            raise ValueError(
                f"cannot take {ast.unparse(node)}: expected layers, numbers, texts and lists of "
                "them; a layer with functions of its own is for Python: mlp.gradcheck(layer, x)"
            ) from None
    name = ast.unparse(node.func)
    if name not in NAMES:
        raise ValueError(f"{name} is no built-in layer; there are {', '.join(sorted(NAMES))}")
    options = {k.arg or "**": _build(k.value, rng) for k in node.keywords}
    if name == "Affine":
        options.setdefault("rng", rng)
    return _called(name, [_build(argument, rng) for argument in node.args], options)


def _called(name: str, arguments: list[Any], options: dict[str, Any]) -> Layer:
    taken = signature(NAMES[name])
    try:
        taken.bind(*arguments, **options)
    except TypeError as error:
        names = ", ".join(taken.parameters) or "nothing"
        raise ValueError(f"{name}: {error}; it takes {names}") from None
    return NAMES[name](*arguments, **options)


def _input_shape(layer: Layer) -> tuple[int, ...]:
    """The first shape that the layer takes: vectors by preference, then images."""
    if layer.input_shape is not None:
        return (4, *layer.input_shape)
    vectors = [(d,) for d in (6, *range(1, 1025))]
    images = [(*lead, s, s) for lead in ((), (2,)) for s in (6, *range(1, 65))]
    for shape in vectors + images:
        try:
            layer.output_shape(shape)
        except ValueError:
            continue
        return (4, *shape)
    raise ValueError(f"found no input shape that {one_line(layer)} takes")


def _checked(example: Example, dtype: Any, seed: int) -> Report:
    layer, x, target, loss = example
    return gradcheck(layer.astype(dtype), x.astype(dtype), target, loss, rng=seed)
