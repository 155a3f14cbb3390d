"""Import what a student's file imports, as it would be for its author.

Modules of the author's own tree are found beside the file, in the PYTHONPATH of the caller, and in
the folders above; each statement of theirs that fails is left out and noted. What is nowhere gets
a stand-in. Our own package and the modules it needs are imported before, and stay what they are.
"""

import importlib
import importlib.abc
import importlib.util
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import FrameType, ModuleType

from mlp.checking.students.sources import (
    OLD_DIVISION,
    OLD_NUMBER,
    imported,
    relative_depth,
    statements,
)
from mlp.checking.students.standins import (
    PYTHON_2,
    Loading,
    Notebook,
    StandInModule,
    as_one_number,
    divided,
)
from mlp.checking.students.trials import describe

HIGHEST = 6
"""How many folders above the file are looked through for the packages that it imports."""
OURS = Path(__file__).resolve().parents[2]


@dataclass
class Tree:
    """The author's folders, and what was found out about them."""

    file: Path
    search: list[Path] = field(default_factory=list)
    """The caller's PYTHONPATH."""
    definitions_only: bool = False
    notes: list[str] = field(default_factory=list)
    failures: dict[Path, list[tuple[str, BaseException]]] = field(default_factory=dict)
    roots: list[Path] = field(default_factory=list)
    packages: dict[str, Path] = field(default_factory=dict)
    """Folders above the file that were made packages, by their names."""
    loading: Loading = field(default_factory=Loading)

    def has(self, path: Path) -> bool:
        """Whether a file is the author's own."""
        inside = "site-packages" not in path.parts and not path.is_relative_to(OURS)
        return inside and any(
            path.is_relative_to(top)
            for top in (self.file.parent, *self.roots, *self.search, *self.packages.values())
        )

    def asks(self) -> bool:
        """Whether the import under way stands in a file of the author's, not in a library."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            name = frame.f_code.co_filename
            if "importlib" not in name and name != __file__:
                return self.has(Path(name))
            frame = frame.f_back
        return False

    def note(self, text: str) -> None:
        """Say something once."""
        if text not in self.notes:
            self.notes.append(text)


class Tolerant(SourceFileLoader):
    """Runs a module statement by statement; those that fail are left out."""

    def __init__(self, name: str, path: str, tree: Tree) -> None:
        super().__init__(name, path)
        self.tree = tree

    def exec_module(self, module: ModuleType) -> None:
        execute(module, Path(self.path), self.tree)


def execute(module: ModuleType, path: Path, tree: Tree) -> None:
    """Run all statements of a file in the module; raises SyntaxError only."""
    vars(module)[OLD_DIVISION] = divided
    vars(module)[OLD_NUMBER] = as_one_number
    for name, value in (PYTHON_2 | {"get_ipython": Notebook}).items():
        vars(module).setdefault(name, value)
    for statement in statements(path, tree.notes):
        if tree.definitions_only and not statement.defines:
            continue
        try:
            exec(statement.code, vars(module))
        except MemoryError:
            raise
        except BaseException as error:  # the file may do anything
            if isinstance(error, SystemExit) and path == tree.file:
                raise
            tree.failures.setdefault(path, []).append((statement.where, error))


class OwnFirst(importlib.abc.MetaPathFinder):
    """Finds the author's own modules, and runs them tolerantly."""

    def __init__(self, tree: Tree, last: bool) -> None:
        self.tree, self.last = tree, last

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module of the author's, else None; the last one never gives up."""
        tree = self.tree
        if fullname in tree.packages:
            return _package(fullname, tree.packages[fullname], tree)
        if not _is_stand_in(fullname) and not tree.asks():
            return None
        if path is not None:
            return self._found(fullname, list(path)) or (
                self._stand_in(fullname) if self.last and _is_stand_in(fullname) else None
            )
        if not self.last:
            return self._found(fullname, _texts([tree.file.parent, *tree.search, *tree.roots]))
        above = _above(tree.file, fullname)
        if above is not None:
            tree.roots.append(above)
            tree.note(f"imports of {fullname} start at the folder {above}")
            return self._found(fullname, [str(above)])
        return None if fullname in sys.stdlib_module_names else self._stand_in(fullname)

    def _found(self, fullname: str, path: list[str]) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path)
        if spec is None:
            return None
        if spec.origin is None:
            places = [Path(place) for place in spec.submodule_search_locations or ()]
            return spec if any(_holds_modules(place) for place in places) else None
        if not isinstance(spec.loader, SourceFileLoader):
            return spec
        origin = Path(spec.origin)
        if not self.tree.has(origin):
            return None
        if any(origin.is_relative_to(s) for s in self.tree.search):
            self.tree.note(f"imports {fullname} from PYTHONPATH ({origin})")
        spec.loader = Tolerant(fullname, spec.origin, self.tree)
        return spec

    def _stand_in(self, fullname: str) -> ModuleSpec:
        first = fullname.partition(".")[0]
        self.tree.note(f"{first} is not installed: a stand-in took its place")
        return ModuleSpec(fullname, _StandInLoader(self.tree.loading), is_package=True)


