"""How the matrix products run on this processor. It imports no NumPy, which reads it at start."""

import os
from pathlib import Path

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
WIDE = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}


def use_widest_kernels(replace: bool = False) -> None:
    """Let OpenBLAS use AVX-512 on AMD processors that have it, unless OPENBLAS_CORETYPE is set.

    The OpenBLAS of NumPy's and SciPy's wheels takes those that it does not know (Zen 5) for older
    ones and is then half as fast. OPENBLAS_CORETYPE is its own switch against that; with `replace`
    a setting of it that is there already does not count.
    """
    if _is_amd_with_avx512() and (replace or "OPENBLAS_CORETYPE" not in os.environ):
        os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"


def _is_amd_with_avx512() -> bool:
    try:
        facts = Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        return False
    flags = next((line for line in facts.splitlines() if line.startswith("flags")), "")
    return "AuthenticAMD" in facts and set(flags.split()) >= WIDE
