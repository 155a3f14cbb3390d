"""One thread for the matrix products of all tests: theirs are small, and threads would only wait
for each other (on a busy machine for half a minute). NumPy reads this when it is imported."""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
