"""The page as Chromium shows it; run by `make test-browser`."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from offpath.generalize.groups import measured
from offpath.generalize.seeds import compare
from offpath.report.page import write_report, write_seeds_report
from offpath.report.parts import Section, Story
from offpath.results import Matrix
from offpath.run.folder import Run
from tests.seed_runs import seed_runs

sync_api = pytest.importorskip("playwright.sync_api")
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
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()


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
    assert len(sizes) == 4
    assert all(width > 100 and height > 50 and description for width, height, description in sizes)
    assert page.evaluate(CUT_OFF) == []
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
    assert complaints == []
    page.close()


@pytest.fixture
def fresh(report: Path, browser: Any) -> Iterator[Any]:
    """The page as it is when it has just been opened, in a light and wide window."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
    page = context.new_page()
    page.goto(report.as_uri())
    yield page
    context.close()


AXE = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(", ")}`)"""


def test_axe_finds_no_violation(opened: Any):
    opened.evaluate(FIGURE_SIZES)
    axe = pytest.importorskip("axe_playwright_python")
    opened.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text())
    assert opened.evaluate(AXE) == []


def test_the_answer_is_on_the_first_screen_and_the_rest_is_folded(fresh: Any):
    verdicts = ".headline td.verdict"
    assert all(box.bounding_box()["y"] < 800 for box in fresh.locator(verdicts).all()[:4])
    assert fresh.locator(".headline").bounding_box()["y"] < 600
    assert fresh.evaluate("document.documentElement.scrollHeight") < 20_000
    assert fresh.locator("main details[open]").count() == 0


def test_a_chart_is_drawn_when_it_comes_near_the_screen(fresh: Any):
    far = "#predictions-1 svg.marks"
    assert fresh.locator("#answer-1 svg.marks").count() == 1
    assert fresh.locator(far).count() == 0
    fresh.locator("#predictions-1").scroll_into_view_if_needed()
    fresh.wait_for_selector(far)


def test_a_link_to_a_folded_figure_opens_it(fresh: Any, report: Path):
    fresh.goto(f"{report.as_uri()}#training-2")
    fresh.wait_for_selector("#training-2[open] svg.marks")


def strong(page: Any, place: str) -> list[bool]:
    """Which marks of a chart are not faint."""
    marks = f"[data-chart={place}] .mark-rect path, [data-chart={place}] .mark-line path"
    seen = f"[...document.querySelectorAll({marks!r})].map((m) => m.getAttribute('opacity') || 1)"
    return [float(opacity) > 0.5 for opacity in page.evaluate(seen)]


def test_a_true_distance_stands_out_in_all_figures_until_it_is_let_go(fresh: Any):
    fresh.evaluate(FIGURE_SIZES)
    whole = [strong(fresh, place) for place in ("data-1-1", "training-2-1")]
    assert all(all(marks) for marks in whole)
    key = fresh.locator("#training-2 [data-distance='2']")
    key.focus()
    fresh.keyboard.press("Enter")
    fresh.wait_for_timeout(100)
    assert key.get_attribute("aria-pressed") == "true"
    chosen = [strong(fresh, place) for place in ("data-1-1", "training-2-1")]
    assert [sum(marks) for marks in chosen] == [2, 1]  # a bar and its tick, a line
    fresh.keyboard.press("Escape")
    fresh.wait_for_timeout(100)
    assert [strong(fresh, place) for place in ("data-1-1", "training-2-1")] == whole


def ticks(page: Any) -> list[str]:
    labels = "[data-chart=training-1-1] .role-axis-label text"
    return sorted(page.locator(labels).all_text_contents())


def test_a_loss_can_be_seen_on_a_linear_axis(fresh: Any):
    fresh.locator("#training-1").scroll_into_view_if_needed()
    fresh.wait_for_selector("#training-1 svg.marks")
    before = ticks(fresh)
    fresh.click("#training-1 [data-axis=linear]")
    fresh.wait_for_timeout(200)
    assert ticks(fresh) != before
    fresh.click("#training-1 [data-axis=log]")
    fresh.wait_for_timeout(200)
    assert ticks(fresh) == before


@pytest.mark.parametrize("by", ["button", "key", "wheel", "drag"])
def test_a_loss_can_be_zoomed_and_moved_and_shown_whole_again(fresh: Any, by: str):
    chart = fresh.locator("[data-chart=training-1-1]")
    chart.scroll_into_view_if_needed()
    fresh.wait_for_selector("#training-1 svg.marks")
    before, box = ticks(fresh), chart.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    if by == "button":
        fresh.click("#training-1 [data-zoom=in]")
    elif by == "key":
        chart.focus()
        fresh.keyboard.press("+")
    else:
        fresh.mouse.move(*middle)
        if by == "wheel":
            fresh.keyboard.down("Control")
            fresh.mouse.wheel(0, -200)
            fresh.keyboard.up("Control")
        else:
            fresh.mouse.down()
            fresh.mouse.move(middle[0] + 200, middle[1] + 20, steps=4)
            fresh.mouse.up()
    fresh.wait_for_timeout(200)
    assert ticks(fresh) != before
    fresh.click("#training-1 [data-zoom=back]")
    fresh.wait_for_timeout(200)
    assert ticks(fresh) == before


def saved(page: Any, figure: str, kind: str) -> bytes:
    with page.expect_download() as download:
        page.click(f"#{figure} [data-save={kind}]")
    assert download.value.suggested_filename.endswith(f"-{figure}.{kind}")
    return Path(download.value.path()).read_bytes()


def test_a_figure_is_saved_as_a_picture_with_its_title_and_plain_colours(fresh: Any):
    fresh.wait_for_selector("#answer-1 svg.marks")
    text = saved(fresh, "answer-1", "svg").decode()
    assert "var(" not in text
    assert "best trivial rule" in text
    assert fresh.locator("#answer-1 h3").text_content() in text
    assert saved(fresh, "answer-1", "png").startswith(b"\x89PNG")


def test_a_figure_is_saved_as_its_rows(fresh: Any, contents: dict[str, Section], finished: Story):
    fresh.wait_for_selector("#answer-1 svg.marks")
    drawn = contents["answer"].figures[0].charts[0].chart["data"]["values"]
    assert json.loads(saved(fresh, "answer-1", "json")) == [dict(row) for row in drawn]
    lines = saved(fresh, "matrix-1", "csv").decode().splitlines()
    matrix = finished.get(Matrix)
    assert matrix
    table = list(csv.DictReader(lines))
    assert len(table) == len(matrix.predictors) * len(matrix.worlds)
    cell = matrix.cell("finetuned", "test_e")
    assert cell
    (row,) = (r for r in table if r["row"] == "fine-tuned" and r["column"].startswith("test e"))
    assert float(row["mse"]) == pytest.approx(cell.mse, rel=1e-3)


def test_a_printed_page_has_every_figure(fresh: Any, report: Path):
    printed = len(fresh.pdf())
    folded = fresh.locator("main details:not([open])").count()
    assert folded > 5  # closed again
    fresh.evaluate(FIGURE_SIZES)
    assert printed == pytest.approx(len(fresh.pdf()), rel=0.1)


def test_the_page_can_be_used_by_keyboard_alone(fresh: Any):
    seen = []
    for _ in range(60):
        fresh.keyboard.press("Tab")
        seen.append(
            fresh.evaluate("document.activeElement.dataset.save ?? document.activeElement.tagName")
        )
    assert {"BUTTON", "A", "SUMMARY", "svg", "csv"} <= set(seen)
    fresh.locator("#training-2 summary").first.focus()
    fresh.keyboard.press("Enter")
    fresh.wait_for_selector("#training-2[open] svg.marks")
