"""A pytest plugin: before the first test a run proves that it is what it says, else it ends.

An OPENBLAS_CORETYPE that OpenBLAS does not know, or a name in NPY_DISABLE_CPU_FEATURES that NumPy
does not know, is ignored in silence; then the wrong thing would be tested, and found green. The
variable RUN_IS holds what is said, as JSON: {"kernels": ["Nehalem"], "optimize": 1}.
"""

import json
import os
import platform
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

seen_key = pytest.StashKey[dict[str, Any]]()


def pytest_configure(config: pytest.Config) -> None:
    said = json.loads(os.environ["RUN_IS"])
    seen = look(config, said)
    wrong = {name: (said[name], seen.get(name)) for name in said if said[name] != seen.get(name)}
    if wrong:
        lines = [f"{name}: said {a}, found {b}" for name, (a, b) in wrong.items()]
        raise pytest.UsageError("this run is not what it says: " + "; ".join(lines))
    config.stash[seen_key] = seen


def pytest_report_header(config: pytest.Config) -> str:
    return f"this run is: {json.dumps(config.stash[seen_key])}"


def look(config: pytest.Config, said: dict[str, Any]) -> dict[str, Any]:
    import numpy as np
    import scipy.linalg  # noqa: F401  loads its OpenBLAS
    from numpy._core import _multiarray_umath as core
    from threadpoolctl import threadpool_info

    root = config.rootpath
    packages = {name: version(name).partition("+")[0] for name in said.get("packages", {})}
    installed = [name for name in said.get("installed", []) if find_spec(name)]
    blas = [pool for pool in threadpool_info() if pool["internal_api"] == "openblas"]
    return {
        "python": platform.python_version().rpartition(".")[0],
        "numpy": np.__version__,
        "kernels": sorted({pool["architecture"] for pool in blas}),
        "vector extensions": [f for f in core.__cpu_dispatch__ if core.__cpu_features__.get(f)],
        "optimize": sys.flags.optimize,
        "packages": packages,
        "installed": installed,
        "random order": config.pluginmanager.hasplugin("randomly"),
        "root": os.geteuid() == 0,
        "can write": [str(p) for p in (root, root / "mlp", Path.home()) if writable(p)],
        "plain path": str(root).isascii() and " " not in str(root),
    }


def writable(folder: Path) -> bool:
    probe = folder / "a-file-that-nobody-needs"
    try:
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True
