"""The whole suite as a newcomer runs it, then on every kind of machine that this one can be.

Two entries run side by side, each with one thread for its matrix products, while one environment
after the other is installed. Each entry has a log, whose end is shown if it fails. Every run of
tests first proves that it is what it says (prove_run.py).

What is left out of the later runs, because it was done once and can come out no other way:
- tests marked `peers` (PyTorch, scikit-learn, pandas) and `long` (kills, fuzz, hostile files,
  random mistakes): in the first run only;
- tests marked `no_numbers` (files of data, options, programs), where only the way of computing
  differs: another kernel, no vector extensions.
"""

import configparser
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import machine

SOURCE = Path(__file__).resolve().parents[1]
TORCH = "torch==2.13.0"
BOOK = ("pypandoc_binary", "ziamath", "nbclient", "ipykernel", "pdoc")
MPI = ("mpi4py", "mpich")
PEERS = {
    "packages": {"torch": "2.13.0"},
    "installed": [
        "pandas",
        "sklearn",
        "torch",
        "pypandoc",
        "ziamath",
        "nbclient",
        "ipykernel",
        "pdoc",
        "mpi4py",
    ],
}
MINUTES = 45
"""An entry that takes longer has failed: what hangs must not use up the time of the others."""
SHOWN = 60
NOT_SOURCES = (".git", ".venv", "runs", "build", "__pycache__", "*.egg-info", ".*_cache")
OURS = re.compile("OPENBLAS_.*|NPY_.*|PYTHON.*|PYTEST_.*|RUN_IS|MPL.*")
"""Variables of whoever starts this that would make a run something else than it says."""
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ALL = "not peers and not long"
NUMBERS = f"{ALL} and not no_numbers"
SUMMARY = re.compile(r"^=* ?((?:\d+ \w+,? ?)+) in [\d.]+s", re.MULTILINE)


class Skip(Exception):
    """This machine cannot be that; the text says why."""


class Failed(Exception):
    """A command failed; its log says why."""


@dataclass
class Place:
    """A copy of the sources with a virtual environment of its own."""

    folder: Path
    python: Path
    packages: list[str]

    @property
    def sources(self) -> Path:
        return self.folder / "mlp"

    @property
    def venv(self) -> Path:
        return self.sources / ".venv"

    def make(self) -> None:
        self.folder.mkdir(parents=True)
        shutil.copytree(SOURCE, self.sources, ignore=shutil.ignore_patterns(*NOT_SOURCES))
        log = self.folder.parent / f"{self.folder.name}.install.log"
        run([self.python, "-m", "venv", self.venv], self.sources, clean(), log)
        if self.packages:
            command = [self.venv / "bin/python", "-m", "pip", "install", *self.packages]
            run(command, self.sources, clean(), log)


@dataclass
class Entry:
    """One line of the matrix: commands in a place, with settings, and what they prove."""

    name: str
    place: str
    commands: Callable[[Place], list[list]]
    settings: dict[str, str] = field(default_factory=dict)
    is_: dict = field(default_factory=dict)
    prepare: Callable[[Place], dict[str, str]] = lambda place: {}
    """Called in the ready place; more settings, or Skip."""


def clean() -> dict[str, str]:
    """The environment without what would change the runs."""
    kept = {name: value for name, value in os.environ.items() if not OURS.fullmatch(name)}
    return (
        kept
        | ONE_THREAD
        | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "2", "PIP_NO_COMPILE": "1"}
    )


def run(command: list, folder: Path, environment: dict[str, str], log: Path) -> None:
    with log.open("a") as file:
        print("+", *command, file=file, flush=True)
        done = subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=60 * MINUTES,
            check=False,
        )
    if done.returncode:
        raise Failed(f"status {done.returncode}: {' '.join(map(str, command))[:200]}")


# --- the environments ---


def oldest() -> list[str]:
    """The lower bounds of setup.cfg, as exact versions: what needs to be there to test."""
    setup = configparser.ConfigParser()
    setup.read(SOURCE / "setup.cfg")
    lines = setup["options"]["install_requires"] + setup["options.extras_require"]["test"]
    return [line.replace(">=", "==") for line in lines.split() if ">=" in line]


def places(root: Path) -> dict[str, Place]:
    """In the order in which they are installed."""
    here = Path(sys.executable)
    tests = ["-e", ".[test]", "threadpoolctl"]
    found = {
        "plain": Place(root / "plain", here, tests),
        "readme": Place(
            root / "readme", here, [TORCH, "threadpoolctl", "scikit-learn", "pandas", *BOOK, *MPI]
        ),
        "oldest": Place(root / "oldest", here, ["-e", ".", "threadpoolctl", *oldest()]),
        "package": Place(root / "package", here, []),
        "lint": Place(root / "lint", here, ["-e", ".[lint]", "mypy"]),
    }
    if user := machine.python_for_nobody():
        found["nobody"] = Place(root / "with blank and ü", user, tests)
    for version, python in others().items():
        found[version] = Place(root / version, python, tests)
    return found


def others() -> dict[str, Path]:
    mine = ".".join(map(str, sys.version_info[:2]))
    return {version: path for version, path in machine.pythons().items() if version != mine}


