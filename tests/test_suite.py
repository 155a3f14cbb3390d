"""The tests themselves: their checks are made in every way of running them."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
HELPERS = sorted(path for path in TESTS.glob("*.py") if not path.name.startswith("test_"))


def test_an_assert_of_a_test_is_checked_with_python_O_too():
    """pytest rewrites the `assert` of test modules; nothing would be tested otherwise."""
    with pytest.raises(AssertionError):
        assert [] == [0]


@pytest.mark.parametrize("path", HELPERS, ids=lambda path: path.name)
def test_helper_modules_raise(path):
    """pytest does not rewrite theirs: `python -O` would drop them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)] == []
