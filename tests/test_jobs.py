"""Several seeds at a time: the files of one after the other, and all processes end together."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from mlp.commands.train.unfinished import without_ways
from programs import ENVIRONMENT, ROOT, Started, assert_one_line, train, write_csv

pytestmark = pytest.mark.no_numbers


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    x = np.random.default_rng(0).normal(size=(90, 3))
    rows = np.column_stack([x, (x[:, 0] > x[:, 1]).astype(int)])
    return write_csv(tmp_path_factory.mktemp("data") / "table.csv", rows)


def files(folder):
    """All but the times, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "timing.csv"
    }


def wait_until_nobody_is_left(group):
    """Python's own helpers of processes end a little later."""
    for _ in range(500):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    raise AssertionError("a process goes on")


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["--mpi", "--seeds", "3"], ["--seeds", "3"]),
        (["--jobs", "2", "--seeds", "3"], ["--seeds", "3"]),
        (["--seeds", "3", "--jobs=2", "--mpi"], ["--seeds", "3"]),
        (["--out", "--mpi"], ["--out"]),
    ],
)
def test_how_many_processes_there_were_is_not_part_of_a_run(words, kept):
    assert without_ways(words) == kept


@pytest.mark.long
def test_the_files_are_those_of_one_seed_after_the_other(tmp_path, table):
    words = ("--data", table, "--seeds", 3, "--hidden", 4, "--epochs", 3, "--out", "run")
    said = []
    for name, more in (("jobs", ("--jobs", 2)), ("alone", ())):
        (tmp_path / name).mkdir()
        done = train(*words, *more, "--quiet", "--threads", 1, cwd=tmp_path / name)
        assert (done.returncode, done.stderr) == (0, "")
        said.append(done.stdout.splitlines())
    assert sorted(said[0]) == sorted(said[1])
    assert said[0][-2:] == said[1][-2:]
    assert files(tmp_path / "jobs") == files(tmp_path / "alone")


@pytest.mark.long
@pytest.mark.parametrize("whole_group", [False, True])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_all_processes(tmp_path, table, whole_group, number, code):
    """Ctrl-C goes to the whole group of processes, `kill` to the first one."""
    out = tmp_path / "run"
    words = ["--data", table, "--seeds", 4, "--hidden", 4, "--epochs", 100000, "--out", out]
    words += ["--jobs", 2, "--checkpoint-seconds", 0]
    command = [sys.executable, ROOT / "scripts" / "train.py", *words]
    pipe = subprocess.PIPE
    with Started(
        [*map(str, command)],
        stdout=pipe, stderr=pipe, text=True, env=ENVIRONMENT, start_new_session=True,
    ) as process:  # fmt: skip
        while not all((out / f"seed-{seed}" / "checkpoint.npz").exists() for seed in (0, 1)):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        os.killpg(process.pid, number) if whole_group else process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert errors.count("\n") == 1, errors
    assert f"--resume {out} goes on with it" in errors
    wait_until_nobody_is_left(process.pid)
    assert {path.name for path in out.iterdir()} == {"seed-0", "seed-1", "unfinished.json"}


@pytest.mark.long
def test_what_ends_one_seed_is_said_once(tmp_path, table):
    words = ("--data", table, "--seeds", 3, "--learning-rate", 1e30, "--epochs", 3, "--jobs", 2)
    assert_one_line(train(*words, "--quiet", "--out", tmp_path / "run"), 5, "fit: ")


def test_without_mpi4py_the_remedy_is_said(tmp_path):
    (tmp_path / "mpi4py.py").write_text("raise ImportError('none here')")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv = ['mlp', 'train', '--mpi'];"
        "from mlp.commands.console import main; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert_one_line(done, 2, "--mpi needs mpi4py", "pip install 'mlp[mpi]'")
