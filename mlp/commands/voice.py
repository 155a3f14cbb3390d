"""What a run says. A pipe that closes or a disk that is full must not cost the training."""

import os
import sys
from collections.abc import Sequence


class Voice:
    """Prints until printing fails; then it is silent and `error` says why."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.error: OSError | None = None

    def result(self, text: str) -> None:
        """Print what is said even if quiet."""
        if self.error is None:
            try:
                print(text, flush=True)
            except OSError as error:
                self.error = error
                silence(sys.stdout.fileno())

    def without_bar(self) -> bool | None:
        """`disable` of tqdm's bars; None: there is one on a terminal only."""
        return True if self.quiet else None

    def repeat(self, said: Sequence[Sequence[str]]) -> None:
        """Say what another process kept as notes."""
        for how, text in said:
            getattr(self, how)(text)

    def say(self, text: str) -> None:
        """Print, unless quiet."""
        if not self.quiet:
            self.result(text)

    def warn(self, text: str) -> None:
        """What the user should know, on standard error."""
        from tqdm import tqdm  # it may have a bar there

        tqdm.write(text, file=sys.stderr)


class Notes(Voice):
    """Keeps what is to be said, for a process that speaks for this one."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.said: list[tuple[str, str]] = []

    def result(self, text: str) -> None:
        self.said.append(("result", text))

    def warn(self, text: str) -> None:
        self.said.append(("warn", text))


def silence(descriptor: int) -> None:
    """Send what is still to be written there nowhere, so that Python can end in peace."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)
