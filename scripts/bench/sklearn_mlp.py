"""scikit-learn's MLPClassifier, one batch per call of `partial_fit`."""

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

from bench.work import LEARNING_RATE, Cell, first_weights, samples

VERSION = f"scikit-learn {sklearn.__version__}"


class Contender:
    def __init__(self, cell: Cell) -> None:
        self.net = MLPClassifier(
            cell.sizes[1:-1],
            solver="sgd",
            alpha=0.0,
            momentum=0.0,
            nesterovs_momentum=False,
            learning_rate_init=LEARNING_RATE,
            batch_size=cell.batch,
            shuffle=False,
        )
        self.x, self.y = samples(cell)
        self.net.partial_fit(self.x, self.y, classes=np.arange(cell.sizes[-1]))
        for theirs, W in zip(self.net.coefs_, first_weights(cell), strict=True):
            theirs[...] = W
        for theirs in self.net.intercepts_:
            theirs[...] = 0

    def step(self) -> float:
        self.net.partial_fit(self.x, self.y)
        return float(self.net.loss_)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.log(self.net.predict_proba(x))
