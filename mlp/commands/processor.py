"""How the matrix products run on this processor. It imports no NumPy, which reads it at start."""

import itertools
import os

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
SKYLAKEX = {"avx2", "fma", "bmi1", "bmi2"} | {"avx512" + x for x in ("f", "cd", "bw", "dq", "vl")}
"""What its kernels take for granted, by Linux's names."""


def use_widest_kernels(replace: bool = False) -> None:
    """Let OpenBLAS use AVX-512 on AMD processors that have it, unless OPENBLAS_CORETYPE is set.

    The OpenBLAS of NumPy's and SciPy's wheels takes those that it does not know (Zen 5) for older
    ones and is then half as fast. OPENBLAS_CORETYPE is its own switch against that; with `replace`
    a setting of it that is there already does not count. An OpenBLAS that knows the processor
    loses nothing: SkylakeX is the widest kernel that the wheels have.
    """
    if (replace or "OPENBLAS_CORETYPE" not in os.environ) and is_amd_with_avx512(_first_core()):
        os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"


def is_amd_with_avx512(core: str) -> bool:
    """Whether Linux's description of a core, `name : value` in each line, says so."""
    lines = (line.partition(":") for line in core.splitlines())
    facts = {name.strip(): value.split() for name, _, value in lines}
    return facts.get("vendor_id") == ["AuthenticAMD"] and SKYLAKEX.issubset(facts.get("flags", []))


def _first_core() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            return "".join(itertools.takewhile(str.strip, lines))
    except OSError:  # not Linux
        return ""
