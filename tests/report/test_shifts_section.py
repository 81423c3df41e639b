"""The heat map of the shift suite, and its words."""

from typing import Any

import pytest

from offpath.report.parts import Story
from offpath.report.sections import section
from offpath.report.sections.shifts import falls, statement
from offpath.report.terminal import run_view
from offpath.results import Shifts
from tests.report.conftest import with_result
from tests.report.shifted import beside, shifts
from tests.report.stories import changed
from tests.report.test_terminal import printed


@pytest.fixture
def suite(finished: Story) -> Shifts:
    suite = finished.get(Shifts)
    assert suite
    return suite


def cells(story: Story, number: int = 0) -> list[dict[str, Any]]:
    """The cells of one heat map."""
    chart = section(story, "shifts").figures[number].charts[0].chart
    return chart["data"]["values"]


def test_a_cell_shows_the_difference_from_the_best_rule_and_tells_its_origin(finished: Story):
    shown = {(row["network"], row["title"]): row for row in cells(finished)}
    row = shown["fine-tuned", "5 vertices"]
    assert (row["text"], row["series"], row["sure"]) == ("−20", "below", True)
    assert row["above"] == "−20.0 (−25.0 to −15.0)"
    assert (row["rule"], row["count"]) == ("best constant (50.0\xa0%)", 400)
    assert shown["handcrafted", "5 vertices"]["series"] == "above the best trivial rule"


def test_an_interval_that_holds_zero_is_faint(finished: Story, suite: Shifts):
    one = suite.axes[0].cells[0].model_copy(update={"hard": beside("constant", 0.01)})
    axis = suite.axes[0].model_copy(update={"cells": [one]})
    other = with_result(finished, changed(suite, axes=[axis]))
    assert [row["sure"] for row in cells(other)] == [False]


def test_a_level_without_hard_questions_is_blank_but_has_its_line(finished: Story):
    chart = section(finished, "shifts").figures[0].charts[0].chart
    assert "stars" not in {row["title"] for row in cells(finished)}
    (y,) = {id(one["encoding"]["y"]): one["encoding"]["y"] for one in chart["layer"][:1]}.values()
    assert "family/star\nstars" in y["scale"]["domain"]


def test_networks_that_are_starts_or_controls_stand_in_a_second_map(finished: Story):
    first, second = ({row["network"] for row in cells(finished, number)} for number in (0, 1))
    assert first == {"pre-trained", "fine-tuned", "from scratch", "handcrafted"}
    assert second == {"untrained", "handcrafted, fine-tuned"}


def test_the_invariances_are_a_table_of_networks_by_variant(finished: Story):
    (table,) = section(finished, "shifts").figures[-1].tables
    assert list(table.columns) == ["network", "edge order", "endpoints swapped"]
    assert len(table.rows) == 6


def test_each_axis_tells_where_the_network_falls_below_the_rule_first(suite: Shifts):
    assert falls(suite) == {
        "graph size": "first below the best rule at “5 vertices” (−20.0)",
        "family of graphs": "at no level below the best rule",
    }
    assert statement(suite) == (
        "On hard questions, the network “fine-tuned” falls below the best trivial rule on 1 of 2 "
        "axes; it is lowest at “graph size: 5 vertices” (−20.0 points)."
    )


def test_a_network_above_the_rule_everywhere_falls_nowhere(suite: Shifts):
    high = shifts(suite.predictors, above=0.9)
    assert statement(high).endswith("on none of 2 axes.")


def test_the_terminal_has_a_line_for_each_axis(finished: Story, suite: Shifts):
    said = printed(run_view(finished.run), 120)
    assert all(f"{axis}: {fall}" in said for axis, fall in falls(suite).items())
