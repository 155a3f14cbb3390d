"""Six layers and four losses to fill in. Rows are samples.

Write each forward so that it returns the output and keeps on `self` what backward needs; write
each backward so that it returns dL/dx for upstream = dL/dy. Derive the product of the upstream
gradient with the Jacobian on paper first, entry by entry; never build the Jacobian.

    python scripts/gradcheck.py THIS_FILE

says which are still to do, which are right, and what is wrong with the others.
"""

import numpy as np


class Affine:
    """z = x W + b. Shapes: x (N, D), W (D, M), b (M,), z and upstream (N, M). Deck 000."""

    def __init__(self, in_features, out_features):
        rng = np.random.default_rng(0)
        self.W = rng.normal(0, np.sqrt(2 / in_features), (in_features, out_features))
        self.b = np.zeros(out_features)
        self.dW = None
        self.db = None

    def forward(self, x):
        raise NotImplementedError

    def backward(self, upstream):
        """Returns dL/dx (N, D); sets self.dW (D, M) and self.db (M,), sums over the batch."""
        raise NotImplementedError


class ReLU:
    """y = max(z, 0), entry by entry. Shapes: all equal. Decks 000, 002; 004 for the kink at 0."""

    def forward(self, z):
        raise NotImplementedError

    def backward(self, upstream):
        raise NotImplementedError


class Sigmoid:
    """y = 1 / (1 + exp(-z)), entry by entry, also for z = -1000. Shapes: all equal. Deck 000."""

    def forward(self, z):
        raise NotImplementedError

    def backward(self, upstream):
        raise NotImplementedError


class Softmax:
    """y_i = exp(z_i) / sum_j exp(z_j) in each row, also for z = 1000. All (N, C). Deck 004."""

    def forward(self, z):
        raise NotImplementedError

    def backward(self, upstream):
        raise NotImplementedError


class Multiply:
    """y_i = z_2i z_(2i+1), counted from 0. Shapes: z (N, 2M), y and upstream (N, M). Deck 004."""

    def forward(self, z):
        raise NotImplementedError

    def backward(self, upstream):
        raise NotImplementedError


class MaxPool:
    """The largest of each `window` neighbours; a rest that fills no window is dropped.

    Shapes: x (N, D), y and upstream (N, D // window). Deck 004.
    """

    def __init__(self, window=2):
        self.window = window

    def forward(self, x):
        raise NotImplementedError

    def backward(self, upstream):
        raise NotImplementedError


class SquaredError:
    """L = 1/N sum_n sum_j (y_nj - d_nj)^2. Shapes: y and target d (N, C). Decks 001, 002."""

    def forward(self, y, target):
        """Returns the loss, a number."""
        raise NotImplementedError

    def backward(self):
        """Returns dL/dy (N, C)."""
        raise NotImplementedError


class SoftmaxCrossEntropy:
    """L = -1/N sum_n log p_n,label(n) with p = softmax(z). z (N, C), labels (N,). Deck 004."""

    def forward(self, z, labels):
        raise NotImplementedError

    def backward(self):
        """Returns dL/dz (N, C)."""
        raise NotImplementedError


class SigmoidCrossEntropy:
    """L = -1/N sum_n sum_j (d log p + (1 - d) log(1 - p)), p = sigmoid(z). All (N, C). Deck 004."""

    def forward(self, z, target):
        raise NotImplementedError

    def backward(self):
        """Returns dL/dz (N, C)."""
        raise NotImplementedError


class KLDivergence:
    """L = 1/N sum_n sum_j d_nj log(d_nj / y_nj) with 0 log 0 = 0. y and target d (N, C). Deck 004.

    y and d are rows of probabilities; the gradient is the plain partial derivative in each y_nj.
    """

    def forward(self, y, target):
        raise NotImplementedError

    def backward(self):
        """Returns dL/dy (N, C)."""
        raise NotImplementedError
