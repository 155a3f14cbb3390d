"""Signals that end a run: training stops, what was trained is kept."""

import contextlib
import signal
from collections.abc import Iterator
from typing import NoReturn

ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class Stopped(KeyboardInterrupt):
    """One of the signals came."""

    def __init__(self, number: int) -> None:
        self.number = number


def listen() -> None:
    """Raise Stopped in the main thread at each of the signals, unless it is ignored already."""

    def stop(number: int, frame: object) -> NoReturn:
        raise Stopped(number)

    for number in ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Finish what must not be cut short; a signal that came meanwhile raises Stopped after it."""
    came: list[int] = []
    listened = [number for number in ENDING if signal.getsignal(number) != signal.SIG_IGN]
    before = {
        number: signal.signal(number, lambda number, frame: came.append(number))
        for number in listened
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise Stopped(came[0])
