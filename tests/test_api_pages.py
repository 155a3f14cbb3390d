"""The API pages: what in a docstring is a formula, and the pages that the command writes."""

# ruff: noqa: E402 - what needs the extra can be imported only once it is known to be there

import inspect
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import mlp
from apipages.docstrings import Page
from apipages.formulas import CLOSED, OPEN, Formulas

pytestmark = pytest.mark.no_numbers


def shown(docstring: str) -> str:
    """HTML of a docstring, each formula as LaTeX between dollar signs."""
    formulas = Formulas()
    made = Page(docstring, formulas).html()
    latex = [*formulas.latex]
    return re.sub(f"{OPEN}(\\d+){CLOSED}", lambda m: f"${latex[int(m[1])]}$", made)


LAYER = """z = x W + b, a map of x.

Shapes   x (N, D)   z and upstream (N, M)
Forward  z_nj = sum_i x_ni W_ij + b_j
Backward with U = dL/dz:
         dL/dx_ni = sum_j U_nj W_ij      dL/dx = U W^T
Keeps    x, the sum of `no more`, the factor W_ij
Source   deck 003, 1a (eta for 2 or not 2)"""
MARKED = [
    "<p>$z = x W + b$, a map of $x$.</p>\n",
    "<dl><dt>Shapes</dt><dd>",
    r'<div class="formulas"><span>$x\,(N, D)$</span><span>$z$ and upstream $(N, M)$</span></div>',
    "</dd><dt>Forward</dt><dd>",
    r'<div class="formulas"><span>$z_{nj} = \sum _{i} x_{ni} W_{ij} + b_{j}$</span></div>',
    "</dd><dt>Backward</dt><dd>",
    r'<div class="formulas"><span>with $U = \partial L/\partial z$:</span></div>',
    r'<div class="formulas"><span>$\partial L/\partial x_{ni} = \sum _{j} U_{nj} W_{ij}$</span>',
    r"<span>$\partial L/\partial x = U W^{\top}$</span></div>",
    "</dd><dt>Keeps</dt><dd>$x$, the sum of <code>no more</code>, the factor $W_{ij}$</dd>",
    "<dt>Source</dt><dd>deck 003, 1a (eta for 2 or not 2)</dd></dl>",
]


def test_a_layers_docstring():
    assert shown(LAYER) == "".join(MARKED)


def test_prose_stays_prose():
    text = 'x (N, D) and `validation_loss`, max_iter <b> for a batch, "he" N > 0, dy_j / dx_i.'
    assert shown(text) == (
        '<p>x (N, D) and <code>validation_loss</code>, max_iter &lt;b&gt; for a batch, "he" '
        r"$N > 0$, $\mathrm{d}y_{j} / \mathrm{d}x_{i}$.</p>"
    )


def test_columns_lists_and_code():
    text = "Read:\n  - one\n    and on;\n  - two.\nAfter it.\n\n"
    text += "IDX   a `file`\n      there\nlong name   it\nRaises x"
    assert shown(text) == (
        "<p>Read:</p><ul><li>one and on;</li><li>two.</li></ul><p>After it.</p>\n"
        "<dl><dt>IDX</dt><dd>a <code>file</code> there</dd><dt>long name</dt><dd>it</dd></dl>"
        "<p>Raises x</p>"
    )
    assert shown("Initialize.  See help.") == "<p>Initialize.  See help.</p>"
    assert shown("As in\n\n    x < 1\n      y") == "<p>As in</p>\n<pre>x &lt; 1\n  y</pre>"


def test_every_line_of_a_layers_derivation_has_a_formula():
    """A formula that the notation does not know would stay as it is, with its underscores."""
    for name in mlp.__all__:
        text = re.sub("<code>.*?</code>", "", shown(inspect.getdoc(getattr(mlp, name)) or ""))
        if "<dt>Forward" in text or "<dt>Gradient" in text:
            plain = re.sub(r"\$[^$]*\$", "", text)
            assert not re.search(r"\b[A-Za-z]_\w|\^T|sum_| = ", plain), (name, plain)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    for needed in ("pdoc", "pypandoc", "ziamath"):
        pytest.importorskip(needed, reason=f"{needed} is not installed")
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from apipages.command import main

    folder = tmp_path_factory.mktemp("api") / "new"
    assert main(["--to", str(folder)]) == 0
    return {p.relative_to(folder).as_posix(): p.read_text("utf-8") for p in folder.rglob("*")
            if p.is_file()}  # fmt: skip


