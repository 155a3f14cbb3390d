"""Backpropagation that you can read, check and run fast."""
