"""The small mistakes that can be made in a source: another operator, number, order, or nothing."""

import ast
import copy
from collections.abc import Iterator
from typing import Any

OTHER: dict[type, Any] = {
    ast.Lt: [ast.LtE, ast.GtE], ast.LtE: [ast.Lt, ast.Gt], ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is], ast.In: [ast.NotIn], ast.NotIn: [ast.In],
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
PAIRS = "maximum minimum, max min, any all, zeros ones, argmax argmin, floor ceil, sum mean"
PAIRED = [pair.split() for pair in PAIRS.split(", ")]
NAMES = {name: other for a, b in PAIRED for name, other in ((a, b), (b, a))}


def changes(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """What the node, or one in it, may be taken for."""
    if isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            for other in OTHER[type(operator)]:
                yield node, _with(node, ops=[*node.ops[:i], other(), *node.ops[i + 1 :]])
    elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in OTHER:
        yield node, _with(node, op=OTHER[type(node.op)]())
    elif isinstance(node, ast.UnaryOp):
        yield node, node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        other = not node.value if isinstance(node.value, bool) else node.value + 1
        yield node, ast.Constant(other)
    elif isinstance(node, ast.IfExp):
        yield node, _with(node, body=node.orelse, orelse=node.body)
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield node, _with(node, attr=NAMES[node.attr])
    elif isinstance(node, ast.Call):
        if len(node.args) > 1:
            yield node, _with(node, args=[node.args[1], node.args[0], *node.args[2:]])
        for i in range(len(node.keywords)):
            yield node, _with(node, keywords=node.keywords[:i] + node.keywords[i + 1 :])
        if isinstance(node.func, ast.Name) and node.func.id in NAMES:
            yield node.func, ast.Name(NAMES[node.func.id])
    elif isinstance(node, ast.ListComp | ast.GeneratorExp) and node.generators[0].ifs:
        first = _with(node.generators[0], ifs=node.generators[0].ifs[1:])
        yield node, _with(node, generators=[first, *node.generators[1:]])
    elif isinstance(node, ast.If | ast.While) and not isinstance(node.test, ast.UnaryOp):
        yield node.test, ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.Return) and node.value is not None:
        yield node.value, ast.Constant(None)
    elif isinstance(node, ast.Break | ast.Continue):
        yield node, ast.Continue() if isinstance(node, ast.Break) else ast.Break()
    elif isinstance(node, ast.Expr | ast.Assign | ast.AugAssign | ast.Raise):
        yield node, ast.Pass()


def _with(node: Any, **fields: Any) -> Any:
    twin = copy.copy(node)
    for name, value in fields.items():
        setattr(twin, name, value)
    return twin


def mutated(source: str) -> Iterator[str]:
    """The source with one mistake; not in texts, annotations and what an error says."""
    for place in _places(ast.parse(source)):
        for node, other in changes(place):
            yield _replaced(source, node, other)


def _places(parent: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(parent):
        if name in ("annotation", "returns", "decorator_list", "exc", "bases"):
            continue
        for node in value if isinstance(value, list) else [value]:
            text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if isinstance(node, ast.AST) and not (text or isinstance(node, ast.JoinedStr)):
                yield node
                yield from _places(node)


def _replaced(source: str, node: Any, other: ast.AST) -> str:
    lines = source.encode().splitlines(keepends=True)  # columns are counted in bytes
    text = ast.unparse(other)
    text = f"({text})" if isinstance(other, ast.expr) else text
    before = b"".join(lines[: node.lineno - 1]) + lines[node.lineno - 1][: node.col_offset]
    after = lines[node.end_lineno - 1][node.end_col_offset :] + b"".join(lines[node.end_lineno :])
    return (before + text.encode() + after).decode()