@pytest.mark.peers
@pytest.mark.long
class TestPages:
    def test_every_public_name_has_its_place(self, pages):
        for name in mlp.__all__:
            assert f'id="{name}"' in pages["mlp.html"], name
        for page, names in {
            "mlp/callbacks.html": "Callback Progress TrainingState Callback.on_end",
            "mlp/data.html": "load stratified_split Dataset one_hot",
            "mlp/estimators.html": "MLPClassifier MLPRegressor MLPClassifier.partial_fit",
            "mlp/history.html": "History History.plot",
            "mlp/losses.html": "Loss Loss.forward",
            "mlp/seeing/differences.html": "gradient_difference",
            "mlp/seeing/plots.html": "confusion curves mistakes weights",
            "mlp/seeing/regression.html": "predicted",
            "mlp/seeing/traces.html": "Trace Trace.explain",
            "mlp/checking/report.html": "Report Report.ok",
        }.items():
            for name in names.split():
                assert f'id="{name}"' in pages[page], (page, name)

    def test_formulas_are_mathml(self, pages):
        found = [f for text in pages.values() for f in re.findall(r"<math.*?</math>", text)]
        assert len(found) > 200
        for formula in found:
            assert ElementTree.fromstring(formula).tag.endswith("math")
        for name, text in pages.items():
            docs = re.findall(r'<div class="docstring">(.*?)</div>\n', text, re.DOTALL)
            assert not [doc for doc in docs if "$" in doc], name
            assert not re.findall(r"<pre>[^<]* = [^<]*</pre>", "".join(docs)), name
            assert not {OPEN, CLOSED} & set(text), name

    def test_nothing_comes_from_elsewhere(self, pages):
        for name, text in pages.items():
            assert "<script" not in text, name
            assert not re.findall(r'(?:src|action)="(?!data:)|<link|@import', text), name
            assert not re.findall(r"url\((?!data:|[\"']?data:)", text), name
            assert "/home/" not in text and str(ROOT) not in text, name

    def test_they_link_to_each_other(self, pages):
        assert 'href="#Layer"' in pages["mlp.html"]
        assert re.search(r'<a href="../mlp.html#fit">fit</a>', pages["mlp/history.html"])
        assert re.search(r'href="[^"]*plots.html#curves"', pages["mlp/history.html"])
        assert re.search(r"prefers-color-scheme: ?dark", pages["mlp.html"])


@pytest.mark.peers
def test_a_link_that_leads_nowhere_is_an_error():
    pytest.importorskip("pdoc", reason="pdoc is not installed")
    from apipages.pages import check_links

    check_links({"a/b.html": '<i id="x"><a href="#x"></a><a href="../c.html">', "c.html": ""})
    for wrong in ('<a href="#y">', '<a href="c.html">', '<a href="../c.html#x">'):
        with pytest.raises(ValueError, match=r"a/b.html: the link to .* leads nowhere"):
            check_links({"a/b.html": wrong, "c.html": ""})


def test_wrong_words_are_an_error_of_one_line(capsys):
    from apipages.command import main

    with pytest.raises(SystemExit, match="2"):
        main([])
    said = "api.py: the following arguments are required: --to; see api.py --help\n"
    assert capsys.readouterr().err == said


@pytest.mark.peers
def test_a_folder_that_cannot_be_made_is_named(capsys, monkeypatch, tmp_path):
    pytest.importorskip("pdoc", reason="pdoc is not installed")
    import apipages.pages
    from apipages.command import main

    (tmp_path / "file").touch()
    monkeypatch.setattr(apipages.pages, "pages", lambda: {"index.html": ""})
    assert main(["--to", str(tmp_path / "file" / "new")]) == 2
    assert capsys.readouterr().err == f"api.py: {tmp_path / 'file' / 'new'}: Not a directory\n"


def test_without_the_extra_it_says_how_to_get_it(monkeypatch, capsys, tmp_path):
    from apipages.command import main

    monkeypatch.setitem(sys.modules, "pdoc", None)
    monkeypatch.delitem(sys.modules, "apipages.pages", raising=False)
    assert main(["--to", str(tmp_path / "new")]) == 2
    assert 'pip install -e ".[docs]"' in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
