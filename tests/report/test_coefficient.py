"""The section on the learning coefficient."""

import pytest

from offpath.report.parts import Logged, Section, Story
from offpath.report.sections import section
from offpath.results import LearningCoefficients, Point
from tests.report.solutions import coefficient
from tests.report.stories import changed, figure, rows, story_of

ALONG = "Along pre-training"
SAMPLER = "Does the estimate depend on the sampler?"
VERDICTS = "Is there a coefficient?"


def shown(result: LearningCoefficients) -> Section:
    story = story_of(result)
    lines = [Logged("pretrained", s, 1 / s, 1e-3, {"1": 1 / s}, {"1": 128}) for s in (2, 4, 8, 16)]
    return section(Story(story.run, lines, story.results), "coefficient")


@pytest.fixture
def result() -> LearningCoefficients:
    return coefficient(40)


def test_the_finding_stands_under_the_heading(result: LearningCoefficients):
    assert "No plateau over localisation at 2 of 3 checkpoints" in shown(result).text


def test_without_a_plateau_a_checkpoint_has_no_coefficient(result: LearningCoefficients):
    table = figure(shown(result), VERDICTS).tables[0]
    texts = [[entry.lines[0] for entry in row.entries if entry] for row in table.rows]
    assert [row.title for row in table.rows] == ["pre-trained", "handcrafted", "fine-tuned"]
    assert [row[1] for row in texts] == ["88.0 ± 4.40", "none", "none"]
    assert texts[1][2] == "No plateau over localisation."


def test_curvatures_are_called_localised_and_stand_over_their_gamma(result: LearningCoefficients):
    found = figure(shown(result), SAMPLER)
    assert [c.title for c in found.charts] == ["pre-trained", "handcrafted"]  # one was not sampled
    assert found.facts["Metric"] == "localised curvature"
    for chart, sweep in zip(found.charts, result.sweeps, strict=False):
        axes = [layer["encoding"]["y"]["title"] for layer in chart.chart["layer"]
                if "y" in layer["encoding"]]  # fmt: skip
        assert set(axes) == {"localised curvature"}
        drawn = {(r["localisation"], r["estimate"]) for r in rows(chart.chart) if "estimate" in r}
        assert drawn == {(p.localisation, p.localised_curvature) for p in sweep.points}
    hollow = [r["localisation"] for r in rows(found.charts[1].chart) if r.get("hollow")]
    assert hollow == [1e5, 1e5]


def test_a_plateau_is_shaded_and_a_grid_without_one_says_so(result: LearningCoefficients):
    charts = figure(shown(result), SAMPLER).charts
    bands = [[row for row in rows(c.chart) if "until" in row] for c in charts]
    assert [len(band) for band in bands] == [1, 0]
    assert (bands[0][0]["localisation"], bands[0][0]["until"]) == (10, 1e3)
    assert charts[1].text == "No plateau over localisation."


def test_a_point_has_the_reasons_why_its_sampler_failed(result: LearningCoefficients):
    table = figure(shown(result), SAMPLER).tables[1]
    checks = [row.entries[-1].lines[0] for row in table.rows if row.entries[-1]]
    assert checks == ["passed"] * 4 + ["chains disagree"] * 2


def test_coefficients_are_drawn_along_training_only_if_each_point_has_a_plateau(
    result: LearningCoefficients,
):
    assert ALONG not in [one.title for one in shown(result).figures]
    last = result.sweeps[0]
    before = changed(last, checkpoint="pretrained-step4", step=4)
    found = figure(shown(changed(result, sweeps=[before, last])), ALONG)
    axes = [layer["encoding"]["x"] for c in found.charts for layer in c.chart["layer"]]
    assert len(found.charts) == 2
    assert all(axis == axes[0] for axis in axes)
    drawn = {r["step"]: r for r in rows(found.charts[1].chart)}
    assert {step: r["estimate"] for step, r in drawn.items()} == {4: 88.0, 40: 88.0}
    bare = changed(before, plateau=None)
    figures = shown(changed(result, sweeps=[before, bare, last])).figures
    assert ALONG not in [one.title for one in figures]


def test_chains_have_a_panel_for_each_network_at_the_weakest_pull(result: LearningCoefficients):
    found = figure(shown(result), "The chains of the sampler")
    assert [(c.title, c.text) for c in found.charts] == [
        ("pre-trained", "gamma = 10, 0.125 of the largest step"),
        ("handcrafted", "gamma = 10, 0.125 of the largest step"),
    ]
    lines = {row["line"] for row in rows(found.charts[0].chart)}
    assert lines == {"0", "1", "2", "3"}


def test_a_snapshot_of_fine_tuning_is_in_the_table_with_its_step(result: LearningCoefficients):
    last = changed(result.sweeps[-1], checkpoint="finetuned-step1000")
    table = figure(shown(changed(result, sweeps=[last])), VERDICTS).tables[0]
    assert [row.title for row in table.rows] == ["fine-tuned, step 1\u202f000"]


def test_without_a_finite_number_no_chart_is_left_empty(result: LearningCoefficients):
    def none(points: list[Point]) -> list[Point]:
        return [changed(one, localised_curvature=None, error=None) for one in points]

    sweeps = [changed(s, points=none(s.points), plateau=None) for s in result.sweeps]
    traces = [changed(trace, losses=[None, None]) for trace in result.traces]
    found = shown(changed(result, sweeps=sweeps, traces=traces))
    assert all(rows(c.chart) for one in found.figures for c in one.charts)
