"""The section on robustness, and what it computes about retention."""

import pytest

from offpath.report.parts import Section
from offpath.report.sections import section
from offpath.report.words import setting
from offpath.results import ConstantAnswer, OverSteps, Robustness
from offpath.slices import SPLIT_STRATA, distance_slice
from tests.report.solutions import NOT_FINITE, RATES, robustness
from tests.report.stories import changed, figure, matrix, rows, story_of

RETENTION = "Does a network that starts at the exact solution keep it?"
RATE_TITLE = "At which learning rate is the solution kept?"
REPLACED = "One matrix replaced, then retrained"
TRAINED = (0.98, 0.9, 0.5, 0.3, 0.2, 0.3, 0.2)


def shown(result: Robustness) -> Section:
    return section(story_of(result, matrix(circuit=(1.0,) * 7, finetuned=TRAINED)), "robustness")


@pytest.fixture(scope="module")
def result() -> Robustness:
    return robustness(["test_e", "test_a"])


def test_each_stratum_has_its_path_with_intervals_beside_the_trained_network(result: Robustness):
    own = result.retention[0]
    charts = figure(shown(result), RETENTION).charts
    places = zip(SPLIT_STRATA, TRAINED, charts, strict=False)
    for where, trained, (chart, title, _) in places:
        cells = [c for c in own.cells if (c.by, c.slice) == (where.by, where.slice)]
        drawn = [row for row in rows(chart) if "step" in row]
        assert title == where.title
        assert [(r["step"], r["accuracy"], r["low"], r["high"]) for r in drawn] == [
            (c.step, c.accuracy, c.accuracy_low, c.accuracy_high) for c in cells
        ]
        assert [row["accuracy"] for row in rows(chart) if "step" not in row] == [trained]
    losses = {row["step"]: row["loss"] for row in rows(charts[-1].chart)}
    assert losses == dict(own.losses)


def test_before_and_after_stand_beside_the_trained_network(result: Robustness):
    after = {c.slice: c.accuracy for c in result.retention[0].cells if c.step == 600}
    drawn = figure(shown(result), "Before and after, beside the trained network").charts[0].chart
    points = {(r["series"], r["slice"]): r["accuracy"] for r in rows(drawn)}
    for where, trained in zip(SPLIT_STRATA, TRAINED, strict=True):
        assert points["handcrafted", where.title] == 1.0
        assert points["handcrafted, fine-tuned", where.title] == after[where.slice]
        assert points["fine-tuned", where.title] == trained


def test_without_a_matrix_the_trained_network_is_left_out(result: Robustness):
    alone = section(story_of(result), "robustness")
    assert [key.title for key in figure(alone, RETENTION).legend] == [
        "starts at the exact solution"
    ]
    assert "Compared with" not in alone.text


def test_each_learning_rate_has_its_minimum_mean_and_end_beside_a_constant(result: Robustness):
    one = changed(result.retention[0], constants=constants(), answer=1, answer_share=0.98)
    shown_ = shown(changed(result, retention=[one, *result.retention[1:]]))
    found = figure(shown_, RATE_TITLE)
    (table,) = found.tables
    texts = [[row.title, *(e.lines[0] for e in row.entries[:3] if e)] for row in table.rows]
    assert [row[:3] for row in texts[:3]] == [
        ["fine-tuning", "0.001", name] for name in ("minimum", "mean over the steps", "end")
    ]
    assert [row[3] for row in texts[:3]] == ["99.0\xa0%", "99.5\xa0%", "99.0\xa0%"]
    assert texts[-1] == [
        "none: a constant answer", "–", "the most frequent distance", "40.0\xa0% (answer 1)"
    ]  # fmt: skip
    assert "No better than a constant" not in found.text


def test_a_row_that_is_a_constant_answer_says_so(result: Robustness):
    own = result.retention[0]
    same = [
        changed(c, repeated=over.end)
        for c, where in zip(constants(), SPLIT_STRATA, strict=True)
        if (over := own.over_steps(where))
    ]
    one = changed(own, constants=same, answer=1, answer_share=0.98)
    text = figure(shown(changed(result, retention=[one])), RATE_TITLE).text
    assert "fine-tuned on fine-tuning at 0.001 answers 1 to 98.0\xa0% of the questions" in text


