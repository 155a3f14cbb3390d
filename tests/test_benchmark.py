"""The benchmark, run as a user runs it, with the contenders that every installation has."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_numbers

ROOT = Path(__file__).parents[1]
SMALL = ["--quick", "--only", "64-32-10 @ 32"]


def benchmark(*words, path="", cwd=None):
    paths = os.pathsep.join(filter(None, [str(path), str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "scripts" / "benchmark.py"), *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": paths},
    )


def test_steps_are_timed_in_rounds_and_who_is_missing_is_named(tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "jax.py").write_text("raise ImportError('jax is not for this machine')")
    words = [*SMALL, "--contenders", "floor,textbook,jax_jit", "--out", tmp_path]
    done = benchmark(*words, path=broken)
    assert (done.returncode, done.stderr) == (0, "")  # unclosed pipes would show here
    assert "64-32-10 @ 32" in done.stdout
    assert "missing: jax_jit: jax is not for this machine" in done.stdout
    assert (tmp_path / "steps-1.png").read_bytes().startswith(b"\x89PNG")
    content = json.loads((tmp_path / "steps-1.json").read_text())
    seconds = content["results"][0]["seconds"]
    assert seconds.keys() == {"floor", "textbook", "ours"}
    assert {len(each) for each in seconds.values()} == {3}
    assert min(min(each) for each in seconds.values()) > 0
    assert content["missing"].keys() == {"jax_jit"}


def test_inference_asks_all_for_the_same_rows(tmp_path):
    words = ["--inference", "--quick", "--only", "64-32-10", "--contenders", "floor"]
    done = benchmark(*words, "--out", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [
        ["64-32-10", "1"],
        ["64-32-10", "10,000"],
    ]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--end-to-end"], "--data"),
        (["--threads", "0"], "expected 1 to"),
        (["--contenders", "floor,nobody"], "'nobody'"),
        (["--inference", "--growth"], "not allowed with"),
    ],
)
def test_wrong_use_is_told(words, part):
    done = benchmark(*words)
    assert done.returncode == 2
    assert part in done.stderr


def test_a_contender_that_does_other_work_is_refused(tmp_path):
    peer = tmp_path / "sklearn" / "neural_network"
    peer.mkdir(parents=True)
    (peer.parent / "__init__.py").write_text("__version__ = '0'")
    (peer / "__init__.py").write_text(
        "import numpy as np\n"
        "class MLPClassifier:\n"
        "    coefs_, intercepts_, loss_ = [np.zeros((64, 32)), np.zeros((32, 10))], [], 2.0\n"
        "    def __init__(self, *args, **options): pass\n"
        "    def partial_fit(self, x, y, classes=None): pass\n"
    )
    words = [*SMALL, "--contenders", "sklearn_mlp", "--out", tmp_path]
    done = benchmark(*words, path=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "sklearn_mlp has other losses than ours" in done.stderr
    assert not (tmp_path / "steps-1.json").exists()
