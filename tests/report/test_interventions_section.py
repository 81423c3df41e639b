"""The section on interventions, and what other sections make of many networks."""

from dataclasses import replace
from typing import Any

import pytest

from offpath.networks import Network, networks
from offpath.recipes import smoke
from offpath.report import parts
from offpath.report.page import page
from offpath.report.parts import Story
from offpath.report.sections import section
from offpath.report.sections.matrix import compared
from offpath.results import Matrix, Predictions, Predictor, Shifts
from tests.report.conftest import with_result
from tests.report.stories import changed

COUNT = 10


def with_interventions(count: int) -> list[Network]:
    """The networks of the smoke recipe, interventions, and their controls."""
    made = networks(smoke())
    tuned = next(one for one in made if one.name == "finetuned")
    for number in range(count):
        name, title = f"off_path0.{number}", f"{number}0 % off path + random ids"
        own: dict[str, Any] = {"intervention": name, "colour": ("#9c27b0", "#d782e3")}
        made.append(tuned._replace(name=name, title=title, control="finetuned", **own))
        scratch = {"title": f"{title}: from scratch", "starts_from": "untrained", "control": name}
        made.append(tuned._replace(name=f"{name}-scratch", **scratch, **own))
    return made


@pytest.fixture
def many(finished: Story, monkeypatch: pytest.MonkeyPatch) -> Story:
    """A run with many interventions: each scores as fine-tuning does, their controls as its own."""
    made = with_interventions(COUNT)
    monkeypatch.setattr(parts, "networks", lambda c: made)
    new = {one: ("scratch" if "scratch" in one.name else "finetuned")
           for one in made if one.intervention}  # fmt: skip
    rows = [
        Predictor(predictor=one.name, title=one.title, kind="intervention", colour=one.colour)
        for one in new
    ]

    def with_copies(cells: list[Any]) -> list[Any]:
        copied = ((one.name, cell) for one, like in new.items() for cell in cells
                  if cell.predictor == like)  # fmt: skip
        return [*cells, *(cell.model_copy(update={"predictor": name}) for name, cell in copied)]

    matrix, suite = finished.get(Matrix), finished.get(Shifts)
    predictions = finished.get(Predictions)
    assert matrix and suite and predictions  # noqa: PT018
    axes = [axis.model_copy(update={"cells": with_copies(axis.cells)}) for axis in suite.axes]
    results = (
        changed(matrix, predictors=[*matrix.predictors, *rows], cells=with_copies(matrix.cells)),
        changed(suite, predictors=[*suite.predictors, *rows], axes=axes),
        changed(predictions, cells=with_copies(predictions.cells)),
    )
    lines = [
        line._replace(network=one.name)
        for one, like in new.items()
        for line in finished.metrics
        if line.network == like
    ]
    return replace(with_result(finished, *results), metrics=[*finished.metrics, *lines])


def test_a_run_without_interventions_has_no_such_section(finished: Story):
    assert not section(finished, "interventions").figures


def test_each_intervention_stands_beside_its_control_and_the_best_rule(many: Story):
    shown = section(many, "interventions")
    (table,) = shown.figures[0].tables
    titles = [row.title for row in table.rows]
    assert titles[:3] == ["pre-trained", "fine-tuned", "from scratch"]
    assert titles[3:5] == ["00 % off path + random ids", "00 % off path + random ids: from scratch"]
    assert titles[-1] == "best trivial rule"
    assert len(titles) == 3 + 2 * COUNT + 1
    assert [head.split("\n")[0] for head in table.columns[1:]] == [
        "hard: on path, seen", "hard: on path, unseen", "hard: off path", "unreachable",
        "pre-training", "pre-training: no path",
    ]  # fmt: skip


def test_what_an_intervention_forgets_is_told_beside_the_pre_trained_network(many: Story):
    (table,) = section(many, "interventions").figures[0].tables
    matrix = many.get(Matrix)
    assert matrix
    before, after = (matrix.cell(name, "pretraining") for name in ("pretrained", "off_path0.0"))
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
    assert f"<summary>The same of {2 * COUNT} interventions and their controls</summary>" in text
    assert compared(many) == ["finetuned", "pretrained", "scratch"]
    first, second = section(many, "finetuning").figures
    assert [key.title for key in first.legend][:1] == ["fine-tuned"]
    assert len(first.legend) == 3
    assert len(second.legend) == 2 * COUNT
    panels = section(many, "predictions").figures
    assert {row["column"] for row in panels[1].charts[0].chart["data"]["values"]} == {"test e"}


def test_a_heat_map_of_many_networks_scrolls_and_has_controls_apart(many: Story):
    first, second, *_ = section(many, "shifts").figures
    assert first.layout == "wide"
    assert first.charts[0].chart["width"] >= 40 * (4 + COUNT)
    assert "10 % off path + random ids: from scratch" in [key.title for key in second.legend]
