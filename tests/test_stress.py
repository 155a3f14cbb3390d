"""scripts/stress.py in small: it finds nothing, and it would find what it looks for."""

import subprocess
import sys

import pytest

from programs import ENVIRONMENT, ROOT

pytestmark = pytest.mark.long


def stress(*words):
    command = [sys.executable, ROOT / "scripts" / "stress.py", *map(str, words)]
    how = {"capture_output": True, "text": True, "env": ENVIRONMENT, "timeout": 300}
    return subprocess.run(command, **how)


@pytest.mark.parametrize(
    ("words", "figures"),
    [
        (("kill", "--cases", 30), "SIGKILLs"),
        (("flip", "--cases", 2000), "4000 flips and truncations"),
        (("fuzz", "--cases", 5000), "5000 inputs"),
        (("faults",), "54 faults in 3 kinds of save"),
        (("configurations", "--cases", 200), "200 trainings"),
        (("memory", "--cases", 512), "512 MiB, under 384 MiB of data"),
    ],
)
def test_a_part_finds_nothing(words, figures):
    result = stress(*words)
    assert result.returncode == 0, result.stdout + result.stderr
    assert figures in result.stdout
    assert result.stdout.endswith("; 0 failures\n")


@pytest.mark.parametrize("part", ["temporary", "rename", "sync"])
def test_faults_are_found_where_saving_lacks_a_part(part):
    result = stress("faults", "--without", part)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "FAILED" in result.stdout
