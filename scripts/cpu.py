"""How NumPy's and SciPy's products run on this processor; to be set before NumPy is imported."""

import os
import pathlib

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
WIDE = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}


def prepare(threads: int | None = None) -> None:
    """Set the number of threads (None: leave it alone), and OpenBLAS's widest kernels.

    OpenBLAS as NumPy and SciPy ship it takes AMD processors that it does not know for ones
    without AVX-512, and then is half as fast. OPENBLAS_CORETYPE, its own switch, puts that
    right; where it is set already it stays as it is.
    """
    if threads is not None:
        os.environ.update({name: str(threads) for name in THREADS})
    if has_unknown_avx512():
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")


def has_unknown_avx512() -> bool:
    """Whether this is an AMD processor with all that OpenBLAS's SkylakeX kernels use."""
    try:
        info = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        return False
    flags = next((line for line in info.splitlines() if line.startswith("flags")), "")
    return "AuthenticAMD" in info and set(flags.split()) >= WIDE
