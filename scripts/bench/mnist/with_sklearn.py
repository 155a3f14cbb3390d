import sys

import idx
from sklearn.neural_network import MLPClassifier

x, y, x_test, y_test = idx.load(sys.argv[1])
net = MLPClassifier(
    (100,),
    solver="sgd",
    alpha=0,
    batch_size=200,
    learning_rate_init=0.1,
    momentum=0.9,
    nesterovs_momentum=False,
    max_iter=10,
    n_iter_no_change=11,
    random_state=0,
)
net.fit(x, y)
print(net.score(x_test, y_test))
