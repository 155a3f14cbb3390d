"""One training step, in two ways: as the textbook has it, and fused for speed.

Both take the same step of gradient descent, to rounding. `fused.py` says what is fused, and
what falls back to the layers' own forward and backward.
"""

from mlp.fused.step import FusedStep, training_step
from mlp.step import TextbookStep

__all__ = ["FusedStep", "TextbookStep", "training_step"]
