"""The one report: order of the verdicts, exit status, text, JSON, and the way from the child."""

import itertools
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from mlp import Affine, ReLU, Softmax, gradcheck
from mlp.checking.report import (
    Diagnosis,
    Outcome,
    Report,
    Row,
    WrongEntry,
    exit_status,
    worst,
    worst_entries,
)
from mlp.checking.students.examination import Examination, Finding
from mlp.checking.students.loading import Entry
from mlp.checking.students.sandbox import Run, check_file
from mlp.checking.students.wire import from_wire, to_wire

pytestmark = pytest.mark.no_numbers

ROOT = Path(__file__).resolve().parent.parent
WORST_FIRST = ["ERROR", "FAIL", "unfinished", "INCONCLUSIVE", "nothing to check", "KINK", "PASS"]


def row(verdict="PASS", **changes):
    return replace(Row("x", (2, 3), verdict, "by hand", 6, 1e-9, 1e-8), **changes)


class TestVerdict:
    @pytest.mark.parametrize(("bad", "good"), [*itertools.combinations(WORST_FIRST, 2)])
    def test_the_worse_of_two_counts(self, bad, good):
        assert worst([good, bad]) == worst([bad, good]) == bad

    def test_of_nothing_is_inconclusive(self):
        assert worst([]) == "INCONCLUSIVE"
        assert Report("Layer").verdict == "INCONCLUSIVE"
        assert not Report("Layer").ok

    def test_an_unknown_word_is_none(self):
        with pytest.raises(ValueError, match="in tuple"):
            worst(["PASS", "SPLENDID"])

    @pytest.mark.parametrize("verdict", ["FAIL", "INCONCLUSIVE", "KINK", "PASS"])
    def test_a_report_has_that_of_its_worst_row(self, verdict):
        for rows in ([row(), row(verdict)], [row(verdict), row()]):
            report = Report("Layer", rows)
            assert report.verdict == verdict
            assert report.ok == (verdict in ("PASS", "KINK"))

    @pytest.mark.parametrize("whole", WORST_FIRST)
    def test_the_whole_counts_beside_the_rows(self, whole):
        assert Report("Layer", [row()], whole=whole).verdict == whole
        assert Report("Layer", [row("FAIL")], whole=whole).verdict == worst(["FAIL", whole])
        assert Report("Layer", whole=whole).ok == (whole in ("PASS", "KINK"))

    @pytest.mark.parametrize(
        ("verdicts", "status"),
        [
            ([], 0),
            (["PASS"], 0),
            (["KINK", "PASS"], 0),
            (["nothing to check"], 0),
            (["FAIL", "PASS"], 1),
            (["PASS", "ERROR"], 1),
            (["INCONCLUSIVE", "FAIL"], 1),
            (["PASS", "unfinished"], 1),
            (["INCONCLUSIVE"], 3),
            (["PASS", "KINK", "INCONCLUSIVE", "nothing to check"], 3),
        ],
    )
    def test_exit_status(self, verdicts, status):
        assert exit_status(verdicts) == status
        assert exit_status(iter(verdicts), error="no such file") == 2
        reports = [Report("Layer", whole=verdict) for verdict in verdicts]
        assert Outcome(reports).exit_status == status
        assert Outcome(reports, "f", "no such file").exit_status == 2

    def test_a_note_turns_a_row_into_a_failure_and_an_empty_one_does_not(self):
        one = row()
        one.fail("")
        assert (one.verdict, one.notes) == ("PASS", [])
        one.fail("wrong")
        assert (one.verdict, one.notes) == ("FAIL", ["wrong"])


