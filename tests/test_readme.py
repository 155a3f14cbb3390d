"""The README's examples run, and print what it says; its two commands are what CI runs."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest

from mlp import Affine, Sequential

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDING = (ROOT / "mlp" / "layers" / "README.md").read_text(encoding="utf-8")
PYTHON = [re.search(r"```python\n(.*?)```", t, re.DOTALL).group(1) for t in (README, ADDING)]


def test_the_ten_line_example_prints_what_the_readme_shows():
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(PYTHON[0], {})
    shown = re.search(r"```text\n(.*?)```", README, re.DOTALL).group(1)
    assert printed.getvalue() == shown


def test_the_added_layer_keeps_the_contract():
    rng = np.random.default_rng(0)
    names: dict = {}
    exec(PYTHON[1], names)
    layer = names["Gain"](3)
    layer.g = [1.0, -2.0, 0.5]
    x, upstream, dx, dg = (rng.normal(size=s) for s in [(4, 3), (4, 3), (4, 3), (3,)])
    layer.forward(x)
    change = layer.jvp(dx, {"g": dg})
    pulled = layer.backward(upstream)
    assert np.isclose((upstream * change).sum(), (pulled * dx).sum() + (layer.dg * dg).sum())
    h = 1e-20
    stepped = (x + 1j * h * dx) * (layer.g + 1j * h * dg)
    np.testing.assert_allclose(change, stepped.imag / h, rtol=1e-14)
    assert list(Sequential(names["Gain"](3)).parameters()) == ["0.g"]
    with pytest.raises(ValueError, match=r"layer 0 Affine\(3, 4\) gives .* Gain\(\): expected"):
        Sequential(Affine(3, 4), names["Gain"](3))


def test_every_file_that_the_readme_names_exists():
    linked = re.findall(r"\]\(([\w/.]+)\)", README)
    mapped = [
        name
        for row in README.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`([\w/]+(?:\.py|/))`", row.split("|")[1])
    ]
    assert len(linked) > 10
    assert len(mapped) > 10
    for name in linked:
        assert (ROOT / name).exists(), name
    for name in mapped:
        assert list(ROOT.rglob(name.rstrip("/"))), name


def test_the_two_commands_are_there_for_ci():
    commands = re.findall(r"^python3 -m venv \.venv && .*$", README, re.MULTILINE)
    assert len(commands) == 2
    assert "scripts/train.py" in commands[0]
    assert all("pip install -e " in command for command in commands), "edits must take effect"
    assert "pytest" in commands[1]


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150
