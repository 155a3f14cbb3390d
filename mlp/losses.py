"""Losses (deck 004: divergences): how far the outputs y are from the targets d.

Each has a divergence of one row, div(y_n, d_n), and its gradient in y, next to each other.
The loss of a batch is the mean over its N rows (or, with reduction="sum", their sum), so
    L = 1/N sum_n div(y_n, d_n)      dL/dy_nj = 1/N ddiv(y_n, d_n)/dy_nj

The 1/N is here and nowhere else.

Weights w (N,), none negative, make some rows count more: a row of weight 2 counts as if it stood
there twice, one of weight 0 as if it were absent. There are then sum_n w_n rows, so
    L = sum_n w_n div(y_n, d_n) / sum_n w_n
    dL/dy_nj = w_n / (sum_k w_k) ddiv(y_n, d_n)/dy_nj

which is the formula above where all w_n = 1. With reduction="sum" nothing is divided by.

Targets are rows d (N, C), or integer labels (N,), which mean one-hot rows: d_nj = 1 if j is the
label of n, else 0. With one column (C = 1) labels are the targets 0 and 1 themselves.
"""

import numpy as np

from mlp.arguments import checked_rate
from mlp.layers.arrays import as_numbers
from mlp.layers.sigmoid import Sigmoid
from mlp.layers.softmax import Softmax
from mlp.rows import row_blocks


