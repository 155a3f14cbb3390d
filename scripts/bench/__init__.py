"""The parts of `scripts/benchmark.py`: one file per contender, and what runs and shows them."""
