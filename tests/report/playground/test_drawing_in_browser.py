"""The playground in Chromium, by mouse, touch and keyboard; run by `make test-browser`."""

from pathlib import Path
from typing import Any

import pytest

from offpath.run.folder import Run
from tests.report import looks
from tests.report.playgrounds import answers, drag, ground, opened, state, tool, vertex_at

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser


def test_a_graph_drawn_by_mouse_gets_the_true_distance_and_the_answers_of_torch(
    page: Any, run: Run
):
    page.click("#clear")
    page.mouse.click(*ground(page, 0.4, 0.25))  # vertex 3
    drag(page, vertex_at(page, 1), vertex_at(page, 3))
    drag(page, vertex_at(page, 3), ground(page, 0.6, 0.7))  # to the ground: vertex 4 and an edge
    drag(page, vertex_at(page, 4), vertex_at(page, 2))
    tool(page, "Target")
    page.mouse.click(*vertex_at(page, 4))
    places, edges, target = state(page)
    assert (sorted(places), edges, target) == ([1, 2, 3, 4], [(1, 3), (3, 4), (2, 4)], 4)
    assert page.inner_text("#truth") == "2"
    assert page.inner_text("#path") == "1 → 3 → 4"
    given = page.evaluate("Page.page.models.map(({ answer }) => answer)")
    assert given == pytest.approx(answers(run, edges, 4), abs=1e-4)
    shown = page.locator("#answers tr").all_inner_texts()
    for row, answer in zip(shown, given, strict=True):
        right = "right" if round(answer) == 2 else "wrong"
        texts = (f"{answer:.2f}", f"{abs(answer - 2):.2f}", right)
        assert all(text in row.replace("−", "-") for text in texts)


def test_vertices_move_and_vertices_and_edges_are_deleted(page: Any):
    page.click("#clear")
    drag(page, vertex_at(page, 1), vertex_at(page, 2))
    tool(page, "Move")
    drag(page, vertex_at(page, 2), ground(page, 0.5, 0.2))
    assert vertex_at(page, 2) == pytest.approx(ground(page, 0.5, 0.2), abs=2)
    tool(page, "Delete")
    ends = vertex_at(page, 1), vertex_at(page, 2)
    page.mouse.click(*(sum(u) / 2 for u in zip(*ends, strict=True)))
    assert state(page)[1] == []
    page.mouse.click(*vertex_at(page, 2))
    page.mouse.click(*vertex_at(page, 1))
    assert sorted(state(page)[0]) == [1]
    assert "Vertex 1 stays" in page.inner_text("#said")
    assert page.inner_text("#stratum") == "trained"
    assert page.inner_text("#path") == "2 is not drawn; the label is 8"


def test_the_keyboard_alone_draws_connects_moves_and_deletes(page: Any):
    page.click("#clear")
    page.focus("#canvas [data-vertex='1']")
    page.keyboard.press("n")
    page.keyboard.press("c")
    assert page.evaluate("document.activeElement.dataset.vertex") == "3"
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.dataset.vertex") == "2"
    page.keyboard.press("Enter")
    before = state(page)[0][2]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert state(page)[0][2][1] < before[1]
    page.keyboard.press("Control+z")  # both presses at once
    assert state(page)[0][2] == before
    page.focus("#canvas [data-vertex='3']")
    page.keyboard.press("t")
    assert state(page)[1:] == ([(2, 3)], 3)
    assert page.evaluate("document.activeElement.ariaLabel") == "Vertex 3, target, edges to 2"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == "Edge 2 to 3"
    page.keyboard.press("Delete")
    page.focus("#canvas [data-vertex='3']")
    page.keyboard.press("Delete")
    assert (sorted(state(page)[0]), state(page)[1]) == ([1, 2], [])


def test_fingers_draw_without_scrolling_the_page(browser: Any, path: Path):
    phone = browser.new_context(viewport={"width": 360, "height": 800}, has_touch=True)
    with opened(phone, path) as page:
        page.click("#clear")
        page.locator("#canvas").scroll_into_view_if_needed()
        page.touchscreen.tap(*ground(page, 0.5, 0.2))
        for vertex in (1, 3):  # one after the other
            page.touchscreen.tap(*vertex_at(page, vertex))
        touch, scrolled = page.context.new_cdp_session(page), page.evaluate("scrollY")
        (x, y), (u, v) = vertex_at(page, 3), vertex_at(page, 2)
        for share in range(6):
            point = {"x": x + (u - x) * share / 5, "y": y + (v - y) * share / 5}
            kind = "touchMove" if share else "touchStart"
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert state(page)[1] == [(1, 3), (2, 3)]
        assert page.evaluate("scrollY") == scrolled


def test_undo_and_redo_go_through_every_drawing(page: Any):
    drawings = [state(page)]
    for act in ("#clear", "#examples button:nth-child(2)", "#next", "#tidy"):
        page.click(act)
        drawings.append(state(page))
    assert page.is_disabled("#redo")
    for drawing in drawings[-2::-1]:
        page.keyboard.press("Control+z")
        assert state(page) == drawing
    assert page.is_disabled("#undo")
    for drawing in drawings[1:]:
        page.click("#redo")
        assert state(page) == drawing


