"""The programs that need no checkout: train, predict, check."""
