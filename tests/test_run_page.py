"""The page of a run, as a browser shows it."""

import base64
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from test_train import SHORT, train

pytestmark = pytest.mark.no_numbers

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium here to open the page in")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report of a short run that was watched, with mistakes to show."""
    out = tmp_path_factory.mktemp("report") / "run"
    result = train(*SHORT, "--validation", "0.1", "--watch", "--report", "--out", out)
    assert (result.returncode, result.stderr) == (0, "")
    return (out / "report.html").read_text(encoding="utf-8")


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.sources, self.names = [], [], [], set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.names.add(tag)
        self.sources += [v for k, v in attributes.items() if k in ("src", "href", "srcset")]
        if tag == "img":
            self.images.append((attributes["alt"], attributes["src"]))
        elif tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_holds_all_of_the_run_and_needs_nothing_else(page):
    tags = Tags(page)
    assert "script" not in tags.names
    assert all(source.startswith("data:") for source in tags.sources)
    assert "default-src 'none'" in page
    drawn = [name for name, source in tags.images if "svg+xml" in source]
    assert drawn == ["Loss", "Accuracy", "Gradients", "Steps", "Outputs", "Lost units"]
    names = [name for name, _ in tags.images]
    assert sum(name.startswith("unit ") for name in names) == 16
    assert "<caption>Row" not in page  # it would be as narrow as the table
    wrong = int(re.search(r"(\d+) of 359 are wrong", page)[1])
    assert sum(name.startswith("said ") for name in names) == wrong
    assert sum(map(int, re.findall(r'<td style="[^"]*">(\d+)</td>', page))) == 359
    for text in ("always saying 1, the commonest class: 0.1003", "<th>precision</th>"):
        assert text in page
    for text in ("test accuracy", "<th>epochs</th><td>3</td>", "Affine(64, 16, dtype="):
        assert text in page


def opened(page, width, folder, *options):
    """What the browser says when it opens the page."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    profile = f"--user-data-dir={folder / 'profile'}"
    window = f"--window-size={width},900"
    command = [BROWSER, *QUIET.split(), profile, window, "--enable-logging=stderr", *options]
    return subprocess.run(
        [*command, path.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )


MEASURE = """<script>addEventListener("load", () => {
  const root = document.documentElement, cut = [...document.querySelectorAll("body *")].filter(
    e => e.getBoundingClientRect().right > innerWidth + 0.5 || e.scrollWidth > e.clientWidth + 1
      && getComputedStyle(e).overflowX != "visible");
  const broken = [...document.images].filter(i => !i.complete || !i.naturalWidth);
  parent.postMessage([innerWidth, root.scrollWidth, cut.length, broken.length].join(" "), "*");
});</script></body>"""
FRAME = """<!DOCTYPE html><body><script>addEventListener("message", e => {
  document.body.dataset.seen = e.data;
});</script>
<iframe src="inner.html" style="border: 0; height: 900px; width: WIDTHpx"></iframe></body>
"""
"""A window of a browser has a least width, which a frame has not."""


@needs_browser
@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_is_cut_off_and_the_console_is_empty(page, width, tmp_path):
    assert "CONSOLE" not in opened(page, width, tmp_path, "--dump-dom").stderr
    measured = re.sub("<meta http-equiv=[^>]*>", "", page).replace("</body>", MEASURE)
    (tmp_path / "inner.html").write_text(measured, encoding="utf-8")
    outer = FRAME.replace("WIDTH", str(width))
    dom = opened(outer, 1400, tmp_path, "--dump-dom", "--virtual-time-budget=5000").stdout
    seen = re.search(r'data-seen="([^"]*)"', dom)
    inner, scroll, cut, broken = map(int, seen[1].split())
    assert inner == width
    assert (scroll <= inner, cut, broken) == (True, 0, 0)


@needs_browser
def test_the_console_would_show_an_error(page, tmp_path):
    wrong = page.replace("</body>", '<img alt="" src="https://example.org/x.png"></body>')
    assert "CONSOLE" in opened(wrong, 400, tmp_path, "--dump-dom").stderr


def test_the_pictures_within_are_whole(page):
    for _, source in Tags(page).images:
        data = base64.b64decode(source.partition("base64,")[2])
        assert data.startswith((b"\x89PNG", b"<?xml"))
        assert data.rstrip().endswith((b"IEND\xaeB`\x82", b"</svg>"))
