"""Children that are forked from one process: as good as fresh ones, and apart from each other."""

import pytest

from mlp.checking.students.nursery import Nursery, can_fork
from mlp.checking.students.sandbox import Limits, check_file

pytestmark = [
    pytest.mark.no_numbers,
    pytest.mark.skipif(not can_fork(), reason="only Linux forks with NumPy loaded"),
]

SPOILING = """
import numpy as np
if hasattr(np, "spoiled"): raise ValueError("another file was here")
np.spoiled = True
class ReLU:
    def forward(self, z): self.z = z; return np.maximum(z, 0)
    def backward(self, upstream): return upstream
"""
LIMITS = Limits(60)


@pytest.fixture(scope="module")
def nursery():
    with Nursery("mlp.checking.students.child") as opened:
        yield opened


def checked(path, text, nursery):
    path.write_text(text)
    return check_file(path, limits=LIMITS, start=nursery.child)


def test_a_forked_child_says_what_a_fresh_one_says_and_leaves_nothing(tmp_path, nursery):
    path = tmp_path / "student.py"
    one, two = (checked(path, SPOILING, nursery) for _ in range(2))
    assert one.reports[0].diagnosis.id == "mask-missing"
    assert str(one) == str(two) == str(check_file(path, limits=LIMITS))


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("os._exit(7)", "ended the process with exit status 7; its last output: so far"),
        ("os.kill(os.getpid(), 9)", "ended the process by SIGKILL"),
        ("os.kill(os.getppid(), 9); os._exit(0)", "ended the process"),
    ],
)
def test_how_it_ended_is_told_and_the_next_one_works(ending, said, tmp_path, nursery):
    broken = checked(
        tmp_path / "a.py", f"import os\nprint('so far', flush=True)\n{ending}", nursery
    )
    assert said in broken.error
    assert checked(tmp_path / "b.py", SPOILING, nursery).error is None


@pytest.mark.long
def test_what_hangs_is_stopped(tmp_path, nursery):
    path = tmp_path / "student.py"
    path.write_text(SPOILING.replace("return upstream", "\n        while True: pass"))
    outcome = check_file(path, limits=Limits(8), start=nursery.child)
    assert "took too long" in str(outcome)
    assert outcome.exit_status != 0
    assert checked(path, SPOILING, nursery).error is None
