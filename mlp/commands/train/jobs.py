"""`mlp train --seeds N --jobs J`: seeds in processes of their own, so many at a time.

The files are those of one after the other. A process reads the data by itself, and trains with one
seed; what it would say is said here when it is done. A signal is passed on to all of them.
"""

import argparse
import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mlp.commands import signals
from mlp.commands.train import preparing, running
from mlp.commands.train.claiming import Claim, Share
from mlp.commands.train.preparing import Parts
from mlp.commands.train.unfinished import Record
from mlp.commands.voice import Notes, Voice


def run_all(
    options: argparse.Namespace, parts: Parts, claim: Claim, voice: Voice, seeds: Sequence[int]
) -> None:
    """Train with these seeds, and note what came of each."""
    processes = _Processes()
    with ThreadPoolExecutor(options.jobs) as pool, _ended_together(pool, processes):
        futures = {
            pool.submit(_in_a_process, processes, options, claim, seed): seed for seed in seeds
        }
        bar = tqdm(total=len(seeds), unit="seed", leave=False, disable=voice.without_bar())
        with bar:
            for future in as_completed(futures):
                scores, notes = future.result()
                with bar.external_write_mode():
                    voice.repeat(notes)
                claim.note_done(futures[future], scores)
                bar.update()


class _Processes:
    """Starts processes, until all of them are ended."""

    def __init__(self) -> None:
        self.lock, self.ended = threading.Lock(), False

    def start(self, process: BaseProcess) -> None:
        with self.lock, _signals_blocked():  # until the process is ready for them
            if self.ended:
                raise CancelledError
            process.start()

    def end(self) -> None:
        with self.lock:
            self.ended = True
            for child in multiprocessing.active_children():
                child.terminate()


@contextlib.contextmanager
def _ended_together(pool: ThreadPoolExecutor, processes: _Processes) -> Iterator[None]:
    """An error within it ends all processes; they keep what they have trained."""
    try:
        yield
    except BaseException:
        with signals.held_back():
            processes.end()
            pool.shutdown(cancel_futures=True)
        raise


def _in_a_process(
    processes: _Processes, options: argparse.Namespace, claim: Claim, seed: int
) -> Any:
    """What `_train` sent for that seed; raises what it raised."""
    spawn = multiprocessing.get_context("spawn")
    receiving, sending = spawn.Pipe(duplex=False)
    arguments = (sending, options, claim.path, claim.record, seed)
    process = spawn.Process(target=_train, args=arguments)
    processes.start(process)
    sending.close()
    with receiving:
        try:
            answer = receiving.recv()
        except EOFError:
            process.join()
            answer = RuntimeError(f"seed {seed}: its process ended with {process.exitcode}")
    process.join()
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _train(
    sending: Connection, options: argparse.Namespace, path: Path, record: Record, seed: int
) -> None:
    """In the process: train with one seed, and send the scores and notes, or the error."""
    try:
        signals.listen()
        _unblock_signals()
        notes, claim = Notes(), Share(path, options, record)
        scores = running.run(options, preparing.prepared(options), seed, claim, notes)
        sending.send((scores, notes.said))
    except BaseException as error:
        sending.send(error)


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    """In this thread, and in the processes that it starts."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals.ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _unblock_signals() -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.ENDING)
