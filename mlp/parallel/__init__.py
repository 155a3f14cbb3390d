"""One training on several processes, by MPI: each takes its part of every batch.

The processes, ranks in MPI's language, hold the same network and see the same samples. `fit` and
`evaluate` take a communicator; what they need of it is in `Communicator`.
"""

from mlp.parallel.team import Communicator, Team, in_lockstep, team_of

__all__ = ["Communicator", "Team", "in_lockstep", "team_of"]