class Loss:
    """Base of all losses: targets, reduction and the order of calls.

    Shapes   y (N, C) with N > 0   target (N, C) or labels (N,)   weights (N,)   dL/dy (N, C)
    Raises   ValueError for other shapes, labels out of range, an empty batch, and weights that are
             negative, not finite or all 0; TypeError for what is no array of numbers;
             RuntimeError if backward comes before forward
    """

    threshold = 0.5
    """With one column, y above it means class 1."""

    def __init__(self, *, reduction: str = "mean") -> None:
        if reduction not in ("mean", "sum"):
            raise ValueError(
                f'{type(self).__name__}: expected reduction "mean" or "sum", got {reduction!r}'
            )
        self.reduction = reduction
        self._cache: tuple[np.ndarray, np.ndarray] | None = None
        self._shares: np.ndarray | None = None

    def forward(
        self, y: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None
    ) -> float | complex:
        """The loss as a Python float (complex for complex y); keeps y, target rows and weights."""
        self._cache = None
        y = self._outputs(y)
        d = self._target_rows(target, y)
        self._shares = None if weights is None else self._shares_of(weights, len(y))
        value = self._weighted(self.divergence(y, d)).sum() / self._share(y)
        self._cache = y, d
        return value.item()

    def backward(self) -> np.ndarray:
        """dL/dy, of the shape and dtype of y."""
        if self._cache is None:
            raise RuntimeError(f"{self!r}: call forward(y, target) before backward()")
        y, d = self._cache
        return self._weighted(self.gradient(y, d)) / self._share(y)

    def divergence(self, y: np.ndarray, d: np.ndarray) -> np.ndarray:
        """div(y_n, d_n) of each row, (N,)."""
        raise NotImplementedError

    def gradient(self, y: np.ndarray, d: np.ndarray) -> np.ndarray:
        """d div(y_n, d_n) / dy_nj, (N, C)."""
        raise NotImplementedError

    def labels(self, y: np.ndarray) -> np.ndarray:
        """The class that each row of y says, (N,) integers."""
        return _classes(self._outputs(y).real, self.threshold)

    def accuracy(
        self, y: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None
    ) -> float | None:
        """Fraction of rows whose class is the target's; None where targets are no classes.

        With weights, the share that those rows have in the sum of all weights.
        """
        y = self._outputs(y)
        d = self._target_rows(target, y)
        one_of_many = d.shape[1] == 1 or (d.sum(axis=1) == 1).all()
        if not (one_of_many and ((d == 0) | (d == 1)).all()):
            return None
        hits = self.labels(y) == _classes(d, 0.5)
        if weights is None:
            return float(np.mean(hits))
        return float(np.average(hits, weights=checked_weights(weights, len(y), repr(self))))

    def check_target(self, target: np.ndarray, output_shape: tuple[int, ...]) -> None:
        """Raise as `forward` would for targets of outputs with rows of that shape.

        The targets are looked at in blocks, so however many there are, it takes little memory.
        """
        target, shape = np.asarray(target), (len(target), *output_shape)
        self._check_shapes(target, shape)
        for rows in row_blocks(target):
            y = np.zeros((rows.stop - rows.start, *output_shape))
            self._target_rows(target[rows], y, first=rows.start)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._options())})"

    def _options(self) -> list[str]:
        """What repr shows: the arguments that are not the default."""
        return [] if self.reduction == "mean" else [f"reduction={self.reduction!r}"]

    def _outputs(self, y: np.ndarray) -> np.ndarray:
        if getattr(y, "dtype", None) == np.float16:  # its gradients round to 0
            raise TypeError(
                f"{self!r}: expected outputs of float32 or float64, got float16; "
                "use y.astype(np.float32)"
            )
        y = as_numbers(y, repr(self))
        self._check_output_shape(y.shape)
        return y

    def _check_output_shape(self, shape: tuple[int, ...]) -> None:
        if len(shape) != 2 or 0 in shape:
            remedy = "; for one column use y[:, None]" if len(shape) == 1 else ""
            raise ValueError(
                f"{self!r}: expected outputs of shape (N, C), N > 0, C > 0, got {shape}{remedy}"
            )

    def _check_shapes(self, target: np.ndarray, shape: tuple[int, ...]) -> None:
        """Raise for outputs of another shape than (N, C), and for targets that do not fit them."""
        self._check_output_shape(shape)
        if target.dtype.kind in "UST":
            raise TypeError(
                f"{self!r}: expected an array of numbers as target, got strings; "
                "classes, labels = np.unique(target, return_inverse=True) numbers them"
            )
        if target.shape not in (shape, shape[:1]):
            remedy = "; for labels use target[:, 0]" if target.shape == (shape[0], 1) else ""
            raise ValueError(
                f"{self!r}: expected targets of shape {shape}, or labels of shape "
                f"{shape[:1]}, got {target.shape}{remedy}"
            )

    def _target_rows(self, target: np.ndarray, y: np.ndarray, first: int = 0) -> np.ndarray:
        """`first` is the number of the first row, for errors: they may be a block of many."""
        target = np.asarray(target)
        self._check_shapes(target, y.shape)
        if target.shape == y.shape:
            if target.dtype.kind == "c":
                raise TypeError(f"{self!r}: expected real numbers as target, got {target.dtype}")
            rows = as_numbers(target, f"{self!r} target", y.real.dtype)
        else:
            rows = self._one_hot(target, y.shape[1], first).astype(y.real.dtype)
        self._check(y, rows, first)
        return rows

    def _one_hot(self, labels: np.ndarray, columns: int, first: int) -> np.ndarray:
        last = max(columns - 1, 1)
        whole = as_numbers(labels, f"{self!r} labels")
        if whole.dtype.kind == "c":
            raise TypeError(f"{self!r}: expected whole numbers as labels, got {labels.dtype}")
        wrong = ~((whole == np.floor(whole)) & (whole >= 0) & (whole <= last))
        if wrong.any():
            row = int(wrong.argmax())
            remedy = "; labels count from 0" if float(whole[row]).is_integer() else ""
            if columns == 1 and isinstance(self, SquaredError):
                remedy = "; for real-valued targets use target[:, None]"
            raise ValueError(
                f"{self!r}: expected labels from 0 to {last}, got {labels[row]} at row "
                f"{first + row}{remedy}"
            )
        return whole[:, None] if columns == 1 else np.eye(columns)[whole.astype(np.intp)]

    def _check(self, y: np.ndarray, d: np.ndarray, first: int) -> None:
        """Raise ValueError where this loss has no meaning."""

    def _shares_of(self, weights: np.ndarray, rows: int) -> np.ndarray:
        w = checked_weights(weights, rows, repr(self))
        return w / w.sum() if self.reduction == "mean" else w

    def _weighted(self, rows: np.ndarray) -> np.ndarray:
        """Each row times its share; 0 where that is 0, also of infinity."""
        if self._shares is None:
            return rows
        share = self._shares.astype(rows.real.dtype)
        share = share if rows.ndim == 1 else share[:, None]
        return np.multiply(share, rows, out=np.zeros_like(rows), where=share != 0)

    def _share(self, y: np.ndarray) -> int:
        return len(y) if self.reduction == "mean" and self._shares is None else 1


