"""The machine must not matter: one thread, and a place for what libraries keep.

The matrix products of the tests are small, and threads would only wait for each other (on a busy
machine for half a minute); NumPy reads their number when it is imported. Matplotlib keeps a list
of fonts under HOME, Hypothesis the cases that failed in the current folder: where these cannot be
written, they would say so on standard error, or with a warning, which is an error here.
Nor may a busy machine fail what is right: Hypothesis looks at no clock. And what a shell
runs in its background ignores Ctrl-C, which the programs under test would inherit, and respect.
"""

import os
import signal
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, configuration, settings

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


def cannot_write(folder: Path) -> bool:
    return not os.access(folder, os.W_OK)


PLACE = tempfile.TemporaryDirectory(prefix="mlp-tests-")
settings.register_profile(
    "by no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("by no clock")
if cannot_write(Path.home()):
    os.environ.setdefault("MPLCONFIGDIR", PLACE.name)
if cannot_write(Path.cwd()):
    configuration.set_hypothesis_home_dir(PLACE.name)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
