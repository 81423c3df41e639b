"""The section on reporters: whom the assistant follows."""

import pytest

from offpath.report.page import page
from offpath.report.sections import section
from offpath.report.sections.truth_tables import answer, headline
from offpath.results import Truth
from tests.report.stories import figure, rows
from tests.report.truths import NEAR, told
from tests.reporting import asking

LEAKS, GRAPH = "How much oversight does truth cost?", "One graph: what each says about every vertex"


def test_the_headline_has_assistants_between_ceiling_and_floor():
    found = told().get(Truth)
    assert found
    titles = [row.title for row in headline(found).rows]
    assert titles == [
        "blind", "10 % leaked", "audits of small ids", "own row alone", "ceiling: as truth",
        "floor: as inspector", "oracle: all audited", "no audits", "blind, no pre-training",
        "untrained",
    ]  # fmt: skip
    entries = dict(zip(titles, (row.entries for row in headline(found).rows), strict=True))
    gap = entries["ceiling: as truth"][3]
    assert gap
    assert gap.lines == ["100.0\xa0%"]


def test_the_answer_names_the_leak_from_which_on_half_are_true():
    text = section(told(), "truth").statement
    assert "the assistant says the truth to 10.0\xa0% [7.0–13.0]" in text
    assert "Half of them are true from a leak of 10\xa0% on." in text


@pytest.mark.parametrize(
    ("blind", "leaked", "words"),
    [(0.1, 0.3, "No leak that was tried makes half of them true."),
     (0.6, 0.8, "At least half of them are true without any leak.")],
)  # fmt: skip
def test_the_answer_says_where_no_leak_is_enough_or_none_is_needed(
    blind: float, leaked: float, words: str
):
    assert words in section(told(shares={"finetuned": blind, "leak0.1": leaked}), "truth").statement


def test_what_was_not_learned_is_said_first():
    text = section(told(accuracy=0.5), "truth").statement
    assert text.startswith("Not every reporter was learned to 97.0\xa0%: not truth and near=2")
    assert "Every reporter was learned" in section(told(), "truth").statement


def test_the_leak_curve_has_the_blind_assistant_at_0():
    curve = rows(figure(section(told(), "truth"), LEAKS).charts[0].chart)
    true = {row["leak"]: row["accuracy"] for row in curve if row["series"] == "the truth"}
    assert true == {0.0: 0.1, 0.1: 0.8}


def test_a_leak_with_another_change_is_no_point_of_the_curve():
    c = asking().model_copy(update={"interventions": ("leak=0.1+own_row_only",)})
    assert LEAKS not in [one.title for one in section(told(c=c), "truth").figures]


def test_bars_of_a_network_end_at_all_of_its_answers():
    for one in section(told(), "truth").figures[0].charts:
        for name in {row["name"] for row in rows(one.chart)}:
            ends = [row["right"] for row in rows(one.chart) if row["name"] == name]
            assert max(ends) == pytest.approx(1)


def test_each_vertex_has_the_answer_and_the_colour_of_whose_it_is():
    drawn = {one.title: one.chart for one in figure(section(told(), "truth"), GRAPH).charts}
    assert [*drawn][:3] == ["truth", f"inspector ({NEAR})", "blind"]

    def said(title: str) -> list[tuple[str, str]]:
        own = (row for row in drawn[title]["data"]["values"] if row["id"] != "1")
        return [(row["vertex"], row["series"]) for row in own]

    alike = "truth and inspector alike"
    assert said("truth") == [("2", alike), ("1", alike), ("3", "the truth"), ("–", alike)]
    assert said(f"inspector ({NEAR})")[2] == ("–", "the inspector’s answer")
    assert said("blind")[2] == ("4", "neither")


def test_the_page_of_a_run_with_reporters_asks_its_own_question(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("offpath.report.page._vega", str)  # seconds, and it is the same as ever
    text = page(told())
    assert "<h1>Truthful where nobody checks?</h1>" in text
    assert "the test matrix" not in text
    assert "any target, asked of truth or of near=2" in text
    assert "target 2" not in text


def test_the_terminal_and_the_page_say_the_same():
    found = told().get(Truth)
    assert found
    assert answer(found) == section(told(), "truth").statement
