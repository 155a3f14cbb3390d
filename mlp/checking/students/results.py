"""What a backward pass returned, by name."""

from typing import Any

import numpy as np

from mlp.checking.students.names import gradient_names, plain


def named_results(
    result: Any,
    names: tuple[str, ...],
    inputs: tuple[str, ...],
    arguments: dict[str, str] | None = None,
) -> dict[str, Any]:
    """What backward returned, by name: one array, a tuple in order, or a dict.

    `arguments`: what the student calls the arrays of these names.
    """
    if isinstance(result, dict):
        return from_dict(result, names, arguments or {})
    if isinstance(result, list) and len(names) == 1 and len(result) > 1:  # one array in parts
        return {inputs[0]: np.array(result)}
    if isinstance(result, tuple | list) and not _is_one_array(result):
        return dict(zip(names, _flat(result), strict=False))
    return {inputs[0]: result}


def _flat(result: Any) -> list[Any]:
    """(dx, (dw, db)) and (dx, {"W": dw, "b": db}) as dx, dw, db."""
    flat: list[Any] = []
    for part in result:
        if isinstance(part, dict):
            flat += part.values()
        elif isinstance(part, tuple | list):
            flat += part
        else:
            flat.append(part)
    return flat


def _is_one_array(result: Any) -> bool:
    return isinstance(result, list) and bool(result) and not isinstance(result[0], np.ndarray)


def from_dict(
    result: dict[str, Any], names: tuple[str, ...], arguments: dict[str, str]
) -> dict[str, Any]:
    """Gradients from a dict under the parameter's name or the gradient's."""
    own = {plain(str(key)): value for key, value in result.items()}
    found = {}
    for name in names:
        called = arguments.get(name, name)
        candidates = gradient_names(name) | gradient_names(called) | {plain(name), plain(called)}
        candidates |= {"dz", "din"} if name == "x" else set()
        found[name] = next((own[c] for c in sorted(candidates) if c in own), None)
    return found
