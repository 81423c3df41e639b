"""The sections on training: losses, phase changes and where they are, fine-tuning."""

import math
from dataclasses import replace

import pytest

from offpath.report.parts import Section, Story
from offpath.report.sections import section
from offpath.report.sections.phases import onset_table
from tests.report.conftest import phases, with_result
from tests.report.stories import changed, rows


def test_each_stage_of_training_is_a_section_of_its_own(contents: dict[str, Section]):
    titles = {n: [f.title for f in contents[n].figures] for n in ("training", "finetuning")}
    assert titles == {
        "training": ["Pre-training"],
        "finetuning": ["Fine-tuning, and its control without pre-training"],
    }
    assert [figure.title for figure in contents["phases"].figures] == [
        "Pre-training by true distance, with the phase changes that are detected",
        "Fine-tuning by true distance, with the phase changes that are detected",
    ]


def test_a_phase_change_is_marked_on_its_curve_and_listed(contents: dict[str, Section]):
    figure = contents["phases"].figures[0]
    marked = [row for row in rows(figure.charts[-1].chart) if "piece" in row]
    assert {row["series"] for row in marked} == {"1"}
    ends = [(row["step"], row["loss"]) for row in (marked[0], marked[-1])]
    assert ends == [pytest.approx((10, 8.0)), pytest.approx((16, 0.04))]
    for row in marked:  # straight where both axes are logarithmic
        part = math.log(row["step"] / 10) / math.log(1.6)
        assert math.log(row["loss"] / 8) == pytest.approx(part * math.log(0.005))
    (table,) = figure.tables
    assert [(row.title, *(e.lines[0] for e in row.entries if e)) for row in table.rows] == [
        ("1", "10", "16", "8.00", "0.0400", "200"),
        ("2", "no phase change", "–", "–", "–", "–"),
        ("4", "too few examples", "–", "–", "–", "–"),
    ]


def test_what_was_found_is_said_in_words_with_method_and_settings(contents: dict[str, Section]):
    first, second = contents["phases"].figures
    assert first.text.startswith(
        "Pre-trained: the loss of distance 1 (steps 10 to 16) falls suddenly; no phase change is "
        "detected for distance 2; too few examples for distance 4."
    )
    detector = first.facts["Detector"]
    assert "Made up. Settings: points over at least 100 examples, each at least 4 %" in detector
    assert "2.5 decades of loss per decade of steps." in detector
    assert second.text.startswith("Fine-tuned: the loss")
    assert "From scratch: the loss" in second.text


def test_every_network_has_a_chart_and_a_table(contents: dict[str, Section]):
    second = contents["phases"].figures[1]
    assert [c.title for c in second.charts] == ["fine-tuned: all steps", "from scratch: all steps"]
    assert [table.title for table in second.tables] == [
        "Phase changes of the network “fine-tuned”",
        "Phase changes of the network “from scratch”",
    ]


def test_long_training_shows_its_first_steps_apart_with_the_changes_within(finished: Story):
    long = [line._replace(step=40 * line.step) for line in finished.metrics]
    result = phases(["pretrained"])
    (late, *others) = result.curves
    change = late.changes[0].model_copy(update={"onset": 300, "end": 500})
    late = late.model_copy(update={"changes": [late.changes[0], change]})
    story = replace(with_result(finished, changed(result, curves=[late, *others])), metrics=long)
    first, every = section(story, "phases").figures[0].charts
    assert first.title == "pre-trained: the first 400 steps"
    steps = {row["step"] for row in rows(first.chart)}
    assert max(steps) <= 400 < max(row["step"] for row in rows(every.chart))
    ends = [max(r["step"] for r in rows(c.chart) if "piece" in r) for c in (first, every)]
    assert 380 < ends[0] <= 400 < ends[1] == pytest.approx(500)


def test_a_run_without_curves_has_no_figure(finished: Story):
    shown = section(with_result(finished, phases([])), "phases")
    assert shown.figures == []


def test_onsets_over_seeds_are_a_table_of_distances_by_runs():
    one, other = phases(["pretrained", "scratch"]), phases(["pretrained"])
    first = other.curves[0]
    small = first.changes[0].model_copy(update={"onset": 30, "loss_after": 2.0})
    large = first.changes[0].model_copy(update={"onset": 14})
    curves = [first.model_copy(update={"changes": [large, small]}), *other.curves[1:]]
    table = onset_table({"0": one, "1": changed(other, curves=curves)}, 5)
    assert table.columns == ("true distance", "0", "1", "found", "median onset")
    shown = {row.title: [e.lines[0] for e in row.entries if e] for row in table.rows}
    assert shown["1"] == ["10", "14", "2 of 2", "12 (10–14)"]
    assert shown["2"] == ["–", "–", "0 of 2", "–"]
    assert list(shown) == ["1", "2", "3", "4", "no path"]
    table = onset_table({"0": one, "1": other}, 5, "scratch")
    assert [e.lines[0] for e in table.rows[0].entries if e] == ["10", "–", "1 of 2", "10 (10–10)"]
