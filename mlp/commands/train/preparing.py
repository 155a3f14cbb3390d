"""From a data set and a task to the samples and targets of each part."""

import argparse
from typing import NamedTuple

import numpy as np

from mlp import DataError, Scale
from mlp.commands.train import tasks
from mlp.data import load, stratified_split

LARGEST = 1e15
SPLIT_SEED = 0
"""The test and validation parts are the same for every --seed."""

Part = tuple[np.ndarray, np.ndarray]


class Parts(NamedTuple):
    """What a run learns from. Samples are (N, D), as in the file; real targets are scaled."""

    train: Part
    validation: Part | None
    test: Part
    classes: list[str]
    """Their names; empty for real-valued targets."""
    outputs: int
    """Columns of the network's output: one per class or target, and one for 2 or not 2."""
    shape: tuple[int, int] | None
    """Of the images, if the samples are any."""
    scale: Scale
    """The first layer: brings the samples to a size that trains well."""
    unscale: Scale | None
    """The last layer, for real-valued targets: back to their own units."""


def prepared(options: argparse.Namespace) -> Parts:
    """Read, divide and encode the data; DataError where it does not fit the task."""
    data = load(options.data, label_column=options.label_column)
    try:
        return _divided(options, data)
    except ValueError as error:
        raise DataError(f"{options.data}: {error}") from None


def _divided(options: argparse.Namespace, data: tuple) -> Parts:
    shape = tasks.image_shape(data.x)
    if data.x.dtype != np.uint8:  # pixels are small, and a copy of them is large
        _check_size(data.x)
    train, test = _part(data.x, data.y), _part(data.x_test, data.y_test)
    real = data.y.dtype.kind == "f"
    names = [] if real else _checked_names(data.y)
    if test is None:
        train, test = _split(train, 0.2)
    validation = None
    if options.validation:
        train, validation = _split(train, options.validation)
    if real:
        return _real_valued(options, train, validation, test, shape)

    parts = [
        None if part is None else (part[0], tasks.class_numbers(part[1], names))
        for part in (train, validation, test)
    ]
    scale = _scale(train[0], shape)
    outputs = len(names)
    if options.task == "is-two":
        outputs = 1
        parts = [p and (p[0], tasks.is_two(p[1], names)) for p in parts]
        names = ["not 2", "2"]
    if options.task == "reject":
        if shape is None:
            raise ValueError("task reject needs square images")
        rng = np.random.default_rng(SPLIT_SEED)
        none = len(names)
        parts = [p and tasks.with_non_digits(*p, shape, none, rng) for p in parts]
        names = [*names, tasks.NONE]
        outputs += 1
    return Parts(*parts, names, outputs, shape, scale, None)


def _check_size(x: np.ndarray) -> None:
    largest = np.abs(x).max(axis=0)
    if largest.max() > LARGEST:
        raise ValueError(
            f"feature {np.argmax(largest)} holds {largest.max():.3g}; numbers beyond {LARGEST:.0e} "
            "cannot be scaled in float32, divide them first"
        )


def _checked_names(y: np.ndarray) -> list[str]:
    names = tasks.class_names(y)
    if len(names) < 2:
        raise ValueError(f"every label is {names[0]}; --label-column says where labels are")
    if len(names) > len(y) / 2:
        raise ValueError(
            f"{len(y)} samples have {len(names)} different labels; expected classes of two or more "
            "samples (--label-column says where labels are; a decimal point makes a label a number)"
        )
    return names


def _real_valued(
    options: argparse.Namespace,
    train: Part,
    validation: Part | None,
    test: Part,
    shape: tuple[int, int] | None,
) -> Parts:
    if options.task != "digits":
        raise ValueError(f"task {options.task} needs classes, and the labels are real numbers")
    train, validation, test = (p and (p[0], _columns(p[1])) for p in (train, validation, test))
    mean, deviation = train[1].mean(axis=0), train[1].std(axis=0)
    deviation[deviation == 0] = 1
    return Parts(
        (train[0], (train[1] - mean) / deviation),
        validation and (validation[0], (validation[1] - mean) / deviation),
        test,
        [],
        len(mean),
        shape,
        _scale(train[0], shape),
        Scale(-mean / deviation, deviation),
    )


def _part(x: np.ndarray | None, y: np.ndarray | None) -> Part | None:
    return None if x is None else (x.reshape(len(x), -1), y)


def _columns(y: np.ndarray) -> np.ndarray:
    return y.reshape(len(y), -1)


def _split(part: Part, fraction: float) -> tuple[Part, Part]:
    x, y = part
    larger, smaller = stratified_split(y, fraction, np.random.default_rng(SPLIT_SEED))
    return (x[larger], y[larger]), (x[smaller], y[smaller])


def _scale(x: np.ndarray, shape: tuple[int, int] | None) -> Scale:
    """Pixels to 0..1 by one number; the columns of a table to mean 0 and deviation 1."""
    top = x.max()
    pixels = x.dtype == np.uint8 or (shape and x.min() >= 0 and (x % 1 == 0).all())
    if pixels and top > 0:
        return Scale(0.0, 1.0 / float(top))
    deviation = x.std(axis=0)
    return Scale(x.mean(axis=0), 1 / np.where(deviation > 0, deviation, 1))
