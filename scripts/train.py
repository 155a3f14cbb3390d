"""Train a multilayer perceptron on digits, or on any table, and keep the result.

    train.py                                the embedded digits, in a second or two
    train.py --data FOLDER --hidden 100     IDX files (MNIST), or a CSV or NPZ file
    train.py predict RUN FILE               labels and probabilities for new samples, as CSV

Exit: 0 done, 2 wrong usage, 3 wrong data, 4 damaged model, 5 the loss left the finite numbers,
6 results cannot be written, 130 interrupted (what was trained until then is kept).
"""

import argparse
import sys
from pathlib import Path

from trainer import threads

threads.set_from(sys.argv)  # before NumPy starts its threads

import numpy as np  # noqa: E402

from mlp import CheckpointError, DataError, NonFiniteError  # noqa: E402
from trainer import predicting, preparing, running  # noqa: E402
from trainer.options import predict_options, train_options  # noqa: E402


def main(argv: list[str]) -> int:
    try:
        if argv[:1] == ["predict"]:
            return predicting.predict(predict_options(argv[1:]))
        return train(train_options(argv))
    except DataError as error:
        return failed(error, 3)
    except CheckpointError as error:
        return failed(error, 4)
    except NonFiniteError as error:
        return failed(error, 5)
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except OSError as error:
        return failed(error, 6)
    except KeyboardInterrupt:
        return failed("interrupted before the first epoch ended; nothing to keep", 130)


def train(options: argparse.Namespace) -> int:
    """Train once per seed; with several seeds, say the median and the range at the end."""
    parts = preparing.prepared(options)
    seeds = range(options.seed, options.seed + options.seeds)
    results = []
    for seed in seeds:
        out = options.out / f"seed-{seed}" if len(seeds) > 1 else options.out
        result, interrupted = running.run(options, parts, seed, out)
        if interrupted:
            return 130
        results.append(result)
    if len(seeds) > 1:
        print(f"\nseeds {seeds[0]} to {seeds[-1]}:")
        for name in results[0]:
            values = [result[name] for result in results]
            print(
                f"test {name}: median {np.median(values):.4f}, "
                f"from {min(values):.4f} to {max(values):.4f}"
            )
    return 0


def failed(error: Exception | str, code: int) -> int:
    text = "; ".join([str(error), *getattr(error, "__notes__", [])])
    print(f"{Path(__file__).name}: {' '.join(text.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
