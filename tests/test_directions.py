"""Dependence runs one way: from the programs to the engine, never back, and never in a circle."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STOREYS = [
    "mlp.errors mlp.arguments mlp.init mlp.layers",
    "mlp.losses mlp.sequential mlp.optim mlp.pairing",
    "mlp.step mlp.fused mlp.callbacks mlp.files mlp.parallel mlp.training mlp.stopping",
    "mlp.checking mlp.seeing mlp.data mlp.estimators",
    "mlp.commands mlp.__main__",
    "scripts",
]
STOREY_OF = {room: height for height, rooms in enumerate(STOREYS) for room in rooms.split()}
FILES = [
    path
    for folder in ("mlp", "scripts")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "mnist" not in path.parts
]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def imported(text: str, module: str, known: set[str], *, is_package: bool = False) -> set[str]:
    """The modules of `known` that a module with this text imports, wherever it does so.

    What only a type checker sees does not count. A module under scripts/ imports its neighbours as
    if scripts/ were the root. `from package import module` is an import of the module only.
    """
    package = module if is_package else module.rpartition(".")[0]
    names: list[str] = []
    for node in _running(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            members = [f"{base}.{alias.name}" for alias in node.names]
            names += [m if {m, f"scripts.{m}"} & known else base for m in members]
    found = {name if name in known else f"scripts.{name}" for name in names} & known
    return found - {module}


def _running(tree: ast.AST) -> list[ast.AST]:
    nodes = []
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            nodes += [node for part in child.orelse for node in [part, *_running(part)]]
        else:
            nodes += [child, *_running(child)]
    return nodes


ARROWS = {
    module: imported(
        path.read_text(encoding="utf-8"), module, set(MODULES), is_package=path.stem == "__init__"
    )
    for module, path in MODULES.items()
}


def room(module: str) -> str:
    """The part of the house that a module belongs to; a new one needs a place in STOREYS."""
    part = module
    while part not in STOREY_OF:
        if not (part := part.rpartition(".")[0]):
            raise KeyError(f"{module} has no place in STOREYS")
    return part


def arrows() -> list[tuple[str, str]]:
    """All pairs of importer and imported. The package itself only looks names up when asked."""
    return [(a, b) for a, others in ARROWS.items() for b in others if "mlp" not in (a, b)]


def assert_no_circle(pairs: list[tuple[str, str]]) -> None:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for importer, other in pairs:
        sorter.add(importer, other)
    try:
        sorter.prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_no_module_imports_one_from_above():
    up = [(a, b) for a, b in arrows() if STOREY_OF[room(a)] < STOREY_OF[room(b)]]
    assert up == []


def test_no_circle_of_modules():
    assert_no_circle(arrows())


def test_no_circle_of_rooms():
    assert_no_circle([(room(a), room(b)) for a, b in arrows() if room(a) != room(b)])


def test_the_package_itself_imports_nothing():
    assert ARROWS["mlp"] == set()


def test_the_engine_does_not_take_names_from_the_package():
    # `from mlp import X` may load any room: below the programs each module says whose X it is
    engine = [module for module in MODULES if module != "mlp" and STOREY_OF[room(module)] <= 2]
    assert [module for module in engine if "mlp" in ARROWS[module]] == []


def test_nobody_imports_the_tests():
    own = {part for module in MODULES for part in module.split(".")}
    helpers = {path.stem for path in (ROOT / "tests").glob("*.py")} - own | {"tests"}
    importers = {
        module
        for module, path in MODULES.items()
        for name in _all_names(path.read_text(encoding="utf-8"))
        if name.split(".")[0] in helpers
    }
    assert importers == set()


def _all_names(text: str) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.append(node.module)
    return names


def test_the_reader_of_imports_sees_every_way_to_import():
    known = {"mlp", "mlp.layers", "mlp.layers.base", "mlp.seeing.plots", "scripts.bench.modes"}
    text = """
import mlp.layers.base
from mlp.seeing import plots
from bench import modes
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from mlp import layers
def later():
    from mlp import Affine
"""
    found = imported(text, "mlp.x", known)
    assert found == {"mlp.layers.base", "mlp.seeing.plots", "scripts.bench.modes", "mlp"}
    assert imported("from . import base", "mlp.layers", known, is_package=True) == {
        "mlp.layers.base"
    }
    assert imported("from .layers import base", "mlp.losses", known) == {"mlp.layers.base"}
