"""Markdown as one page that needs nothing else: formulas as MathML, pictures and font within.

The converter is pandoc, which refuses a formula that it does not understand. The font for the
formulas is a part of STIX Two Math: only the characters of this page.
"""

import base64
import html
import io
import re
import tempfile
from importlib.util import find_spec
from pathlib import Path

STYLE = """
@font-face { font-family: "Formulas"; src: url(data:font/woff;base64,%s) format("woff"); }
:root { color-scheme: light; }
html { font: 17px/1.55 Georgia, "Times New Roman", serif; color: #22303c; background: white; }
body { max-width: 46rem; margin: 0 auto; padding: 1rem; overflow-wrap: break-word; }
h1, h2, h3, h4, nav { font-family: system-ui, "Helvetica Neue", Arial, sans-serif; }
h1 { line-height: 1.2; }
h2 { margin-top: 3rem; border-bottom: 2px solid #0072b2; line-height: 1.25; }
h4 { margin-bottom: 0.4rem; color: #0072b2; }
a { color: #0072b2; }
math { font-family: "Formulas", math; }
p:has(> math), p:has(> img) { overflow-x: auto; overflow-y: hidden; padding: 2px 0; }
pre, .table { overflow-x: auto; }
pre { background: #f4f6f8; padding: 0.7rem; font-size: 0.8rem; line-height: 1.4; }
code { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 0.85em; }
pre code { font-size: inherit; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.15rem 0.7rem; border-bottom: 1px solid #e3e8ec; }
img { max-width: max(100%%, 34rem); height: auto; }
blockquote { color: inherit; margin: 1rem 0; padding: 0.1rem 1rem; border-left: 4px solid #d55e00; }
nav ul { list-style: none; padding-left: 1rem; }
@media (max-width: 40rem) { pre { white-space: pre-wrap; font-size: 0.72rem; } }
@media print {
  body { max-width: none; padding: 0; }
  h2 { break-before: page; }
  h3, h4 { break-after: avoid; }
  img, pre, table, math[display="block"], blockquote { break-inside: avoid; }
  p:has(> math), p:has(> img), pre, .table { overflow: visible; }
  img { max-width: 100%%; }
  pre { white-space: pre-wrap; }
}
"""
NEEDS = 'needs pandoc and a font for formulas: pip install "mlp[book]"'


class MissingConverter(Exception):
    """The extra packages for this form are not installed."""


def page(markdown: str, title: str, beside: Path, contents: bool = True) -> str:
    """A complete page. `beside`: the folder from which the Markdown links its pictures.

    Raises MissingConverter without the extra packages, ValueError for a formula that pandoc
    does not understand.
    """
    try:
        import pypandoc
    except ImportError as error:
        raise MissingConverter(f"an HTML page {NEEDS}") from error
    options = ["--mathml", "--standalone", "--embed-resources", "--fail-if-warnings"]
    options += [f"--resource-path={beside}", f"--metadata=pagetitle:{title}"]
    options += ["--metadata=lang:en", "--syntax-highlighting=pygments"]
    options += ["--variable=document-css:false", "--wrap=none"]
    options += ["--toc", "--toc-depth=2"] if contents else []
    with tempfile.TemporaryDirectory() as folder:
        style = Path(folder) / "style.html"
        style.write_text(f"<style>{STYLE % font(_characters(markdown))}</style>", "utf-8")
        options.append(f"--include-in-header={style}")
        try:
            made = pypandoc.convert_text(markdown, "html5", format="gfm", extra_args=options)
        except RuntimeError as error:
            raise ValueError(f"pandoc refused the page: {error}") from error
    if len(formulas(made)) != (wanted := _formulas_of(markdown)):
        raise ValueError(f"pandoc refused the page: {len(formulas(made))} of {wanted} formulas")
    made = made.replace("<table>", '<div class="table"><table>')
    return made.replace("</table>", "</table></div>")


def _formulas_of(markdown: str) -> int:
    """How many formulas the Markdown holds; one with an open brace would pass as text."""
    fences = re.findall(r"^```(\w*)$.*?^```$", markdown, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\$`[^`]*`\$", "$$", text)  # one formula, like $...$
    within = re.sub("`[^`]*`", "", text).count("$")
    return fences.count("math") + within // 2


def _characters(markdown: str) -> set[str]:
    """All that formulas may contain: what the page has, and the letters in every style."""
    letters = [range(0x20, 0x7F), range(0x391, 0x3CA), range(0x1D400, 0x1D7FF)]
    symbols = [range(0x2100, 0x2300), range(0x27E6, 0x27F0)]
    ranges = {chr(code) for codes in letters + symbols for code in codes}
    return ranges | set(markdown) | set("‖′″⊤·…⋯⋮⋱√ℓℝ𝟙⁡⁢−×÷±")


def font(characters: set[str]) -> str:
    """Those characters of STIX Two Math, with all that stretches, as base64."""
    from fontTools import subset, ttLib

    package = find_spec("ziamath")  # not imported: only its font is wanted
    if package is None or package.origin is None:
        raise MissingConverter(f"an HTML page {NEEDS}")
    data = (Path(package.origin).parent / "fonts" / "STIXTwoMath-Regular.ttf").read_bytes()
    font = ttLib.TTFont(io.BytesIO(data))
    options = subset.Options(layout_features=["ssty", "dtls", "flac"], name_IDs=[0, 1, 2, 13, 14])
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[ord(c) for c in characters])
    subsetter.subset(font)
    font.flavor = "woff"
    made = io.BytesIO()
    font.save(made)
    return base64.b64encode(made.getvalue()).decode()


def formulas(made: str) -> list[str]:
    """Every MathML element of a page."""
    return re.findall(r"<math\b.*?</math>", made, re.DOTALL)


def text_of(made: str) -> str:
    """What a reader sees, without tags."""
    return html.unescape(re.sub("<[^>]+>", " ", made))
