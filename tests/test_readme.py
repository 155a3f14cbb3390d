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
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
PYTHON = [re.search(r"```python\n(.*?)```", t, re.DOTALL).group(1) for t in (README, ADDING)]


def test_the_ten_line_example_prints_what_the_readme_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it may write files
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(PYTHON[0], {})
    shown = re.search(r"```text\n(.*?)```", README, re.DOTALL).group(1)
    assert printed.getvalue() == shown


TABLE = """\
age,city,noise,label
{}
"""


@pytest.mark.peers
@pytest.mark.parametrize("example", [block for block in BLOCKS if "mlp.estimators" in block])
def test_twelve_lines_from_a_table_to_a_confusion_matrix(example, tmp_path, monkeypatch, capsys):
    """Texts, gaps in both kinds of columns, and one label of seven."""
    for needed in ("sklearn", "pandas"):
        pytest.importorskip(needed, reason=f"{needed} is not installed")
    assert len([line for line in example.splitlines() if line.strip()]) == 12
    rng = np.random.default_rng(0)
    rows = []
    for i in range(300):
        age, city = rng.uniform(18, 80), rng.choice(["Bern", "Graz", "Ulm"])
        label = "yes" if age > 65 and city != "Ulm" else "no"
        shown = ("" if i % 17 == 5 else f"{age:.1f}", "" if i % 23 == 7 else city)
        rows.append(f"{','.join(shown)},{rng.normal():.3f},{label}")
    (tmp_path / "table.csv").write_text(TABLE.format("\n".join(rows)))
    monkeypatch.chdir(tmp_path)
    np.random.seed(0)  # noqa: NPY002 - what scikit-learn draws from without a random_state
    exec(example, {})
    numbers = [float(n) for n in re.findall(r"[\d.]+", capsys.readouterr().out)]
    (no_no, no_yes, yes_no, yes_yes), balanced = numbers[:4], numbers[4]
    assert no_no + no_yes + yes_no + yes_yes == 300
    assert yes_no + yes_yes < 75
    shares = no_no / (no_no + no_yes), yes_yes / (yes_no + yes_yes)
    assert balanced == pytest.approx(sum(shares) / 2)
    assert balanced > 0.85


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
    assert len(README.splitlines()) <= 195


def test_it_shows_one_table_from_file_to_confusion_matrix():
    assert sum("mlp.estimators" in block for block in BLOCKS) == 1
