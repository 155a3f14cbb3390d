"""Functions that are still to be written."""

import dis
import functools
import inspect
from types import CodeType
from typing import Any


def is_blank(function: Any) -> bool:
    """A body of nothing but a docstring, pass, `...`, or raise NotImplementedError."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code is not None and _does_nothing(code)


@functools.lru_cache(maxsize=256)  # each layer is asked hundreds of times
def _does_nothing(code: CodeType) -> bool:
    steps = [(i.opname, i.argval) for i in dis.get_instructions(code)]
    plain_steps = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "POP_TOP"}
    raising = {"LOAD_GLOBAL", "PRECALL", "CALL", "RAISE_VARARGS", "CACHE", "PUSH_NULL", "COPY_FREE"}
    if any(value in ("NotImplementedError", "NotImplemented") for _, value in steps):
        return all(op in plain_steps | raising for op, _ in steps)
    returned = steps[-2][1] if len(steps) > 1 and steps[-2][0] == "LOAD_CONST" else steps[-1][1]
    return returned is None and all(op in plain_steps for op, _ in steps)
