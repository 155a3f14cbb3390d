"""Small mistakes written into the package, one at a time: do the tests notice?

Drawn are places in the code that computes, keeps and checks results, most of them in the
gradient check. Each mistake is tried in a copy of the tree, with the tests of its module. What came
of each is a line of a file, with which a run that was broken off goes on.
"""

import difflib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy  # noqa: F401  for all processes
import pytest
import scipy  # noqa: F401
from hypothesis import Phase, settings

from stressing.mutations import mutated

ROOT = Path(__file__).resolve().parents[2]
PARTS = [
    ("layers/* losses.py optim.py sequential.py step.py training.py callbacks.py stopping.py "
     "files/* fused/*", 0.4),
    ("checking/* checking/students/gradients.py checking/students/judging.py", 0.35),
    ("checking/students/* checking/diagnosis/*", 0.25),
]  # fmt: skip
"""What is drawn from, and which share of the mutants from each."""
SECONDS = 150
"""Of processor time for the tests of a mutant: on a busy machine they take longer by the clock."""
LONGEST = 1200
"""Seconds by the clock, for what waits and never ends."""
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "runs", "build", "__pycache__", ".*_cache")
BEGINNING = [
    ("layers/*", "layers_* sequential losses fast directions"),
    ("losses.py", "losses loss_errors layers_slow pairing fast"),
    ("optim.py", "optim training fast"),
    ("sequential.py", "sequential* layers_contract"),
    ("step.py", "training* fast"),
    ("training.py", "training* callbacks resume fast"),
    ("callbacks.py", "callbacks training"),
    ("stopping.py", "training* callbacks resume"),
    ("files/*", "checkpoint resume"),
    ("fused/*", "fast training"),
    ("checking/students/counterexample.py", "counterexample students_style students"),
    (
        "checking/students/*",
        "students_endings students_style real_forms class_forms students",
    ),
    ("checking/diagnosis/*", "students_endings students_style students counterexample"),
    (
        "checking/*",
        "check_samples check_builtin jacobian check_oracles layers_kinks check_report "
        "check_tolerances gradcheck directions",
    ),
]
"""The tests of each module, as patterns of what follows `test_` in their names."""

LEFT_OUT = [
    *("-m", "not peers and not long"),
    *("--deselect", "tests/test_students.py::test_an_endless_import_ends_with_the_time_limit"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
]
"""Also a test that looks at the clock, and what pytest says of Hypothesis being there already."""


def drawn(count: int, seed: int) -> list[tuple[int, str, str]]:
    """Their numbers, paths and mutated sources."""
    rng, mutants = random.Random(seed), []
    for patterns, share in PARTS:
        paths = sorted(path for p in patterns.split() for path in ROOT.glob(f"mlp/{p}"))
        every = [
            (str(path.relative_to(ROOT)), source)
            for path in paths
            if path.suffix == ".py"
            for source in mutated(path.read_text())
        ]
        mutants += rng.sample(every, round(share * count))
    rng.shuffle(mutants)  # a run that is broken off has seen some of everything
    return [(number, *mutant) for number, mutant in enumerate(mutants)]


def first_tests(path: str) -> list[str]:
    patterns = next(p for module, p in BEGINNING if fnmatch(path.removeprefix("mlp/"), module))
    found = [sorted(ROOT.glob(f"tests/test_{pattern}.py")) for pattern in patterns.split()]
    return list(dict.fromkeys(f"tests/{path.name}" for paths in found for path in paths))


def noticed(place: Path, words: list[str]) -> str | None:
    """The first test that fails in the copy, or why it did not get so far; None: all pass."""
    said = place / "said"
    child = os.fork()  # pytest and what it needs are imported already
    if not child:
        try:
            os._exit(_passed(place, said, words))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(99)
    end = time.monotonic() + LONGEST
    while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < end:
        time.sleep(0.05)
    if not ended[0]:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return f"more than {LONGEST} s"
    lines = said.read_text(errors="replace").splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    status = os.waitstatus_to_exitcode(ended[1])
    return (failed or [f"exit status {status}"])[0] if status else None


def _passed(place: Path, said: Path, words: list[str]) -> int:
    """The exit status of pytest in a copy; in a process of its own."""
    os.setsid()
    os.chdir(place)
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    with open(said, "w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.path.insert(0, str(place))
    os.environ["PYTHONPATH"] = str(place)
    settings.register_profile("quick", phases=[Phase.explicit, Phase.generate])  # do not shrink
    settings.load_profile("quick")
    order = ["--hypothesis-seed=0", "-p", "no:randomly"]
    return pytest.main(["-x", "-q", *order, *LEFT_OUT, *words])


def run(cases: int, seed: int, results: Path) -> tuple[str, list[str]]:
    """Try so many; `results` is the file of lines."""
    old = results.read_text().splitlines() if results.exists() else []
    done = {line["number"]: line for line in map(json.loads, old)}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "mlp")
        shutil.copytree(ROOT, place, ignore=NOT_COPIED)
        for number, path, source in drawn(cases, seed):
            if number not in done:
                done[number] = _tried(place, number, path, source)
                with open(results, "a") as file:
                    file.write(json.dumps(done[number]) + "\n")
    survivors = [line for line in done.values() if line["noticed"] is None]
    return f"{len(done)} mutants", [f"{line['number']}\n{line['diff']}" for line in survivors]


def _tried(place: Path, number: int, path: str, source: str) -> dict[str, Any]:
    file, start = place / path, time.monotonic()
    before = file.read_text()
    diff = difflib.unified_diff(before.splitlines(), source.splitlines(), path, path, "", "", 1, "")
    try:
        file.write_text(source)
        os.utime(file, (number, number))  # what Python compiled before is of another time
        why = noticed(place, first_tests(path))
    finally:
        file.write_text(before)
    seconds = round(time.monotonic() - start, 1)
    return {"number": number, "noticed": why, "seconds": seconds, "diff": "\n".join(diff)}
