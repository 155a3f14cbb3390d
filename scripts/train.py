"""Train a multilayer perceptron on digits, or on any table, and keep the result.

    train.py                                the embedded digits, in a second or two
    train.py --data FOLDER --hidden 100     IDX files (MNIST), or a CSV or NPZ file
    train.py predict RUN FILE               labels and probabilities for new samples, as CSV

Exit: 0 done, 2 wrong usage, 3 wrong data, 4 damaged model, 5 the loss left the finite numbers,
6 something cannot be written, 130 interrupted, 143 terminated. What was trained by then is kept.
"""

import argparse
import os
import signal
import sys

from mlp.commands import threads

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `listen`: there is nothing to keep yet
threads.set_from(sys.argv)  # before NumPy starts its threads

import numpy as np  # noqa: E402

from mlp import CheckpointError, DataError, NonFiniteError  # noqa: E402
from mlp.commands.train import folder, predicting, preparing, running, signals  # noqa: E402
from mlp.commands.train.options import predict_options, train_options  # noqa: E402
from mlp.commands.voice import Voice, silence  # noqa: E402


def main(argv: list[str]) -> int:
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 (closed by the caller)
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    signals.listen()
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
        silence(sys.stdout.fileno())
        return 141
    except OSError as error:
        return failed(error, 6)
    except MemoryError as error:
        return failed(error, 2)
    except signals.Stopped as stop:
        return failed(stop, 128 + stop.number)


def train(options: argparse.Namespace) -> int:
    """Train once per seed; with several seeds, say the median and the range at the end."""
    voice = Voice(options.quiet)
    parts = preparing.prepared(options)
    seeds = range(options.seed, options.seed + options.seeds)
    with folder.claimed(options.out, options.task) as out:
        results = [
            running.run(
                options, parts, seed, out / f"seed-{seed}" if len(seeds) > 1 else out, voice
            )
            for seed in seeds
        ]
        if len(seeds) > 1:
            voice.result(f"\nseeds {seeds[0]} to {seeds[-1]}:")
            for name in results[0]:
                values = [result[name] for result in results]
                voice.result(
                    f"test {name}: median {np.median(values):.4f}, "
                    f"from {min(values):.4f} to {max(values):.4f}"
                )
    if voice.error is not None:
        raise voice.error
    return 0


def failed(error: BaseException, code: int) -> int:
    said = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error) or "out of memory"
    notes = getattr(error, "__notes__", [])
    print("train.py:", " ".join("; ".join([said, *notes]).split()), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
