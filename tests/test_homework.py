"""The solution book: every problem holds, and the script runs as a user runs it."""

import os
import subprocess
import sys
from functools import wraps
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "scripts"
sys.path.insert(0, str(SCRIPTS))

from book import command as homework  # noqa: E402
from book.library import PROBLEMS, load  # noqa: E402
from book.page import LECTURE, Page  # noqa: E402
from book.terminal import Terminal  # noqa: E402


def run(*arguments):
    """The script in a process of its own, as from the command line."""
    return subprocess.run(
        [sys.executable, str(SCRIPTS / "homework.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("stem", PROBLEMS)
def test_every_check_of_the_problem_passes_and_its_pictures_are_drawn(
    stem, capsys, tmp_path, monkeypatch
):
    monkeypatch.setitem(LECTURE, "savefig.dpi", 20)  # a picture costs its pixels
    report = homework.run(stem, tmp_path)
    assert [check for check in report.checks if not check.passed] == []
    assert len(report.checks) >= 3
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if len(line) >= 80] == []
    pictures = [*tmp_path.iterdir()]
    assert all(p.name in out and p.read_bytes().startswith(b"\x89PNG") for p in pictures)
    assert out.count("  picture: ") == len(pictures)


@pytest.mark.parametrize("stem", PROBLEMS)
def test_a_problem_is_one_readable_file(stem):
    source = (SCRIPTS / "problems" / f"{stem}.py").read_text()
    assert len(source.splitlines()) < 400
    problem = load(stem)
    assert problem.__doc__ and problem.TITLE and problem.DECKS


def test_the_list_names_every_problem_in_80_columns():
    done = run()
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:20]] == [str(n) for n in range(1, 21)]
    assert [line.split()[0] for line in lines[-5:]] == ["000", "001", "002", "003", "004"]
    assert max(map(len, lines)) < 80


def test_by_number_and_by_part_of_a_name():
    done = run(4, "linear_rows")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Problem 4:" in done.stdout and "Problem 6:" in done.stdout
    assert done.stdout.count("  ok  ") >= 2
    assert max(map(len, done.stdout.splitlines())) < 80


@pytest.mark.parametrize("unknown", ["no such problem", "99", "0"])
def test_an_unknown_problem_is_status_2(unknown):
    done = run(unknown)
    assert done.returncode == 2
    assert unknown in done.stderr and "Traceback" not in done.stderr


def test_pictures_are_written_where_asked(tmp_path):
    done = run(1, "--figures", tmp_path / "new" / "folder")
    assert done.returncode == 0, done.stdout + done.stderr
    written = list((tmp_path / "new" / "folder").iterdir())
    assert written and all(p.name.startswith("p01_") and p.name in done.stdout for p in written)


FORMULAS = {
    "p01_derivatives": "slopes gradient flattened unflattened "
    "chain_rule.f_jacobian chain_rule.g_jacobian chain_rule.chain",
    "p02_generalized_jacobian": "square_jacobian change features_jacobian chained change_of_z",
    "p03_toy_graphs": "chain_of_layers.backward product_of_sum neuron branch",
    "p04_squared_norm": "entry_by_entry gradients",
    "p05_minibatch_product": "entry_by_entry gradients",
    "p06_linear_rows": "jacobian_of_inputs input_gradient weight_gradient whole_array of_batch",
    "p07_elementwise": "relu_backward sigmoid_backward one_step backprop",
    "p08_hidden_layer": "forward output_layer hidden_layer",
    "p09_equal_weights": "forward slopes gradients_at step descend",
    "p10_other_ways": "f one_sided_differences central_differences closed_form "
    "reverse_mode forward_mode factors both_orders",
    "p11_toy_chain": "forward back_to_h2 back_to_f0 parameters",
    "p12_matrix_backprop": "hidden_layer output_layer slopes_of_layer slope_of_relu slope_of_loss "
    "one_layer_back one_layer_back_in_rows slope_in_weights written_out.formula written_out.layers",
    "p13_least_squares": "errors loss gradient descend descend_by_batches best_line",
    "p14_neuron_by_neuron": "forward backward matrices step",
    "p15_softmax": "two_cases with_delta summed without_jacobian kl_slope",
    "p16_multiply": "products gradient vector_activation through",
    "p17_kinks": "slopes largest max_gradient",
    "p18_vector_passes": "jacobians backward weight_gradient in_rows",
    "p19_digits": "loss_and_gradients",
    "p20_cost": "work by_blocks all_kept split_samples split_columns",
}
"""The by-hand formulas of every problem, as its file names them."""


