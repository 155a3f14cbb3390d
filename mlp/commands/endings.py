"""How a program ends: its exit status, and one line on standard error if something went wrong.

0 done, 2 wrong usage, 3 wrong data, 4 damaged model, 5 the loss left the finite numbers,
6 something cannot be written, 130 interrupted, 143 terminated, 141 nobody reads the output.
"""

import signal
import sys
from collections.abc import Callable

from mlp.commands import signals
from mlp.commands.voice import silence
from mlp.errors import CheckpointError, DataError, NonFiniteError

EXPLAINED = (
    "exit status: 0 done, 2 wrong usage, 3 wrong data, 4 damaged model, 5 the loss left the finite "
    "numbers, 6 something cannot be written, 130 interrupted, 143 terminated"
)
STATUS = {DataError: 3, CheckpointError: 4, NonFiniteError: 5, OSError: 6, MemoryError: 2}


def status_of(program: Callable[[], int], called: str) -> int:
    """Run the program; signals and errors end it with a line that begins with `called`."""
    try:
        signals.listen()
        status = program()
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        silence(sys.stdout.fileno())
        return 141
    except signals.Stopped as stop:
        return complain(called, stop, 128 + stop.number)
    except tuple(STATUS) as error:
        return complain(called, error, status_for(error))


def status_for(error: BaseException) -> int:
    """The exit status for an error; 1 for one that is in none of the lists."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, KeyboardInterrupt):
        return 128 + getattr(error, "number", signal.SIGINT)
    return next((n for kind, n in STATUS.items() if isinstance(error, kind)), 1)


def complain(called: str, error: BaseException, status: int) -> int:
    """Say in one line what went wrong; the exit status, for the caller to return."""
    notes = getattr(error, "__notes__", [])
    print(f"{called}:", " ".join("; ".join([_told(error), *notes]).split()), file=sys.stderr)
    return status


def _told(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or "out of memory"
