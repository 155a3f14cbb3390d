"""Ranks that work in step, and end together.

All that ranks say to each other while they train are messages of one shape (see messages.py), at
the same points of the program. So a rank that an error or a signal ends can say so in place of
whichever message is due: the others get to know it there, and end as it does. Nobody waits for
somebody who will not come. What a signal interrupts would be such a place, too, so within
`Team.together` it is noted and sent with the next message.
"""

import builtins
import contextlib
import functools
import json
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, NoReturn, ParamSpec, Protocol, TypeVar, cast

import numpy as np

from mlp import errors
from mlp.parallel.messages import Message

P = ParamSpec("P")
T = TypeVar("T")
ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class Communicator(Protocol):
    """What is used of an mpi4py communicator."""

    def Get_rank(self) -> int: ...

    def Get_size(self) -> int: ...

    def Allreduce(self, sendbuf: Any, recvbuf: Any) -> Any:
        """The sum over all ranks, to all of them."""

    def Bcast(self, buf: Any, root: int = 0) -> Any:
        """The array of rank `root`, into that of all."""


class Team:
    """The ranks of a communicator; without one, this process alone, to which all this is nothing.

    What ends one of them is raised on all: on the others as an error of the same kind, whose text
    begins with the rank, and a signal as if each had got it.
    """

    def __init__(self, communicator: Communicator | None) -> None:
        self.communicator = communicator
        self.rank = 0 if communicator is None else communicator.Get_rank()
        self.size = 1 if communicator is None else communicator.Get_size()
        self.signals: list[int] = []
        """Those that came and were not sent yet."""
        self.handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self.known: list[BaseException] = []
        """The errors that all ranks know of."""
        self.broken = False
        """Whether a message did not come through: another one would wait for ever."""
        if self.size > 1:
            self.carry({}, np.dtype(np.float64))

    def carry(self, shapes: Mapping[str, tuple[int, ...]], dtype: np.dtype) -> None:
        """From now on messages hold arrays of these shapes. All ranks do this at one point."""
        self.message = Message(shapes, dtype, self.size)

    def part(self, n: int) -> slice:
        """This rank's part of n rows, which may be empty."""
        return slice(self.rank * n // self.size, (self.rank + 1) * n // self.size)

    def exchange(self, *numbers: float) -> np.ndarray:
        """The numbers of all ranks, a row each; the arrays `message.given` are added up.

        Raises what ends another rank, and the signals that came.
        """
        if self.size == 1:
            return np.array([numbers])
        with self.uninterrupted():
            news = {"signal": self.signals[0]} if self.signals else None
            rows = self._sent(news is not None, *numbers)
            if rows[:, 0].any():
                self._raise(*self._news(rows, news))
            return rows[:, 1 : 1 + len(numbers)]

    def said_by(self, rank: int, data: bytes = b"") -> bytes:
        """The bytes that this rank gives, on all ranks."""
        if self.size == 1:
            return data
        with self.uninterrupted():
            self.exchange()
            return self._broadcast(data, rank)

    def first_text(self, text: str | None) -> str | None:
        """The text of the lowest rank that has one, on all ranks."""
        if self.size == 1:
            return text
        with self.uninterrupted():
            has = self.exchange(text is not None)[:, 0]
            if not has.any():
                return None
            return self._broadcast((text or "").encode(), int(has.argmax())).decode()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Within it, what ends one rank ends all of them."""
        if self.size == 1:
            yield
            return
        with self.uninterrupted():
            try:
                yield
            except BaseException as error:
                self.tell(error)
                raise

    def tell(self, error: BaseException) -> None:
        """Let the others know that this error ends this rank, unless they do."""
        if self.size > 1 and not (self.broken or self.knows(error)):
            with self.uninterrupted():
                self._news(self._sent(True), _described(error))
                self.known.append(error)

    def knows(self, error: BaseException) -> bool:
        """Whether all ranks know of this error."""
        return any(error is known for known in self.known)

    def _sent(self, *numbers: float) -> np.ndarray:
        self.message.write(self.rank, numbers)
        self._call("Allreduce", self.message.sent, self.message.received)
        return self.message.numbers()

    def _news(self, rows: np.ndarray, mine: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
        """The lowest rank that has to stop, and why."""
        rank = int((rows[:, 0] != 0).argmax())
        return rank, json.loads(self._broadcast(json.dumps(mine).encode(), rank))

    def _broadcast(self, data: bytes, rank: int) -> bytes:
        length = np.array([len(data)])
        self._call("Bcast", length, rank)
        buffer = np.empty(length[0], np.uint8)
        if rank == self.rank:
            buffer[:] = np.frombuffer(data, np.uint8)
        self._call("Bcast", buffer, rank)
        return buffer.tobytes()

    def _call(self, method: str, *arguments: Any) -> None:
        self.broken = True
        getattr(self.communicator, method)(*arguments)
        self.broken = False

    def _raise(self, rank: int, news: dict[str, Any]) -> NoReturn:
        self.signals.clear()
        try:
            if "signal" in news:
                number = news["signal"]
                handler = self.handlers.get(number, signal.getsignal(number))
                if callable(handler):
                    handler(number, None)
                raise KeyboardInterrupt
            raise _error(rank, news)
        except BaseException as error:
            self.known.append(error)
            raise

    @contextlib.contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """Within it signals wait for the next message; one that is ignored stays so.

        One that came after the last message is raised at the end.
        """
        if self.handlers or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in ENDING}
        self.handlers = {number: old for number, old in before.items() if callable(old)}
        for number in self.handlers:
            signal.signal(number, lambda number, frame: self.signals.append(number))
        try:
            yield
        finally:
            handlers, self.handlers = self.handlers, {}
            for number, old in handlers.items():
                signal.signal(number, old)
        if self.signals:  # since the last message
            number = self.signals.pop()
            handlers[number](number, None)


def team_of(communicator: Communicator | Team | None) -> Team:
    """The ranks of a communicator. One rank needs none: it computes as if there were no MPI."""
    if isinstance(communicator, Team):
        return communicator
    missing = [
        name
        for name in ("Get_rank", "Get_size", "Allreduce", "Bcast")
        if communicator is not None and not callable(getattr(communicator, name, None))
    ]
    if missing:
        raise TypeError(
            f"expected a communicator such as mpi4py.MPI.COMM_WORLD, got {communicator!r}, "
            f"which has no {missing[0]}"
        )
    return Team(communicator)


def in_lockstep(function: Callable[P, T]) -> Callable[P, T]:
    """The function, with the ranks of its argument `communicator` together for as long as it runs.

    It gets a Team in its place.
    """

    @functools.wraps(function)
    def together(*args: P.args, **options: P.kwargs) -> T:
        given = cast(Communicator | Team | None, options.get("communicator"))
        options["communicator"] = team = team_of(given)
        with team.together():
            return function(*args, **options)

    return together


def _described(error: BaseException) -> dict[str, Any]:
    if isinstance(error, KeyboardInterrupt):
        return {"signal": getattr(error, "number", signal.SIGINT)}
    if isinstance(error, SystemExit):
        return {"status": error.code if isinstance(error.code, int) else 1}
    notes = getattr(error, "__notes__", [])
    return {"kind": type(error).__name__, "text": "; ".join([str(error), *notes])}


def _error(rank: int, news: dict[str, Any]) -> BaseException:
    if "status" in news:
        return SystemExit(news["status"])
    kind = (vars(builtins) | vars(errors)).get(news["kind"])
    text = f"rank {rank}: {news['text']}"
    if isinstance(kind, type) and issubclass(kind, Exception):
        with contextlib.suppress(TypeError):  # some are made of more than a text
            return kind(text)
    return RuntimeError(f"{text} ({news['kind']})")
