"""Dividing samples into two parts, and labels into one-hot rows."""

import numpy as np

from mlp.data.statistics import distinct, numbered


def stratified_split(
    y: np.ndarray, fraction: float, rng: np.random.Generator | int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Sorted indices (int64) of a training part and of a test part that is like it.

    The test part takes `fraction` of every class of y (N,), rounded so that the total is as near
    to fraction * N as it can be. A class of two or more samples is in both parts, a single sample
    is for training. Float targets, (N,) or (N, M), are split without regard to their values.

    Raises ValueError if the fraction is not between 0 and 1, or leaves one part empty.
    """
    y = np.asarray(y)
    if not 0 < fraction < 1:
        raise ValueError(f"stratified_split: expected a fraction between 0 and 1, got {fraction}")
    order = np.random.default_rng(rng).permutation(len(y))
    strata = np.zeros(len(y), np.uint8) if y.dtype.kind == "f" else _class_numbers(y)
    counts = np.bincount(strata)
    shares = _test_shares(counts, fraction)
    total = int(shares.sum())
    if total == 0 or total == len(y):
        raise ValueError(
            f"stratified_split: a fraction of {fraction} of {len(y)} samples in {len(counts)} "
            f"classes leaves {len(y) - total} for training and {total} for the test"
        )
    by_class = np.argsort(strata[order], kind="stable")
    first_places = np.repeat(np.cumsum(counts) - counts - np.cumsum(shares) + shares, shares)
    in_test = np.zeros(len(y), bool)
    in_test[order[by_class[first_places + np.arange(total)]]] = True  # the first of each class
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Rows (N, classes) of zeros with a 1 at the label, float64, from integer labels (N,).

    Raises TypeError if the labels are not integers, ValueError if one is not 0 to classes - 1.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"one_hot: expected integer labels, got dtype {labels.dtype}")
    if labels.ndim != 1:
        raise ValueError(f"one_hot: expected labels of shape (N,), got {labels.shape}")
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        row = int(np.argmax(outside))
        raise ValueError(f"one_hot: label {labels[row]} at row {row}, expected 0 to {classes - 1}")
    rows = np.zeros((len(labels), classes))
    rows[np.arange(len(labels)), labels] = 1
    return rows


def _class_numbers(y: np.ndarray) -> np.ndarray:
    if y.ndim != 1:
        raise ValueError(f"stratified_split: expected labels of shape (N,), got {y.shape}")
    classes = distinct(y)
    small = len(classes) <= 1 << 8  # a byte for each sample instead of eight
    return numbered(y, classes, np.uint8 if small else np.int64)


def _test_shares(counts: np.ndarray, fraction: float) -> np.ndarray:
    """How many samples of each class go to the test part: the largest remainders round up."""
    ideal = fraction * counts
    least = (counts >= 2).astype(np.int64)
    most = np.maximum(counts - 1, 0)
    shares = np.clip(np.floor(ideal).astype(np.int64), least, most)
    lacking = max(0, round(fraction * int(counts.sum())) - int(shares.sum()))
    remainder = np.where((shares < ideal) & (shares < most), ideal - shares, -1)
    largest = np.argsort(-remainder, kind="stable")[:lacking]
    shares[largest[remainder[largest] > 0]] += 1
    return shares