class _StandInLoader(importlib.abc.Loader):
    def __init__(self, loading: Loading) -> None:
        self.loading = loading

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return StandInModule(spec.name, self.loading)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


def _is_stand_in(fullname: str) -> bool:
    return isinstance(sys.modules.get(fullname.rpartition(".")[0]), StandInModule)


def _texts(paths: list[Path]) -> list[str]:
    return [str(path) for path in paths]


def _above(file: Path, name: str) -> Path | None:
    """The nearest folder above that holds a package, a folder of modules, or a module so named."""
    for folder in list(file.parents)[: HIGHEST + 1]:
        for start in (folder, folder / "src", folder / "python"):
            if (start / f"{name}.py").is_file():
                return start
            if _holds_modules(start / name):
                return start
    return None


def _holds_modules(folder: Path) -> bool:
    try:
        return folder.is_dir() and (any(folder.glob("*.py")) or any(folder.glob("*/*.py")))
    except OSError:
        return False


def _package(fullname: str, folder: Path, tree: Tree) -> ModuleSpec:
    init = folder / "__init__.py"
    if init.is_file():
        return _located(fullname, init, Tolerant(fullname, str(init), tree), folder)
    spec = ModuleSpec(fullname, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    return spec


def _located(fullname: str, init: Path, loader: Tolerant, folder: Path) -> ModuleSpec:
    spec = importlib.util.spec_from_file_location(
        fullname, init, loader=loader, submodule_search_locations=[str(folder)]
    )
    if spec is None:
        raise ImportError(f"cannot import {init}")
    return spec


def run_file(tree: Tree) -> tuple[ModuleType, BaseException | None]:
    """The file as a module, and what stopped it as a whole, if anything did."""
    path = tree.file
    sys.path.extend(_texts([path.parent, *tree.search]))  # last: they hide nothing from libraries
    sys.meta_path.insert(0, OwnFirst(tree, last=False))
    sys.meta_path.append(OwnFirst(tree, last=True))
    kept = _set_aside(tree)
    try:
        return _run(tree)
    finally:
        tree.loading.now = False
        if kept:
            for name in [n for n in sys.modules if n.partition(".")[0] == "mlp"]:
                del sys.modules[name]
            sys.modules.update(kept)


def _run(tree: Tree) -> tuple[ModuleType, BaseException | None]:
    name = _name_in_packages(tree)
    module = ModuleType(name)
    module.__file__ = str(tree.file)
    module.__package__ = name.rpartition(".")[0]
    try:
        if module.__package__:
            parent = importlib.import_module(module.__package__)
            if name in sys.modules:  # the package has imported it
                return sys.modules[name], None
            setattr(parent, name.rpartition(".")[2], module)
        sys.modules[name] = module
        execute(module, tree.file, tree)
    except BaseException as error:
        return sys.modules.get(name, module), error
    return module, None


def failed(tree: Tree) -> list[str]:
    """A line for each file with statements that failed."""
    lines = []
    for path, failures in tree.failures.items():
        where, error = failures[0]
        whose = "" if path == tree.file else f"{path.name}, "
        more = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
        lines.append(f"left out {whose}{where}{more}, which failed: {describe(error)}")
    return lines


def _name_in_packages(tree: Tree) -> str:
    """`student_x`; or a.b.x for a file whose folder, or whose packages, import relatively."""
    path = tree.file
    stem = re.sub(r"\W", "_", path.stem)
    own = relative_depth(path)
    if own == 0 or path.suffix == ".ipynb":
        return f"student_{stem}"
    deepest = max([own, *(relative_depth(p) for p in _siblings(path))])
    folders = [path.parent]
    while len(folders) < HIGHEST and (
        len(folders) < deepest or (folders[-1] / "__init__.py").is_file()
    ):
        folders.append(folders[-1].parent)
    if not (folders[-1] / "__init__.py").is_file() and len(folders) > deepest:
        folders.pop()
    name = ""
    for folder in reversed(folders):
        name += ("." if name else "") + (re.sub(r"\W", "_", folder.name) or "root")
        tree.packages[name] = folder
    tree.note(f"imported as {name}.{stem}, the folder {folders[-1]} being the package")
    if stem == "__init__":
        return name
    return f"{name}.{stem}"


def _siblings(path: Path) -> list[Path]:
    return sorted(path.parent.glob("*.py"))[:50]


def _set_aside(tree: Tree) -> dict[str, ModuleType]:
    """Our own modules, where the author has a module `mlp` of his own that he imports."""
    folders = [tree.file.parent, *tree.file.parents[:2]]
    own = any(
        (f / "mlp.py").is_file() or ((f / "mlp").is_dir() and (f / "mlp").resolve() != OURS)
        for f in folders
    )
    inside = any(folder.name == "mlp" for folder in tree.packages.values())
    if not (own or inside) or "mlp" not in imported(tree.file):
        return {}
    kept = {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "mlp"}
    for name in kept:
        del sys.modules[name]
    return kept
