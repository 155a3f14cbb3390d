"""Runs that are stopped, killed, begun twice or resumed, as a user meets them."""

import os
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from mlp import CheckpointError, load_checkpoint
from mlp.commands.train import unfinished
from programs import ENVIRONMENT, ROOT, assert_one_line, started, train, write_csv

pytestmark = pytest.mark.no_numbers

SHORT = ("--hidden", "8", "--epochs", "4", "--quiet")
LONG = ("--epochs", "100000", "--hidden", "8", "--checkpoint-seconds", "0")
BYTES = ("model.npz", "history.csv")


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.005)


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def going_on(run):
    """What is said of a run that was stopped, to be copied into a shell."""
    script = shlex.quote(str(ROOT / "scripts" / "train.py"))
    return f"{script} --resume {shlex.quote(str(run))} goes on with it"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Samples that are no images: there is less to draw, and drawing takes most of the time."""
    x = np.random.default_rng(0).normal(size=(90, 3))
    rows = np.column_stack([x, (x[:, 0] > x[:, 1]).astype(int)])
    return write_csv(tmp_path_factory.mktemp("data") / "table.csv", rows)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A run that was killed after its first checkpoint: its folder."""
    out = tmp_path_factory.mktemp("killed") / "run"
    with started(*LONG, "--out", out, wait_for="epoch") as process:
        wait_for(out / "checkpoint.npz", process)
        process.kill()
    return out


def test_a_run_that_is_finished_is_left_as_it_is(tmp_path):
    out = tmp_path / "run"
    assert train(*SHORT, "--out", out).returncode == 0
    before = contents(out)
    assert "checkpoint.npz" not in before
    again = train("--resume", out)
    assert again.returncode == 0
    assert again.stdout == f"{out} is finished; nothing is left to do\n"
    assert_one_line(train("--resume", out, "--epochs", 9), 2, "--epochs is 4 in", "and 9 here")
    assert contents(out) == before


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (("--hidden", "9"), 2, ("--hidden is (8,) in", "and (9,) here")),
        (("--learning-rate", "0.5"), 2, ("--learning-rate is None in", "and 0.5 here")),
        (("--seeds", "2"), 2, ("--seeds is 1 in", "and 2 here")),
        (("--threads", "2"), 2, ("--threads is None in", "and 2 here")),
        (("--out", "elsewhere"), 2, ("leave --out and --force out",)),
        (("--force",), 2, ("leave --out and --force out",)),
        (("--data", "other.csv"), 3, ("other.csv: is not the data that", "--data says where")),
    ],
)
def test_what_differs_from_the_run_is_refused_by_name(killed, tmp_path, words, code, parts):
    rows = np.column_stack([np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2])
    write_csv(tmp_path / "other.csv", rows)
    before = contents(killed)
    assert_one_line(train("--resume", killed, *words, cwd=tmp_path), code, *parts)
    assert contents(killed).keys() <= before.keys()
    assert contents(killed)["checkpoint.npz"] == before["checkpoint.npz"]


def test_nothing_to_go_on_with_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("nowhere", "empty"):
        result = train("--resume", tmp_path / name)
        assert_one_line(result, 2, f"{name} holds no run to go on with", "without --resume")
    assert not (tmp_path / "nowhere").exists()


