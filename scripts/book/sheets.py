"""Exercise sheets: the same problems with other numbers, and the answers to them apart.

The numbers of a problem depend on the seed and on the problem alone, not on what else is on the
sheet, so that a student's sheet can be made again for one problem.
"""

from types import ModuleType

import numpy as np

from book.blocks import Answer, Block, Numbers
from book.page import Page


def drawn(problem: ModuleType, number: int, seed: int) -> dict:
    """The numbers of this problem on the sheet of this seed."""
    return problem.draw(np.random.default_rng([seed, number]))


def questions(problem: ModuleType, numbers: dict) -> list[Block]:
    """What is given and what is asked."""
    page = Page(problem.__name__)
    problem.ask(page, **numbers)
    return page.blocks


def answers(problem: ModuleType, numbers: dict) -> list[Block]:
    """The values that are asked for, question by question."""
    blocks: list[Block] = []
    for letter, values in problem.answers(**numbers).items():
        blocks.append(Answer(letter))
        blocks += [Numbers(name, value, given=False) for name, value in values.items()]
    return blocks


def whole(rng: np.random.Generator, *shape: int, largest: int = 5) -> np.ndarray:
    """Small whole numbers other than 0, so that nothing vanishes by accident."""
    return rng.integers(1, largest + 1, shape) * rng.choice([-1, 1], shape)
