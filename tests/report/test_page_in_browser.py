"""The page as Chromium shows it; run by `make test-browser`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from offpath.generalize.groups import measured
from offpath.generalize.seeds import compare
from offpath.report.page import write_report, write_seeds_report
from offpath.report.parts import Section
from offpath.run.folder import Run
from tests.report import looks
from tests.seed_runs import seed_runs

pytestmark = pytest.mark.browser

CUT_OFF = """async () => {
  await window.drawAll();
  return [...document.querySelectorAll("[data-chart] svg")].flatMap((svg) => {
    const box = svg.getBoundingClientRect();
    return [...svg.querySelectorAll("text")].filter((text) => text.textContent).filter((text) => {
      const place = text.getBoundingClientRect();
      return place.left < box.left - 1 || place.right > box.right + 1
        || place.top < box.top - 1 || place.bottom > box.bottom + 1;
    }).map((text) => svg.parentElement.dataset.chart + ": " + text.textContent);
  });
}"""
FIGURE_SIZES = """async () => {
  document.querySelectorAll("main details").forEach((fold) => { fold.open = true; });
  await window.drawAll();
  return [...document.querySelectorAll("[data-chart]")].map((box) => {
    const size = box.querySelector("svg")?.getBoundingClientRect();
    return [size?.width ?? 0, size?.height ?? 0, box.getAttribute("aria-label") ?? ""];
  });
}"""


@pytest.fixture(scope="module")
def report(run: Run) -> Path:
    return write_report(run)


@pytest.fixture(
    scope="module", params=[(360, "dark"), (360, "light"), (1200, "light"), (1920, "dark")], ids=str
)
def opened(request: pytest.FixtureRequest, report: Path, browser: Any) -> Iterator[Any]:
    """The page in one width and theme, with everything that went wrong in `page.complaints`."""
    width, theme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.complaints.append(request.url))
    page.goto(report.as_uri())
    page.address = report.as_uri()
    yield page
    context.close()


def colour_of(page: Any, what: str, style: str) -> str:
    return page.evaluate(f"getComputedStyle(document.querySelector({what!r})).{style}")


def test_the_page_asks_for_no_other_file_and_complains_of_nothing(opened: Any):
    opened.evaluate(FIGURE_SIZES)
    assert opened.complaints == [opened.address]


def test_every_figure_is_an_svg_with_a_size_and_a_description(
    opened: Any, contents: dict[str, Section]
):
    sizes = opened.evaluate(FIGURE_SIZES)
    figures = [figure for section in contents.values() for figure in section.figures]
    assert len(sizes) == sum(len(figure.charts) for figure in figures) > 30
    assert all(width > 100 and height > 50 and description for width, height, description in sizes)


def test_no_text_of_a_chart_is_cut_off(opened: Any):
    assert opened.evaluate(CUT_OFF) == []


def test_a_point_whose_sampler_failed_is_hollow(opened: Any):
    opened.evaluate(FIGURE_SIZES)
    paper = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    marks = "[data-chart=coefficient-2-2] .mark-symbol path"
    fills = opened.evaluate(
        f"[...document.querySelectorAll({marks!r})].map((mark) => getComputedStyle(mark).fill)"
    )
    assert [fill == paper for fill in fills] == [False] * 4 + [True] * 2


def test_the_page_never_scrolls_sideways(opened: Any):
    opened.evaluate(FIGURE_SIZES)
    root = "document.documentElement"
    assert opened.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")


SEEN = """(label) => {
  const box = document.querySelector(`[aria-label$="${label}"]`);
  const edge = box.getBoundingClientRect().right;
  return [...box.querySelectorAll("thead th")].filter((head) => {
    const whole = document.createRange();
    whole.selectNodeContents(head);
    return whole.getBoundingClientRect().right <= edge;
  }).map((head) => head.textContent);
}"""
FADES = """() => [...document.querySelectorAll(".wide")]
  .map((box) => [box.scrollWidth > box.clientWidth,
    parseFloat(getComputedStyle(box).getPropertyValue("--fade-end")) > 0])"""


def test_published_and_this_run_are_seen_without_scrolling(opened: Any):
    seen = opened.evaluate(SEEN, "Published, measured here and re-measured")
    assert seen[:3] == ["mean squared error", "published", "this run and its interval"]


def test_no_table_of_scores_loses_a_column_on_a_wide_screen(opened: Any):
    if opened.viewport_size["width"] >= 1200:
        hidden = opened.evaluate(
            "[...document.querySelectorAll('.wide:has(.heat)')]"
            ".filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.ariaLabel)"
        )
        assert hidden == []


def test_what_can_be_scrolled_fades_at_its_edge_and_nothing_else_does(opened: Any):
    opened.evaluate(FIGURE_SIZES)
    opened.wait_for_timeout(200)  # a frame, in which the animations follow the new width
    fades = opened.evaluate(FADES)
    assert [scrolls for scrolls, _ in fades] == [faded for _, faded in fades]
    assert any(scrolls for scrolls, _ in fades) or opened.viewport_size["width"] > 600


def test_the_button_turns_page_and_charts_from_one_theme_to_the_other(opened: Any):
    opened.evaluate(FIGURE_SIZES)
    places = [("body", "backgroundColor"), (".chart .mark-symbol path", "fill")]
    before = [colour_of(opened, *place) for place in places]
    opened.click(".theme")
    after = [colour_of(opened, *place) for place in places]
    assert all(one != other for one, other in zip(before, after, strict=True))
    opened.click(".theme")
    assert [colour_of(opened, *place) for place in places] == before


@pytest.mark.parametrize(("width", "theme"), [(360, "dark"), (1280, "light")])
def test_the_page_of_several_runs_is_whole_in_every_width(
    browser: Any, width: int, theme: Any, tmp_path: Path
):
    runs = seed_runs(tmp_path, range(4)) + seed_runs(tmp_path, range(4), {"finetune.steps": 7})
    path, complaints = tmp_path / "seeds.html", []
    write_seeds_report(runs, compare(measured(runs, "finetune.steps")), path)
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    sizes = page.evaluate(FIGURE_SIZES)
    assert len(sizes) == 4 + 1  # slices, and the tokens of the model
    assert all(width > 100 and height > 50 and description for width, height, description in sizes)
    assert page.evaluate(CUT_OFF) == []
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
    assert complaints == []
    page.close()


AXE = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(", ")}`)"""


def test_axe_finds_no_violation(opened: Any):
    opened.evaluate(FIGURE_SIZES)
    axe = pytest.importorskip("axe_playwright_python")
    opened.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text())
    assert opened.evaluate(AXE) == []


@pytest.mark.parametrize("screen", looks.SCREENS)
def test_the_first_screen_looks_as_it_did(browser: Any, report: Path, screen: str):
    looks.check(browser, report, "report", screen)
