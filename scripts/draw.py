"""`mlp draw` from a checkout."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mlp.commands import console

if __name__ == "__main__":
    sys.exit(console.start("draw", sys.argv[1:], "draw.py"))