GATE = """
import numpy as np
class Gate:
    def forward(self, x): self.open = abs(x) > 10; return x * self.open
    def backward(self, upstream): return np.zeros_like(upstream)
"""
SINE = """
import numpy as np
class Sine:
    def forward(self, x): self.x = x; return np.sin(x)
    def backward(self, upstream): return upstream * np.cos(self.x)
"""
TODO = """
class Linear:
    def forward(self, x): raise NotImplementedError
    def backward(self, upstream): raise NotImplementedError
"""
FILES = {
    "right": (SINE, ["PASS"], 0),
    "blank": (TODO, ["unfinished"], 1),
    "wrong": (SINE.replace("np.cos", "np.sin"), ["FAIL"], 1),
    "raises": (SINE.replace("np.cos", "np.no_such"), ["ERROR"], 1),
    "broken": ("class Sine:\n    def forward(self, x)\n    def backward(self, u): pass\n",
               ["ERROR"], 2),
    "a mistake would not show": (GATE, ["INCONCLUSIVE"], 3),
    "beside right ones": (GATE + SINE, ["INCONCLUSIVE", "PASS"], 3),
    "beside blanks": (GATE + SINE + TODO, ["INCONCLUSIVE", "PASS", "unfinished"], 1),
    "beside wrong ones": (GATE + SINE.replace("np.cos", "np.sin"), ["INCONCLUSIVE", "FAIL"], 1),
}  # fmt: skip


