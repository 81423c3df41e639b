"""The documentation as a site, as Chromium shows it from the disk; run by `make test-browser`."""

import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[1]
BUILD = "-m sphinx -q -W --keep-going -n -c docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site: a warning would fail here."""
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, *BUILD.split(), "-d", str(folder / "trees"), ".", str(folder / "docs")]
    subprocess.run(words, cwd=ROOT, check=True)
    return folder / "docs"


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (360, "dark")])
def test_every_page_needs_no_network_and_complains_of_nothing(
    site: Path, browser: Any, width: int, theme: str
):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    complaints, asked = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.on("request", lambda request: asked.append(request.url))
    grounds = set()
    for file in pages(site):
        page.goto(file.as_uri())
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert page.evaluate("document.documentElement.scrollWidth") <= width, file
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file://", "data:"))] == []
    assert grounds == {"light": {"rgb(252, 252, 250)"}, "dark": {"rgb(21, 24, 28)"}}[theme]
    page.close()


def test_the_search_finds_a_page_without_a_server(site: Path, browser: Any):
    page = browser.new_page()
    page.goto((site / "search.html").as_uri() + "?q=isolated")
    page.wait_for_selector("#search-results li")
    assert "Strata" in page.inner_text("#search-results")
    page.close()


def test_the_first_page_leads_to_the_home_page_and_from_there_to_the_report(
    site: Path, browser: Any
):
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.wait_for_url("**/docs/index.html")
    page.click("text=The report of one run")
    page.wait_for_url("**/report-laptop-seed0.html")
    page.close()


def test_every_link_of_the_site_leads_somewhere(site: Path):
    found = {file: Links(file) for file in pages(site)}
    assert len(found) > 30
    for file, links in found.items():
        for target in links.targets:
            address = urlsplit(target)
            if address.scheme or address.netloc:
                continue
            other = (file.parent / unquote(address.path)).resolve() if address.path else file
            assert other.is_file(), f"{file}: {target}"
            if address.fragment and other in found:
                assert unquote(address.fragment) in found[other].names, f"{file}: {target}"


def test_types_of_arrays_keep_their_axes_and_fields_their_meaning(site: Path):
    text = unescape(re.sub(r"<[^>]+>", "", (site / "docs" / "api" / "data.html").read_text()))
    assert "tokens: UInt8[ndarray, 'example token 2']" in text
    assert "edges as drawn; padding; last the question on t" in text
    assert "Alias for field number" not in text
    assert " at 0x" not in (site / "docs" / "api" / "experiment.html").read_text()


def pages(site: Path) -> list[Path]:
    """Every page but the first, which leads on, and examples, which have tests of their own."""
    files = [file for file in site.rglob("*.html") if "_downloads" not in file.parts]
    return sorted(file for file in files if file != site / "index.html")


class Links(HTMLParser):
    """What a page leads to, and the names of its places."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.targets, self.names = set(), {""}
        self.feed(file.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.names.add(known.get("id") or "")
        self.targets |= {known[name] for name in ("href", "src") if known.get(name)}
