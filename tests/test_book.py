"""The solution book: its formulas against its numbers, and each of its four forms as it is used."""

import functools
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "scripts"
sys.path.insert(0, str(SCRIPTS))

from book import notation, sheets  # noqa: E402
from book.blocks import Answer, Formula, Numbers, Picture, Prose, Question  # noqa: E402
from book.library import DECKS, PROBLEMS, load, solved  # noqa: E402
from book.markdown import markdown, prose  # noqa: E402
from formulas import skeleton_of_latex, skeleton_of_plain  # noqa: E402
from index_notation import chains  # noqa: E402
from sheet_routes import ROUTES  # noqa: E402

pytestmark = pytest.mark.no_numbers
CONVERTER = pytest.mark.skipif(
    not (find_spec("pypandoc") and find_spec("ziamath")),
    reason='a page needs pandoc and a font: pip install "mlp[book]"',
)
NOTEBOOKS = pytest.mark.skipif(
    not find_spec("nbclient"), reason='notebooks need nbclient: pip install "mlp[book]"'
)
page_of = functools.cache(solved)


def run(*arguments, **options):
    """The script in a process of its own, as from the command line."""
    return subprocess.run(
        [sys.executable, str(SCRIPTS / "homework.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        **options,
    )


def formulas_of(stem):
    return [block for block in page_of(stem).blocks if isinstance(block, Formula)]


# --- what it says ---


@pytest.mark.parametrize("stem", PROBLEMS)
def test_a_formula_says_the_same_in_both_notations(stem):
    differing = {
        formula.plain: formula.latex
        for formula in formulas_of(stem)
        if skeleton_of_latex(formula.latex) != skeleton_of_plain(formula.plain)
    }
    assert differing == {}


@pytest.mark.parametrize(
    ("latex", "plain"),
    [
        (r"z_{nj} = \sum_i x_{ni} W_{ij}", "z_nj = sum_i x_ni W_ji"),
        (r"\frac{\partial L}{\partial W} = -x", "dL/dW = x"),
        (r"y = \sigma(z)", "y = sigmoid(z)"),
        (r"2 (y - d)", "(y - d)"),
    ],
)
def test_notations_that_differ_are_noticed(latex, plain):
    assert skeleton_of_latex(latex) != skeleton_of_plain(plain)


def test_what_can_be_evaluated_of_the_formulas_agrees_with_the_numbers():
    evaluated = 0
    for stem in PROBLEMS:
        problem, page = load(stem), page_of(stem)
        answers = problem.answers(**problem.NUMBERS)
        values, left = dict(page.values), ""
        for block in page.blocks:
            if isinstance(block, Answer):
                values = page.values | answers.get(block.letter, {})
            if not isinstance(block, Formula) or block.plain.startswith(tuple(OTHER_NUMBERS)):
                continue
            text = block.plain.strip()
            text = left + text if text.startswith("=") else text
            left = text.partition("=")[0]
            for sides in chains(text, values):
                evaluated += len(sides) > 1
                for side in sides[1:]:
                    pair = np.broadcast_arrays(side, sides[0])
                    np.testing.assert_allclose(*pair, 1e-12, 1e-12, err_msg=f"{stem}: {text}")
    assert evaluated >= EVALUATED


OTHER_NUMBERS = {
    "h_k = w_k h_(k-1)": "h is counted from 0, all else from 1",
    "dL/dz_n = 2/N": "L is the loss of another question, with w and b of its own",
    "dy/dW1_i = z_i = 1/2": "z is that of all zeros, and the page has that of another start too",
    "u_j = dDiv/dy_j": "u is this one slope here, and any in the question before",
    "dDiv/dz_j = 2 z_j": "only for a unit that is multiplied by itself",
    "Delta z < 0": "one of two cases",
}
"""Formulas whose letters stand for other numbers than those that the page has under their names."""
EVALUATED = 24
"""So many formulas of the book have numbers behind them on both sides of an equals sign."""


def test_a_wrong_formula_is_noticed_by_its_numbers():
    values = {"W": np.array([[1.0, 2], [3, 4]]), "U": np.array([[5.0, 6], [7, 8]])}
    values["dX"] = values["W"].T @ values["U"]
    [[right, same]] = chains("dL/dX_ab = sum_k W_ka U_kb", values)
    assert np.allclose(*np.broadcast_arrays(right, same))
    [[right, wrong]] = chains("dL/dX_ab = sum_k W_ak U_kb", values)
    assert not np.allclose(*np.broadcast_arrays(right, wrong))
    assert [len(sides) for sides in chains("dL/dX_ab = sum_k V_ka U_kb", values)] == [1]


@pytest.mark.parametrize("stem", PROBLEMS)
def test_a_problem_states_what_is_given_and_asks_whole_questions(stem):
    blocks = page_of(stem).blocks
    assert isinstance(blocks[0], Prose)
    questions = [block for block in blocks if isinstance(block, Question)]
    assert questions and [q.letter for q in questions] == list("abcdefghij"[: len(questions)])
    assert all(len(q.text.split()) >= 4 for q in questions)
    assert len(formulas_of(stem)) >= 1


@pytest.mark.parametrize(
    ("plain", "latex"),
    [
        ("W_ij", "W_{ij}"),
        ("dL/dW_ij", r"\partial L/\partial W_{ij}"),
        ("W^T U", r"W^{\top} U"),
        ("delta_n", r"\delta _{n}"),
        ("b0", "b_{0}"),
        ("dW = x^T u", r"\mathrm{d}W = x^{\top} u"),
        ("x @ W", None),
        ("np.sum(x)", r"\mathrm{np}.\sum (x)"),
    ],
)
def test_short_formulas_in_prose(plain, latex):
    assert notation.inline(plain) == latex


@pytest.mark.parametrize(
    ("value", "latex"),
    [
        (2, "2"),
        (-0.25, "-0.25"),
        (1.5e-7, r"1.5 \cdot 10^{-7}"),
        (np.array([[1, 2], [3, 4]]), r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}"),
        (np.array([1, 2]), r"\begin{pmatrix} 1 & 2 \end{pmatrix}"),
        (np.zeros((2, 2, 2)), None),
        (np.zeros(99), None),
        ("text", None),
    ],
)
def test_numbers_as_latex(value, latex):
    assert notation.matrix(value) == latex


# --- Markdown ---


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The whole book as Markdown, with its pictures."""
    from book.making import main_text

    folder = tmp_path_factory.mktemp("book")
    pages = [page_of(stem) for stem in PROBLEMS]
    return main_text(pages, folder, folder, "after"), folder


@pytest.mark.long
def test_the_markdown_has_every_problem_and_links_pictures_that_are_there(written):
    text, folder = written
    assert re.findall("^## Problem ([0-9]+)", text, re.MULTILINE) == [*map(str, range(1, 21))]
    assert all(f"**{deck}**" in text for deck in DECKS)
    linked = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert sorted(linked) == sorted(path.name for path in folder.iterdir())
    pictures = [b for s in PROBLEMS for b in page_of(s).blocks if isinstance(b, Picture)]
    assert len(pictures) == len(linked) == len(set(linked))
    for path in folder.iterdir():
        ElementTree.parse(path)


@pytest.mark.long
def test_dollars_of_the_markdown_come_in_pairs(written):
    text = re.sub(r"^```.*?^```$", "", written[0], flags=re.MULTILINE | re.DOTALL)
    for paragraph in text.split("\n\n"):
        assert paragraph.count("$") % 2 == 0, paragraph
        for formula in re.findall(r"\$([^`$]+)\$", paragraph):  # GitHub takes \\ and \, for escapes
            assert not re.search(r"\\[^A-Za-z]", formula), formula


def test_backticks_become_formulas_or_stay_code():
    assert prose("`W_ij` and `x @ W`") == "$W_{ij}$ and `x @ W`"


def test_small_arrays_share_a_line_and_large_ones_are_text():
    small, large = np.ones((2, 2)), np.ones((2, 20))
    blocks = [Numbers("a", small, True), Numbers("b", small, True), Numbers("c", large, True)]
    first, second = markdown(blocks, None, Path()).split("\n\n", 1)
    assert first.count("pmatrix") == 4 and second.startswith("$c$:\n\n```text")
    assert markdown([Numbers("e after the step", 2.0, False)], None, Path()).startswith("e after")


# --- one page ---


@pytest.fixture(scope="module")
def made(written):
    from book import html

    text, folder = written
    return html.page(text, "Book", folder)


@pytest.mark.long
@CONVERTER
def test_every_formula_is_well_formed_mathml(made, written):
    from book.html import formulas

    assert len(formulas(made)) > written[0].count("```math") >= 100
    for formula in formulas(made):
        root = ElementTree.fromstring(formula)
        assert root.find(".//{*}merror") is None
        shown = root.find(".//{*}semantics/*[1]")
        assert not re.search(r"\\[a-z]", "".join(shown.itertext())), formula


@pytest.mark.long
@CONVERTER
def test_the_page_needs_nothing_else(made):
    assert "<script" not in made
    sources = re.findall(r'(?:src|href)="([^"]*)"', made)
    assert all(source.startswith(("data:", "#")) for source in sources)
    targets = set(re.findall(r'id="([^"]*)"', made))
    assert {source[1:] for source in sources if source.startswith("#")} <= targets
    assert made.count("data:font/woff") == 1


@CONVERTER
@pytest.mark.parametrize("wrong", [r"\frac{a}{b", r"\foo x", r"\begin{aligned} a"])
def test_a_formula_that_is_not_understood_is_refused(wrong):
    from book import html

    with pytest.raises(ValueError, match="pandoc refused"):
        html.page(f"$$\n{wrong}\n$$", "Wrong", Path())


@CONVERTER
def test_the_book_as_a_user_makes_it(tmp_path):
    for name in ("book.html", "book.md"):
        done = run("book", 5, "--to", tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert "Problem 5" in (tmp_path / name).read_text(encoding="utf-8")


def test_answers_stand_at_the_end_or_nowhere(tmp_path):
    for answers in ("after", "end", "none"):
        run("book", 5, "--to", tmp_path / f"{answers}.md", "--answers", answers)
    after, end, none = ((tmp_path / f"{a}.md").read_text() for a in ("after", "end", "none"))
    answer = "*Proof:*"
    assert answer in after.partition("### Solution")[2]
    assert answer not in end.partition("# Answers")[0]
    assert answer in end.partition("# Answers")[2]
    assert answer not in none and "**(c)**" in none


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["book", "--to", "book.docx"], "ends in .html or .md"),
        (["book", "99", "--to", "book.md"], "no problem '99'"),
        (["sheet"], "which problems?"),
        (["sheet", "5", "--seed", "-1"], "--seed -1"),
        (["sheet", "5", "--to", "sheet.docx"], "ends in .txt, .md or .html"),
    ],
)
def test_mistakes_are_said_in_one_line(arguments, said, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr
    assert "Traceback" not in done.stderr and [*tmp_path.iterdir()] == []


# --- notebooks ---


@NOTEBOOKS
@pytest.mark.parametrize("stem", PROBLEMS)
def test_the_cells_of_a_notebook_give_the_numbers_of_the_page(stem, tmp_path, capsys):
    from book.notebooks import notebook

    page = page_of(stem)
    names: dict = {"__name__": "__main__"}
    for cell in notebook("# Title", page.blocks, tmp_path, tmp_path).cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
    for name, value in page.values.items():
        if isinstance(value, np.ndarray | float | int):
            np.testing.assert_allclose(names[name], value, 1e-12, 1e-12, err_msg=name)


@NOTEBOOKS
@pytest.mark.long
def test_every_notebook_runs_from_top_to_bottom(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    done = run("book", "--to", tmp_path / "notebooks")
    assert done.returncode == 0, done.stderr
    found = sorted((tmp_path / "notebooks").glob("*.ipynb"))
    assert [path.stem for path in found] == PROBLEMS
    for path in found:
        NotebookClient(nbformat.read(path, as_version=4), timeout=120).execute()


# --- exercise sheets ---


def test_a_sheet_is_the_same_for_one_seed_and_another_for_another():
    first, again, other = (run("sheet", 5, "--seed", seed).stdout for seed in (3, 3, 4))
    assert first == again and first.splitlines()[1:] != other.splitlines()[1:]


def test_a_problem_has_the_same_numbers_whatever_else_is_on_the_sheet():
    problem = load("p05_minibatch_product")
    a, b = (sheets.drawn(problem, 5, 7) for _ in range(2))
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert run("sheet", 5, "--seed", 7).stdout[10:] in run("sheet", 5, 6, "--seed", 7).stdout


def test_a_sheet_holds_no_answers_and_the_answers_stand_in_a_file_of_their_own(tmp_path):
    done = run("sheet", "--all", "--seed", 2, "--to", tmp_path / "sheet.md")
    assert done.returncode == 0, done.stderr
    sheet, answers = (tmp_path / "sheet.md"), (tmp_path / "sheet_answers.md")
    assert sorted(tmp_path.iterdir()) == sorted([sheet, answers])
    titles = [re.findall("^## .*$", path.read_text(), re.MULTILINE) for path in (sheet, answers)]
    assert titles[0] == titles[1] and len(titles[0]) == 20
    assert "*Proof:*" not in sheet.read_text() and "**(a)**" not in answers.read_text()


@pytest.mark.parametrize("stem", PROBLEMS)
def test_the_book_and_the_sheet_ask_the_same(stem):
    problem = load(stem)
    drawn = sheets.drawn(problem, int(stem[1:3]), 0)
    assert [*drawn] == [*problem.NUMBERS]
    asked = [b.letter for b in sheets.questions(problem, drawn) if isinstance(b, Question)]
    assert set(problem.answers(**drawn)) <= set(asked)


def test_every_sheet_has_a_second_route():
    assert sorted(ROUTES) == PROBLEMS


@pytest.mark.parametrize("stem", sorted(ROUTES))
@pytest.mark.parametrize("seeds", [range(5), pytest.param(range(5, 100), marks=pytest.mark.long)])
def test_the_answers_of_a_hundred_sheets_come_out_by_the_second_route_too(stem, seeds):
    problem = load(stem)
    for seed in seeds:
        numbers = sheets.drawn(problem, int(stem[1:3]), seed)
        answers, others = problem.answers(**numbers), ROUTES[stem](**numbers)
        assert {k: [*v] for k, v in answers.items()} == {k: [*v] for k, v in others.items()}
        for letter, values in answers.items():
            for name, value in values.items():
                error = f"sheet {seed}, ({letter}) {name}"  # six digits are printed
                np.testing.assert_allclose(value, others[letter][name], 1e-9, 1e-9, err_msg=error)