def test_a_damaged_checkpoint_or_record_is_refused(killed, tmp_path):
    for name, error in (("checkpoint.npz", "digest"), ("unfinished.json", "is damaged")):
        whole = (killed / name).read_bytes()
        (killed / name).write_bytes(whole[: len(whole) // 2])
        assert_one_line(train("--resume", killed), 4, name, error)
        (killed / name).write_bytes(whole)


def test_no_flipped_bit_of_a_record_changes_the_run(tmp_path):
    record = unfinished.Record(["--epochs", "40"], "ab", {"mlp": "1"}, {"a": 1}, {"3": {"b": 0.5}})
    record.write(tmp_path)
    path = tmp_path / unfinished.NAME
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        try:
            assert unfinished.read(tmp_path) == record
        except CheckpointError as error:
            assert str(error).startswith(f"{path}: is damaged")
    for text in (b"", b"[]", b"3", b"{}", whole[:-3]):
        path.write_bytes(text)
        with pytest.raises(CheckpointError, match="is damaged"):
            unfinished.read(tmp_path)


def test_a_run_killed_before_its_first_epoch_starts_anew_and_says_so(tmp_path, table):
    out, whole = tmp_path / "run", tmp_path / "whole"
    with started("--data", table, *LONG, "--out", out, wait_for="epoch") as process:
        wait_for(out / "checkpoint.npz", process)
        process.kill()
    (out / "checkpoint.npz").unlink()
    record = unfinished.read(out)
    record.arguments += ["--epochs", "3"]
    record.write(out)
    result = train("--resume", out, "--quiet")
    assert result.returncode == 0, result.stderr
    assert f"{out}: no epoch had ended; starts with epoch 1" in result.stdout
    assert train("--data", table, *SHORT, "--epochs", 3, "--out", whole).returncode == 0
    for name in BYTES:
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_two_runs_do_not_share_a_folder(tmp_path, table):
    out, short = tmp_path / "run", ("--data", table, *SHORT, "--seed", 5)
    with started(*LONG, "--out", out, wait_for="epoch") as process:
        said = f"{out}: another run (process {process.pid}) is still writing there"
        for words in (("--out", out), ("--out", out, "--force"), ("--resume", out)):
            assert_one_line(train(*words), 6, said)
        process.kill()
    assert_one_line(train("--out", out), 2, f"--resume {out} to go on with it", "--force")
    result = train(*short, "--out", out, "--force")  # the lock of a dead process
    assert result.returncode == 0, result.stderr
    assert train(*short, "--out", tmp_path / "other").returncode == 0
    assert contents(out).keys() == contents(tmp_path / "other").keys()
    assert (out / "model.npz").read_bytes() == (tmp_path / "other" / "model.npz").read_bytes()


@pytest.mark.long
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_it_draws_stops_several_seeds_after_the_file(tmp_path, table, number, code):
    out, whole = tmp_path / "run", tmp_path / "whole"
    words = ("--data", table, "--seeds", 2, "--hidden", 8, "--epochs", 4)
    with started(*words, "--out", out, wait_for="epoch") as process:
        wait_for(out / "seed-0" / "model.npz", process)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert errors.count("\n") == 1
    assert "interrupted; after epoch 4; kept in" in errors
    assert going_on(out) in errors
    assert not (out / "seed-1").exists()
    first = contents(out / "seed-0")
    assert first["confusion.png"].startswith(b"\x89PNG")
    result = train("--resume", out)
    assert result.returncode == 0, result.stderr
    assert f"{out / 'seed-0'}: is done already" in result.stdout
    assert "seeds 0 to 1:" in result.stdout
    first.pop("checkpoint.npz", None)
    assert contents(out / "seed-0") == first
    assert train(*words, "--quiet", "--out", whole).returncode == 0
    assert contents(whole).keys() == contents(out).keys()
    for seed in range(2):
        for name in BYTES:
            file = f"seed-{seed}/{name}"
            assert (out / file).read_bytes() == (whole / file).read_bytes()


def test_a_stopped_run_says_how_to_go_on_and_does(tmp_path, table):
    out, data = tmp_path / "my run", tmp_path / "table.csv"
    data.write_bytes(table.read_bytes())
    words = ("--data", "table.csv", "--hidden", "8", "--epochs", "3000")
    with started(*words, "--out", "my run", wait_for="epoch    2", cwd=tmp_path) as process:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert going_on("my run") in errors
    assert load_checkpoint(out / "model.npz")
    result = train("--resume", out)  # from another folder
    assert result.returncode == 0, result.stderr
    assert f"{out / 'checkpoint.npz'}: goes on after epoch" in result.stdout
    assert train(*words, "--quiet", "--out", "whole", cwd=tmp_path).returncode == 0
    for name in BYTES:
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert contents(out).keys() == contents(tmp_path / "whole").keys()


def test_the_bytes_do_not_depend_on_the_hash_seed(tmp_path, table):
    for seed in ("1", "2"):
        command = [sys.executable, ROOT / "scripts" / "train.py", "--data", table, *SHORT]
        command += ["--out", tmp_path / seed]
        environment = ENVIRONMENT | {"PYTHONHASHSEED": seed}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, timeout=60)
    for name in BYTES:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_the_threads_of_a_run_are_those_of_its_continuation(tmp_path):
    from mlp.commands import processor

    code = (
        "import os, sys; from mlp.commands import threads; threads.set_from(sys.argv[1:]); "
        f"print(os.environ.get({processor.THREADS[0]!r}), 'numpy' in sys.modules)"
    )
    unfinished.Record(["--threads", "3"], "", {}, {}).write(tmp_path)
    environment = {k: v for k, v in ENVIRONMENT.items() if k not in processor.THREADS}
    for words, said in (
        (["--resume", str(tmp_path)], "3 False"),
        ([f"--resume={tmp_path}"], "3 False"),
        (["--resume", os.devnull], "None False"),
    ):
        command = [sys.executable, "-c", code, *words]
        found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert found.stdout.strip() == said, found.stderr


def test_a_run_that_learns_nothing_says_what_was_seen(tmp_path):
    result = train("--learning-rate", 50, "--epochs", 3, "--quiet", "--out", tmp_path / "run")
    assert_one_line(result, 0, "warning: the network has learned nothing", "(it was 50)")
    assert "256 of 256 units of layer 2 ReLU() give 0 for each of 1000 samples" in result.stderr
    x = np.random.default_rng(0).normal(size=(90, 3))
    data = write_csv(tmp_path / "noise.csv", np.column_stack([x, 1e3 + x[:, 0] + 0.5]))
    words = ("--data", data, "--init", "0", "--hidden", "4", "--learning-rate", "1e-9")
    result = train(*words, "--epochs", 1, "--quiet", "--out", tmp_path / "mean")
    assert_one_line(result, 0, "that of always saying the mean", "(it was 1e-09)")
    assert train(*words[:2], "--quiet", "--out", tmp_path / "learned").stderr == ""


def test_early_stopping_says_when_and_why(tmp_path):
    words = ("--patience", 2, "--validation", 0.2, "--hidden", 64, "--out", tmp_path / "run")
    lines = train(*words).stdout.splitlines()
    last = [line for line in lines if line.startswith("epoch")][-1]
    epoch = int(last.removeprefix("epoch").split("/")[0])
    assert f"stopped after epoch {epoch}: no lower validation loss in 2 epochs; " in "\n".join(
        lines
    )
    assert f"the weights are those of epoch {epoch - 2}" in "\n".join(lines)
