"""The text of a student's file as statements: scripts as they are, notebooks cell by cell."""

import ast
import inspect
import json
import linecache
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

DEFINITIONS = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
)
_PYTHON_2 = re.compile(
    r"^\s*print\s+[^(=\s]|^\s*print\s*\(.*\)\s*[%,]|^\s*exec\s+\w|\bexcept\s+\w[\w.]*\s*,\s*\w+\s*:"
    r"|^\s*raise\s+\w+\s*,|<>|\b0[0-7]+\b(?!\.)|\bur['\"]"
)
_MAGIC = re.compile(rb"^\s*[%!]\s*\w", re.MULTILINE)
_RUN = re.compile(r"%run\s+(?:-\w\s+)*['\"]?(?:[^'\"\s]*[/\\])?(\w+)(?:\.py)?['\"]?\s*$")
_KEPT_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")


@dataclass(frozen=True)
class Statement:
    """One statement at the top level, compiled."""

    code: CodeType
    where: str
    defines: bool
    """Whether it can only define or import something."""


def statements(path: Path, notes: list[str]) -> list[Statement]:
    """The statements at the top level of a script or of all code cells of a notebook.

    Raises SyntaxError for a script that is none. A cell that is no Python is left out, with a
    note.
    """
    cells = _notebook(path)
    if cells is None:
        return _script(path)
    found: list[Statement] = []
    for number, text in enumerate(cells, start=1):
        name = f"{path} cell {number}"
        source = _without_magics(text)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        try:
            found += _compiled(source, name, f"cell {number}, line ")
        except (SyntaxError, ValueError) as error:
            if text.strip():
                notes.append(f"cell {number} is left out: {told(error, source)}")
    return found


def _notebook(path: Path) -> list[str] | None:
    """The code cells of a notebook; None for a script, which may bear the suffix of one."""
    text = path.read_text("utf-8-sig") if path.suffix == ".ipynb" else ""
    return list(_cells(json.loads(text))) if text.lstrip().startswith(("{", "[")) else None


def _script(path: Path) -> list[Statement]:
    """The statements of a script, which may have been a notebook and kept its magics."""
    source = path.read_bytes()
    try:
        return list(_compiled(source, str(path), "line "))
    except SyntaxError:
        plain = _without_magics(source.decode("utf-8-sig", errors="replace"))
        if _MAGIC.search(source):
            return list(_compiled(plain, str(path), "line "))
        raise


def told(error: BaseException, text: str = "") -> str:
    """A syntax error in words: its line and what is there, and whether the file is Python 2."""
    if not isinstance(error, SyntaxError):
        return str(error)
    lines = text.splitlines()
    at = error.lineno or 0
    line = error.text or (lines[at - 1] if 0 < at <= len(lines) else "")
    where = f"line {error.lineno}: " if error.lineno else ""
    if "Missing parentheses" in str(error.msg) or _PYTHON_2.search(line):
        return (
            f"{where}this is Python 2 ({line.strip()[:60]}), and Python 3 runs here; "
            "`2to3 -w FILE` translates it"
        )
    shown = line.strip()
    if "\ufffd" in shown or not shown.replace("\t", " ").isprintable():
        shown = ""  # no text: a terminal may take it for commands
    return f"{where}{error.msg}{': ' if shown else ''}{shown[:80]}"