# --- the entries ---


def entries() -> Iterator[Entry]:
    for kernel in ("Nehalem", "Sandybridge"):
        yield with_kernel(kernel)
    yield Entry("README", "readme", readme, is_=PEERS)
    yield Entry("random order", "plain", pytest(ALL), is_={"random order": True}, prepare=shuffled)
    for kernel in ("Haswell", "SkylakeX"):
        yield with_kernel(kernel)
    yield Entry(
        "no vector extensions",
        "plain",
        pytest(NUMBERS),
        is_={"vector extensions": []},
        prepare=without_extensions,
    )
    optimized = {"PYTHONOPTIMIZE": "1"}  # also for the programs that tests start
    yield Entry("python -O", "plain", pytest(ALL), optimized, {"optimize": 1})
    versions = dict(bound.split("==") for bound in oldest())
    yield Entry("oldest versions", "oldest", pytest(ALL), is_={"packages": versions})
    yield Entry(
        "unprivileged",
        "nobody",
        as_nobody,
        is_={"root": False, "can write": [], "plain path": False},
        prepare=read_only,
    )
    for version in others():
        yield Entry(f"Python {version}", version, pytest(ALL), is_={"python": version})
    yield Entry("package", "package", package)
    yield Entry("lint", "lint", lint)


def pytest(select: str, *options: str) -> Callable[[Place], list[list]]:
    return lambda place: [[place.venv / "bin/python", "-m", "pytest", "-m", select, *options]]


def with_kernel(kernel: str) -> Entry:
    forced = {"OPENBLAS_CORETYPE": kernel}

    def possible(place: Place) -> dict[str, str]:
        if lack := machine.lacking(kernel):
            raise Skip(lack)
        if machine.crashes(place.venv / "bin/python", clean() | forced):
            raise Skip("this NumPy crashes by itself with that kernel")
        return {}

    return Entry(kernel, "plain", pytest(NUMBERS), forced, {"kernels": [kernel]}, possible)