class TestFile:
    @pytest.mark.parametrize("name", FILES)
    def test_verdicts_and_exit_status_of_the_program(self, name, tmp_path):
        text, verdicts, status = FILES[name]
        path = tmp_path / "student.py"
        path.write_text(text)
        command = [sys.executable, ROOT / "scripts" / "gradcheck.py", path, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        checked = json.loads(done.stdout)["checked"]
        assert [layer["verdict"] for layer in checked] == verdicts
        assert done.returncode == status
        assert (done.stderr != "") == (status == 2)

    @pytest.mark.parametrize("threshold", ["10", "1e6"])  # 1e6 is beyond every step that is tried
    def test_a_derivative_of_0_wherever_tried_is_inconclusive(self, threshold, tmp_path):
        path = tmp_path / "student.py"
        path.write_text(GATE.replace("10", threshold))
        [report] = check_file(path).reports
        assert not report.ok
        assert [r.verdict for r in report.rows] == ["INCONCLUSIVE"]
        assert report.resolution == np.inf
        assert "would not show" in report.rows[0].notes[0]

    NORM = """
import numpy as np
class ShiftedNorm:
    def __init__(self, n): self.gamma = np.ones(n); self.b = np.zeros(n)
    def forward(self, x):
        z = x + self.b
        self.s = np.sqrt(z.var(0) + 1e-3); self.z = (z - z.mean(0)) / self.s
        return self.gamma * self.z
    def backward(self, u):
        self.dgamma = (u * self.z).sum(0)
        g = u * self.gamma
        dx = (g - g.mean(0) - self.z * (g * self.z).mean(0)) / self.s
        self.db = dx.sum(0)
        return dx
class Switched:
    def __init__(self, n): self.b = np.zeros(n)
    def forward(self, x): self.k = 1.0 + (self.b > 10); return (x * self.k).astype(x.dtype)
    def backward(self, u): self.db = 0 * self.b; return (u * self.k).astype(u.dtype)
"""

    def test_a_parameter_without_influence_is_judged_by_that(self, tmp_path):
        path = tmp_path / "student.py"
        path.write_text(self.NORM)
        norm, switched = check_file(path).reports
        assert {r.name: r.verdict for r in norm.rows} == dict.fromkeys(("x", "b", "gamma"), "PASS")
        assert norm.verdict == "PASS"
        found = {r.name: r.verdict for r in switched.rows}
        assert found == {"x": "PASS", "b": "INCONCLUSIVE"}
        path.write_text(self.NORM.replace("self.db = dx.sum(0)", "self.db = u.sum(0)"))
        norm = check_file(path).reports[0]
        assert {r.name for r in norm.rows if r.verdict == "FAIL"} == {"b"}


KEYS = {"name", "verdict", "oracle", "max_error", "resolution", "diagnosis", "counterexample",
        "notes", "flaws", "arrays"}  # fmt: skip


class TestData:
    def test_ours_and_theirs_have_the_same_keys(self, tmp_path):
        path = tmp_path / "student.py"
        path.write_text(SINE)
        theirs = check_file(path).to_dict()
        ours = Outcome([gradcheck(Softmax(), np.ones((2, 3)), rng=1)]).to_dict()
        assert set(theirs) == set(ours) == {"file", "error", "notes", "checked"}
        [their], [our] = theirs["checked"], ours["checked"]
        assert set(their) == KEYS
        assert set(our) == KEYS | {"seed", "dtype"}
        assert set(their["arrays"][0]) == set(our["arrays"][0])
        assert their["arrays"][0]["checked"] == np.prod(their["arrays"][0]["shape"])

    def test_the_largest_error_and_resolution_are_those_of_the_rows(self):
        rows = [row(max_error=2e-9), row(max_error=None, resolution=3e-8, oracle="a rule")]
        table = Report("Layer", rows, seed=3, dtype="float64").to_dict()
        assert (table["max_error"], table["resolution"]) == (2e-9, 3e-8)
        assert table["oracle"] == "a rule, by hand"
        assert (table["seed"], table["dtype"]) == (3, "float64")
        empty = Report("Layer", against="a rule").to_dict()
        assert (empty["max_error"], empty["resolution"], empty["oracle"]) == (None, None, "a rule")

    def test_wrong_entries(self):
        entry = WrongEntry((1, 2), 3.0, 4.0, 1e-9)
        [array] = Report("Layer", [row("FAIL", wrong=[entry], wrong_count=5)]).to_dict()["arrays"]
        numbers = {"analytic": 3.0, "reference": 4.0, "tolerance": 1e-9}
        assert array["wrong"] == [{"index": [1, 2]} | numbers]
        assert array["wrong_count"] == 5

    def test_the_worst_entries_come_first(self):
        value = np.array([0.0, 5.0, np.nan, 1.0, 2.0, 7.0])
        tolerance = np.array([1.0, 1.0, 1.0, 1.0, 0.1, 0.0])
        index = np.array([0, 1, 2, 3, 4, 5])
        entries, count = worst_entries(index, (2, 3), value, np.zeros(6), tolerance)
        assert count == 4
        assert [entry.at for entry in entries[2:]] == [(1, 1), (0, 1)]  # 20 and 5 tolerances off
        assert {entry.at for entry in entries[:2]} == {(0, 2), (1, 2)}  # no number; none allowed
        assert entries[3] == ((0, 1), 5.0, 0.0, 1.0)
        many, count = worst_entries(np.arange(30), (30,), np.ones(30), np.zeros(30), np.zeros(30))
        assert (len(many), count) == (10, 30)


def full():
    entry = WrongEntry((1, 2), float("nan"), float("-inf"), 0.5)
    rows = [row("FAIL", wrong=[entry], wrong_count=1, notes=["off"], max_error=None), row("KINK")]
    named = Diagnosis("sign", "The sign is wrong.", ["scale"])
    pictures = {"dx": (np.array([[1.0, np.nan]]), np.zeros((1, 2)))}
    return Report("Layer", rows, ["a note"], "FAIL", named, 3, "float64", "by hand", pictures)


def carried(data):
    return json.loads(json.dumps(data, allow_nan=False))


class TestWire:
    def test_a_report_arrives_as_it_was_sent(self):
        sent = full()
        got = from_wire(carried(to_wire(sent)))
        assert isinstance(got.rows[0].wrong[0], WrongEntry)
        assert isinstance(got.diagnosis, Diagnosis)
        for name, pair in sent.pictures.items():
            np.testing.assert_array_equal(got.pictures[name], pair)
        assert repr(replace(got, pictures={})) == repr(replace(sent, pictures={}))
        assert got.to_dict() == sent.to_dict()

    def test_an_empty_one_too(self):
        assert from_wire(carried(to_wire(Report("Layer")))) == Report("Layer")

    @pytest.mark.parametrize(
        "change",
        [
            lambda d: None,
            lambda d: [d],
            lambda d: d | {"name": 3},
            lambda d: d | {"whole": "SPLENDID"},
            lambda d: d | {"whole": ["PASS"]},
            lambda d: d | {"notes": "text"},
            lambda d: d | {"notes": [None]},
            lambda d: d | {"seed": 1.5},
            lambda d: d | {"seed": True},
            lambda d: d | {"diagnosis": ["sign", "text"]},
            lambda d: d | {"diagnosis": {"id": "sign"}},
            lambda d: d | {"rows": {}},
            lambda d: d | {"rows": [d["rows"][0] | {"verdict": "FINE"}]},
            lambda d: d | {"rows": [d["rows"][0] | {"max_error": "large"}]},
            lambda d: d | {"rows": [d["rows"][0] | {"resolution": None}]},
            lambda d: d | {"rows": [d["rows"][0] | {"shape": ["2"]}]},
            lambda d: d | {"rows": [d["rows"][0] | {"wrong": [[[1], 1.0, 1.0]]}]},
            lambda d: d | {"rows": [d["rows"][0] | {"resolution": 10**400}]},
            lambda d: d | {"pictures": {"dx": [[1.0]]}},
            lambda d: d | {"pictures": {"dx": [[[1.0], [1.0, 2.0]], [1.0]]}},
            lambda d: d | {"pictures": {"dx": [["text"], [1.0]]}},
            lambda d: d | {"more": 1},
            lambda d: {k: v for k, v in d.items() if k != "notes"},
        ],
    )
    def test_what_is_no_report_is_refused(self, change):
        with pytest.raises(ValueError):
            from_wire(change(to_wire(full())))

    def test_a_verdict_better_than_its_rows_does_not_help(self):
        data = to_wire(full()) | {"whole": "PASS"}
        assert from_wire(data).verdict == "FAIL"

    @pytest.mark.parametrize(
        "line",
        [
            "",
            "garbage",
            "[]",
            "3",
            '"end"',
            "[" * 100_000,
            '{"loaded": 3, "error": null}',
            '{"loaded": [3], "error": null}',
            '{"loaded": ["Other"]}',
            '{"loaded": ["Other"], "error": 3}',
            '{"start": "Other"}',
            '{"start": ["Layer"]}',
            '{"done": {}}',
            json.dumps({"done": to_wire(Report("Other", whole="PASS")), "loss_divides": False}),
            json.dumps({"done": to_wire(Report("Layer", whole="PASS"))}),
        ],
    )
    def test_a_child_may_say_anything(self, line):
        run = Run(loaded=["Layer"])
        run.hear(line)
        assert run == Run(loaded=["Layer"])

    def test_what_lacks_the_key_is_passed_over(self):
        run = Run(key="5f")
        for told in ({"loaded": ["Layer"], "error": None}, {"key": "5e", "end": True}):
            run.hear(json.dumps(told))
        assert run == Run(key="5f")
        run.hear('{"key": "5f", "end": true}')
        assert run.ended

    def test_a_child_is_heard(self):
        run = Run()
        run.hear('{"loaded": ["Layer"], "error": "stopped"}')
        assert (run.loaded, run.error) == (["Layer"], "stopped")
        run.hear('{"start": "Layer"}')
        assert run.current == "Layer"
        report = Report("Layer", [row()])
        run.hear(json.dumps({"done": to_wire(report), "loss_divides": True}))
        assert (run.current, run.loss_divides, run.reports) == (None, True, {"Layer": report})
        assert not run.ended
        run.hear('{"end": true}')
        assert run.ended


class TestText:
    def test_it_fits_80_columns(self):
        long = "Layer" * 30
        reports = [full(), Report(long, [row()], [long + " note " * 40], dtype="float64", seed=1)]
        reports.append(Report("Blank", whole="nothing to check", notes=["word " * 50]))
        for text in (str(Outcome(reports, "f")), *map(str, reports)):
            lines = [line for line in text.splitlines() if long + " note" not in line]
            assert max(map(len, lines)) <= 80 or long in max(lines, key=len)
        assert max(map(len, str(Outcome(reports[::2], "f")).splitlines())) <= 80

    def test_the_repr_is_the_table(self):
        report = gradcheck(Affine(4, 3, rng=0), np.ones((2, 4)), rng=1)
        assert repr(report) == str(report)
        assert report.name in repr(report)
        assert "verdict" in repr(report).splitlines()[1]

    def test_a_notebook_says_the_same(self):
        """Every word of the text, in the same order within the table and below it, escaped."""
        affine = gradcheck(Affine(4, 3, rng=0), np.ones((2, 4)), rng=1)
        odd = Report("<b>&", [row("FAIL", notes=["x < y"])], ["<script>"])
        for report in (affine, full(), odd, Report("Blank", whole="nothing to check")):
            html = report._repr_html_()
            assert "<script>" not in html
            said = "".join(ElementTree.fromstring(f"<div>{html}</div>").itertext())
            for line in str(report).splitlines():
                cells = re.split(r" {2,}", line.strip())
                assert all(cell in said for part in cells for cell in part.split()), line

    def test_one_layer_in_full_and_many_in_a_line_each(self):
        x = np.arange(6.0).reshape(2, 3) - 2.5
        reports = [gradcheck(layer, x, rng=1) for layer in (ReLU(), Softmax(), Affine(3, 2, rng=0))]
        assert str(Outcome(reports[:2])) == f"{reports[0]}\n\n{reports[1]}"
        lines = str(Outcome(reports)).splitlines()
        assert len(lines) == 4
        assert all(line.startswith("PASS  ") and "error" in line for line in lines[:3])
        assert lines[3] == "3 PASS"

    def test_what_is_wrong_is_shown_in_the_list(self):
        unnamed = full()
        text = str(Outcome([replace(unnamed, diagnosis=None)], "file.py", "stopped"))
        assert text.splitlines()[:2] == ["file.py", "stopped"]
        assert "dx[1, 2]: backward +nan, by hand -inf" in text
        assert "off" in text
        named = str(Outcome([unnamed], "file.py"))
        assert "dx[1, 2]" not in named
        assert "The sign is wrong." in named
        assert "also: scale" in named
        doubtful = str(Outcome([Report("Layer", [row("INCONCLUSIVE", notes=["dead"])])], "f"))
        assert "dead" not in str(Outcome([Report("Layer", [row(notes=["dead"])], [], "PASS")], "f"))
        assert "INCONCLUSIVE" in doubtful

    def test_more_wrong_entries_than_are_shown_are_counted(self):
        entry = WrongEntry((0, 0), 1.0, 2.0, 0.5)
        assert "and 4 more" in str(Report("L", [row("FAIL", wrong=[entry], wrong_count=5)]))
        assert "more" not in str(Report("L", [row("FAIL", wrong=[entry], wrong_count=1)]))


class TestExamination:
    def examined(self, **changes):
        return Examination(Entry("Layer", None, None), seed=0, loss_divides=False, **changes)

    def test_a_mistake_is_a_failure_whatever_came_after(self):
        examination = self.examined(oracle="a rule")
        assert examination.report().verdict == "INCONCLUSIVE"
        assert examination.report("nothing to check", "blank").notes == ["blank"]
        examination.kink = True
        assert examination.report().verdict == "KINK"
        examination.take([Finding(None, "a note"), Finding("sign", "Seen."), Finding(None, "")])
        report = examination.report("nothing to check")
        assert (report.verdict, report.oracle) == ("FAIL", "a rule")
        assert report.notes == ["a note", ""]
        assert report.diagnosis.id == "sign"
        assert report.diagnosis.text.startswith("Seen.\n")
        assert examination.report("ERROR").verdict == "ERROR"

    def test_the_first_mistake_is_named_unless_it_is_general(self):
        examination = self.examined()
        for identity in ("unknown", "wrong-shape", "dtype-changed", "sign", "overflow"):
            examination.blame(identity)
        report = examination.report()
        assert (report.diagnosis.id, report.diagnosis.also) == ("sign", ["wrong-shape"])
        assert [flaw.id for flaw in report.flaws] == ["dtype-changed", "overflow"]

    def test_an_id_counts_once_with_its_first_text(self):
        examination = self.examined()
        examination.blame("sign", detail="First.")
        examination.blame("sign", detail="Second.")
        assert "Second." not in examination.report().diagnosis.text
        assert examination.report().diagnosis.also == []
