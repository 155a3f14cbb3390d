"""A class graded: points, pages, names, and what is kept."""

import html.parser
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from classroom import (
    EXERCISE,
    FOUR,
    LIMITS,
    NO_MASK,
    RELU_ALONE,
    RIGHT_RELU,
    ROOT,
    SOLUTIONS,
    exercise_of,
    graded,
    mlp,
    notebook,
    rows_of,
    solved,
)
from mlp.checking.grading.exercise import read_exercise
from mlp.checking.grading.record import file_name
from mlp.checking.grading.run import Grading
from mlp.checking.grading.submissions import Submission, find_submissions, student_of
from mlp.errors import DataError

pytestmark = pytest.mark.no_numbers


@pytest.fixture(scope="module")
def lecture(tmp_path_factory):
    """A class as it is handed in, graded by the command; its folder and what was said."""
    folder = tmp_path_factory.mktemp("lecture") / "Übung 3"
    folder.mkdir()
    solved(folder / "Müller Anna.py")
    solved(folder / "Weiß <b>Jörg</b>.py".replace("/", ""), _1="self.dW = self.x.T @ upstream; "
           "self.db = upstream; return upstream @ self.W.T")  # fmt: skip
    solved(folder / "Žák Łukasz.py", _7="return upstream * self.y * (1 - self.y)")
    (folder / "Blank Bob.py").write_text(EXERCISE.read_text())
    (folder / "Empty Eve.py").write_text("")
    with zipfile.ZipFile(folder / "Zip Zoe.zip", "w") as packed:
        packed.writestr("work.py", RIGHT_RELU)
    whole = solved(folder / "two.py").read_text()
    (folder / "two.py").unlink()
    at = whole.index("class Sigmoid")
    (folder / "Twice Tom.py").write_text(whole[:at])
    (folder / "Twice Tom (1).py").write_text("import numpy as np\n\n\n" + whole[at:])
    (folder / "Folder Flo_77_assignsubmission_file_").mkdir()
    (folder / "Folder Flo_77_assignsubmission_file_" / "helpers.py").write_text(
        "import numpy as np\ndef positive(z): return z > 0\n"
    )
    (folder / "Folder Flo_77_assignsubmission_file_" / "layers.py").write_text(
        whole.replace("import numpy as np", "import numpy as np\nfrom helpers import positive", 1)
        .replace("(z > 0).astype", "positive(z).astype")
    )  # fmt: skip
    exercise = folder.with_name("exercise.toml")
    exercise.write_text(FOUR, encoding="utf-8")
    return folder, mlp("grade", folder, "--exercise", exercise)


def test_the_points_are_those_that_were_earned(lecture):
    folder, said = lecture
    rows = rows_of(folder.with_name("Übung 3-grades"))
    assert said.returncode == 1  # one is not graded
    points = {student: row["points"] for student, row in rows.items()}
    assert points == {
        "Müller Anna": "17", "Twice Tom": "17", "Folder Flo": "17",
        "Weiß <b>Jörg<b>": "16",  # db, once; the network costs no more
        "Žák Łukasz": "16", "Blank Bob": "0", "Empty Eve": "0", "Zip Zoe": "",
    }  # fmt: skip
    assert rows["Žák Łukasz"]["Softmax verdict"] == "FAIL"
    assert rows["Žák Łukasz"]["Softmax points"] == "1"


def test_the_screen_has_a_line_for_each_and_says_what_is_still_packed(lecture):
    _, said = lecture
    assert re.search(r"^Müller Anna +ok +ok +ok +ok +17$", said.stdout, re.MULTILINE)
    assert re.search(r"^Žák Łukasz +ok +ok +FAIL +ok +16$", said.stdout, re.MULTILINE)
    assert re.search(r"^Blank Bob +- +- +- +- +0$", said.stdout, re.MULTILINE)
    assert "Zip Zoe is not graded: Zip Zoe.zip is still packed: unpack it" in said.stderr


def test_the_table_fits_a_narrow_screen(lecture):
    folder, _ = lecture
    narrow = mlp("grade", folder, "--exercise", folder.with_name("exercise.toml"),
                 env=os.environ | {"COLUMNS": "40"})  # fmt: skip
    table, _, _paths = narrow.stdout.rpartition("\n\n")
    assert re.search(r"^Žák Łukasz +\+ \+ F \+ +16$", table, re.MULTILINE)
    assert re.search(r"^Blank Bob +- - - - +0$", table, re.MULTILINE)
    assert all(len(line) <= 40 for line in table.splitlines())
    assert "F wrong" in " ".join(table.split())


