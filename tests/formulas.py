"""Formulas in two notations: do the LaTeX and the plain text of a line say the same?

Both are reduced to the sequence of their letters, digits and signs, without what only places them
(braces, fractions, spaces, indices set low). A letter, an index, a sign or a factor that is in one
notation alone remains, and shows.
"""

import re

SAME = {  # what the two notations write differently
    r"\top": "T",
    r"\cdot": "*",
    r"\odot": "o",
    r"\circ": "o",
    r"\times": "x",
    r"\le": "<=",
    r"\leq": "<=",
    r"\ge": ">=",
    r"\geq": ">=",
    r"\ne": "!=",
    r"\neq": "!=",
    r"\to": "->",
    r"\leftarrow": "<-",
    r"\rightarrow": "->",
    r"\Rightarrow": "=>",
    r"\approx": "~",
    r"\dots": "...",
    r"\cdots": "...",
    r"\ldots": "...",
    r"\vdots": "...",
    r"\partial": "d",
    r"\in": "in",
    r"\mid": "|",
    r"\lVert": "|",
    r"\rVert": "|",
    r"\|": "|",
    r"\infty": "inf",
    r"\pm": "+-",
}
ONLY_LAYOUT = r"left right quad qquad displaystyle limits big Big bigl bigr Bigl Bigr"
FONTS = "mathrm mathbf boldsymbol operatorname text mathit mathbb textstyle"


def skeleton_of_latex(text: str) -> str:
    text = text.replace("~", " ")
    text = re.sub(r"\\(?:begin|end)\{(\w+)\*?\}", "", text)
    text = re.sub(r"\\[dt]?frac", " ", text)
    text = re.sub(rf"\\(?:{'|'.join(ONLY_LAYOUT.split())})(?![A-Za-z])", " ", text)
    text = re.sub(rf"\\(?:{'|'.join(FONTS.split())})(?![A-Za-z])", " ", text)
    text = re.sub(r"\\\\|\\[,;:! ]|&", " ", text)
    for command in sorted(SAME, key=len, reverse=True):
        text = re.sub(re.escape(command) + r"(?![A-Za-z])", f" {SAME[command]} ", text)
    text = re.sub(r"\\([A-Za-z]+)", r" \1 ", text)
    return _skeleton(text.replace("\\{", "{").replace("\\}", "}"))


def skeleton_of_plain(text: str) -> str:
    return _skeleton(text)


def _skeleton(text: str) -> str:
    """Without brackets, blanks, and the signs that a fraction or a product may or may not show."""
    return re.sub(r"[\s{}()\[\]_^/*,;]|(?<![A-Za-z])o(?![A-Za-z])", "", text)
