"""The examples of the playground, and where they lie, in Chromium; run by `make test-browser`."""

import random
from typing import Any

import pytest

from offpath.data.batches import frozen
from offpath.data.worlds import worlds
from offpath.run.folder import Run
from offpath.slices import STRATA
from tests.report import playgrounds
from tests.report.playgrounds import N, drag, ground, state, tool, vertex_at

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser


def test_each_example_shows_what_its_name_says(page: Any):
    shown = {}
    for button in page.locator("#examples button").all():
        button.click()
        axes = page.locator("#finetuning strong").all_inner_texts()
        shown[button.inner_text()] = page.inner_text("#truth"), page.inner_text("#stratum"), axes
    assert shown == {
        "Trained target": ("2", "trained", []),
        "Long path": ("7", "trained", ["more vertices", "more edges"]),
        "Two components": (
            "no path",
            "trained",
            ["vertex 2 is cut off", "more vertices", "more edges"],
        ),
        "Off-path target": ("3", "off path", ["off path"]),
        "Unseen target": ("2", "on path", ["unseen id", "more vertices"]),
        "Star": ("2", "trained", ["more vertices", "more edges"]),
    }


def test_the_page_opens_with_a_question_of_both_trainings_and_marks_the_example(page: Any):
    marked = page.locator("#examples [aria-pressed='true']")
    assert marked.all_inner_texts() == ["Trained target"]
    assert page.locator(".where").all_inner_texts() == ["inside", "inside"]
    assert "True distance 2 " in " ".join(page.inner_text(".truth").split())
    assert "Off-path target" in page.inner_text("#try summary")
    page.click("text='Off-path target'")
    assert marked.all_inner_texts() == ["Off-path target"]
    assert state(page)[1:] == ([(1, 2), (1, 3), (3, 4), (4, 5)], 5)
    tool(page, "Move")
    drag(page, vertex_at(page, 3), ground(page, 0.5, 0.5))
    assert marked.count() == 1
    page.focus("#canvas [data-vertex='1']")
    page.keyboard.press("n")
    assert marked.count() == 0
    page.click("#undo")
    assert marked.all_inner_texts() == ["Off-path target"]


def test_examples_of_every_distribution_agree_with_python_and_lie_where_they_were_drawn(
    page: Any, run: Run
):
    c = run.configuration
    found = page.evaluate("""() => Page.page.payload.examples.map(({ world, questions }) => [
        world, questions.map(({ vertices, edges, target }) => [
          Graphs.distance(edges, target, 8), Graphs.stratum(edges, target, target <= vertices),
          Graphs.pretrainingAxes(edges, target, 8).length,
          Graphs.finetuningAxes(edges, target, 5).length])])""")
    for name, rows in found:
        batch, _ = frozen(worlds(c.graphs)[name], c.evaluate.seed, 100)
        strata = [STRATA[i].slice for i in batch.stratum]
        assert [row[:2] for row in rows] == [
            list(pair) for pair in zip(batch.distance.tolist(), strata, strict=True)
        ]
        if name == "pretraining":
            assert all(row[2] == 0 for row in rows)
        if name == "finetuning":
            assert all(row[3] == 0 for row in rows)
    assert [name for name, _ in found] == list(worlds(c.graphs))


def test_every_axis_by_which_a_question_leaves_its_training_is_named(page: Any):
    chance, pairs = random.Random(0), [(a, b) for b in range(2, N + 1) for a in range(1, b)]
    questions = [
        (
            [(a, b) for a, b in chance.choices(pairs, k=chance.randint(0, 10)) if b <= most],
            chance.randint(2, most),
        )
        for most in range(3, N + 1)
        for _ in range(100)
    ]
    found = page.evaluate(
        """(questions) => questions.map(([edges, target]) => [
          Graphs.pretrainingAxes(edges, target, 8), Graphs.finetuningAxes(edges, target, 5),
        ].map((axes) => axes.map(({ axis }) => axis)))""",
        questions,
    )
    expected = [playgrounds.axes(*question) for question in questions]
    assert [tuple(map(set, pair)) for pair in found] == expected
    assert len({frozenset(axes) for _, axes in expected}) > 20


CLEARANCE = """() => Page.page.payload.examples.flatMap((one) => one.questions).map((question) => {
  const ids = Array.from({ length: question.vertices }, (_, i) => i + 1), { edges } = question;
  const places = Layout.layout(ids, edges), all = [...places.values()].flat();
  const at = (v) => [600 * places.get(v)[0], 320 * places.get(v)[1]];
  const gap = (v, w) => Math.hypot(at(v)[0] - at(w)[0], at(v)[1] - at(w)[1]);
  const gaps = ids.flatMap((v) => [
    ...ids.filter((w) => w < v).map((w) => gap(v, w)),
    ...edges.filter((e) => !e.includes(v)).map((e) => Layout.toSegment(at(v), ...e.map(at)))]);
  return [Math.min(...gaps), Math.min(...all), Math.max(...all)];
})"""


def test_examples_are_laid_out_on_the_canvas_with_no_vertex_on_an_edge(page: Any):
    rows = page.evaluate(CLEARANCE)
    assert all(low >= -1e-9 and high <= 1 + 1e-9 for _, low, high in rows)
    assert min(gap for gap, _, _ in rows) > 50
