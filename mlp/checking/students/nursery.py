"""A process that has loaded all it needs once, and forks a child for each task.

To start an interpreter and load NumPy takes as long as to check a file of layers. The nursery
itself never sees a task: the child reads it from its own standard input, so nothing of one file,
nor a key, is in the memory of the next one. Orders and answers go through one pair of sockets.

    parent   a module's name, with the handles of the child's input and output
    nursery  the child's process id, then, when it has ended, its exit status
    parent   a byte: the child's process id may go to others now
"""

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import traceback
from typing import IO, Self

from mlp.checking.students.child import Task
from mlp.checking.students.sandbox import hand_over, interpreter

NUMBER = struct.Struct("!q")
LOST = -signal.SIGKILL if sys.platform != "win32" else 1
"""The exit status of a child whose nursery is gone."""
PAUSE = 0.005
"""Seconds between two looks at the child and at the parent."""


def can_fork() -> bool:
    """Where a process may fork after NumPy was loaded: on Linux."""
    return sys.platform == "linux"


class Forked:
    """A child, with the methods of subprocess.Popen that its watcher needs."""

    def __init__(self, link: socket.socket, pid: int, stdout: IO[bytes]) -> None:
        self._link, self.pid, self.stdout = link, pid, stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, or None as long as it runs."""
        if self.returncode is None and select.select([self._link], [], [], 0)[0]:
            self.returncode = _received(self._link, LOST)
        return self.returncode

    def wait(self) -> int:
        """The exit status, when there is one; its process id is needed no more."""
        if self.returncode is None:
            self.returncode = _received(self._link, LOST)
        with contextlib.suppress(OSError):
            self._link.send(b".")
        return self.returncode

    def kill(self) -> None:
        """End it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class Nursery:
    """Children of one kind or more, one at a time; it is a context."""

    def __init__(self, *modules: str) -> None:
        """`modules` are loaded at once; each has a function `start` that runs a task."""
        self._modules = modules
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._link is not None and self._process is not None:
            self._link.close()
            self._process.wait()
        self._link = self._process = None

    def child(self, task: Task) -> Forked:
        """A child that runs the task; a nursery that was ended from outside is opened again."""
        try:
            return self._forked(self._opened(), task)
        except (OSError, EOFError):
            self.__exit__()
            return self._forked(self._opened(), task)

    def _opened(self) -> socket.socket:
        if self._link is None:
            self._link, theirs = socket.socketpair()
            with theirs:
                command = interpreter(__name__, str(theirs.fileno()), *self._modules)
                self._process = subprocess.Popen(
                    **command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
                )
        return self._link

    @staticmethod
    def _forked(link: socket.socket, task: Task) -> Forked:
        task_out, task_in = os.pipe()
        printed_out, printed_in = os.pipe()
        try:
            socket.send_fds(link, [type(task).__module__.encode()], [task_out, printed_in])
            pid = _received(link)
        except BaseException:
            os.close(task_in)
            os.close(printed_out)
            raise
        finally:
            os.close(task_out)
            os.close(printed_in)
        hand_over(task, os.fdopen(task_in, "wb"))
        return Forked(link, pid, os.fdopen(printed_out, "rb"))


def _received(link: socket.socket, otherwise: int | None = None) -> int:
    """A number; what was given for one, or EOFError, if the other side is gone."""
    data = b""
    with contextlib.suppress(OSError):
        data = link.recv(NUMBER.size, socket.MSG_WAITALL)
    if len(data) == NUMBER.size:
        return int(NUMBER.unpack(data)[0])
    if otherwise is None:
        raise EOFError("the nursery is gone")
    return otherwise


def serve(link: socket.socket) -> None:
    """Fork a child for each order, until the parent is gone."""
    gc.freeze()
    while True:
        module, handles, *_ = socket.recv_fds(link, 1024, 2)
        if not module:
            return
        pid = os.fork()
        if pid == 0:
            link.close()
            _become(module.decode(), handles)
        for handle in handles:
            os.close(handle)
        link.send(NUMBER.pack(pid))
        _attend(link, pid)


def _become(module: str, handles: list[int]) -> None:
    """The forked process runs the task, and never comes back."""
    try:
        os.setsid()
        for handle, places in zip(handles, ((0,), (1, 2)), strict=True):
            for place in places:
                os.dup2(handle, place)
            os.close(handle)
        gc.unfreeze()
        importlib.import_module(module).start()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(1)


def _attend(link: socket.socket, pid: int) -> None:
    """Say how the child ends, and bury it when the parent says so, or is gone itself."""
    said = False
    while True:
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if ended is not None and not said:
            exited = ended.si_code == os.CLD_EXITED
            link.send(NUMBER.pack(ended.si_status if exited else -ended.si_status))
            said = True
        if select.select([link], [], [], PAUSE)[0]:
            if not link.recv(1):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return


if __name__ == "__main__":
    for name in sys.argv[2:]:
        importlib.import_module(name)
    serve(socket.socket(fileno=int(sys.argv[1])))
