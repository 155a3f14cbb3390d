"""Real ranks of MPI: the same training as on one process, and all of them end together."""

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from mlp import load_checkpoint
from mlp.files.archive import read_archive
from mpi_runs import MISSING, ended_within, on_mpi, rank_of, started_on, train_on
from programs import assert_one_line, train, write_csv

pytestmark = [
    pytest.mark.peers,
    pytest.mark.long,
    pytest.mark.no_numbers,
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
]
HERE = Path(__file__).parent
SECONDS = 60
"""Within which all ranks must have ended, also on a busy machine; alone it takes a few."""
LONG = ("--epochs", "100000", "--hidden", "8", "--checkpoint-seconds", "0")
SHORT = ("--epochs", "4", "--hidden", "8", "--dtype", "float64", "--quiet")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    x = np.random.default_rng(0).normal(size=(90, 3))
    rows = np.column_stack([x, (x[:, 0] > x[:, 1]).astype(int)])
    return write_csv(tmp_path_factory.mktemp("data") / "table.csv", rows)


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_random_trainings_on_ranks(ranks, tmp_path):
    """Fifty configurations, twice: as on one process to rounding, and to the same bytes again."""
    code = f"""
import sys, hashlib, numpy as np
sys.path.insert(0, {str(HERE)!r})
from mpi4py import MPI
from test_parallel import assert_same_training
from trainings import Training
digest = hashlib.sha256()
for number in range(50):
    training = Training(number)
    mine = training.run(MPI.COMM_WORLD)
    again = training.run(MPI.COMM_WORLD)
    np.testing.assert_array_equal(mine[0].parameter_vector(), again[0].parameter_vector())
    assert_same_training(training, training.run(), [mine])
    digest.update(mine[0].parameter_vector().tobytes())
all = MPI.COMM_WORLD.allgather(digest.hexdigest())
if len(set(all)) != 1 or MPI.COMM_WORLD.Get_size() != {ranks}:
    raise ValueError(all)
"""
    path = tmp_path / "many.py"
    path.write_text(code)
    done = on_mpi(ranks, "-m", "mpi4py", path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("ranks", [1, 3])
def test_the_program_gives_what_one_process_gives(tmp_path, table, ranks):
    words = ("--data", table, *SHORT, "--validation", "0.2", "--patience", "2")
    together = train_on(ranks, *words, "--out", tmp_path / "ranks", "--watch")
    assert (together.returncode, together.stderr) == (0, "")
    alone = train(*words, "--out", tmp_path / "one", "--watch")
    assert together.stdout.replace("/ranks", "/one") == alone.stdout  # said once
    files = [sorted(p.name for p in (tmp_path / name).iterdir()) for name in ("ranks", "one")]
    assert files[0] == files[1]
    nets = [load_checkpoint(tmp_path / name / "model.npz")[0] for name in ("ranks", "one")]
    ours, theirs = (net.parameter_vector() for net in nets)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    config = json.loads((tmp_path / "ranks" / "config.json").read_text())
    assert "mpi" not in config
    assert "--mpi" not in config["arguments"]


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (("--epochs", "0"), 2, "--epochs"),
        (("--data", "nowhere.csv"), 3, "nowhere.csv"),
        (("--learning-rate", "1e30", "--hidden", "8"), 5, "fit: "),
        (("--jobs", "2"), 2, "--jobs starts processes of its own"),
    ],
)
def test_an_error_is_said_once_and_is_the_status_of_all(tmp_path, words, code, part):
    assert_one_line(train_on(3, *words, "--quiet", cwd=tmp_path), code, part)


@pytest.mark.parametrize(
    ("rank", "number", "code"), [(0, signal.SIGTERM, 143), (2, signal.SIGINT, 130)]
)
def test_a_signal_to_one_rank_ends_all_and_the_run_goes_on_with_other_ranks(
    tmp_path, table, rank, number, code
):
    out, whole = tmp_path / "run", tmp_path / "whole"
    words = ("--data", table, "--hidden", "8", "--epochs", "600", "--dtype", "float64")
    with started_on(3, *words, "--out", out, wait_for="epoch   3") as process:
        os.kill(rank_of(process, rank), number)
        errors, _ = ended_within(process, SECONDS)
    assert process.returncode == code
    assert errors.count("\n") == 1
    assert "interrupted; after epoch" in errors
    assert "goes on with it" in errors
    assert load_checkpoint(out / "model.npz")
    record = json.loads((out / "unfinished.json").read_text())
    record_words = [word for word in record["arguments"] if word == "--mpi"]
    assert record_words == []
    done = train_on(2, "--resume", out)
    assert done.returncode == 0, done.stderr
    assert f"{out / 'checkpoint.npz'}: goes on after epoch" in done.stdout
    assert train(*words, "--quiet", "--out", whole).returncode == 0
    ours, theirs = (
        load_checkpoint(path / "model.npz")[0].parameter_vector() for path in (out, whole)
    )
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8 * abs(theirs).max())
    assert {p.name for p in out.iterdir()} == {p.name for p in whole.iterdir()}