class SquaredError(Loss):
    """div(y, d) = factor sum_j (y_j - d_j)^2.

    Shapes   y and dL/dy (N, C)   target (N, C) or labels (N,)
    Gradient ddiv/dy_j = 2 factor (y_j - d_j)
    Raises   ValueError for a factor that is negative or not finite
    Source   deck 001, squared norm; deck 002, least squares (f for y, y for d; a sum over the
             batch, so reduction="sum")
    """

    def __init__(self, *, factor: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.factor = checked_rate(factor, "factor", "SquaredError")

    def divergence(self, y: np.ndarray, d: np.ndarray) -> np.ndarray:
        return self.factor * ((y - d) ** 2).sum(axis=1)

    def gradient(self, y: np.ndarray, d: np.ndarray) -> np.ndarray:
        return 2 * self.factor * (y - d)

    def _options(self) -> list[str]:
        factor = [] if self.factor == 1 else [f"factor={self.factor:g}"]
        return factor + super()._options()


class KLDivergence(Loss):
    """div(y, d) = sum_j d_j log(d_j / y_j) for probabilities y, with 0 log 0 = 0.

    Shapes   y and dL/dy (N, C)   target rows (N, C) of sum 1, or labels (N,); with one column
             y and d are the probabilities of class 1, and
             div(y, d) = d log(d / y) + (1 - d) log((1 - d) / (1 - y))
    Gradient ddiv/dy_j = -d_j / y_j, the plain partial derivative (the y_j are varied one by one,
             off the plane where they sum to 1); with one column -d / y + (1 - d) / (1 - y)
    Raises   ValueError for y that are no probabilities, and for d that are none of sum 1 (within
             1e-6). Of several columns, y may reach 1.5: finite differences step past 1
    Source   deck 004, digits: KL divergence behind a sigmoid or softmax output

    Exact while no needed probability is rounded to 0; after that the loss is infinite. Training
    evaluates Softmax or Sigmoid with KLDivergence together from z and never gets there.
    """

    def divergence(self, y: np.ndarray, d: np.ndarray) -> np.ndarray:
        div = d * (log_where(d > 0, d) - log_where(d > 0, y))
        if y.shape[1] == 1:
            div = div + (1 - d) * (log1m_where(d < 1, d) - log1m_where(d < 1, y))
        return div.sum(axis=1)

    def gradient(self, y: np.ndarray, d: np.ndarray) -> np.ndarray:
        slope = -_divide_where(d > 0, d, y)
        if y.shape[1] == 1:
            slope += _divide_where(d < 1, 1 - d, 1 - y)
        return slope

    def probabilities(self, y: np.ndarray) -> np.ndarray:
        """The probabilities of the classes: y itself."""
        return self._outputs(y)

    def _check(self, y: np.ndarray, d: np.ndarray, first: int) -> None:
        check_distribution(d, repr(self), first)
        if (y.real < 0).any() or (y.real > (1 if y.shape[1] == 1 else 1.5)).any():
            raise ValueError(
                f"{self!r}: expected probabilities, got y from {y.real.min():.4g} to "
                f"{y.real.max():.4g}; end the network in Softmax() or Sigmoid()"
            )


class SoftmaxCrossEntropy(Loss):
    """div(z, d) = -sum_j d_j log p_j with p = softmax(z): cross-entropy of logits z.

    Shapes   z and dL/dz (N, C), C > 1   target rows (N, C), also soft ones, or labels (N,)
    Value    log p_j = z_j - log sum_k exp(z_k) = s_j - log sum_k exp(s_k), s_j = z_j - max z,
             so nothing overflows and log p_j is finite where p_j rounds to 0
    Gradient d log p_j / dz_i = delta_ij - p_i, so
             ddiv/dz_i = -sum_j d_j (delta_ij - p_i) = p_i sum_j d_j - d_i
             which is p - d for rows of sum 1
    Raises   ValueError for negative targets
    Source   deck 004, digits with ten outputs: softmax with KL divergence, y - d
    """

    def divergence(self, z: np.ndarray, d: np.ndarray) -> np.ndarray:
        # inf - inf: the NaN says it; an infinite difference of logits is an infinite loss
        with np.errstate(invalid="ignore", over="ignore"):
            s = z - z.real.max(axis=1, keepdims=True)
            minus_log_p = np.log(np.exp(s).sum(axis=1, keepdims=True)) - s
        return np.multiply(d, minus_log_p, out=np.zeros_like(z), where=d != 0).sum(axis=1)

    def gradient(self, z: np.ndarray, d: np.ndarray) -> np.ndarray:
        return self.probabilities(z) * d.sum(axis=1, keepdims=True) - d

    def probabilities(self, z: np.ndarray) -> np.ndarray:
        """The probabilities of the classes, softmax(z)."""
        return Softmax().forward(self._outputs(z))

    def _check(self, z: np.ndarray, d: np.ndarray, first: int) -> None:
        if z.shape[1] == 1:
            raise ValueError(
                f"{self!r}: expected at least two columns, got one; use SigmoidCrossEntropy()"
            )
        if (d < 0).any():
            raise ValueError(f"{self!r}: expected target rows of probabilities, got {d.min():.6g}")


class SigmoidCrossEntropy(Loss):
    """div(z, d) = -sum_j (d_j log p_j + (1 - d_j) log(1 - p_j)) with p = sigmoid(z).

    Shapes   z and dL/dz (N, C)   target rows (N, C) or labels (N,), with one column 0 or 1
    Value    log p = z - log(1 + exp z) and log(1 - p) = -log(1 + exp z), so each term is
             log(1 + exp z) - d z = max(z, 0) + log(1 + exp(-|z|)) - d z, without overflow
    Gradient ddiv/dz_j = p_j - d_j, as d log(1 + exp z) / dz = p
    Raises   ValueError for targets below 0 or above 1
    Source   deck 004, "2 or not 2": sigmoid with the binary KL divergence
    """

    threshold = 0.0

    def divergence(self, z: np.ndarray, d: np.ndarray) -> np.ndarray:
        positive = z.real > 0
        e = np.exp(np.where(positive, -z, z))  # exp(-|z|), see Sigmoid
        return (np.where(positive, z, 0) - d * z + np.log1p(e)).sum(axis=1)

    def gradient(self, z: np.ndarray, d: np.ndarray) -> np.ndarray:
        return self.probabilities(z) - d

    def probabilities(self, z: np.ndarray) -> np.ndarray:
        """The probabilities of class 1, or of each column, sigmoid(z)."""
        return Sigmoid().forward(self._outputs(z))

    def _check(self, z: np.ndarray, d: np.ndarray, first: int) -> None:
        if (wrong := (d < 0) | (d > 1)).any():
            raise ValueError(
                f"{self!r}: expected targets from 0 to 1, got {d[wrong][0]:.6g}; "
                "for classes -1 and 1 use (target + 1) / 2"
            )


def checked_weights(weights: np.ndarray, rows: int, who: str) -> np.ndarray:
    """Weights of that many rows as float64; they sum to a finite number above 0."""
    given = as_numbers(weights, f"{who} weights")
    if given.dtype.kind == "c":
        raise TypeError(f"{who}: expected real numbers as weights, got {given.dtype}")
    if given.shape != (rows,):
        raise ValueError(f"{who}: expected weights of shape ({rows},), got {given.shape}")
    w = given.astype(np.float64, copy=False)
    if rows and not (w.min() >= 0 and w.max() < np.inf):
        row = int((~((w >= 0) & (w < np.inf))).argmax())
        raise ValueError(f"{who}: expected finite weights from 0 up, got {w[row]:.6g} at row {row}")
    with np.errstate(over="ignore"):
        total = w.sum()
    if not 0 < total < np.inf:
        what = "all are zero" if total == 0 else "their sum is infinite"
        raise ValueError(f"{who}: expected weights of a finite sum above 0, but {what}")
    return w


def _classes(rows: np.ndarray, threshold: float) -> np.ndarray:
    if rows.shape[1] == 1:
        return (rows[:, 0] > threshold).astype(np.intp)
    return rows.argmax(axis=1)


def check_distribution(d: np.ndarray, who: str, first: int) -> None:
    total = d.sum(axis=1, dtype=np.float64)
    if d.shape[1] == 1:
        wrong = ~((d[:, 0] >= 0) & (d[:, 0] <= 1))
    else:
        wrong = ~((d >= 0).all(axis=1) & (abs(total - 1) <= 1e-6))
    if wrong.any():
        row = int(wrong.argmax())
        outside = d[row][(d[row] < 0) | (d[row] > 1)]
        got = f"{outside[0]:.6g}" if len(outside) else f"sum {total[row]:.6g}"
        raise ValueError(
            f"{who}: expected target rows of probabilities with sum 1, got {got} in row "
            f"{first + row}"
        )


def log_where(needed: np.ndarray, p: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):  # log 0 = -inf is the value
        return np.log(p, out=np.zeros_like(p), where=needed)


def log1m_where(needed: np.ndarray, p: np.ndarray) -> np.ndarray:
    """log(1 - p), exact also for tiny p."""
    with np.errstate(divide="ignore"):
        return np.log1p(-p, out=np.zeros_like(p), where=needed)


def _divide_where(needed: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", over="ignore"):  # infinity is the value
        return np.divide(a, b, out=np.zeros_like(b), where=needed)
