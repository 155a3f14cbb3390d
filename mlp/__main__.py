"""`python -P -m mlp`: what the command `mlp` does, where that is not on the path.

With -P, for without it a file mlp.py in the current folder would run instead.
"""

import sys

from mlp.commands.console import main

if __name__ == "__main__":
    sys.exit(main())
