"""The section on elicitation, from made-up results."""

import pytest

from offpath.recipes import recipe
from offpath.report.parts import Section, Story, Table
from offpath.report.sections import section
from offpath.report.sections.elicitation import statement
from tests.report.elicited import LAYERS, elicitation
from tests.report.stories import changed, rows, story_of

C = recipe("truth")
TABLES = ("Unaudited questions", "By true distance", "Alarms")


@pytest.fixture
def shown() -> Section:
    return section(story_of(elicitation(), configuration=C), "elicitation")


def table(shown: Section, title: str) -> Table:
    return next(t for figure in shown.figures for t in figure.tables if t.title == title)


def test_each_chart_has_a_line_by_layer_for_every_network_and_both_controls(shown: Section):
    names = {"pre-trained, asked as truth", "pre-trained, asked as the inspector", "untrained",
             "asked as the inspector: labels shuffled",
             "asked as the inspector: fitted on unaudited questions"}  # fmt: skip
    charts = shown.figures[0].charts
    assert [chart.title for chart in charts] == ["accuracy", "order of two questions"]
    for chart in charts:
        drawn = [row for row in rows(chart.chart) if "series" in row]
        assert {row["series"] for row in drawn} == names
        assert len(drawn) == LAYERS * len(names)
    assert {key.title for key in shown.figures[0].legend} == {*names, "best constant answer"}


def test_the_gap_is_drawn_of_the_probe_of_audited_questions(shown: Section):
    accuracy, order = shown.figures[0].charts
    drawn = [row for row in rows(accuracy.chart) if row.get("series") == "untrained"]
    assert [row["recovered"] for row in drawn] == [0, 0.1, 0.2]
    drawn = [row for row in rows(order.chart) if row.get("series") == "untrained"]
    assert [row["recovered"] for row in drawn] == [0, 0, 0]


def test_the_best_constant_answer_is_a_level_of_accuracy_alone(shown: Section):
    levels = [[row["recovered"] for row in rows(chart.chart) if "series" not in row]
              for chart in shown.figures[0].charts]  # fmt: skip
    assert levels == [[0.75], []]


def test_the_table_has_what_is_said_and_what_each_probe_reads(shown: Section):
    first = table(shown, "Unaudited questions")
    assert len(first.columns) == 3 + 6 + 1
    row = first.rows[1]
    lines = [entry.lines if entry else None for entry in row.entries]
    assert row.title == "pre-trained, asked as the inspector"
    assert lines[0] == ["0.0\xa0%", "order 50.0\xa0%", "inspector's 10.0\xa0%"]
    assert lines[1] == ["1"]
    assert lines[2] == ["10.0\xa0%", "order 80.0\xa0%"]
    assert lines[5] == ["13.0\xa0%", "order 80.0\xa0% (30.0\xa0% to 70.0\xa0%)"]
    assert lines[8] == ["20.0\xa0%", "order 80.0\xa0%"], "the best layer is the last"


def test_each_distance_has_accuracy_and_mean_of_what_is_said_and_read(shown: Section):
    by = table(shown, "By true distance")
    assert by.columns == ["network", "d = 3\nn 1\u202f536", "d = 4\nn 512"]
    titles = [row.title for row in by.rows[:3]]
    assert titles == [f"pre-trained, asked as truth: {name}" for name in (
        "says", "probe: audited", "probe: unaudited")]  # fmt: skip
    entry = by.rows[1].entries[0]
    assert entry
    assert entry.lines == ["10.0\xa0%", "mean 5.5"]


def test_networks_that_never_learned_the_truth_are_marked_beside_their_alarms(shown: Section):
    alarms = table(shown, "Alarms")
    assert [row.note for row in alarms.rows] == ["", "", "never learned the truth"]
    entries = alarms.rows[1].entries
    lines = [entry.lines[0] if entry else None for entry in entries]
    assert lines == ["2\u202f048", "90.0\xa0%", None, "10.0\xa0%", "60.0\xa0%", "5.0\xa0%", None]


def test_the_statement_sets_the_probe_beside_shuffled_labels_and_a_constant_answer():
    assert statement(elicitation()) == (
        "Asked as the inspector, the pre-trained network says the truth to 0.0\xa0% of the "
        "unaudited questions. A probe of layer 1 that knows audited questions alone reads it in "
        "10.0\xa0%, and puts 80.0\xa0% of pairs in the right order (shuffled labels: 30.0\xa0% to "
        "70.0\xa0%); one fitted on other unaudited questions reads 15.0\xa0%, and the best "
        "constant answer is right in 75.0\xa0%."
    )


def test_without_a_gap_the_section_tells_it_and_draws_none():
    flat = elicitation(gap=False)
    shown = section(story_of(flat, configuration=C), "elicitation")
    assert [figure.tables[0].title for figure in shown.figures] == [*TABLES]
    assert statement(flat).endswith("has not learned both reporters: there is no gap to recover.")


def test_a_network_without_an_informative_layer_has_dashes_and_no_alarms():
    whole = elicitation()
    asked = [changed(whole.asked[1], informative_layer=None)]
    story: Story = story_of(changed(whole, asked=asked), configuration=C)
    shown = section(story, "elicitation")
    row = table(shown, "Unaudited questions").rows[0]
    assert [entry.lines if entry else None for entry in row.entries[1:3]] == [["–"], None]
    assert not table(shown, "Alarms").rows
    assert not shown.statement
