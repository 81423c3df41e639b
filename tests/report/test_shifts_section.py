"""The heat map of the shift suite, and its words."""

from dataclasses import replace
from typing import Any

import pytest

from offpath.report.parts import Story
from offpath.report.sections import section, seed_shifts
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


def test_a_cell_without_a_rule_gives_its_accuracy_alone(finished: Story, suite: Shifts):
    ends = {"above_rule_low": None, "above_rule_high": None}
    alone = {"best_rule": None, "above_rule": None, "rules_fitted_on": "axis", **ends}
    hard = beside("constant", 0.2).model_copy(update=alone)
    one = suite.axes[0].cells[0].model_copy(update={"hard": hard, "predictor": "finetuned"})
    axis = suite.axes[0].model_copy(update={"cells": [one]})
    other = changed(suite, axes=[axis])
    (row,) = cells(with_result(finished, other))
    assert (row["text"], row["strength"], row["rule"]) == ("70 %", 0, "one answer: no rule")
    assert falls(other) == {"graph size": "hard questions have one answer alone"}


def test_every_question_has_its_accuracy_in_a_table_of_levels(finished: Story):
    (table,) = section(finished, "shifts").figures[2].tables
    assert [row.title for row in table.rows[:3]] == ["3 vertices", "4 vertices", "5 vertices"]
    entry = table.rows[2].entries[1]
    assert entry
    assert entry.lines == ["30.0\xa0%", "25.0–35.0"]


def test_over_seeds_a_cell_has_the_mean_and_how_many_are_above(finished: Story, suite: Shifts):
    low = shifts(suite.predictors, above=0.2)
    known = {"c": finished.run.configuration, "comparison": {"runs": []}, "seeds": "0 and 1",
             "command": "offpath report", "trains": True, "score": "accuracy"}  # fmt: skip
    shown = seed_shifts.section([finished, with_result(finished, low)], known)
    rows = shown.figures[0].charts[0].chart["data"]["values"]
    found = {(row["network"], row["title"]): row for row in rows}
    row = found["fine-tuned", "4 vertices"]
    assert row["above"] == "+0.0 (−10.0 to +10.0), above in 1 of 2 seeds"
    assert (row["text"], row["sure"]) == ("+0", False)
    assert found["fine-tuned", "5 vertices"]["sure"]


def test_runs_without_the_suite_have_no_map_over_seeds(finished: Story):
    bare = replace(finished, results={})
    assert not seed_shifts.section([finished, bare], {}).figures


def test_the_terminal_has_a_line_for_each_axis(finished: Story, suite: Shifts):
    said = printed(run_view(finished.run), 120)
    assert all(f"{axis}: {fall}" in said for axis, fall in falls(suite).items())
