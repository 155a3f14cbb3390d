"""`mlp check` from a checkout; with --grade, `mlp grade`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mlp.commands import console

if __name__ == "__main__":
    words = sys.argv[1:]
    if words[:1] == ["--grade"]:
        sys.exit(console.start("grade", words[1:], "gradcheck.py --grade"))
    sys.exit(console.start("check", words, "gradcheck.py"))
