"""The figures of the page as a reader uses them in Chromium; run by `make test-browser`."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from offpath.report.page import write_report
from offpath.report.parts import Section, Story
from offpath.results import Matrix
from offpath.run.folder import Run

pytestmark = pytest.mark.browser

OPEN = """async () => {
  document.querySelectorAll("main details").forEach((fold) => { fold.open = true; });
  await window.drawAll();
}"""


@pytest.fixture(scope="module")
def report(run: Run) -> Path:
    return write_report(run)


@pytest.fixture
def fresh(report: Path, browser: Any) -> Iterator[Any]:
    """The page as it is when it has just been opened, in a light and wide window."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
    page = context.new_page()
    page.goto(report.as_uri())
    yield page
    context.close()


def test_the_answer_is_on_the_first_screen_and_the_rest_is_folded(fresh: Any):
    verdicts = ".headline td.verdict"
    assert all(box.bounding_box()["y"] < 800 for box in fresh.locator(verdicts).all()[:4])
    assert fresh.locator(".headline").bounding_box()["y"] < 600
    assert fresh.evaluate("document.documentElement.scrollHeight") < 24_000
    assert fresh.locator("main details[open]").count() == 0


def test_a_chart_is_drawn_when_it_comes_near_the_screen(fresh: Any):
    far = "#predictions-1 svg.marks"
    fresh.wait_for_selector("#answer-1 svg.marks", state="attached")
    assert fresh.locator(far).count() == 0
    fresh.locator("#predictions-1").scroll_into_view_if_needed()
    fresh.wait_for_selector(far)


def test_a_link_to_a_folded_figure_opens_it(fresh: Any, report: Path):
    fresh.goto(f"{report.as_uri()}#strata-2")
    fresh.wait_for_selector("#strata-2[open] svg.marks")


def strong(page: Any, place: str) -> list[bool]:
    """Which marks of a chart are not faint."""
    marks = f"[data-chart={place}] .mark-rect path, [data-chart={place}] .mark-line path"
    seen = f"[...document.querySelectorAll({marks!r})].map((m) => m.getAttribute('opacity') || 1)"
    return [float(opacity) > 0.2 for opacity in page.evaluate(seen)]


def test_a_true_distance_stands_out_in_all_figures_until_it_is_let_go(fresh: Any):
    fresh.evaluate(OPEN)
    whole = [strong(fresh, place) for place in ("data-1-1", "phases-1-1")]
    assert all(all(marks) for marks in whole)
    key = fresh.locator("#phases-1 [data-distance='2']")
    key.focus()
    fresh.keyboard.press("Enter")
    fresh.wait_for_timeout(100)
    assert key.get_attribute("aria-pressed") == "true"
    chosen = [strong(fresh, place) for place in ("data-1-1", "phases-1-1")]
    assert [sum(marks) for marks in chosen] == [2, 1]  # a bar and its tick, a line
    fresh.keyboard.press("Escape")
    fresh.wait_for_timeout(100)
    assert [strong(fresh, place) for place in ("data-1-1", "phases-1-1")] == whole


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
    fresh.wait_for_selector("#answer-1 svg.marks", state="attached")
    text = saved(fresh, "answer-1", "svg").decode()
    assert "var(" not in text
    assert "best trivial rule" in text
    assert fresh.locator("#answer-1 h3").text_content() in text
    assert saved(fresh, "answer-1", "png").startswith(b"\x89PNG")


def test_a_figure_is_saved_as_its_rows(fresh: Any, contents: dict[str, Section], finished: Story):
    fresh.wait_for_selector("#answer-1 svg.marks", state="attached")
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
    fresh.evaluate(OPEN)
    assert printed == pytest.approx(len(fresh.pdf()), rel=0.1)


def test_the_page_can_be_used_by_keyboard_alone(fresh: Any):
    seen = []
    for _ in range(60):
        fresh.keyboard.press("Tab")
        seen.append(
            fresh.evaluate("document.activeElement.dataset.save ?? document.activeElement.tagName")
        )
    assert {"BUTTON", "A", "SUMMARY", "svg", "csv"} <= set(seen)
    fresh.locator("#strata-2 summary").first.focus()
    fresh.keyboard.press("Enter")
    fresh.wait_for_selector("#strata-2[open] svg.marks")


@pytest.mark.parametrize("anchor", ["training", "study", "provenance"])
def test_a_link_of_the_contents_lands_on_its_heading(fresh: Any, anchor: str):
    fresh.click(f".contents a[href='#{anchor}']")
    seen = f"document.querySelector('#{anchor} h2').getBoundingClientRect().top"
    fresh.wait_for_function(f"{seen} > 0 && {seen} < 200")
    fresh.wait_for_timeout(300)
    assert 0 < fresh.evaluate(seen) < 200  # and stays there


def test_pointing_at_a_line_shows_the_values_of_its_nearest_point(fresh: Any, finished: Story):
    fresh.locator("#training-1").scroll_into_view_if_needed()
    fresh.wait_for_selector("#training-1 svg.marks")
    box = fresh.locator("[data-chart=training-1-1]").bounding_box()
    for down in range(20, int(box["height"]), 6):
        fresh.mouse.move(box["x"] + box["width"] / 2, box["y"] + down)
        if fresh.locator(".bubble").is_visible():
            break
    title, step, loss = fresh.locator(".bubble div").all_text_contents()
    losses = {line.step: line.loss for line in finished.metrics if line.network == "pretrained"}
    assert title == "pre-trained"
    assert float(loss.split(": ")[1]) == pytest.approx(losses[int(step.split(": ")[1])], rel=1e-3)
    fresh.mouse.move(box["x"] + 5, box["y"] - 60)
    assert not fresh.locator(".bubble").is_visible()
