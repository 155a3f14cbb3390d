"""Regression, with one target or several."""

from typing import Any, Self

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.metrics import r2_score

from mlp.estimators.base import MLP
from mlp.losses import SquaredError


class MLPRegressor(MultiOutputMixin, RegressorMixin, MLP):
    """A network for real-valued targets y, (N,) or (N, C), trained on half the squared error.

    Parameters, attributes and what is not supported: see `mlp.estimators.base.MLP`. The loss is
    summed over the C columns, so its gradient is y - d; scikit-learn has that gradient too, but
    shows the loss as a mean over the columns.
    """

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch on these samples, going on from where the network is."""
        new = not hasattr(self, "network_")
        return self._train(X, y, sample_weight, new=new, partial=True)

    def predict(self, X: Any) -> np.ndarray:
        """Predicted targets, (N,) if there is one of them, else (N, C)."""
        y = self._outputs(X)
        return y[:, 0] if self.n_outputs_ == 1 else y

    def _checked(
        self, X: Any, y: Any, new: bool, classes: Any
    ) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        X, y = self._checked_arrays(X, y, new, y_numeric=True)
        if y.dtype.kind not in "biuf":
            raise ValueError(f"MLPRegressor: expected y of real numbers, got dtype {y.dtype}")
        target = y.reshape(len(y), -1)
        if not new and target.shape[1] != self.n_outputs_:
            raise ValueError(
                f"MLPRegressor: expected {self.n_outputs_} columns of targets, as in the fit "
                f"before, got {target.shape[1]}"
            )
        return X, target, {"n_outputs_": target.shape[1], "out_activation_": "identity"}

    def _loss(self) -> SquaredError:
        return SquaredError(factor=0.5)

    def _score_of(self, X: np.ndarray, target: np.ndarray, weights: Any = None) -> float:
        return float(r2_score(target, self.network_.predict(X), sample_weight=weights))