def test_minimum_and_mean_over_the_steps_are_those_of_the_path(result: Robustness):
    own, where = result.retention[0], SPLIT_STRATA[0]
    path = dict(zip(own.steps, (1.0, 0.0, 0.5, 0.5, 0.9, 0.9), strict=True))
    cells = [
        changed(c, accuracy=path[c.step]) if (c.by, c.slice) == where[:2] else c for c in own.cells
    ]
    over = changed(own, cells=cells).over_steps(where)
    assert over
    by_hand = 10 * 0.5 + 20 * 0.25 + 70 * 0.5 + 200 * 0.7 + 300 * 0.9
    assert over == pytest.approx((0.0, by_hand / 600, 0.9))
    assert not over.agree
    assert OverSteps(0.95, 0.97, 0.99).agree
    assert own.over_steps(distance_slice(3, 5)) is None


def constants() -> list[ConstantAnswer]:
    """A constant answer with 40 % on every stratum."""
    return [
        ConstantAnswer(by=w.by, slice=w.slice, label=1, accuracy=0.4, repeated=0.4)
        for w in SPLIT_STRATA
    ]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.0, 0.1, "fell for target 2"), (0.9, 1.0, "did not change clearly for every stratum")],
)
def test_the_sentence_on_retention_follows_the_cells(
    result: Robustness, low: float, high: float, words: str
):
    own = result.retention[0]
    ends = {"accuracy_low": low, "accuracy": (low + high) / 2, "accuracy_high": high}
    cells = [changed(c, **ends) if c.step == 600 else c for c in own.cells]
    text = shown(changed(result, retention=[changed(own, cells=cells)])).statement
    assert text.startswith(
        "After 600 steps of fine-tuning (one seed), the accuracy of the network that"
    )
    assert words in text
    assert text.count(" to ") == (7 if low == 0 else 0)


def test_the_end_is_compared_with_the_network_that_was_trained_all_the_way(result: Robustness):
    text = shown(result).text
    assert "ends above it for on-path targets with vertex ids seen in fine-tuning" in text
    assert "; below it for unreachable targets" in text
    assert "level with it for target 2" in text


def test_a_perturbed_network_has_a_line_in_the_panel_of_its_rate(result: Robustness):
    found = figure(shown(result), REPLACED)
    assert [chart.title for chart in found.charts] == [f"learning rate {setting(r)}" for r in RATES]
    for rate, (chart, _, _) in zip(RATES, found.charts, strict=True):
        drawn = [row for row in rows(chart) if "line" in row]
        for one in (p for p in result.perturbed if p.rate == rate):
            line = [row for row in drawn if row["line"] == one.choice]
            curve = [point for point in one.curve if point[1] < NOT_FINITE]
            assert [(row["step"], row["loss"]) for row in line] == curve
            ends = "below 0.1" if one.loss_after < 0.1 else "not below 0.1"
            assert {row["series"] for row in line} == {
                "below 0.001" if one.loss_after < 1e-3 else ends
            }
    assert "1 ended at a loss that is not finite" in found.text


def test_choices_that_did_no_harm_are_counted(result: Robustness):
    assert "left the loss below" not in figure(shown(result), REPLACED).text
    first = changed(result.perturbed[0], loss_perturbed=1e-5)
    harmless = changed(result, perturbed=[first, *result.perturbed[1:]])
    assert "In 1 of the choices the noise alone" in figure(shown(harmless), REPLACED).text


def test_the_share_that_came_back_stands_with_its_interval(result: Robustness):
    first = changed(result.recovered[0], share=0.05, low=0.00888, high=0.2361)
    one = changed(result, recovered=[first, *result.recovered[1:]])
    row = figure(shown(one), REPLACED).tables[0].rows[0]
    texts = [entry.lines[0] for entry in row.entries[:2] if entry]
    assert [row.title, *texts] == ["1e−5", "20", "5.0\xa0% (0.9–23.6)"]


def test_the_basin_has_every_draw_and_its_median(result: Robustness):
    losses = (1e-5, 3e-5, NOT_FINITE)
    graded = [
        changed(one, loss_perturbed=2.0, loss_after=after)
        for one, after in zip(result.graded, losses, strict=False)
    ]
    found = figure(shown(changed(result, graded=graded)), "How wide the basin is")
    drawn = [r for r in rows(found.charts[0].chart) if r.get("series") == "after retraining"]
    assert [row["loss"] for row in drawn if "draw" in row] == [1e-5, 3e-5]
    assert [row["loss"] for row in drawn if "draw" not in row] == [pytest.approx(2e-5)]
    assert "1 losses are not finite, or 0" in found.text


def test_a_circuit_alone_has_no_retention():
    alone = section(story_of(robustness([], retention=False)), "robustness")
    assert [one.title for one in alone.figures] == [REPLACED, "How wide the basin is"]
    assert not alone.statement