class Page(html.parser.HTMLParser):
    """The tags of a page, and what they refer to."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.sources, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [v for k, v in attributes if k in ("src", "href")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            raise ValueError(f"{tag} closes nothing")


def test_each_page_is_one_whole_file(lecture):
    output = lecture[0].with_name("Übung 3-grades")
    found = sorted((output / "pages").glob("*.html"))
    assert len(found) == 7
    for path in found:
        page = Page(path.read_text(encoding="utf-8"))
        assert page.open == []
        assert all(source.startswith("data:image/png;base64,") for source in page.sources)
        assert path.with_suffix(".md").exists()
    softmax = (output / "pages" / "Žák_Łukasz.html").read_text(encoding="utf-8")
    assert "Only the diagonal of the softmax Jacobian is used" in softmax
    assert "data:image/png" in softmax
    assert "Nothing to grade yet" in (output / "pages" / "Blank_Bob.html").read_text()


def test_what_a_student_wrote_is_no_html(lecture):
    output = lecture[0].with_name("Übung 3-grades")
    name = file_name("Weiß <b>Jörg<b>")
    for path in (output / "teacher.html", output / "pages" / f"{name}.html"):
        text = path.read_text(encoding="utf-8")
        assert "Weiß &lt;b&gt;Jörg&lt;b&gt;" in text
        assert "<b>Jörg" not in text
        assert "Four &lt;tasks&gt;" in text


def test_the_teacher_sees_who_made_the_same_mistake(tmp_path):
    for student in "ABC":
        (tmp_path / "class" / student).mkdir(parents=True)
        (tmp_path / "class" / student / "work.py").write_text(
            RIGHT_RELU if student == "B" else NO_MASK
        )
    grading = graded(tmp_path / "class", exercise_of(tmp_path, RELU_ALONE))
    text = (grading.output / "teacher.md").read_text()
    assert "### ReLU: mask-missing (2)" in text
    by_hand = "x = [[-1]], upstream = [[1]]: yours dx = [[1]], right [[0]]"
    assert f"By hand:\n\n```text\n{by_hand}\n```\n\n- A\n- C\n" in text
    assert "the derivative of the activation is missing" in text


def test_the_teacher_sees_who_has_the_same_flaw_of_style(tmp_path):
    (tmp_path / "class").mkdir()
    plain = "e = np.exp(z); self.y = e / e.sum(1, keepdims=True); return self.y"
    for student in "AB":
        solved(tmp_path / "class" / f"{student}.py", **({"_6": plain} if student == "A" else {}))
    grading = graded(tmp_path / "class", exercise_of(tmp_path, "[tasks.Softmax]\n"))
    assert {n: r.marks.points for n, r in grading.records.items()} == {"A": 2, "B": 3}
    text = (grading.output / "teacher.md").read_text()
    assert re.search(r"### Softmax: style, overflow \(1\)\n\n.*\n\n- A\n\n", text)


@pytest.mark.parametrize(
    ("convention", "body", "verdict"),
    [
        ('loss = "entries"', SOLUTIONS[12], "OTHER"),
        ('loss = "rows"', SOLUTIONS[12], "PASS"),
        ('loss = "any"', SOLUTIONS[12], "PASS"),
    ],
)
def test_a_convention_is_enforced(convention, body, verdict, tmp_path):
    (tmp_path / "class").mkdir()
    solved(tmp_path / "class" / "A.py", _12=body)
    exercise = exercise_of(tmp_path, f"[conventions]\n{convention}\n[tasks.SquaredError]\n")
    record = graded(tmp_path / "class", exercise).records["A"]
    assert record.marks.tasks[0].verdict == verdict
    assert record.marks.points == (3 if verdict == "PASS" else 2)


AVERAGED = """
import numpy as np
class Affine:
    def __init__(self, D, M): self.W, self.b = np.ones((D, M)), np.zeros(M)
    def forward(self, x): self.x = x; return x @ self.W + self.b
    def backward(self, upstream):
        self.dW = self.x.T @ upstream / len(upstream)
        self.db = upstream.mean(0)
        return upstream @ self.W.T
