"""A report on its way from the child process to its parent, as JSON.

The parent believes nothing: the student's code could have written to the same file.
"""

import types
from dataclasses import asdict
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from mlp.checking.report import Report, for_json


def to_wire(report: Report) -> dict[str, Any]:
    """All fields of the report as plain data."""
    return dict(for_json(asdict(report)))


def from_wire(data: Any) -> Report:
    """The report that the data was; ValueError for data that no report can have given."""
    try:
        report = _rebuilt(Report, data)
        report.verdict  # noqa: B018  unknown verdicts have no place in the order, a ValueError
    except (TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"no report of a gradient check: {error}") from error
    return report


def _rebuilt(kind: Any, value: Any) -> Any:
    """value as an object of the type `kind`, with all its parts."""
    origin, parts = get_origin(kind), get_args(kind)
    if kind is float and (type(value) in (int, float) or value in ("nan", "inf", "-inf")):
        return float(value)
    if kind in (str, int) and type(value) is kind:
        return value
    if kind is np.ndarray:
        return np.array(value, np.float64)
    if origin in (Union, types.UnionType):
        return None if value is None else _rebuilt(parts[0], value)
    if origin is dict and isinstance(value, dict):
        return {_rebuilt(parts[0], k): _rebuilt(parts[1], v) for k, v in value.items()}
    if isinstance(value, list):
        return _list_rebuilt(kind, value)
    if isinstance(value, dict) and set(value) == set(hints := get_type_hints(kind)):
        return kind(**{name: _rebuilt(hints[name], part) for name, part in value.items()})
    raise TypeError(f"expected {kind}, got {value!r:.60}")


def _list_rebuilt(kind: Any, values: list[Any]) -> Any:
    """Lists, tuples and named tuples: to JSON they are all the same."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is list:
        return [_rebuilt(parts[0], value) for value in values]
    if origin is tuple and parts[-1] is Ellipsis:
        return tuple(_rebuilt(parts[0], value) for value in values)
    fields = parts if origin is tuple else get_type_hints(kind).values()
    if len(values) != len(fields):
        raise TypeError(f"expected {kind}, got {values!r:.60}")
    rebuilt = [_rebuilt(part, value) for part, value in zip(fields, values, strict=True)]
    return tuple(rebuilt) if origin is tuple else kind(*rebuilt)
