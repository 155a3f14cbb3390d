"""The parts of stress.py: each has run(cases, seed), which gives its figures and failures."""
