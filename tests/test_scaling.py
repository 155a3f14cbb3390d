"""The benchmark of ranks, and the model of more machines, by hand and as a user runs it."""

import importlib.util
import json

import pytest

from mpi_runs import MISSING
from programs import ROOT
from test_benchmark import benchmark

pytestmark = pytest.mark.no_numbers


@pytest.fixture(scope="module")
def scaling():
    """The formulas: the file imports the rest of the benchmark, which lies beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        yield importlib.import_module("bench.scaling")


def test_the_formulas_by_hand(scaling):
    """1000 bytes, latency 1 s, 1000 bytes a second: on 8 nodes log2 p = 3, 2 (p - 1) / p = 7/4."""
    assert scaling.allreduce(8, 1000, 1, 1000) == {
        "tree": 3 * 2,
        "ring": 14 + 7 / 4,
        "halving": 6 + 7 / 4,
    }
    assert scaling.allreduce(2, 1000, 1, 1000) == {"tree": 2, "ring": 3, "halving": 3}
    assert scaling.allreduce(5, 0, 1, 1000) == {"tree": 3, "ring": 8, "halving": 6}
    assert set(scaling.allreduce(1, 1000, 1, 1000).values()) == {0}


def test_the_table_by_hand(scaling):
    """One weight and its bias are 8 bytes; the tree takes 1 + 1 s where a step takes 2 s."""
    curve = {1: 1.0, 256: 2.0, 2048: 4.0, 4096: 6.0}
    row = scaling._rows({(1, 1): curve}, latency=1.0, bandwidth=8.0)[1]
    assert row == ["1-1", "2", "2000.000", "tree", "50%", "1.0"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--ranks", "0"], "expected numbers of ranks like 1,2,4"),
        (["--ranks", "two"], "expected numbers of ranks like 1,2,4"),
        (["--model", "--ranks", "2"], "not allowed with"),
        (["--model", "--bandwidth", "0"], "--bandwidth one above 0"),
    ],
)
def test_wrong_use_is_told(words, part):
    done = benchmark(*words)
    assert done.returncode == 2
    assert part in done.stderr


@pytest.mark.long
def test_the_model_says_its_formulas_and_figures(tmp_path):
    done = benchmark("--model", "--quick", "--only", "784-128-10", "--out", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "halving   2 log2(p) a" in done.stdout
    assert "latency 20 us, bandwidth 1.1 GB/s" in done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines()[-4:]] == ["2", "8", "64", "1024"]


@pytest.mark.peers
@pytest.mark.long
@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
def test_ranks_do_the_same_work_and_say_how_long_they_talk(tmp_path):
    words = ["--ranks", "1,2", "--quick", "--only", "784-128-10 @ 64", "--out", tmp_path]
    done = benchmark(*words)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads((tmp_path / "ranks-1.json").read_text())["results"][0]["ranks"]
    assert {count: len(figures) for count, figures in result.items()} == {"1": 3, "2": 3}
    assert all(0 < each["communication"] < each["seconds"] for each in result["2"])
    assert result["1"][0]["communication"] == 0
    gradients = 4 * (785 * 128 + 129 * 10)
    assert result["2"][0]["bytes"] == gradients + 2 * 3 * 2 * 4  # two ranks, three numbers
