"""Submissions that cheat, hang or break things, and mistakes that are carried forward."""

import os
import signal
import subprocess
import sys
import time

import pytest

from classroom import (
    EATING,
    FORKING,
    FOUR,
    HANGING,
    LIMITS,
    PRINTED,
    RELU_ALONE,
    RIGHT_RELU,
    ROOT,
    SOLUTIONS,
    TAMPERED,
    exercise_of,
    graded,
    mlp,
    rows_of,
    solved,
)
from mlp.checking.grading.confirming import confirm
from mlp.checking.grading.points import mark_network

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def cheats(tmp_path_factory):
    """Submissions that try to earn points without a right answer, and two honest ones."""
    folder = tmp_path_factory.mktemp("cheats")
    (folder / "class").mkdir()
    derived = "import mlp\n" + RIGHT_RELU.replace("class ReLU:", "class ReLU(mlp.Layer):")
    honest = {"honest": RIGHT_RELU, "derived": derived, "printed": PRINTED}
    for name, text in (TAMPERED | honest).items():
        (folder / "class" / f"{name}.py").write_text(text)
    return graded(folder / "class", exercise_of(folder, RELU_ALONE)).records


@pytest.mark.parametrize("name", TAMPERED)
def test_tampering_earns_nothing(name, cheats):
    assert cheats[name].marks.points == 0
    assert cheats[name].look, "the teacher is told"


def test_what_would_be_a_right_answer_is_one(cheats):
    assert (cheats["honest"].marks.points, cheats["honest"].look) == (3, [])
    assert cheats["derived"].marks.points == 3


def test_what_a_submission_prints_is_no_answer(cheats):
    parts = {part.name: part.points for part in cheats["printed"].marks.tasks[0].parts}
    assert (parts["forward"], parts["dx"]) == (1, 0), "its forward pass is right"


def test_hostile_submissions_cost_the_others_nothing(tmp_path):
    folder, outside = tmp_path / "class", tmp_path / "outside"
    folder.mkdir()
    outside.write_text("kept")
    (folder / "hanging.py").write_text(HANGING + "\n" + RIGHT_RELU)
    (folder / "hanging layer.py").write_text(RIGHT_RELU.replace("self.z = z", HANGING))
    (folder / "forking.py").write_text(FORKING + "\n" + RIGHT_RELU)
    (folder / "eating.py").write_text(RIGHT_RELU.replace("self.z = z", EATING))
    (folder / "empty.py").write_text("")
    (folder / "killing.py").write_text("import os\nos.kill(os.getppid(), 9)\n" + RIGHT_RELU)
    (folder / "deleting.py").write_text(f"import os\nos.remove({str(outside)!r})\n" + RIGHT_RELU)
    (folder / "right.py").write_text(RIGHT_RELU)
    exercise_of(tmp_path, RELU_ALONE)
    start = time.monotonic()
    said = mlp("grade", folder, "--exercise", tmp_path / "exercise.toml", "--timeout", 8)
    assert said.returncode == 0, said.stderr
    assert time.monotonic() - start < 120
    rows = rows_of(tmp_path / "class-grades")
    points = {student: row["points"] for student, row in rows.items()}
    assert points["right"] == "3"
    assert [points[s] for s in ("hanging layer", "eating", "empty")] == ["0", "0", "0"]
    assert outside.read_text() == "kept"
    for student in ("forking", "killing", "deleting"):  # refused; the rest of the file may be right
        assert "os." in rows[student]["note"], "the teacher is told"
    assert rows["hanging layer"]["ReLU verdict"] == "ERROR"


def test_a_mistake_in_a_network_is_carried_forward_and_costs_once(tmp_path):
    """A wrong ReLU makes the numbers of the layer before it wrong, which is right all the same."""
    file = solved(tmp_path / "work.py", _3="return 2 * self.s * upstream")
    exercise = exercise_of(tmp_path, FOUR)
    wanted = {task.name: task for task in exercise.tasks}
    first, relu, last = confirm(file, wanted, exercise, LIMITS, 1).network
    assert (first.right, first.carried) == (True, True)
    assert (relu.right, relu.alone) == (False, False)
    assert (last.right, last.carried) == (True, False)
    parts = mark_network(exercise, [first, relu, last], [])
    assert [part.points for part in parts] == [1, 0, 1]


def test_a_mistake_among_several_layers_shows_in_the_network_only(tmp_path):
    """What is kept in the class is right for one layer, and wrong for two."""
    shared = "type(self).x = x; return x @ self.W + self.b"
    file = solved(tmp_path / "work.py", _0=shared)
    exercise = exercise_of(tmp_path, FOUR)
    wanted = {task.name: task for task in exercise.tasks}
    first, relu, last = confirm(file, wanted, exercise, LIMITS, 1).network
    assert (first.right, first.alone) == (False, True)
    assert relu.right
    assert last.right


def test_a_network_of_the_students_own_is_graded_layer_by_layer(tmp_path):
    own = """
class Network:
    def __init__(self):
        self.layers = [Affine(6, 5), ReLU(), Affine(5, 3)]
"""
    file = solved(tmp_path / "work.py", _1=SOLUTIONS[1].replace("upstream.sum(0)", "upstream[0]"))
    file.write_text(file.read_text() + own)
    exercise = exercise_of(tmp_path, FOUR + 'class = "Network"\n')
    wanted = {task.name: task for task in exercise.tasks}
    judged = confirm(file, wanted, exercise, LIMITS, 1).network
    assert [j.right for j in judged] == [False, True, False]
    assert "db" in judged[0].text
    parts = mark_network(exercise, judged, [])
    assert [part.points for part in parts] == [1, 1, 0], "the same mistake twice costs once"


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_leaves_what_is_graded(tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "a right.py").write_text(RIGHT_RELU)
    (folder / "z hanging.py").write_text(HANGING + "\n" + RIGHT_RELU)
    exercise_of(tmp_path, RELU_ALONE)
    command = [sys.executable, "-m", "mlp", "grade", str(folder), "--exercise"]
    command += [str(tmp_path / "exercise.toml"), "--timeout", "5"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as grading:
        record = tmp_path / "class-grades" / "records" / "a_right.json"
        for _ in range(600):
            if record.exists() or grading.poll() is not None:
                break
            time.sleep(0.1)
        grading.send_signal(signal.SIGINT)
        start = time.monotonic()
        error = grading.communicate(timeout=100)[1]
        assert grading.returncode == 130, error
        assert time.monotonic() - start < 60
    assert record.exists()