def readme(place: Place) -> list[list]:
    """The README's two commands as they stand there, in an environment that has the peers; then
    what the second leaves out because it takes long."""
    text = (place.sources / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^python3 -m venv \.venv && .*$", text, re.MULTILINE)
    if len(commands) != 2:
        raise Failed(f"README.md: expected two commands, got {len(commands)}")
    return [*(["bash", "-c", command] for command in commands), *pytest("long")(place)]


def shuffled(place: Place) -> dict[str, str]:
    """pytest-randomly in a folder of its own: wherever it is installed, it is at work."""
    plugin, seed = place.folder / "randomly", random.randrange(2**32)
    words = ["-m", "pip", "install", "--no-deps", "--target", plugin, "pytest-randomly"]
    log = place.folder.parent / "random order.log"
    run([place.venv / "bin/python", *words], place.sources, clean(), log)
    return {"PYTHONPATH": str(plugin), "PYTEST_ADDOPTS": f"-p randomly --randomly-seed={seed}"}


def without_extensions(place: Place) -> dict[str, str]:
    """The names from NumPy's own list: those that it does not know it ignores."""
    code = """if True:
        from numpy._core import _multiarray_umath as core
        print(*(name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name)))"""
    python = place.venv / "bin/python"
    names = subprocess.check_output([python, "-c", code], text=True, env=clean()).strip()
    if not names:
        raise Skip("NumPy uses none on this processor")
    return {"NPY_DISABLE_CPU_FEATURES": names}


def read_only(place: Place) -> dict[str, str]:
    if os.geteuid():
        raise Skip("only root can become somebody else")
    home = place.folder / "home"
    home.mkdir(mode=0o555)
    for path in [place.sources, *place.sources.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222 | 0o444)
    return {"HOME": str(home), "TMPDIR": "/tmp"}


def as_nobody(place: Place) -> list[list]:
    return [[*machine.NOBODY, *pytest(ALL, "-p", "no:cacheprovider")(place)[0]]]


def package(place: Place) -> list[list]:
    """The wheel, installed where no checkout is: the commands it brings."""
    python, elsewhere = place.venv / "bin/python", place.folder / "elsewhere"
    elsewhere.mkdir()
    script = """
        "$1" -m pip wheel --no-deps --wheel-dir "$2" . && cd "$2" && "$1" -m pip install ./*.whl
        mlp="$(dirname "$1")/mlp"
        "$mlp" train --epochs 1 --quiet && "$mlp" check --self-test"""
    return [["bash", "-euc", script, "bash", python, elsewhere]]


def lint(place: Place) -> list[list]:
    tools = place.venv / "bin"
    return [[tools / "ruff", "check"], [tools / "ruff", "format", "--check"], [tools / "mypy"]]


# --- a browser ---


def install_browser() -> None:
    """For the tests of the run page, which skip where there is none; also if this fails."""
    if shutil.which("chromium") or os.geteuid() or not shutil.which("apt-get"):
        return
    quiet = {"stdout": subprocess.DEVNULL, "env": clean() | {"DEBIAN_FRONTEND": "noninteractive"}}
    install = ["install", "--yes", "--no-install-recommends", "chromium"]
    for words in (["update"], install):
        subprocess.run(["apt-get", "-qq", *words], check=False, timeout=60 * MINUTES, **quiet)


# --- running them ---


@dataclass
class Result:
    name: str
    verdict: str
    text: str
    seconds: float
    log: Path
    tests: dict[str, int] = field(default_factory=dict)


def one(entry: Entry, root: Path, ready: dict[str, Future], made: dict[str, Place]) -> Result:
    start, log = time.monotonic(), root / f"{entry.name}.log"
    result = Result(entry.name, "passed", "", 0.0, log)
    try:
        if entry.place not in made:
            raise Failed("no Python from 3.11 on that an unprivileged user can run")
        ready[entry.place].result()
        place, start = made[entry.place], time.monotonic()
        settings = entry.prepare(place) | entry.settings
        paths = [str(place.sources / ".ci"), settings.get("PYTHONPATH", "")]
        environment = clean() | settings | {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTEST_PLUGINS": "prove_run",
            "RUN_IS": json.dumps(entry.is_),
        }  # fmt: skip
        for command in entry.commands(place):
            run(command, place.sources, environment, log)
        result.text, result.tests = what_it_was(log, entry)
    except Skip as reason:
        result.verdict, result.text = "skipped", str(reason)
    except (Failed, OSError, subprocess.SubprocessError) as reason:
        result.verdict, result.text = "FAILED", str(reason)
    result.seconds = time.monotonic() - start
    return result


def what_it_was(log: Path, entry: Entry) -> tuple[str, dict[str, int]]:
    """What the run proved, and how many tests passed; Failed if it ran tests and proved nothing."""
    text = log.read_text(errors="replace")
    if not entry.is_:
        return "", {}
    proof = re.search(r"^this run is: (.*)$", text, re.MULTILINE)
    counts = SUMMARY.findall(text)
    if not proof or not counts:
        raise Failed("it ran no tests, or did not prove what it is")
    seen = json.loads(proof[1])
    shown = f"Python {seen['python']}, NumPy {seen['numpy']}, {'+'.join(seen['kernels'])}"
    tests: dict[str, int] = {}
    for n, kind in re.findall(r"(\d+) (\w+)", " ".join(counts)):
        tests[kind] = tests.get(kind, 0) + int(n)
    return shown, tests


def main(words: list[str]) -> int:
    chosen = list(entries())
    if words == ["list"]:
        print(*(entry.name for entry in chosen), sep="\n")
        return 0
    if words:
        chosen = [entry for entry in chosen if entry.name in words[1:]]
        if words[0] != "only" or len(chosen) != len(words[1:]):
            print("usage: .ci/run [list | only NAME ...]", file=sys.stderr)
            return 2
    start = time.monotonic()
    install_browser()
    with tempfile.TemporaryDirectory(prefix="mlp-ci-") as name:
        root = Path(name)
        root.chmod(0o755)  # the unprivileged user looks into it
        results = run_all(chosen, root)
        for result in results:
            if result.verdict == "FAILED":
                show_the_end(result)
    return conclusion(results, time.monotonic() - start)


def run_all(chosen: list[Entry], root: Path) -> list[Result]:
    needed = {entry.place for entry in chosen}
    made = {name: place for name, place in places(root).items() if name in needed}
    with ThreadPoolExecutor(1) as installer, ThreadPoolExecutor(2) as slots:
        ready = {name: installer.submit(place.make) for name, place in made.items()}
        running = [slots.submit(one, entry, root, ready, made) for entry in chosen]
        for future in as_completed(running):
            print(line(future.result()), flush=True)
        return [future.result() for future in running]


def line(result: Result) -> str:
    counts = ", ".join(f"{n} {kind}" for kind, n in result.tests.items())
    said = "; ".join(filter(None, (result.text, counts)))
    return f"{result.verdict:<8} {result.name:<21} {result.seconds:4.0f} s  {said}"


def show_the_end(result: Result) -> None:
    print(f"\n--- {result.name}: {result.text}")
    for log in (result.log, *result.log.parent.glob("*.install.log")):
        if log.exists():
            print(f"--- the end of {log.name}")
            print(*log.read_text(errors="replace").splitlines()[-SHOWN:], sep="\n")


def conclusion(results: list[Result], seconds: float) -> int:
    """The table, and a last line as pytest's."""
    print()
    for result in results:
        print(line(result))
    total: dict[str, int] = {}
    for result in results:
        for kind, n in result.tests.items():
            total[kind] = total.get(kind, 0) + n
    bad = sum(result.verdict == "FAILED" for result in results)
    skipped = sum(result.verdict == "skipped" for result in results)
    print(f"{len(results) - bad - skipped} entries passed, {bad} failed, {skipped} skipped")
    total |= {"failed": total.get("failed", 0) + bad} if bad else {}
    kinds = ("failed", "passed", "skipped", "deselected")
    counts = ", ".join(f"{total[kind]} {kind}" for kind in kinds if kind in total)
    print(f"{'=' * 12} {counts} in {seconds:.2f}s {'=' * 12}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