"""


@pytest.mark.parametrize(("parameters", "points"), [("sum", 3), ("any", 5)])
def test_averages_for_sums_are_another_convention(parameters, points, tmp_path):
    """dW and db cost their points, and the page says why; dx, forward and style are right."""
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "A.py").write_text(AVERAGED)
    text = f'[conventions]\nparameters = "{parameters}"\n[tasks.Affine]\n'
    grading = graded(tmp_path / "class", exercise_of(tmp_path, text))
    mark = grading.records["A"].marks.tasks[0]
    assert mark.points == points
    if parameters == "any":
        assert mark.verdict == "PASS"
        return
    assert mark.verdict == "OTHER"
    assert {part.name: part.points for part in mark.parts} == {
        "forward": 1, "dx": 1, "dW": 0, "db": 0, "style": 1,
    }  # fmt: skip
    why = "dW is an average over the batch; the exercise asks for the sum"
    assert why in mark.text
    assert why in (grading.output / "pages" / "A.html").read_text()
    assert why in (grading.output / "teacher.md").read_text()


def test_a_notebook_is_graded(tmp_path):
    (tmp_path / "class").mkdir()
    notebook(tmp_path / "class" / "Nora.ipynb", "%matplotlib inline\n!ls\n" + RIGHT_RELU)
    notebook(tmp_path / "class" / "Nils.ipynb", NO_MASK)
    grading = graded(tmp_path / "class", exercise_of(tmp_path, RELU_ALONE))
    assert {n: r.marks.points for n, r in grading.records.items()} == {"Nora": 3, "Nils": 2}
    assert grading.records["Nils"].marks.tasks[0].diagnosis == "mask-missing"


def test_names_of_files_are_names_of_students(tmp_path):
    assert student_of(Path("Mu\u0308ller Anna.py")) == "M\u00fcller Anna"
    assert student_of(Path("Anna Ma_123_assignsubmission_file_work.py")) == "Anna Ma"
    assert student_of(Path("anna_LATE_12_345_work.py")) == "anna"
    assert student_of(Path("Anna (2).ipynb")) == "Anna"
    for name in ("A.py", "A.ipynb", "B.txt", ".hidden.py", "C"):
        (tmp_path / name).mkdir() if name == "C" else (tmp_path / name).write_text("x = 1")
    found = {s.student: s for s in find_submissions(tmp_path)}
    assert {s: len(f.code) for s, f in found.items()} == {"A": 2, "B": 0, "C": 0}
    assert found["B"].unreadable == "no Python file and no notebook: found B.txt"
    assert found["C"].unreadable == "no Python file and no notebook: the folder is empty"
    assert file_name("a/b") != file_name("a_b")


def test_a_notebook_is_a_submission(tmp_path):
    (tmp_path / "class").mkdir()
    notebook(tmp_path / "class" / "Nora.ipynb", RIGHT_RELU)
    found = find_submissions(tmp_path / "class")[0]
    assert found.relevant(exercise_of(tmp_path, RELU_ALONE)) == found.code


def test_an_interrupted_grading_goes_on_where_it_stopped(tmp_path):
    folder, exercise = tmp_path / "class", exercise_of(tmp_path, RELU_ALONE)
    folder.mkdir()
    for student in "ABC":
        (folder / f"{student}.py").write_text(RIGHT_RELU)
    grading = Grading(find_submissions(folder), exercise, tmp_path / "results", LIMITS, workers=1)
    results = grading.run()
    next(results)
    results.close()
    records = tmp_path / "results" / "records"
    before = {p.name: p.stat().st_mtime_ns for p in records.glob("*.json")}
    assert 1 <= len(before) < 3
    again = graded(folder, exercise)
    after = {p.name: p.stat().st_mtime_ns for p in records.glob("*.json")}
    assert {name: after[name] for name in before} == before
    assert {s: r.marks.points for s, r in again.records.items()} == {"A": 3, "B": 3, "C": 3}


def test_a_resubmission_keeps_the_history(tmp_path):
    folder, exercise = tmp_path / "class", exercise_of(tmp_path, RELU_ALONE)
    folder.mkdir()
    (folder / "A.py").write_text(NO_MASK)
    assert graded(folder, exercise).records["A"].marks.points == 2
    (folder / "A.py").write_text(RIGHT_RELU)
    record = graded(folder, exercise).records["A"]
    assert record.marks.points == 3
    assert [points for _, points in record.earlier] == [2]
    assert len(list((tmp_path / "results" / "records" / "history").iterdir())) == 1
    page = (tmp_path / "results" / "pages" / "A.html").read_text()
    assert "An earlier submission" in page


def test_nothing_is_overwritten_when_a_resubmission_cannot_be_graded(tmp_path, monkeypatch):
    folder, exercise = tmp_path / "class", exercise_of(tmp_path, RELU_ALONE)
    folder.mkdir()
    (folder / "A.py").write_text(RIGHT_RELU)
    graded(folder, exercise)
    kept = {p: p.read_bytes() for p in (tmp_path / "results").rglob("A.*")}
    (folder / "A.py").unlink()
    (folder / "A.zip").write_bytes(b"PK")
    grading = graded(folder, exercise)
    assert [left.student for left in grading.ungraded] == ["A"]
    assert {p: p.read_bytes() for p in (tmp_path / "results").rglob("A.*")} == kept
    row = rows_of(tmp_path / "results")["A"]
    assert (row["points"], "still packed" in row["note"]) == ("3", True)


def test_blind_marking_shows_no_name_and_keeps_the_key(tmp_path):
    folder, exercise = tmp_path / "class", exercise_of(tmp_path, RELU_ALONE)
    folder.mkdir()
    (folder / "Li Ann.py").write_text(f'"""By Li Ann."""\nraise ValueError("Li Ann")\n{RIGHT_RELU}')
    first = graded(folder, exercise, anonymous=True)
    output = tmp_path / "results"
    (called,) = first.records
    key = (output / "names.csv").read_text(encoding="utf-8-sig")
    assert f"{called},Li Ann" in key
    files = [p for p in output.rglob("*") if p.is_file() and p.name != "names.csv"]
    assert len(files) >= 5
    assert not [p for p in files if "Li Ann" in p.name or b"Li Ann" in p.read_bytes()]
    assert not [p for p in files if "Li_Ann" in p.name or b"Li_Ann" in p.read_bytes()]
    assert [*graded(folder, exercise, anonymous=True).records] == [called]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[tasks.ReLU]\nfoward = 1", "'foward'"),
        ("title = 'x'", "expected a table for each task"),
        ("[tasks.ReLU]\nforward = -1", "expected points"),
        ("[tasks.A]\nkind = 'tanhh'", "no layer or loss of ours"),
        ("[conventions]\nloss = 'row'\n[tasks.ReLU]", "expected one of rows, entries, sum, any"),
        ("[tasks.Affine]\n[network]\nlayers = ['Affine(3, 4)', 'Affine(5, 2)']", "4 columns"),
        ("[tasks.ReLU]\n[network]\nlayers = ['Affine(3, 4)']", "'Affine(3, 4)'"),
        ("[tasks.ReLU", "exercise.toml"),
    ],
)
def test_a_mistake_in_the_exercise_is_one_clear_line(text, what, tmp_path):
    with pytest.raises(DataError, match=re.escape(what)) as caught:
        exercise_of(tmp_path, text)
    assert "exercise.toml" in str(caught.value)
    assert "\n" not in str(caught.value).strip()


def test_the_skeletons_exercise_is_read(tmp_path):
    exercise = read_exercise(EXERCISE.with_suffix(".toml"))
    assert [task.kind for task in exercise.tasks] == [task.name for task in exercise.tasks]
    assert exercise.points == 35
    classes = re.findall(r"^class (\w+)", EXERCISE.read_text(), re.MULTILINE)
    assert [task.name for task in exercise.tasks] == classes


def test_wrong_usage_is_one_line(tmp_path):
    toml = tmp_path / "exercise.toml"
    toml.write_text(RELU_ALONE)
    (tmp_path / "none").mkdir()
    for words in (
        ("grade", toml, "--exercise", toml),
        ("grade", tmp_path / "none", "--exercise", toml),
        ("grade", tmp_path / "none", "--exercise", tmp_path / "missing.toml"),
        ("grade", tmp_path / "none", "--exercise", toml, "--output", tmp_path / "none"),
    ):
        said = mlp(*words)
        assert said.returncode in (2, 3, 6)
        assert len(said.stderr.splitlines()) == 1, said.stderr


def test_a_submission_of_many_files_is_digested_by_its_contents(tmp_path):
    folder = tmp_path / "A"
    folder.mkdir()
    (folder / "a.py").write_text("x = 1")
    submission = Submission("A", [folder])
    first = submission.digest(b"exercise")
    assert submission.digest(b"exercise") == first
    assert submission.digest(b"another") != first
    (folder / "b.py").write_text("")
    assert submission.digest(b"exercise") != first


def test_the_script_grades_too(tmp_path):
    (tmp_path / "class").mkdir()
    exercise_of(tmp_path, RELU_ALONE)
    command = [sys.executable, "scripts/gradcheck.py", "--grade", str(tmp_path / "class")]
    command += ["--exercise", str(tmp_path / "exercise.toml")]
    said = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert said.returncode == 3
    assert said.stderr.startswith("gradcheck.py --grade: ")
    assert "expected submissions" in said.stderr
