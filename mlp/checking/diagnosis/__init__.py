"""Name a mistake from the numbers alone, and say what to do about it.

`name` finds the id of a wrong gradient, `wrong_output` that of a wrong output, and `explain` turns
an id into two or three lines: what the code computes, what it should compute, where to look.
"""

from mlp.checking.diagnosis.evidence import Evidence, ratio
from mlp.checking.diagnosis.naming import GENERAL, IDS, STYLE, name
from mlp.checking.diagnosis.outputs import wrong_output
from mlp.checking.diagnosis.texts import explain

__all__ = ["GENERAL", "IDS", "STYLE", "Evidence", "explain", "name", "ratio", "wrong_output"]
