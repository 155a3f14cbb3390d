"""The exceptions that Python has no name for. Everything else raises builtins.

ValueError for a wrong shape or value, TypeError for what is no array of numbers, RuntimeError
for calls in the wrong order. A message says who, what was expected, what came, and the remedy.
"""


class DataError(ValueError):
    """A data file that cannot be read as what it claims to be."""


class CheckpointError(ValueError):
    """A checkpoint that is damaged, or does not fit."""


class NonFiniteError(ArithmeticError):
    """The loss or a parameter became infinite or NaN during training."""
