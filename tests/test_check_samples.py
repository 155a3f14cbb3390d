"""Networks that are too large to compare every entry: what a sample of them shows."""

import numpy as np
import pytest

from mlp import Concat, Elementwise, ReLU, Sigmoid, gradcheck
from mlp.checking import referee
from mlp.checking.oracles import NumericalGradient
from mlp.checking.settling import Found

X = np.random.default_rng(3).uniform(0.5, 1.5, (210, 100))
"""Too many for all; without zeros, at which ReLU has kinks."""


def x_row(*branches, x=X):
    report = gradcheck(Concat(*branches), x, rng=0)
    return report, report.rows[0]


def test_what_reaches_the_input_by_several_branches_is_added_up():
    report, row = x_row(ReLU(), Sigmoid(), ReLU())
    assert report.verdict == "PASS" and not report.notes
    assert 64 <= row.checked < X.size
    assert row.used < 1 and row.resolution < 1e-9
    wrong, row = x_row(ReLU(), Elementwise(np.tanh, lambda z, y: 1.001 * (1 - y * y)))
    assert wrong.verdict == "FAIL" and row.wrong_count == row.checked


def test_kinks_of_several_branches_are_all_told_and_left_out():
    x = X.copy()
    x[:, 0] = 0
    smooth = x_row(Sigmoid(), Sigmoid(), x=x)[1].checked
    report, row = x_row(ReLU(), Sigmoid(), ReLU(), x=x)
    kinks = [note for note in report.notes if "is at a kink in 210 of 21000 inputs" in note]
    assert report.verdict == "KINK"
    assert [note.split(" is ")[0] for note in kinks] == ["layer 0 ReLU", "layer 2 ReLU"]
    assert row.checked == smooth - np.count_nonzero(x[:, 0] == 0)


@pytest.mark.parametrize("methods", [("complex step", "central differences"), ("a", "a")])
def test_two_contributions_are_added_where_both_are_known(methods):
    def found(numbers, at, method, kinks):
        g = np.array(numbers, float)
        reference = NumericalGradient(g, g / 8, 3 * g, g[0] / 64, method)
        return Found(reference, np.array(at), kinks)

    one = found([8, 16, 32], [1, 4, 7], methods[0], ("p", "q"))
    two = found([1, 2, 4], [4, 5, 7], methods[1], ("q", "r"))
    total = referee._sum(one, two)
    reference = total.reference
    assert total.coordinates.tolist() == [4, 7]
    assert reference.gradient.tolist() == [17, 36]
    assert reference.tolerance.tolist() == [17 / 8, 36 / 8]
    assert reference.terms.tolist() == [51, 108]
    assert reference.floor == 9 / 64
    assert reference.method == min(methods)
    assert total.kinks == ("p", "q", "r")
