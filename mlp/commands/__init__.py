"""The programs that need no checkout: the command `mlp` and what it can do."""
