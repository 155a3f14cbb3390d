"""What classifier and regressor have in common: parameters, and a fit by `mlp.training.fit`."""

import math
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import Tags, check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from mlp.arguments import checked_rate, checked_whole
from mlp.estimators.course import Course
from mlp.layers import Affine, Elementwise, Layer, ReLU, Sigmoid
from mlp.losses import Loss, checked_weights
from mlp.optim import SGD
from mlp.sequential import Sequential
from mlp.training import fit

__all__ = ["MLP"]

AUTO_BATCH = 200


def tanh_slope(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """d tanh z / dz = 1 - tanh(z)^2."""
    return 1 - y**2


ACTIVATIONS: dict[str, Callable[[], list[Layer]]] = {
    "relu": lambda: [ReLU()],
    "logistic": lambda: [Sigmoid()],
    "tanh": lambda: [Elementwise(np.tanh, tanh_slope)],
    "identity": list,
}
SCHEDULES = ("constant", "invscaling", "adaptive")


class MLP(BaseEstimator):
    """Base of `MLPClassifier` and `MLPRegressor`: as scikit-learn's with solver="sgd".

    The parameters have scikit-learn's names, defaults and meaning. First weights are drawn as there
    from `random_state`, so where the order of the samples plays no part (one batch, or
    shuffle=False) the loss curve is the same as scikit-learn's, to rounding.

    hidden_layer_sizes    units of each hidden layer; () for a linear model
    activation            of hidden layers: "relu", "logistic", "tanh" or "identity"
    solver                "sgd", the only one there is
    alpha                 penalty alpha/2 sum W^2, divided by the number of samples of the batch
    batch_size            samples per step; "auto": 200, or all if there are fewer
    learning_rate         "constant"; "invscaling": learning_rate_init / (samples seen)^power_t;
                          "adaptive": divided by 5 instead of ending, down to 1e-6
    max_iter              epochs at most; a ConvergenceWarning says that they ran out
    shuffle               draw the order of the samples anew for each epoch
    n_iter_no_change      end when the loss did not fall, or the score of the samples held out did
                          not rise, by `tol` for that many epochs
    tol                   how much that has to be
    verbose               print the loss of each epoch
    warm_start            fit goes on with the network of the fit before
    momentum, nesterovs_momentum   from 0 up to but without 1 (scikit-learn allows 1)
    early_stopping        hold out `validation_fraction` of the samples, and keep the weights of the
                          epoch with their best score

    Not there are solver="adam" and "lbfgs", with beta_1, beta_2, epsilon and max_fun, and the
    regressor's `loss`. Sparse X is made dense.

    After fit there are `network_`, the `Sequential` itself (of a classifier without the Softmax or
    Sigmoid at its end), and scikit-learn's attributes: coefs_, intercepts_, n_features_in_,
    feature_names_in_, n_iter_, n_layers_, n_outputs_, out_activation_, t_, loss_, loss_curve_,
    best_loss_, validation_scores_, best_validation_score_.

    Raises ValueError or TypeError for arguments that do not fit, before any training, and
    NonFiniteError when training diverges; the network then has the weights of the last good epoch.
    """

    network_: Sequential
    n_outputs_: int
    out_activation_: str
    loss_: float
    loss_curve_: list[float]
    best_loss_: Any
    """The lowest loss; None with early stopping, and the two below without."""
    validation_scores_: Any
    best_validation_score_: Any

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
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
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on X (N, D) and y, whose samples may have weights (N,)."""
        new = not (self.warm_start and hasattr(self, "network_"))
        return self._train(X, y, sample_weight, new=new)

    @property
    def coefs_(self) -> list[Any]:
        """The weights of each layer, (inputs, outputs)."""
        return [layer.W for layer in self.network_ if isinstance(layer, Affine)]

    @property
    def intercepts_(self) -> list[Any]:
        """The biases of each layer."""
        return [layer.b for layer in self.network_ if isinstance(layer, Affine)]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # What a classifier and a regressor do differently

    def _checked(
        self, X: Any, y: Any, new: bool, classes: Any
    ) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        """X and y as the engine takes them, and the attributes that y decides for a new network."""
        raise NotImplementedError

    def _loss(self) -> Loss:
        raise NotImplementedError

    def _score_of(self, X: np.ndarray, target: np.ndarray, weights: Any = None) -> float:
        """What early stopping watches, for arrays that `_checked` has seen."""
        raise NotImplementedError

    def _weights(self, target: np.ndarray, sample_weight: Any, partial: bool) -> np.ndarray | None:
        """What each sample counts."""
        if sample_weight is None:
            return None
        return checked_weights(sample_weight, len(target), type(self).__name__)

    # What they share

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        new: bool,
        partial: bool = False,
        classes: Any = None,
    ) -> Self:
        before = dict(vars(self))
        try:
            course = self._checked_and_trained(X, y, sample_weight, new, partial, classes)
        except (ValueError, TypeError):  # before the first step
            self.__dict__ = before
            raise
        if not partial and not course.ended:
            warnings.warn(
                f"{type(self).__name__}: {self.max_iter} epochs (max_iter) were not enough for "
                "the training to converge",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    def _checked_and_trained(
        self, X: Any, y: Any, sample_weight: Any, new: bool, partial: bool, classes: Any
    ) -> Course:
        sizes = self._checked_parameters(partial)
        optimizer = SGD(
            self.learning_rate_init,
            momentum=self.momentum,
            nesterov=bool(self.nesterovs_momentum and self.momentum),
        )
        X, target, told = self._checked(X, y, new, classes)
        if not new and self._built != (sizes, self.activation):
            raise ValueError(
                f"{type(self).__name__}: expected the hidden layers of the fit before, "
                f"{self._built}, to go on with, got {(sizes, self.activation)}"
            )
        for name, value in told.items():
            setattr(self, name, value)
        weights = self._weights(target, sample_weight, partial)
        random_state = check_random_state(self.random_state)
        if new:
            self._begin(X, sizes, random_state)
        samples, held_out = self._split(X, target, weights, random_state)
        if new:
            self._rng = np.random.default_rng(random_state.randint(np.iinfo(np.int32).max))
        if not partial or new:
            self._rate = self.learning_rate_init
            self._velocity: dict[str, np.ndarray] = {}
        optimizer.learning_rate = self._rate
        state = optimizer.state(self.network_)
        state.velocity = self._velocity
        self.n_iter_ = 0
        course = self._course(samples, held_out)
        fit(
            self.network_,
            self._loss(),
            optimizer,
            *samples[:2],
            epochs=1 if partial else self.max_iter,
            batch_size=None if course.steps == 1 else course.batch_size,
            rng=self._rng,
            sample_weight=samples[2] if samples[2:] else None,
            shuffle=self.shuffle,
            callbacks=[course],
        )
        self._velocity = state.velocity
        if course.best is not None:
            self.network_.load_vector(course.best)
        return course

    def _begin(self, X: np.ndarray, sizes: tuple[int, ...], random_state: Any) -> None:
        """A new network, with first weights by scikit-learn's rule and numbers."""
        units = [X.shape[1], *sizes, self.n_outputs_]
        layers: list[Layer] = []
        for inputs, outputs in pairwise(units):
            bound = math.sqrt((2 if self.activation == "logistic" else 6) / (inputs + outputs))
            affine = Affine(inputs, outputs, init="zeros", dtype=X.dtype)
            affine.W = random_state.uniform(-bound, bound, (inputs, outputs))
            affine.b = random_state.uniform(-bound, bound, outputs)
            layers += [affine, *ACTIVATIONS[self.activation]()]
        self.network_ = Sequential(*layers[: len(layers) - len(ACTIVATIONS[self.activation]())])
        self._built = sizes, self.activation
        self.n_layers_ = len(units)
        self.t_, self.loss_curve_, self._without_progress = 0, [], 0
        self.best_loss_ = self.validation_scores_ = self.best_validation_score_ = None

    def _split(
        self, X: np.ndarray, target: np.ndarray, weights: np.ndarray | None, random_state: Any
    ) -> tuple[list[np.ndarray], list[np.ndarray] | None]:
        """The samples to train on, and those held out for early stopping."""
        arrays = [X, target] if weights is None else [X, target, weights]
        if not self.early_stopping:
            return arrays, None
        parts = train_test_split(
            *arrays,
            random_state=random_state,
            test_size=self.validation_fraction,
            stratify=target if self.n_outputs_ == 1 and target.ndim == 1 else None,
        )
        held_out = parts[1::2]
        if len(held_out[0]) < 2:
            raise ValueError(
                f"{type(self).__name__}: the validation set is too small; increase "
                f"validation_fraction, or the number of samples, {len(X)}"
            )
        return parts[0::2], held_out

    def _course(self, samples: list[np.ndarray], held_out: list[np.ndarray] | None) -> Course:
        if held_out is None and self.best_loss_ is None:
            self.best_loss_, self.validation_scores_ = math.inf, None
            self.best_validation_score_ = None
        elif held_out is not None and self.validation_scores_ is None:
            self.best_loss_, self.validation_scores_ = None, []
            self.best_validation_score_ = -math.inf
        rows = len(samples[0])
        total = float(rows)
        if samples[2:]:
            weights = checked_weights(samples[2], rows, type(self).__name__)
            rows, total = int((weights > 0).sum()), float(weights.sum())
        batch_size = AUTO_BATCH if self.batch_size == "auto" else int(self.batch_size)
        return Course(self, rows, min(batch_size, rows), total, held_out)

    def _checked_arrays(
        self, X: Any, y: Any, new: bool, **options: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        X, y = validate_data(
            self,
            X,
            y,
            reset=new,
            accept_sparse=("csr", "csc"),
            multi_output=True,
            dtype=(np.float64, np.float32),
            **options,
        )
        y = y.toarray() if issparse(y) else y
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return _dense(X), y

    def _outputs(self, X: Any) -> np.ndarray:
        """What the network says, (N, n_outputs_)."""
        check_is_fitted(self, "network_")
        X = validate_data(
            self, X, reset=False, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32)
        )
        return self.network_.predict(_dense(X))

    def _checked_parameters(self, partial: bool) -> tuple[int, ...]:
        """The sizes of the hidden layers; ValueError for parameters that SGD does not check."""
        who = type(self).__name__
        if self.solver != "sgd":
            raise ValueError(
                f'{who}: expected solver="sgd", the only one there is, got {self.solver!r}'
            )
        for name, allowed in (("activation", [*ACTIVATIONS]), ("learning_rate", SCHEDULES)):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{who}: expected {name} to be one of {', '.join(allowed)}, "
                    f"got {getattr(self, name)!r}"
                )
        for name in ("alpha", "learning_rate_init", "power_t", "tol"):
            checked_rate(getattr(self, name), name, who)
        if self.learning_rate_init == 0:
            raise ValueError(f"{who}: expected a learning_rate_init above 0, got 0")
        if self.batch_size != "auto":
            checked_whole(self.batch_size, "batch_size", who)
        checked_whole(self.max_iter, "max_iter", who)
        if self.n_iter_no_change != math.inf:
            checked_whole(self.n_iter_no_change, "n_iter_no_change", who)
        if self.early_stopping and not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"{who}: expected a validation_fraction between 0 and 1, "
                f"got {self.validation_fraction!r}"
            )
        if partial and self.early_stopping:
            raise ValueError(f"{who}: partial_fit does not support early_stopping=True")
        sizes = self.hidden_layer_sizes
        given = sizes if np.iterable(sizes) else [sizes]
        return tuple(checked_whole(size, "hidden_layer_sizes", who) for size in given)


def _dense(X: Any) -> np.ndarray:
    return X.toarray() if issparse(X) else X
