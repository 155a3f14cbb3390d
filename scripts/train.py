"""`mlp train` from a checkout; `train.py predict` is `mlp predict`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mlp.commands import console

if __name__ == "__main__":
    words = sys.argv[1:]
    if words[:1] == ["predict"]:
        sys.exit(console.start("predict", words[1:], "train.py predict"))
    sys.exit(console.start("train", words, "train.py"))
