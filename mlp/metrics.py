"""How good predictions are: of classes, from confusion counts, and of real numbers.

Classes are numbered from 0. `confusion_counts` counts the samples of class i that were said to be
class j, n_ij, and everything else follows from these counts (C, C):
    support_i = sum_j n_ij                        samples that are of class i
    recall_i = n_ii / sum_j n_ij                  of those, the part that was found
    precision_i = n_ii / sum_j n_ji               of those said to be i, the part that is
    F1_i = 2 n_ii / (sum_j n_ij + sum_j n_ji)     harmonic mean of precision and recall
    accuracy = sum_i n_ii / sum_ij n_ij           the part of all samples that is right

The average of a quantity over the classes (its "macro" average, `.mean()`) counts each class as
much as every other, however rare it is. A quotient 0 / 0, as the precision of a class that was
never said, is 0: scikit-learn's zero_division=0. Real numbers d_nj, predicted as y_nj, are judged
column by column, by `rmse`, `mae` and `r_squared`.
"""

import numpy as np


def confusion_counts(target: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (C, C) of class numbers (N,): row what a sample is, column what was said.

    Raises ValueError for arrays of different or other shapes, and for what is no class number.
    """
    target, predicted = np.asarray(target), np.asarray(predicted)
    if target.shape != predicted.shape or target.ndim != 1:
        raise ValueError(
            "confusion_counts: expected target and predicted of one shape (N,), "
            f"got {target.shape} and {predicted.shape}"
        )
    for name, labels in (("target", target), ("predicted", predicted)):
        if len(labels) and (
            labels.dtype.kind not in "iub" or labels.min() < 0 or labels.max() >= classes
        ):
            raise ValueError(
                f"confusion_counts: expected {name} to hold class numbers from 0 to "
                f"{classes - 1}; names, numbers = np.unique(labels, return_inverse=True) makes some"
            )
    cells = target.astype(np.int64) * classes + predicted.astype(np.int64)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def support(counts: np.ndarray) -> np.ndarray:
    """(C,) how many samples are of each class: sum_j n_ij."""
    return counts.sum(axis=1)


def recall(counts: np.ndarray) -> np.ndarray:
    """(C,): n_ii / sum_j n_ij; 0 for a class of which there is no sample."""
    return _quotient(np.diagonal(counts), counts.sum(axis=1))


def precision(counts: np.ndarray) -> np.ndarray:
    """(C,): n_ii / sum_j n_ji; 0 for a class that was never said."""
    return _quotient(np.diagonal(counts), counts.sum(axis=0))


def f1(counts: np.ndarray) -> np.ndarray:
    """(C,): 2 n_ii / (sum_j n_ij + sum_j n_ji); 0 for a class that neither is nor was said."""
    return _quotient(2 * np.diagonal(counts), counts.sum(axis=1) + counts.sum(axis=0))


def accuracy(counts: np.ndarray) -> float:
    """sum_i n_ii / sum_ij n_ij; 0 without samples."""
    return float(_quotient(np.trace(counts), counts.sum()))


def balanced_accuracy(counts: np.ndarray) -> float:
    """The mean of recall_i over the classes i of which there are samples; 0 without samples."""
    there = support(counts) > 0
    return float(recall(counts)[there].mean()) if there.any() else 0.0


def commonest_class(training_labels: np.ndarray, target: np.ndarray) -> tuple[int, float]:
    """The class met most often in training, and the accuracy of always saying it for `target`.

    What a network has to beat. Among equally common ones it is the first. Labels are class
    numbers, one or more of each part.
    """
    commonest = int(np.bincount(training_labels).argmax())
    return commonest, float(np.mean(np.asarray(target) == commonest))


def rmse(target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Root of the mean squared error, sqrt(1/N sum_n (y_nj - d_nj)^2), in the units of d.

    Shapes   target d and predicted y (N, K), N > 0   result (K,)
    Raises   ValueError for other shapes
    """
    return _root_mean_square(_errors("rmse", target, predicted))


def mae(target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Mean absolute error, 1/N sum_n |y_nj - d_nj|, in the units of d; shapes as for `rmse`."""
    return np.abs(_errors("mae", target, predicted)).mean(axis=0)


def r_squared(target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """1 - sum_n (y_nj - d_nj)^2 / sum_n (d_nj - mean_j)^2, mean_j = 1/N sum_n d_nj.

    1 where all is met, 0 for always saying the mean of the target, and below 0 for what is worse.
    Where all d_nj of a column are the same it is 1 if they are met exactly, else 0, as in
    scikit-learn (which gives NaN for a single sample). Shapes as for `rmse`.
    """
    lost = _root_mean_square(_errors("r_squared", target, predicted))
    d = np.asarray(target, np.float64)
    spread = np.where((d == d[0]).all(axis=0), 0.0, _root_mean_square(d - d.mean(axis=0)))
    constant = np.where(lost == 0, 1.0, 0.0)
    with np.errstate(over="ignore"):  # -inf: worse than any number
        return np.where(spread > 0, 1 - (lost / np.where(spread > 0, spread, 1)) ** 2, constant)


def _root_mean_square(errors: np.ndarray) -> np.ndarray:
    """Of each column; divided by the largest first, so that no square leaves the finite numbers."""
    largest = np.abs(errors).max(axis=0)
    unit = np.where((largest > 0) & np.isfinite(largest), largest, 1)
    return unit * np.sqrt(((errors / unit) ** 2).mean(axis=0))


def _quotient(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    """parts / wholes, and 0 where the whole is 0."""
    return np.where(wholes > 0, parts / np.where(wholes > 0, wholes, 1), 0.0)


def _errors(who: str, target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """y - d in float64."""
    d, y = np.asarray(target, np.float64), np.asarray(predicted, np.float64)
    if d.shape != y.shape or d.ndim != 2 or len(d) == 0:
        raise ValueError(
            f"{who}: expected target and predicted of one shape (N, K) with N > 0, "
            f"got {d.shape} and {y.shape}; one column is x[:, None]"
        )
    return y - d
