"""Weights of samples with which rare classes count as much as common ones."""

import numpy as np


def balanced_weights(labels: np.ndarray) -> np.ndarray:
    """(N,) the weight N / (C n_c) of each sample, of whose class c there are n_c among N of C.

    Each class then weighs N / C in total, and all samples together weigh N. It is scikit-learn's
    `class_weight="balanced"`; classes that do not occur are not among the C. For `fit`, which takes
    it as `sample_weight`. Raises ValueError for labels that are not (N,) with N > 0.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(
            f"balanced_weights: expected labels of shape (N,) with N > 0, got {labels.shape}"
        )
    _, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return (len(labels) / (len(counts) * counts))[numbers]
