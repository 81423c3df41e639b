"""The section on interventions, and what other sections make of many networks."""

import pytest

from offpath.recipes import smoke
from offpath.report.page import page
from offpath.report.parts import Story, story
from offpath.report.sections import section
from offpath.report.sections.matrix import compared
from offpath.results import Matrix
from tests.report.conftest import finished_run

SPECS = (*(f"off_path=0.{number}" for number in range(1, 6)), "off_path=0.2+random_ids")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A run with many interventions, each with its control."""
    c = smoke().model_copy(update={"interventions": SPECS})
    return story(finished_run(c, tmp_path_factory.mktemp("runs")))


def test_a_run_without_interventions_has_no_such_section(finished: Story):
    assert not section(finished, "interventions").figures


def test_each_intervention_stands_beside_its_control_and_the_best_rule(many: Story):
    shown = section(many, "interventions")
    (table,) = shown.figures[0].tables
    titles = [row.title for row in table.rows]
    assert titles[:3] == ["pre-trained", "fine-tuned", "from scratch"]
    assert titles[3:5] == ["10 % off path", "10 % off path: from scratch"]
    assert titles[-1] == "best trivial rule"
    assert len(titles) == 3 + 2 * len(SPECS) + 1
    assert [head.split("\n")[0] for head in table.columns[1:]] == [
        "hard: on path, seen", "hard: on path, unseen", "hard: off path", "unreachable",
        "pre-training", "pre-training: no path",
    ]  # fmt: skip


def test_what_an_intervention_forgets_is_told_beside_the_pre_trained_network(many: Story):
    (table,) = section(many, "interventions").figures[0].tables
    matrix = many.get(Matrix)
    assert matrix
    before, after = (matrix.cell(name, "pretraining") for name in ("pretrained", "off_path0.1"))
    assert before
    assert after
    entry = table.rows[3].entries[4]
    assert entry
    assert entry.lines[-1] == f"{100 * (after.accuracy - before.accuracy):+.1f}".replace("-", "−")


def test_interventions_are_folded_away_where_they_would_crowd_out_the_others(
    many: Story, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("offpath.report.page._vega", str)  # seconds, and it is the same as ever
    text = page(many)
    assert (
        f"<summary>The same of {2 * len(SPECS)} interventions and their controls</summary>" in text
    )
    assert compared(many) == ["finetuned", "pretrained", "scratch"]
    first, second = section(many, "finetuning").figures
    assert [key.title for key in first.legend][:1] == ["fine-tuned"]
    assert len(first.legend) == 3
    assert len(second.legend) == 2 * len(SPECS)
    panels = section(many, "predictions").figures
    assert {row["column"] for row in panels[1].charts[0].chart["data"]["values"]} == {"test e"}


def test_a_heat_map_of_many_networks_scrolls_and_has_controls_apart(many: Story):
    first, second, *_ = section(many, "shifts").figures
    assert first.layout == "wide"
    assert first.charts[0].chart["width"] >= 40 * (4 + len(SPECS))
    assert "20 % off path + random ids: from scratch" in [key.title for key in second.legend]