def test_no_problem_is_without_a_formula():
    assert [*FORMULAS] == PROBLEMS


@pytest.mark.parametrize(
    ("stem", "formula"),
    [(stem, formula) for stem, formulas in FORMULAS.items() for formula in formulas.split()],
)
def test_a_wrong_sign_in_a_formula_fails_a_check(stem, formula, monkeypatch):
    reverse_sign(stem, formula, monkeypatch)
    monkeypatch.setattr(Page, "check", stop_if_it_fails)
    with pytest.raises(CheckFailed):
        homework.run(stem, None)


def test_a_failed_check_is_status_1(monkeypatch, capsys):
    reverse_sign("p04_squared_norm", "gradients", monkeypatch)
    assert homework.main(["4"]) == 1
    assert "FAIL" in capsys.readouterr().out


class CheckFailed(Exception):
    pass


def stop_if_it_fails(page, label, error, tolerance, check=Page.check):
    check(page, label, error, tolerance)
    if not page.passed:
        raise CheckFailed(label)


def reverse_sign(stem, formula, monkeypatch):
    """Negate what the formula returns, wherever the problem calls it."""
    *module, name = formula.split(".")
    holder = load(stem)
    for part in module:
        holder = getattr(holder, part)
    right = getattr(holder, name)
    wrong = wraps(right)(lambda *arguments: negated(right(*arguments)))
    monkeypatch.setattr(holder, name, wrong)


def negated(result):
    """The result, gradients in nested lists and dicts included, with every sign reversed."""
    if isinstance(result, dict):
        return {key: negated(value) for key, value in result.items()}
    if isinstance(result, list | tuple):
        return [negated(part) for part in result]
    return -result


@pytest.mark.parametrize(
    ("error", "passed"), [(1e-9, True), (2e-9, False), (float("nan"), False), (0.0, True)]
)
def test_a_check_compares_with_its_tolerance(error, passed, capsys):
    page = Page("p00_test", Terminal(verbose=True))
    page.check("a label that is much too long for one line " * 3, error, 1e-9)
    page.proof("one thing = another")
    assert page.passed is passed
    out = capsys.readouterr().out
    assert ("FAIL" in out) is not passed
    assert max(map(len, out.splitlines())) < 80


def test_a_check_that_failed_is_shown_without_verbose_too(capsys):
    page = Page("p00_test", Terminal())
    page.check("right", 0.0, 1e-9)
    page.check("wrong", 1.0, 1e-9)
    page.proof("by hand = engine")
    out = capsys.readouterr().out
    assert "wrong: 1, at most 1e-09" in out and "right" not in out


def test_a_page_without_checks_has_not_passed():
    assert not Page("p00_test").passed


def test_equal_refuses_shapes_that_would_broadcast():
    with pytest.raises(ValueError, match=r"\(2,\), \(2, 1\)"):
        Page("p00_test").equal("gradient", [1.0, 2.0], [[1.0], [2.0]], 1e-9)


def test_a_proof_needs_a_check_and_an_answer_its_question():
    page = Page("p00_test")
    with pytest.raises(ValueError, match="no check behind it"):
        page.proof("by hand = engine")
    with pytest.raises(ValueError, match=r"no question \(a\)"):
        page.answer("a")
    page.ask("a", "What is dL/dW?")
    with pytest.raises(ValueError, match="asked \\['a'\\], answered \\[\\]"):
        page.close()


def test_output_that_nobody_reads_to_its_end_is_no_error():
    done = subprocess.run(
        ["sh", "-c", '"$0" "$1" 5 --verbose | head -3', sys.executable, SCRIPTS / "homework.py"],
        capture_output=True,
        text=True,
    )
    assert done.stderr == "" and "Problem 5" in done.stdout
