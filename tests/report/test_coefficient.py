"""The section on the learning coefficient."""

import pytest

from offpath.report.parts import Logged, Section, Story
from offpath.report.sections import section
from offpath.results import LearningCoefficients, Point
from tests.report.solutions import coefficient
from tests.report.stories import changed, figure, rows, story_of

ALONG = "Along pre-training"
SAMPLER = "Does the estimate depend on the sampler?"


def shown(result: LearningCoefficients) -> Section:
    story = story_of(result)
    lines = [Logged("pretrained", s, 1 / s, 1e-3, {"1": 1 / s}, {"1": 128}) for s in (2, 4, 8, 16)]
    return section(Story(story.run, lines, story.results), "coefficient")


@pytest.fixture
def result() -> LearningCoefficients:
    return coefficient(40)


def test_a_missing_result_is_named_with_its_command():
    (gap,) = section(story_of(), "coefficient").missing
    assert gap.command == "offpath llc 'runs/made up'"


def test_coefficients_stand_over_the_losses_of_the_same_steps(result: LearningCoefficients):
    found = figure(shown(result), ALONG)
    axes = [layer["encoding"]["x"] for c in found.charts for layer in c.chart["layer"]]
    assert len(found.charts) == 2
    assert all(axis == axes[0] for axis in axes)
    drawn = {r["step"]: r for r in rows(found.charts[1].chart)}
    path = {p.step: p for p in result.points if p.network == "pretrained"}
    assert set(drawn) == set(path)
    for step, point in path.items():
        row = drawn[step]
        assert row["estimate"] == point.estimate
        assert row["high"] - row["estimate"] == pytest.approx(point.error)
        assert row["hollow"] != point.trusted


def test_without_logged_losses_the_coefficients_stand_alone(result: LearningCoefficients):
    assert len(figure(section(story_of(result), "coefficient"), ALONG).charts) == 1


def test_an_estimate_far_below_the_others_does_not_flatten_them(result: LearningCoefficients):
    assert "beyond the axis" not in figure(shown(result), ALONG).text
    far = changed(result.points[1], estimate=-9000.0, trusted=False)
    points = [result.points[0], far, *result.points[2:]]
    found = figure(shown(changed(result, points=points)), ALONG)
    assert "1 estimates that are not trusted lie beyond the axis" in found.text
    scale = found.charts[1].chart["layer"][0]["encoding"]["y"]["scale"]
    assert scale["clamp"]
    assert scale["domain"][0] >= -1000


def test_single_networks_have_the_reasons_why_they_are_not_trusted(result: LearningCoefficients):
    table = figure(shown(result), "Single networks").tables[0]
    texts = [[entry.lines[0] for entry in row.entries if entry] for row in table.rows]
    assert [row.title for row in table.rows] == ["handcrafted", "pre-trained", "fine-tuned"]
    assert texts[0][1] == "21.5 ± 1.29"
    assert (texts[2][1], texts[2][3]) == ("not finite", "no: a chain diverged")


def test_a_plateau_is_shaded_and_a_sweep_without_one_warns(result: LearningCoefficients):
    charts = figure(shown(result), SAMPLER).charts
    bands = [[row for row in rows(c.chart) if "until" in row] for c in charts]
    assert [len(band) for band in bands] == [1, 0]
    assert (bands[0][0]["step_size"], bands[0][0]["until"]) == (9e-7, 8.1e-6)
    assert charts[1].text == "No plateau: do not trust."


def test_chains_have_a_panel_for_each_network_at_its_own_step_size(result: LearningCoefficients):
    found = figure(shown(result), "The chains of the sampler")
    assert [(c.title, c.text) for c in found.charts] == [
        ("pre-trained", "step size 1e−6"),
        ("handcrafted", "step size 1e−6"),
    ]
    lines = {row["line"] for row in rows(found.charts[0].chart)}
    assert lines == {"0", "1", "2", "3"}


def test_a_snapshot_of_fine_tuning_is_in_the_table_with_its_step(result: LearningCoefficients):
    last = changed(result.points[-1], checkpoint="finetuned-step1000")
    table = figure(shown(changed(result, points=[last])), "Single networks").tables[0]
    assert [row.title for row in table.rows] == ["fine-tuned, step 1\u202f000"]


def test_without_a_finite_number_no_chart_is_left_empty(result: LearningCoefficients):
    def none(points: list[Point]) -> list[Point]:
        return [changed(point, estimate=None, error=None) for point in points]

    sweeps = [changed(sweep, points=none(sweep.points)) for sweep in result.sweeps]
    traces = [changed(trace, losses=[None, None]) for trace in result.traces]
    found = shown(changed(result, points=none(result.points), sweeps=sweeps, traces=traces))
    assert all(rows(c.chart) for one in found.figures for c in one.charts)
