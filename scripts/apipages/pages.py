"""All pages, by pdoc, with our docstrings and formulas; nothing is loaded from elsewhere."""

import re
import warnings
from importlib.util import find_spec
from pathlib import Path

import pdoc.doc
import pdoc.render
from markupsafe import Markup
from pygments.formatters import HtmlFormatter

import mlp
from apipages.docstrings import Page
from apipages.formulas import Formulas
from book.html import font

HERE = Path(__file__).parent
MODULES = (
    "mlp",
    "mlp.callbacks",
    "mlp.checking.report",
    "mlp.data",
    "mlp.estimators",
    "mlp.estimators.base",
    "mlp.history",
    "mlp.layers.checks",
    "mlp.layers.container",
    "mlp.losses",
    "mlp.metrics",
    "mlp.seeing.differences",
    "mlp.seeing.layer_curves",
    "mlp.seeing.plots",
    "mlp.seeing.regression",
    "mlp.seeing.traces",
)
"""A page each; what `mlp` itself holds is explained there and nowhere else."""


def pages() -> dict[str, str]:
    """Every page under its name in the folder.

    Raises Warning for what pdoc warns of, and ValueError for a formula that cannot be typeset, or
    a link that leads nowhere.
    """
    formulas = Formulas()

    def html_of(docstring: str) -> Markup:
        return Markup(Page(docstring, formulas).html())

    pdoc.render.configure(template_directory=HERE, search=False, footer_text="mlp")
    filters = pdoc.render.env.filters | {"to_markdown": str, "to_html": html_of}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in mlp.__all__:  # pdoc sees what is there, not what would load when asked
            getattr(mlp, name)
        known = [name for name in MODULES if find_spec(name) is not None]
        modules = {name: pdoc.doc.Module.from_name(name) for name in known}
        before, pdoc.render.env.filters = pdoc.render.env.filters, filters
        try:
            made = {
                f"{name.replace('.', '/')}.html": pdoc.render.html_module(module, modules)
                for name, module in modules.items()
            }
            made["index.html"] = pdoc.render.html_index(modules)
        finally:
            pdoc.render.env.filters = before
    typeset = formulas.typeset()
    used = {c for formula in typeset for c in formula} | set("=+-*/()[]{}|.,")
    face = f'@font-face {{ font-family: "Formulas"; src: url(data:font/woff;base64,{font(used)}) }}'
    dark = HtmlFormatter(style="github-dark").get_style_defs(".pdoc-code")
    style = {"/*! formulas */": face, "/*! code */": re.sub("background[^;}]*;?", "", dark)}
    made = {
        name: _linked(name, formulas.put_in(_styled(text, style), typeset))
        for name, text in made.items()
    }
    check_links(made)
    return made


def _styled(text: str, style: dict[str, str]) -> str:
    for mark, rules in style.items():
        text = text.replace(mark, rules)
    return text


def _linked(page: str, text: str) -> str:
    """With links where a docstring names what `mlp` holds, which is short in all pages."""
    above = "" if page == "mlp.html" else "../" * page.count("/") + "mlp.html"
    names = "|".join(mlp.__all__)
    return re.sub(
        rf"<code>({names})(\(\))?</code>", rf'<code><a href="{above}#\1">\1\2</a></code>', text
    )


def check_links(made: dict[str, str]) -> None:
    """ValueError for a link from page to page that leads nowhere."""
    anchors = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in made.items()}
    for name, text in made.items():
        for target in re.findall(r'<a [^>]*href="([^"]*)"', text):
            if re.match(r"https?://", target):
                continue
            page, _, anchor = target.partition("#")
            path = Path(name).parent.joinpath(page) if page else Path(name)
            found = str(_without_dots(path))
            if found not in anchors or (anchor and anchor not in anchors[found]):
                raise ValueError(f"{name}: the link to {target} leads nowhere")


def _without_dots(path: Path) -> Path:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return Path(*parts)
