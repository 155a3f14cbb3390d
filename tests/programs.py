"""The training program, started as a user starts it."""

import csv
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def train(*words, cwd=None):
    command = [sys.executable, "-W", "error", str(ROOT / "scripts" / "train.py"), *map(str, words)]
    how = {"capture_output": True, "text": True, "env": ENVIRONMENT, "timeout": 120}
    return subprocess.run(command, cwd=cwd, **how)


def assert_one_line(result, code, *parts):
    """Raise unless the program ended with that status and one line that holds the parts."""
    said = result.stderr
    one_line = said.count("\n") == 1 and "Traceback" not in said
    missing = [part for part in parts if part not in said]
    if result.returncode != code or not one_line or missing:
        raise AssertionError(f"status {result.returncode}, without {missing}: {said}")


def write_csv(path, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


class Started(subprocess.Popen):
    """Killed where a test leaves it running, as after a failed assertion."""

    def __exit__(self, *error):
        self.kill()
        super().__exit__(*error)


def started(*words, wait_for, **how):
    """The program, running, after it printed a line that begins with `wait_for`."""
    command = [sys.executable, str(ROOT / "scripts" / "train.py"), *map(str, words)]
    pipe = subprocess.PIPE
    how = {"stdout": pipe, "stderr": pipe, "text": True, "env": ENVIRONMENT} | how
    process = Started(command, **how)
    while not process.stdout.readline().startswith(wait_for):
        if process.poll() is not None:
            raise AssertionError(f"it ended before it said {wait_for!r}: {process.stderr.read()}")
    return process
