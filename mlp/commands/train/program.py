"""Train a multilayer perceptron on digits, or on any table, and keep the result.

    mlp train                                the embedded digits, in a second or two
    mlp train --data FOLDER --hidden 100     IDX files (MNIST), or a CSV or NPZ file

When a signal or a loss that is not finite ends it, what was trained by then is kept.
"""

from collections.abc import Sequence

import numpy as np

from mlp.commands.train import folder, preparing, running
from mlp.commands.train.options import train_options
from mlp.commands.voice import Voice


def main(arguments: Sequence[str], called: str) -> int:
    """Train once per seed; with several seeds, say the median and the range at the end."""
    options = train_options(arguments, called)
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
