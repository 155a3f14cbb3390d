"""Peak memory of a training run beyond its data, against the bound that we promise.

Run as `python -m bench.peak`, in a process of its own: the peak is that of the process.
"""

import json
import resource
import sys

import numpy as np

import mlp
from bench.ours import network
from bench.work import Cell

CELL = Cell((784, 1024, 1024, 1024, 10), 512)
SAMPLES = 60_000
MIB = 2**20


def main() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (SAMPLES, CELL.sizes[0]), dtype=np.uint8)
    y = rng.integers(0, 10, SAMPLES)
    net = mlp.Sequential(mlp.Scale(0, 1 / 255), *network(CELL))
    optimizer = mlp.SGD(0.01, momentum=0.9)
    loss, batch = mlp.SoftmaxCrossEntropy(), CELL.batch
    mlp.fit(net, loss, optimizer, x, y, epochs=2, batch_size=batch, patience=2, rng=0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
    parameters = net.parameter_vector().nbytes
    activations = 4 * CELL.batch * sum(CELL.sizes)
    bound = 3 * parameters + 3 * activations + 120 * MIB
    data = x.nbytes + y.nbytes
    print(json.dumps({"beyond_data": (peak - data) / MIB, "bound": bound / MIB}))


if __name__ == "__main__":
    main()
