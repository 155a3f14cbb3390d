"""`mlp train --mpi`: one training on all ranks, or some of the seeds on each.

Rank 0 is the program as it is without MPI: it alone checks the folder, speaks and, but for the
folders of seeds that others trained, writes. It tells the others what to do, who follow.
"""

import argparse
import contextlib
import dataclasses
import functools
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlp import fit
from mlp.callbacks import Callback, TrainingState
from mlp.commands import endings, mpi
from mlp.commands.train import assembling, preparing, running
from mlp.commands.train.claiming import Claim, Share
from mlp.commands.train.options import options_of, train_options
from mlp.commands.train.preparing import Parts
from mlp.commands.train.unfinished import Record
from mlp.commands.voice import Notes, Voice
from mlp.parallel import Team

ENDS = 1
"""Tag of the message by which a rank that trains alone says that it ends."""


def main(arguments: Sequence[str], called: str, train: Callable[..., int]) -> int:
    """The exit status, the same on all ranks; what ends one of them ends all.

    `train(options, called, run_all)` is what the program does without MPI, too.
    """
    try:
        team = Team(mpi.world())
    except ImportError as error:
        print(f"{called}: {error}", file=sys.stderr)
        return 2
    try:
        with _until_all_end(team):
            if team.rank:
                _follow(team, called)
                return 0
            options = train_options(arguments, called)
            team.said_by(0, _told(options.words))
            status = train(options, called, functools.partial(_lead, team))
            team.said_by(0, _told(None))
            return status
    except BaseException as error:
        if team.broken:
            traceback.print_exc()
            mpi.world().Abort(1)
        if team.rank and (team.knows(error) or endings.status_for(error) != 1):
            sys.exit(endings.status_for(error))  # rank 0 says why
        raise


@contextlib.contextmanager
def _until_all_end(team: Team) -> Iterator[None]:
    """At its end wait for all ranks, also where an error ended this one, or all of them.

    Rank 0 may still have results to keep then, and fail there, which the others get to know.
    """
    ending: BaseException | None = None
    try:
        yield
    except BaseException as error:
        team.tell(error)
        ending = error
    with team.uninterrupted():
        waiting = True
        while waiting:
            try:
                team.exchange()
                waiting = False
            except BaseException as error:
                if team.broken:
                    raise
                ending = ending or error
    if ending is not None:
        raise ending


def _lead(
    team: Team,
    options: argparse.Namespace,
    parts: Parts,
    claim: Claim,
    voice: Voice,
    seeds: Sequence[int],
) -> None:
    """Have all ranks train with these seeds, and note what came of each."""
    if len(claim.seeds) == 1:
        team.said_by(0, _told({"seed": seeds[0]}))
        running.run(options, parts, seeds[0], claim, voice, team)
        return
    record = dataclasses.asdict(claim.record)
    task = {"seeds": list(seeds), "folder": str(claim.path), "record": record}
    team.said_by(0, _told(task))
    for seed, (scores, notes) in _some_each(team, options, parts, claim, voice, seeds).items():
        voice.repeat(notes)
        claim.note_done(seed, scores)


def _follow(team: Team, called: str) -> None:
    """Do what rank 0 says until it says no more."""
    words = json.loads(team.said_by(0))
    options = options_of(words, called)
    parts = preparing.prepared(options)
    while (task := json.loads(team.said_by(0))) is not None:
        if "seed" in task:
            _train_along(team, options, parts, task["seed"])
        else:
            claim = Share(Path(task["folder"]), options, Record(**task["record"]))
            _some_each(team, options, parts, claim, Notes(), task["seeds"])


def _train_along(team: Team, options: argparse.Namespace, parts: Parts, seed: int) -> None:
    """The part of this rank in a training of all."""
    rng = np.random.default_rng(seed)
    net, loss = assembling.network(options, parts, rng), assembling.loss(options, parts)
    optimizer = assembling.optimizer(options, parts)
    how = running.fit_options(options, parts)
    fit(net, loss, optimizer, *parts.train, **how, rng=rng, communicator=team)


def _some_each(
    team: Team,
    options: argparse.Namespace,
    parts: Parts,
    claim: Claim,
    voice: Voice,
    seeds: Sequence[int],
) -> dict[int, tuple[dict[str, float], list]]:
    """By seed, in order, the scores and what other ranks noted; each rank trains with some."""
    mine: dict[int, Any] = {}
    with _heard_by_all(team):
        for seed in seeds[team.rank :: team.size]:
            scores = running.run(options, parts, seed, claim, voice, more=[_Listening(team)])
            mine[seed] = scores, voice.said if isinstance(voice, Notes) else []
            if isinstance(voice, Notes):
                voice.said = []
    found: dict[int, Any] = {}
    for rank in range(team.size):
        theirs = json.loads(team.said_by(rank, _told(mine)))
        found |= {int(seed): told for seed, told in theirs.items()}
    return dict(sorted(found.items()))


class _Listening(Callback):
    """Ends a training of one rank where another one ends."""

    def __init__(self, team: Team) -> None:
        self.team, self.communicator = team, mpi.world()

    def on_step(self, state: TrainingState) -> None:
        if self.communicator.Iprobe(tag=ENDS):
            self.communicator.Recv(bytearray(1), tag=ENDS)
            self.team.exchange()  # raises what ended the other one


@contextlib.contextmanager
def _heard_by_all(team: Team) -> Iterator[None]:
    """An error within it is told to the ranks that are training, and not waiting for a message."""
    try:
        yield
    except BaseException as error:
        if not team.knows(error):
            for rank in range(team.size):
                if rank != team.rank:
                    mpi.world().Isend(bytearray(1), rank, ENDS)
            team.tell(error)
        raise


def _told(value: Any) -> bytes:
    return json.dumps(value).encode()
