"""The API pages: docstrings as HTML with typeset formulas, laid out by pdoc."""