def test_ctrl_c_to_mpiexec_ends_all(tmp_path, table):
    out = tmp_path / "run"
    with started_on(2, "--data", table, *LONG, "--out", out, wait_for="epoch") as process:
        process.send_signal(signal.SIGINT)
        errors, _ = ended_within(process, SECONDS)
    assert process.returncode == 130
    assert "interrupted; after epoch" in errors


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_is_killed_ends_all_and_the_checkpoint_is_whole(tmp_path, table, rank):
    out = tmp_path / "run"
    with started_on(3, "--data", table, *LONG, "--out", out, wait_for="epoch      9") as process:
        os.kill(rank_of(process, rank), signal.SIGKILL)
        ended_within(process, SECONDS)
    assert process.returncode != 0
    assert json.loads(read_archive(out / "checkpoint.npz")["training"].item())["epoch"] >= 1


LIBRARY = """
import sys
sys.path.insert(0, {here!r})
import numpy as np
from mpi4py import MPI
from mlp import SGD, SoftmaxCrossEntropy, fit
from mlp.callbacks import Callback
from tasks import blobs, classifier
world = MPI.COMM_WORLD

class Faults(Callback):
    def on_step(self, state):
        if state.optimizer.state(state.net).step == 3 and world.Get_rank() == 1:
            {fault}

try:
    fit(classifier(), SoftmaxCrossEntropy(), SGD(0.1), *blobs(), epochs=100000, rng=0,
        callbacks=[Faults()], communicator=world)
except BaseException as error:
    said = world.gather((type(error).__name__, str(error)))
    if world.Get_rank() == 0:
        print(*said, sep="\\n")
"""


@pytest.mark.parametrize(
    ("fault", "kind", "part"),
    [
        ("state.net[0].W[0, 0] = np.nan", "NonFiniteError", "fit: the loss is nan at step 2"),
        ("raise LookupError('what is that')", "LookupError", "what is that"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", "KeyboardInterrupt", ""),
        ("state.net[0].W += 1", "RuntimeError", "the weights of rank 1 are not those of rank 0"),
        ("sys.exit(7)", "SystemExit", "7"),
    ],
)
def test_what_happens_on_one_rank_is_raised_on_all(tmp_path, fault, kind, part):
    path = tmp_path / "program.py"
    path.write_text(LIBRARY.format(here=str(HERE), fault=fault))
    done = on_mpi(3, path, timeout=SECONDS + 20)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert all(f"'{kind}'" in line and part in line for line in lines), lines


def test_seeds_are_divided_among_the_ranks(tmp_path, table):
    words = ("--data", table, *SHORT, "--seeds", 5, "--threads", 1)
    together = train_on(3, *words, "--out", tmp_path / "ranks")
    assert (together.returncode, together.stderr) == (0, "")
    assert train(*words, "--out", tmp_path / "one").returncode == 0
    assert together.stdout.splitlines()[-2:] == ["seeds 0 to 4:", together.stdout.splitlines()[-1]]
    for seed in range(5):
        for name in ("model.npz", "history.csv"):
            file = f"seed-{seed}/{name}"
            ours, theirs = ((tmp_path / run / file).read_bytes() for run in ("ranks", "one"))
            assert ours == theirs
    files = [sorted(map(str, (p.relative_to(tmp_path / run) for p in (tmp_path / run).rglob("*"))))
             for run in ("ranks", "one")]  # fmt: skip
    assert files[0] == files[1]


@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_a_rank_with_its_own_seed_ends_all(tmp_path, table, rank):
    out = tmp_path / "run"
    words = ("--data", table, *LONG, "--seeds", 4, "--out", out)
    with started_on(2, *words, wait_for="epoch") as process:
        while not (out / "seed-1" / "checkpoint.npz").exists():
            time.sleep(0.01)
        os.kill(rank_of(process, rank), signal.SIGTERM)
        errors, _ = ended_within(process, SECONDS)
    assert process.returncode == 143
    assert errors.count("\n") == 1, errors
    assert read_archive(out / "seed-1" / "checkpoint.npz")


def test_ranks_share_the_cores():
    code = (
        "import os, sys; from mlp.commands import processor, threads; "
        "threads.set_from(['--mpi', '--threads', '64']); "
        "said = os.environ[processor.THREADS[0]], str('numpy' in sys.modules); "
        "sys.stdout.write(' '.join(said) + chr(10))"
    )
    cores = len(os.sched_getaffinity(0))
    for ranks in (1, 2, 3):
        done = on_mpi(ranks, "-c", code)
        said = f"{max(1, cores // ranks)} False"
        assert done.stdout.splitlines() == [said] * ranks, done.stderr
