"""Train a multilayer perceptron on digits, or on any table, and keep the result.

    mlp train                                the embedded digits, in a second or two
    mlp train --data FOLDER --hidden 100     IDX files (MNIST), NPY files, or a CSV or NPZ file

When a signal or a loss that is not finite ends it, what was trained by then is kept; with
`--resume` a run that was interrupted or killed goes on to the files it would have had.
"""

from collections.abc import Sequence

import numpy as np

from mlp.commands.train import claiming, preparing, running, unfinished, words
from mlp.commands.train.options import train_options
from mlp.commands.voice import Voice
from mlp.files.resume import digest_of


def main(arguments: Sequence[str], called: str) -> int:
    """Train once per seed; with several seeds, say the median and the range at the end."""
    options = train_options(arguments, called)
    voice = Voice(options.quiet)
    if options.resume is not None and unfinished.read(options.resume) is None:
        voice.result(f"{options.resume} is finished; nothing is left to do")
        return 0
    parts = preparing.prepared(options)
    if parts.hint is not None:
        voice.say(parts.hint)
    with claiming.claimed(options, _digest(parts)) as claim:
        if different := claiming.changed_surroundings(claim.record):
            voice.result(f"note: {'; '.join(different)}: the last bits of numbers may differ")
        results = [running.run(options, parts, seed, claim, voice) for seed in claim.seeds]
        if len(results) > 1:
            voice.result(f"\nseeds {claim.seeds[0]} to {claim.seeds[-1]}:")
            for name in results[0]:
                values = [result[name] for result in results if name in result]
                middle, *ends = (
                    words.score(name, value)
                    for value in (np.median(values), min(values), max(values))
                )
                voice.result(f"test {name}: median {middle}, from {' to '.join(ends)}")
        voice.say(words.what_next(claim.folder_of(claim.seeds[0]), options.data))
    if voice.error is not None:
        raise voice.error
    return 0


def _digest(parts: preparing.Parts) -> str:
    """Of all samples and targets."""
    known = [part for part in (parts.train, parts.validation, parts.test) if part is not None]
    return digest_of(*(array for part in known for array in part))