def imported(path: Path) -> set[str]:
    """The first names of all absolute imports of a script; none where it cannot be read."""
    try:
        tree = _parsed(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found


def bound_by_imports(path: Path) -> set[str]:
    """The names that import statements of a script would define; none where it cannot be read."""
    try:
        tree = _parsed(_without_magics(path.read_text("utf-8-sig", errors="replace")))
    except (SyntaxError, ValueError, OSError):
        return set()
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    return {(alias.asname or alias.name).partition(".")[0] for n in imports for alias in n.names}


def has_blank_branch(function: Callable) -> bool:
    """Whether the function is a form to be filled in: a lone `pass`, or `Z = None`, is left."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return False
    if any(isinstance(n, ast.Assign) and _is_none(n.value) for n in ast.walk(tree)):
        return True
    branches = [getattr(n, part, []) for n in ast.walk(tree) for part in ("body", "orelse")]
    return any(isinstance(b, list) and len(b) == 1 and isinstance(b[0], ast.Pass) for b in branches)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def relative_depth(path: Path) -> int:
    """How many folders up the relative imports of a script reach: `from ..a import b` is 2."""
    try:
        tree = _parsed(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return 0
    return max((n.level for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)), default=0)


def _parsed(source: bytes | str, name: str = "<source>") -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of invalid escapes, which are the author's
        return ast.parse(source, name)


def _compiled(source: bytes | str, name: str, where: str) -> Iterator[Statement]:
    tree = _parsed(source, name)
    if _written_for_python_2(tree):
        tree = _OldDivision().visit(tree)
    tree = ast.fix_missing_locations(_OldNumbers().visit(tree))
    flags = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            flags |= _future([alias.name for alias in node.names])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for node in tree.body:
            one = ast.Module([node], type_ignores=[])
            code = compile(one, name, "exec", flags=flags, dont_inherit=True)
            yield Statement(code, f"{where}{node.lineno}", _defines(node))


def _written_for_python_2(tree: ast.Module) -> bool:
    """Whether it uses xrange as Python 2 has it, or counts up to a quotient: there, 7 / 2 is 3."""
    if any(_counts_to_a_quotient(n) for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
        return True
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    bound = {
        a.asname or a.name for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names
    }
    return "xrange" in names and not {"xrange", "division"} & bound


def _counts_to_a_quotient(function: ast.FunctionDef) -> bool:
    """`n = (H - h) / s + 1`, then `range(n)`: Python 3 refuses that for any numbers."""
    quotients: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            (quotients.add if _is_quotient(node.value) else quotients.discard)(name)
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "range"
        and any(isinstance(a, ast.Name) and a.id in quotients for a in node.args)
        for node in ast.walk(function)
    )


def _is_quotient(value: ast.expr) -> bool:
    """Sums and products with a division in them, and no call that could have rounded it."""
    if isinstance(value, ast.BinOp):
        return (
            isinstance(value.op, ast.Div) or _is_quotient(value.left) or _is_quotient(value.right)
        )
    return False


class _OldDivision(ast.NodeTransformer):
    """a / b becomes a call of what Python 2 did."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        function = ast.Name(OLD_DIVISION, ast.Load())
        return ast.copy_location(ast.Call(function, [node.left, node.right], []), node)


class _OldNumbers(ast.NodeTransformer):
    """Arrays of one entry are numbers in `float(a)` and `z[i, j] = a`, as NumPy long had it."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        called = getattr(node.func, "id", None) or getattr(node.func, "attr", "")  # or np.float
        if called in ("float", "int") and len(node.args) == 1 and not node.keywords:
            node.args = [_call(OLD_NUMBER, node.args)]
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        target = node.targets[0]
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            holder = ast.Name(target.value.id, ast.Load())
            node.value = _call(OLD_NUMBER, [node.value, holder])
        return node


def _call(name: str, arguments: list[ast.expr]) -> ast.Call:
    call = ast.Call(ast.Name(name, ast.Load()), arguments, [])
    return ast.copy_location(call, arguments[0])


OLD_NUMBER = "_number_of_old_numpy"
OLD_DIVISION = "_division_of_python_2"


def _defines(node: ast.stmt) -> bool:
    """Imports, functions, classes, and constants that need no call."""
    if isinstance(node, DEFINITIONS):
        return True
    if isinstance(node, ast.If | ast.Try):
        return all(_defines(n) for n in node.body)
    calls = (ast.Call, ast.ListComp, ast.GeneratorExp)
    return isinstance(node, ast.Assign | ast.AnnAssign) and not any(
        isinstance(n, calls) for n in ast.walk(node)
    )


def _future(names: list[str]) -> int:
    import __future__

    return sum(getattr(__future__, n).compiler_flag for n in names if hasattr(__future__, n))


def _cells(data: Any) -> Iterator[str]:
    """The texts of all code cells, wherever they are: versions of the format differ."""
    if isinstance(data, list):
        for part in data:
            yield from _cells(part)
    elif isinstance(data, dict):
        if data.get("cell_type") == "code":
            text = data.get("source", data.get("input", ""))
            yield "".join(map(str, text)) if isinstance(text, list) else str(text)
        else:
            for part in data.values():
                yield from _cells(part)


def _without_magics(text: str) -> str:
    """The cell as Python: lines for the notebook or the shell become `pass`."""
    lines = text.split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%") and not first.startswith(_KEPT_MAGICS):
        return ""
    return "\n".join(_plain_line(line) for line in lines)


def _plain_line(line: str) -> str:
    bare = line.lstrip()
    if run := _RUN.match(bare):  # another file, whose names are wanted here
        return f"{line[: len(line) - len(bare)]}from {run[1]} import *"
    shell = re.match(r"[\w, ]+=\s*[!%]\w", bare)
    asking = bare.startswith("?") or re.fullmatch(r"[\w.]+\?{1,2}\s*", bare)
    if bare.startswith(("%", "!")) or asking or shell:
        return line[: len(line) - len(bare)] + "pass"
    return line