def test_the_link_brings_the_drawing_back_in_a_new_page(page: Any, desk: Any, path: Path):
    page.select_option("#world", "6")
    page.click("#next")
    page.select_option("#target", "7")
    page.focus("#canvas [data-vertex='1']")
    page.keyboard.press("ArrowDown")
    places, edges, target = state(page)
    with opened(desk, path, page.evaluate("location.hash")) as other:
        there = state(other)
        assert there[1:] == (edges, target)
        for vertex, place in places.items():
            assert there[0][vertex] == pytest.approx(place, abs=1e-3)
        other.evaluate("location.hash = 'edges=1-3,3-4,1-3&target=4'")
        sync_api.expect(other.locator("#target")).to_have_value("4")
        assert sorted(state(other)[0]) == [1, 3, 4]
        other.click("#undo")  # what was drawn before the new address is not lost
        assert state(other)[1:] == (edges, target)


DAMAGED = {
    "#edges=1-9": "“1-9” is no edge; an edge is two different vertices of 1 to 8, such as 1-2",
    "#edges=3-3": "“3-3” is no edge",
    "#edges=1-2-3": "“1-2-3” is no edge",
    "#edges=" + ",".join(["1-2"] * 29): "it has 29 edges; at most 28 are allowed",
    "#target=1": "“1” is no target; a target is a vertex of 2 to 8",
    "#vertices=1.5.1001": "“1.5.1001” is no vertex; one is written as id.x.y",
    "#colour=red": "“colour” is none of its parts: vertices, edges and target",
    "#%E0%A4%A": "it is not text",
    "#<img src=x onerror=alert(1)>": "“<img src” is none of its parts",
}


def test_a_damaged_link_is_named_and_an_example_shown(desk: Any, path: Path):
    with opened(desk, path, "#edges=1-9") as page:
        for fragment, fault in DAMAGED.items():
            page.evaluate("(fragment) => { location.hash = fragment; }", fragment)
            sync_api.expect(page.locator("#trouble")).to_contain_text(fault)
            assert page.locator("#canvas .vertex").count() == 5
        page.click("#clear")
        assert not page.is_visible("#trouble")


def test_the_hint_follows_the_tool(page: Any):
    assert page.inner_text("#hint") == "Tap for a vertex; drag between two for an edge."
    for name, hint in {"Move": "move it", "Delete": "delete it", "Target": "how far it is"}.items():
        tool(page, name)
        assert page.inner_text("#hint").endswith(f"{hint}.")


@pytest.mark.parametrize(
    "fragment",
    ["#edges=1-3,3-4,4-2", "#vertices=1.0.0,2.500.500,3.500.0,4.500.999&edges=2-3,2-4,1-3"],
)
def test_captions_stand_inside_and_beside_the_edges(desk: Any, path: Path, fragment: str):
    with opened(desk, path, fragment) as page:
        canvas = page.locator("#canvas").bounding_box()
        drawn = page.locator("#canvas .line").evaluate_all(
            """(lines) => lines.flatMap((line) => Array.from({ length: 101 }, (_, i) => {
              const { x, y } = line.getPointAtLength((i / 100) * line.getTotalLength());
              return [x, y];
            }))"""
        )
        for vertex in (1, 2):
            box = page.locator(f"#canvas [data-vertex='{vertex}'] .caption").bounding_box()
            left, top = box["x"] - canvas["x"], box["y"] - canvas["y"]
            right, bottom = left + box["width"], top + box["height"]
            assert 0 <= left < right <= canvas["width"]
            assert 0 <= top < bottom <= canvas["height"]
            assert not [(x, y) for x, y in drawn if left < x < right and top < y < bottom]


def test_on_a_phone_the_answers_stand_near_the_canvas(browser: Any, path: Path):
    phone = browser.new_context(viewport={"width": 360, "height": 800})
    with opened(phone, path) as page:
        canvas, truth = (page.locator(part).bounding_box() for part in ("#canvas", ".truth"))
        assert truth["y"] - canvas["y"] - canvas["height"] < 130
        page.click("#try summary")
        page.click("text='Star'")
        assert page.inner_text("#stratum") == "trained"


def test_a_repeated_edge_is_drawn_twice_and_deleted_at_once(desk: Any, path: Path):
    with opened(desk, path, "#edges=1-3,2-3,1-3&target=2") as page:
        lines = page.locator("#canvas [data-edge='1-3'] .line")
        assert lines.get_attribute("d").count("M") == 2
        page.focus("#canvas .handle[data-edge='1-3']")
        page.keyboard.press("Delete")
        assert state(page)[1] == [(2, 3)]


def test_the_first_screen_shows_the_canvas_the_truth_the_answers_and_the_membership(page: Any):
    for part in ("#canvas", "#truth", "#answers", "#pretraining", "#finetuning"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= 800


@pytest.mark.parametrize("screen", looks.SCREENS)
def test_the_first_screen_looks_as_it_did(browser: Any, path: Path, screen: str):
    looks.check(browser, path, "playground", screen)
