"""What an extra brings is imported only when asked for; where it is missing, an error says so."""

import sys
from importlib import import_module
from types import ModuleType

import pytest

SCIKIT_LEARN = ("sklearn", "sklearn.utils", "sklearn.utils.validation")


def test_estimators_without_scikit_learn_say_how_to_get_it(monkeypatch):
    for name in SCIKIT_LEARN:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "mlp.estimators", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r'scikit-learn.* pip install "mlp\[sklearn\]"'):
        import_module("mlp.estimators")


def test_estimators_with_an_old_scikit_learn_say_which_they_need(monkeypatch):
    for name in SCIKIT_LEARN:  # its validation had no validate_data
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.delitem(sys.modules, "mlp.estimators", raising=False)
    with pytest.raises(ImportError, match=r'scikit-learn 1\.6 .* --upgrade "mlp\[sklearn\]"'):
        import_module("mlp.estimators")
