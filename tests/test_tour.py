"""The notebook under scripts/: it runs from top to bottom, and shows what it says."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mlp
from mlp.history import History

pytestmark = pytest.mark.no_numbers

TOUR = Path(__file__).resolve().parent.parent / "scripts" / "tour.ipynb"
CELLS = [
    (cell["id"], "".join(cell["source"]))
    for cell in json.loads(TOUR.read_text(encoding="utf-8"))["cells"]
    if cell["cell_type"] == "code"
]


def test_it_is_stored_without_outputs():
    cells = json.loads(TOUR.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in code] == [[]] * len(code)
    assert {cell["execution_count"] for cell in code} == {None}
    assert cells[0]["cell_type"] == "markdown"


def test_its_cells_do_what_they_say(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("tempfile.mkdtemp", lambda: str(tmp_path))
    names: dict = {}
    for name, source in CELLS:
        exec(compile(source, name, "exec"), names)
    data, test, history = names["data"], names["test"], names["history"]
    assert len({*names["train"], *names["validation"], *test}) == len(data.x)
    assert type(history) is History
    assert len(history) < 60  # patience ended it
    assert names["scores"]["accuracy"] > 0.94
    assert np.trace(names["counts"]) / len(test) == names["scores"]["accuracy"]
    assert names["same"]
    assert (tmp_path / "digits.npz").exists()
    assert (names["report"].verdict, names["corrected"].verdict) == ("FAIL", "PASS")
    assert names["trace"].loss_value > 0
    said = capfd.readouterr()
    assert "Forward" in said.out
    assert f"{len(history)}/60" in said.err  # the bar


@pytest.mark.peers
@pytest.mark.long
def test_a_notebook_program_runs_it_and_shows_tables_and_figures(tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    made = nbformat.read(TOUR, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(made, timeout=120, resources=resources).execute()
    shown = {}
    for cell in made.cells:
        if cell.cell_type == "code" and isinstance(ast.parse(cell.source).body[-1], ast.Expr):
            results = [o.data for o in cell.outputs if o.output_type == "execute_result"]
            shown[cell.source.splitlines()[-1]] = [*results[0]] if results else []
    for figure in ("history.plot()", "plots.confusion(counts)", "trace.draw()"):
        assert "image/png" in shown[figure], figure
    for table in ("net", "history", "report", "corrected", "trace"):
        assert "text/html" in shown[table], table


def test_what_it_names_is_found_without_importing_it():
    code = "import mlp; print(mlp.callbacks.Progress.__name__, 'callbacks' in dir(mlp))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "Progress True\n"
    assert {"callbacks", "data"} <= {*dir(mlp)}
