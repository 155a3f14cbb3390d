"""What an extra brings is imported only when asked for; where it is missing, an error says so."""

import sys
from importlib import import_module

import pytest


def test_estimators_without_scikit_learn_say_how_to_get_it(monkeypatch):
    for name in ("sklearn", "sklearn.utils", "sklearn.utils.validation"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "mlp.estimators", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r'scikit-learn.* pip install "mlp\[sklearn\]"'):
        import_module("mlp.estimators")
