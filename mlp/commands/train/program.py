"""Train a multilayer perceptron on digits, or on any table, and keep the result.

    mlp train                                the embedded digits, in a second or two
    mlp train --data FOLDER --hidden 100     IDX files (MNIST), NPY files, or a CSV or NPZ file

When a signal or a loss that is not finite ends it, what was trained by then is kept; with
`--resume` a run that was interrupted or killed goes on to the files it would have had.
"""

import argparse
from collections.abc import Callable, Sequence

import numpy as np

from mlp.commands.train import claiming, preparing, running, unfinished, words
from mlp.commands.train.claiming import Claim
from mlp.commands.train.options import train_options
from mlp.commands.train.preparing import Parts
from mlp.commands.voice import Voice
from mlp.files.resume import digest_of

RunAll = Callable[[argparse.Namespace, Parts, Claim, Voice, Sequence[int]], None]
"""Trains with these seeds of a claim, and notes the scores of each there."""


def main(arguments: Sequence[str], called: str) -> int:
    """Train once per seed; with several seeds, say the median and the range at the end."""
    if "--mpi" in arguments:
        from mlp.commands.train import ranks

        return ranks.main(arguments, called, train)
    options = train_options(arguments, called)
    if min(options.jobs, options.seeds) > 1:
        from mlp.commands.train import jobs

        return train(options, called, jobs.run_all)
    return train(options, called, _one_after_the_other)


def train(options: argparse.Namespace, called: str, run_all: RunAll) -> int:
    """Claim the folder, and have `run_all` train with each seed that is not done."""
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
        done = list(filter(claim.is_seed_done, claim.seeds))
        for seed in done:
            voice.say(f"{claim.folder_of(seed)}: is done already")
        if seeds := [seed for seed in claim.seeds if seed not in done]:
            run_all(options, parts, claim, voice, seeds)
        results = list(map(claim.scores_of, claim.seeds))
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


def _one_after_the_other(
    options: argparse.Namespace, parts: Parts, claim: Claim, voice: Voice, seeds: Sequence[int]
) -> None:
    for seed in seeds:
        running.run(options, parts, seed, claim, voice)


def _digest(parts: preparing.Parts) -> str:
    """Of all samples and targets."""
    known = [part for part in (parts.train, parts.validation, parts.test) if part is not None]
    return digest_of(*(array for part in known for array in part))
