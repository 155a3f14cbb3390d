"""Classification: two classes, many, or several labels at once."""

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import Tags
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from mlp.estimators.base import MLP
from mlp.losses import SigmoidCrossEntropy, SoftmaxCrossEntropy


class MLPClassifier(ClassifierMixin, MLP):
    """A network for classes, trained on the cross-entropy.

    y (N,) holds numbers or texts: with two classes the network ends in one output and a Sigmoid,
    with more in one output for each and Softmax. y (N, C) of 0 and 1 says for each of C labels
    whether the sample has it: C outputs, each with a Sigmoid.

    Parameters, attributes and what is not supported: see `mlp.estimators.base.MLP`; beside those
    `classes_`, and

    class_weight    None, {class: weight}, or "balanced": all classes count the same in total. Each
                    sample counts that much, times its `sample_weight`. scikit-learn's MLPClassifier
                    has no such parameter; other classifiers there do
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "sgd",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
        class_weight: Any = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
        )
        self.class_weight = class_weight

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One epoch on these samples, going on from where the network is.

        `classes` are all that will ever come; the first call needs them.
        """
        new = not hasattr(self, "network_")
        if new and classes is None:
            raise ValueError("MLPClassifier: the first call of partial_fit needs classes=")
        return self._train(X, y, sample_weight, new=new, partial=True, classes=classes)

    def predict(self, X: Any) -> np.ndarray:
        """The class of each sample, (N,), or which labels it has, (N, C)."""
        said = self._said(self._outputs(X))
        return said if said.ndim == 2 else self.classes_[said]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (N, classes), in the order of `classes_`."""
        z = self._outputs(X)
        p = self._loss().probabilities(z)
        if len(self.classes_) == 1:
            return np.ones_like(p)
        return np.hstack([1 - p, p]) if self.n_outputs_ == 1 else p

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of predict_proba."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _checked(
        self, X: Any, y: Any, new: bool, classes: Any
    ) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        X, y = self._checked_arrays(X, y, new)
        try:
            check_classification_targets(y)
        except TypeError as error:
            raise ValueError(
                f"MLPClassifier: expected y to be all numbers, or all texts: {error}"
            ) from error
        if y.ndim == 2 and type_of_target(y) != "multilabel-indicator":
            raise ValueError(
                "MLPClassifier: expected y of shape (N,), or (N, C) of 0 and 1 for C labels, got "
                f"{y.shape} with other values"
            )
        if not new and (y.ndim == 2) != self._has_labels():
            raise ValueError(
                "MLPClassifier: expected y as in the fit before, either classes (N,) or labels "
                f"(N, C), got shape {y.shape}"
            )
        if y.ndim == 2:
            told = {"classes_": np.arange(y.shape[1]), "n_outputs_": y.shape[1]}
            return X, y, told | {"out_activation_": "logistic"} if new else {}
        known = self._known_classes(y, new, classes)
        number_of = {value: number for number, value in enumerate(known.tolist())}
        if others := {*y.tolist()} - number_of.keys():
            raise ValueError(
                f"MLPClassifier: expected y of the classes {known}, got {others.pop()!r}"
            )
        target = np.array([number_of[value] for value in y.tolist()])
        many = len(known) > 2
        return (
            X,
            target,
            {
                "classes_": known,
                "n_outputs_": len(known) if many else 1,
                "out_activation_": "softmax" if many else "logistic",
            },
        )

    def _known_classes(self, y: np.ndarray, new: bool, classes: Any) -> np.ndarray:
        if new:
            return np.unique(y if classes is None else np.asarray(classes))
        if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"MLPClassifier: expected the classes of the first call, {self.classes_}, "
                f"got {classes!r}"
            )
        return self.classes_

    def _has_labels(self) -> bool:
        """Whether several labels may be true at once."""
        return self.out_activation_ == "logistic" and self.n_outputs_ > 1

    def _said(self, z: np.ndarray) -> np.ndarray:
        """Which labels these outputs say, (N, C), or the numbers of the classes, (N,)."""
        if self._has_labels():
            return (z > 0).astype(int)
        return np.minimum(self._loss().labels(z), len(self.classes_) - 1)

    def _score_of(self, X: np.ndarray, target: np.ndarray, weights: Any = None) -> float:
        said = self._said(self.network_.predict(X))
        return float(accuracy_score(target, said, sample_weight=weights))

    def _weights(self, target: np.ndarray, sample_weight: Any, partial: bool) -> np.ndarray | None:
        given = super()._weights(target, sample_weight, partial)
        if self.class_weight is None:
            return given
        if target.ndim == 2:
            raise ValueError("MLPClassifier: class_weight needs y (N,), one class for each sample")
        given = np.ones(len(target)) if given is None else given
        if isinstance(self.class_weight, dict):
            y = self.classes_[target]
            weights = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        elif self.class_weight != "balanced":
            raise ValueError(
                'MLPClassifier: expected class_weight to be None, "balanced" or {class: weight}, '
                f"got {self.class_weight!r}"
            )
        elif partial:
            raise ValueError(
                "MLPClassifier: partial_fit cannot know how many samples of each class there are; "
                "give class_weight as {class: weight}"
            )
        else:
            sizes = np.bincount(target, given, len(self.classes_))
            shares = sizes * np.count_nonzero(sizes) / sizes.sum()
            weights = np.divide(1, shares, out=np.zeros_like(shares), where=sizes > 0)
        return weights[target] * given

    def _loss(self) -> SoftmaxCrossEntropy | SigmoidCrossEntropy:
        many = self.out_activation_ == "softmax"
        return SoftmaxCrossEntropy() if many else SigmoidCrossEntropy()
