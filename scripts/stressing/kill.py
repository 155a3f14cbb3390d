"""Training runs that are killed at random moments, resumed, and compared with uninterrupted ones.

Each run is the program `mlp train` itself, in a process of its own; it is forked from this one, so
that it need not import anything. It saves after every epoch, so many kills hit a save; others hit
the drawing at the end. One signal in four is SIGINT or SIGTERM.
"""

import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np

from mlp.commands import endings
from mlp.commands.train import program, unfinished
from mlp.errors import CheckpointError
from mlp.files.archive import read_archive
from mlp.files.whole import PARTIAL
from mlp.seeing import plots

KILLS_PER_RUN = 10
LONGEST = 120.0
"""Seconds after which a run that does not end is a failure."""


def run(cases: int, seed: int) -> tuple[str, list[str]]:
    """So many SIGKILLs in all."""
    rng = np.random.default_rng(seed)
    failures: list[str] = []
    hit: Counter[str] = Counter()
    runs = 0
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as it is when a process starts
    with tempfile.TemporaryDirectory() as place:
        plots.confusion(
            np.eye(2, dtype=int), ["a", "b"], path=Path(place, "first.png")
        )  # what it imports is there for all processes
        table = _table(Path(place, "table.csv"))
        while hit["SIGKILLs"] < cases:
            runs += 1
            folder = Path(place, str(runs))
            folder.mkdir()
            words = _words(rng, table)
            status, seconds = _ended(_started([*words, "--out", str(folder / "whole")], folder))
            if status:
                return "", [f"{words}: exit status {status}: {(folder / 'said').read_text()}"]
            hit += _stopped_and_resumed(words, folder, seconds, rng, failures)
            failures += [f"run {runs} {words}: {text}" for text in _differences(folder)]
            said = ", ".join(f"{count} {what}" for what, count in sorted(hit.items()))
            said = f"{runs} runs: {said}"
            print(f"{said}; {len(failures)} failures", file=sys.stderr, flush=True)
    return said, failures


def _table(path: Path) -> Path:
    """Samples without pictures: four in five runs have them, as drawing takes most of the time."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    np.savetxt(path, np.column_stack([x, x[:, 0] > x[:, 1]]), delimiter=",", fmt="%g")
    return path


def _words(rng: np.random.Generator, table: Path) -> list[str]:
    words = ["--data", str(table)] if rng.random() < 0.8 else []
    words += ["--hidden", "8", "--epochs", str(rng.integers(20, 60)), "--quiet"]
    words += ["--seed", str(rng.integers(1000)), "--seeds", str(rng.integers(1, 3))]
    words += ["--momentum", str(rng.choice([0.0, 0.9])), "--checkpoint-seconds", "0"]
    words += ["--schedule", str(rng.choice(["cosine", "constant", "step"]))]
    if rng.random() < 0.5:
        words += ["--validation", "0.2", "--patience", "5"]
    return words


def _stopped_and_resumed(
    words: list[str], folder: Path, seconds: float, rng: np.random.Generator, failures: list[str]
) -> Counter[str]:
    """How many signals there were until the run had come to its end, and what SIGKILL hit."""
    out, hit = folder / "stopped", Counter[str]()
    begin, resume = [*words, "--out", str(out)], ["--resume", str(out)]
    while True:
        begun = (out / "unfinished.json").exists()
        child = _started(resume if begun else begin, folder)
        number = signal.SIGKILL
        if rng.random() < 0.25:
            number = [signal.SIGINT, signal.SIGTERM][rng.integers(2)]
        time.sleep(rng.uniform(0, 5 * seconds / KILLS_PER_RUN))
        ended, status = os.waitpid(child, os.WNOHANG)
        if not ended:
            os.kill(child, number)
            status, _ = _ended(child)
            hit["SIGKILLs" if number == signal.SIGKILL else "other signals"] += 1
            if status == -signal.SIGKILL:
                hit[_moment(out)] += 1
        else:
            status = os.waitstatus_to_exitcode(status)
        if status not in (0, -number, 128 + number):
            failures.append(f"{words}: exit status {status}: {(folder / 'said').read_text()}")
            return hit
        failures += [f"{words}: {text}" for text in _unreadable(out)]
        if any(out.rglob("model.npz")) and not (out / "unfinished.json").exists():
            return hit  # finished, perhaps as the signal came


def _moment(out: Path) -> str:
    """What a process was doing that was just killed."""
    if any(out.rglob(f".*{PARTIAL}")):
        return "in a save"
    record = unfinished.read(out)
    if record is None:
        return "before it began, or at its end"
    done = {f"seed-{seed}" for seed in record.finished}
    parts = [part for part in (out, *out.glob("seed-*")) if part.name not in done]
    if any((part / "model.npz").exists() for part in parts):
        return "while it drew"
    trained = any((part / "checkpoint.npz").exists() for part in parts)
    return "between saves" if trained else "before an epoch had ended"


def _unreadable(out: Path) -> list[str]:
    found = []
    for path in out.rglob("*.npz"):
        try:
            read_archive(path)
        except CheckpointError as error:
            found.append(str(error))
    return found


def _differences(folder: Path) -> list[str]:
    """Between the run that was stopped and the whole one: other files, and other bytes."""
    whole, stopped = folder / "whole", folder / "stopped"
    files = {
        part: {str(path.relative_to(part)) for path in part.rglob("*")} for part in (whole, stopped)
    }
    found = [f"{name} is in one folder only" for name in files[whole] ^ files[stopped]]
    for name in files[whole] & files[stopped]:
        same = name.endswith(("model.npz", "history.csv", ".png"))
        if same and (whole / name).read_bytes() != (stopped / name).read_bytes():
            found.append(f"{name} differs")
    return found


def _started(words: list[str], folder: Path) -> int:
    """The number of a process that trains; what it says is in the file `said`."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    status = 99
    try:
        said = os.open(folder / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(said, stream)
        status = endings.status_of(lambda: program.main(words, "mlp train"), "mlp train")
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _ended(child: int) -> tuple[int, float]:
    """The exit status of a process, and how many seconds it took to end."""
    start = time.monotonic()
    while time.monotonic() - start < LONGEST:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), time.monotonic() - start
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 99, LONGEST
