"""Cross-entropies of probabilities, which no loss of ours takes, as references."""

import numpy as np

from mlp.checking.students.references import SHARES, Reference
from mlp.checking.students.trials import Arrays


class OfProbabilities(Reference):
    """-sum t log p; binary: -sum t log p + (1 - t) log(1 - p). Targets are rows or labels."""

    tolerance = 1e-8

    def __init__(self, binary: bool, share: str) -> None:
        self.binary, self.share = binary, share
        self.kind = "CrossEntropyOfProbabilities"
        name = "the binary cross-entropy" if binary else "the cross-entropy"
        self.label = f"{name} of probabilities, {share}"

    @property
    def divides(self) -> bool:
        """Whether the loss is an average."""
        return self.share != "summed over the batch"

    def forward(self, arrays: Arrays) -> np.ndarray:
        p, t = arrays["x"], _rows(arrays)
        with np.errstate(all="ignore"):  # where p is no probability, the NaN says it
            terms = t * np.log(p)
            if self.binary:
                terms += (1 - t) * np.log(1 - p)
        if self.share in (EACH, MEAN):
            parts = -terms.sum(axis=1) * self._part(p)
            return parts[0] if len(parts) == 1 else parts
        if self.share == ENTRY:
            return -terms
        return np.asarray(-terms.sum() * SHARES[self.share](*p.shape))

    def gradients(self, arrays: Arrays, upstream: np.ndarray) -> Arrays:
        p, t = arrays["x"], _rows(arrays)
        slopes = -t / p
        if self.binary:
            slopes += (1 - t) / (1 - p)
        return {"x": slopes * self._part(p)}

    def also_right(self, name: str, arrays: Arrays, upstream: np.ndarray) -> list[np.ndarray]:
        """Those of the mean over the samples, for numbers of each; and both before a softmax."""
        found = [self.gradients(arrays, upstream)["x"], self.before(arrays)]
        means = len(arrays["x"]) if self.share in (EACH, MEAN, ENTRY) else 1
        return [*found, *(g / means for g in found)]

    def before(self, arrays: Arrays) -> np.ndarray:
        """The gradient with respect to the input of the softmax or sigmoid that gave them."""
        p = arrays["x"]
        return (p - _rows(arrays)) * self._part(p)

    def _part(self, p: np.ndarray) -> float:
        if self.share == MEAN:
            return 1 / p.shape[1]
        return 1.0 if self.share in (EACH, ENTRY) else SHARES[self.share](*p.shape)


EACH = "of each sample"
MEAN = "of each sample, averaged over its entries"
ENTRY = "of each entry"
BEFORE = (
    "backward gives the gradient with respect to the input of the softmax or sigmoid whose output "
    "the loss takes (p - t): the layer before must not multiply by its derivative again"
)


def _rows(arrays: Arrays) -> np.ndarray:
    p, target = arrays["x"], arrays["target"]
    return target if target.shape == p.shape else np.eye(p.shape[1])[target]


def of_probabilities() -> list[Reference]:
    """All accepted ways to add them up."""
    return [
        OfProbabilities(binary, s) for binary in (False, True) for s in (*SHARES, EACH, MEAN, ENTRY)
    ]
