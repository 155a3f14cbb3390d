"""Draw a pass through a network and explain it: `mlp draw` from a checkout."""

import sys

from mlp.commands.draw import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], "draw.py"))
