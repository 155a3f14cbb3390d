"""What a layer does or holds besides its gradients, found out by trying."""

import numpy as np

from mlp.checking.students.adapters import Subject
from mlp.checking.students.loading import Entry
from mlp.checking.students.references import OwnForward
from mlp.checking.students.situations import Situation, maker
from mlp.checking.students.trials import Arrays, Broken, WrongOutput, forward, run

HIDDEN = (
    "it holds random numbers beside the arrays that were checked: if they are parameters, their "
    "gradients were not found and not checked"
)


def hides_weights(entry: Entry, s: Situation) -> bool:
    """Whether another seed gives another output, with all parameters that were found the same."""
    if not entry.is_class or entry.make is not None or not isinstance(s.reference, OwnForward):
        return False
    arrays = s.arrays(np.random.default_rng(7), 4)
    outputs = []
    for seed in (0, 1):
        try:
            subject = maker(entry, s.size, s.recipe, seed)()
            outputs += [
                forward(subject, _for(subject, arrays)),
                forward(subject, _for(subject, arrays)),
            ]
        except (Broken, WrongOutput, KeyError):
            return False
    same = np.array_equal(outputs[0], outputs[1], equal_nan=True)  # else it is random each time
    return same and not np.array_equal(outputs[0], outputs[2], equal_nan=True)


def _for(subject: Subject, arrays: Arrays) -> Arrays:
    """Numbers for all that the subject has, also for what is no parameter."""
    return {n: subject.get(n) for n in subject.parameters} | arrays


def takes_steps(s: Situation) -> bool:
    """Whether its backward pass changes the parameters, by the learning rate that it is given."""
    subject, rng = s.make(), np.random.default_rng(7)
    try:
        run(subject, s.arrays(rng, 4), None, rng)
    except (Broken, WrongOutput):
        return False
    return subject.updated
