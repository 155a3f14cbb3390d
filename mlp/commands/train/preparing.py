"""From a data set and a task to the samples and targets of each part."""

import argparse
from typing import NamedTuple

import numpy as np

from mlp import DataError, Scale
from mlp.commands.train import digit_tasks, storage
from mlp.data import Dataset, column_names, load, stratified_split
from mlp.data.statistics import all_whole, extremes, mean_and_deviation
from mlp.rows import Rows

LARGEST = 1e15
SPLIT_SEED = 0
"""The test and validation parts are the same for every --seed."""

Part = tuple[np.ndarray | Rows, np.ndarray]
"""Samples and targets. Of parts of one array only the numbers of their rows are kept."""


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
    columns: tuple[list[str], str] | None = None
    """Names of the features and of the label, if the file has them."""
    hint: str | None = None
    """How the data would take less memory or time, if they are large."""


def prepared(options: argparse.Namespace) -> Parts:
    """Read, divide and encode the data; DataError where it does not fit the task."""
    data = load(options.data, label_column=options.label_column)
    try:
        parts = _divided(options, data)
    except ValueError as error:
        raise DataError(f"{options.data}: {error}") from None
    return parts._replace(
        columns=column_names(options.data, label_column=options.label_column),
        hint=storage.hint(options.data, data.x, options.shuffle_block, storage.memory_of_machine()),
    )


def _divided(options: argparse.Namespace, data: Dataset) -> Parts:
    shape = digit_tasks.image_shape(data.x)
    if data.x.dtype != np.uint8:  # pixels are small, and a copy of them is large
        _check_size(data.x)
    if data.y.dtype.kind == "f":
        return _real_valued(options, *_three_parts(data, options.validation), shape)
    names = _checked_names(data.y)
    return _classified(options, *_three_parts(data, options.validation), shape, names)


def _three_parts(data: Dataset, validation: float) -> tuple[Part, Part | None, Part]:
    """To train on, to validate (None if that is a fraction of 0), to test."""
    train: Part = _rows(data.x), data.y
    if data.x_test is None or data.y_test is None:
        train, test = _split(train, 0.2)
    else:
        test = _rows(data.x_test), data.y_test
    if not validation:
        return train, None, test
    return *_split(train, validation), test


def _classified(
    options: argparse.Namespace,
    train: Part,
    validation: Part | None,
    test: Part,
    shape: tuple[int, int] | None,
    digits: list[str],
) -> Parts:
    rng = np.random.default_rng(SPLIT_SEED)

    def encoded(part: Part) -> Part:
        x, labels = part[0], digit_tasks.class_numbers(part[1], digits)
        if options.task == "is-two":
            return x, digit_tasks.is_two(labels, digits)
        if options.task == "reject":
            if shape is None:
                raise ValueError("task reject needs square images")
            return digit_tasks.with_non_digits(x, labels, shape, len(digits), rng)
        return x, labels

    names = {"is-two": ["not 2", "2"], "reject": [*digits, digit_tasks.NONE]}.get(
        options.task, digits
    )
    return Parts(
        encoded(train),
        None if validation is None else encoded(validation),
        encoded(test),
        names,
        1 if options.task == "is-two" else len(names),
        shape,
        _scale(train[0], shape),
        None,
    )


def _check_size(x: np.ndarray) -> None:
    largest = np.maximum(*np.abs(np.asarray(extremes(x), np.float64)))
    if largest.max() > LARGEST:
        raise ValueError(
            f"feature {np.argmax(largest)} holds {largest.max():.3g}; numbers beyond {LARGEST:.0e} "
            "cannot be scaled in float32, divide them first"
        )


def _checked_names(y: np.ndarray) -> list[str]:
    names = digit_tasks.class_names(y)
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
    targets = _rows(train[1])
    mean, deviation = targets.mean(axis=0), targets.std(axis=0)
    deviation[deviation == 0] = 1

    def scaled(part: Part) -> Part:
        return part[0], (_rows(part[1]) - mean) / deviation

    return Parts(
        scaled(train),
        None if validation is None else scaled(validation),
        (test[0], _rows(test[1])),
        [],
        len(mean),
        shape,
        _scale(train[0], shape),
        Scale(-mean / deviation, deviation),
    )


def _rows(samples: np.ndarray) -> np.ndarray:
    return samples.reshape(len(samples), -1)


def _split(part: Part, fraction: float) -> tuple[Part, Part]:
    x, y = part
    larger, smaller = stratified_split(y, fraction, np.random.default_rng(SPLIT_SEED))
    return (Rows(x, larger), y[larger]), (Rows(x, smaller), y[smaller])


def _scale(x: np.ndarray | Rows, shape: tuple[int, int] | None) -> Scale:
    """Pixels to 0..1 by one number; the columns of a table to mean 0 and deviation 1."""
    least, most = extremes(x)
    top = float(most.max())
    pixels = x.dtype == np.uint8 or (shape and least.min() >= 0 and all_whole(x))
    if pixels and top > 0:
        return Scale(0.0, 1.0 / top)
    mean, deviation = mean_and_deviation(x)
    return Scale(mean, 1 / np.where(deviation > 0, deviation, 1))
