import numpy as np
import pytest
from scipy import stats

from offpath.data.batches import draw
from offpath.data.worlds import worlds
from offpath.generalize.baselines import RULES, constant, distance_to_2
from offpath.generalize.evaluate import evaluate, wilson
from offpath.recipes import laptop
from offpath.results import Cell
from offpath.slices import STRATA

NAMES = [where.slice for where in STRATA]

BATCH = draw(worlds(laptop().graphs)["test_e"], 0, 0, 3000)
NOISE = np.random.default_rng(0).normal(0, 0.6, (2, 3000))


def measured(answers: np.ndarray, batch=BATCH, resamples=400, seed=0, threads=1) -> list[Cell]:
    """The cells of one predictor."""
    changes = {"evaluate.bootstrap_resamples": resamples, "evaluate.seed": seed}
    return evaluate({"it": answers}, batch, "test_e", laptop().change(changes), threads)


SCORES = [measured(BATCH.distance + noise, threads=2) for noise in NOISE]


def cell(rows: list[Cell], by: str, name: str) -> Cell:
    return next(row for row in rows if (row.by, row.slice) == (by, name))


def test_predictors_measured_together_have_the_cells_of_each_alone():
    answers = {str(number): BATCH.distance + noise for number, noise in enumerate(NOISE)}
    c = laptop().change({"evaluate.bootstrap_resamples": 400})
    both = evaluate(answers, BATCH, "test_e", c)
    assert [row.predictor for row in both] == ["0"] * len(SCORES[0]) + ["1"] * len(SCORES[1])
    alone = [row.model_copy(update={"predictor": "it"}) for row in both]
    assert alone == [*SCORES[0], *SCORES[1]]


@pytest.mark.parametrize("predictor", [0, 1])
@pytest.mark.parametrize("stratum", NAMES)
def test_a_stratums_scores_are_those_of_its_examples(predictor: int, stratum: str):
    chosen = BATCH.stratum == NAMES.index(stratum)
    errors, labels = NOISE[predictor, chosen], BATCH.distance[chosen].astype(float)
    found = cell(SCORES[predictor], "stratum", stratum)
    assert found.count == chosen.sum()
    assert found.mse == pytest.approx((errors**2).mean())
    assert found.accuracy == pytest.approx((np.abs(errors) < 0.5).mean())
    if labels.var():
        assert found.r2 == pytest.approx(1 - (errors**2).mean() / labels.var())
    else:
        assert found.r2 is None


def test_slices_of_larger_graphs_hold_the_graphs_that_fine_tuning_never_shows():
    larger = (BATCH.vertices > 5) & (BATCH.stratum == NAMES.index("on_path"))
    for words, unseen in (("seen", False), ("unseen", True)):
        chosen = larger & (BATCH.unseen_id == unseen)
        found = cell(SCORES[0], "vertex_id_in_larger_graphs", f"on_path, {words}")
        assert found.count == chosen.sum() > 0
        assert found.mse == pytest.approx((NOISE[0, chosen] ** 2).mean())
    everywhere = cell(SCORES[0], "vertex_id", "on_path, seen").count
    assert cell(SCORES[0], "vertex_id_in_larger_graphs", "on_path, seen").count < everywhere


@pytest.mark.parametrize("by", ["stratum", "vertex_id", "isolated", "label"])
def test_the_slices_of_each_kind_cover_every_example_once(by: str):
    assert sum(row.count for row in SCORES[0] if row.by == by) == 3000


def test_bootstrap_intervals_agree_with_scipys():
    found = cell(SCORES[0], "pooled", "all")
    errors = NOISE[0] ** 2
    theirs = stats.bootstrap(
        (errors,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert found.mse_low == pytest.approx(theirs.low, abs=0.12 * width)
    assert found.mse_high == pytest.approx(theirs.high, abs=0.12 * width)


@pytest.mark.slow
def test_bootstrap_intervals_hold_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(3)
    small = type(BATCH)(*(a[:300] for a in BATCH))
    held = 0
    for trial in range(200):
        answers = small.distance + rng.normal(0, 1, 300)
        found = cell(measured(answers, small, 200, trial), "pooled", "all")
        assert found.mse_low is not None
        assert found.mse_high is not None
        held += found.mse_low <= 1.0 <= found.mse_high
    assert 0.88 <= held / 200 <= 0.99


def test_a_slice_of_few_examples_has_no_bootstrap_interval():
    for rows in SCORES:
        for row in rows:
            assert (row.mse_low is None) == (row.count < 30)
    assert min(row.count for row in SCORES[0]) < 30


def test_results_do_not_depend_on_the_thread_count():
    assert [measured(BATCH.distance + noise) for noise in NOISE] == SCORES


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (10, 10), (3, 17), (500, 1000)])
def test_wilson_agrees_with_scipy(hits: int, count: int):
    theirs = stats.binomtest(hits, count).proportion_ci(method="wilson")
    assert wilson(hits, count) == pytest.approx((theirs.low, theirs.high))


def test_the_best_constant_explains_nothing_and_no_constant_beats_it():
    best = ((constant(BATCH) - BATCH.distance) ** 2).mean()
    grid = [((c - BATCH.distance.astype(float)) ** 2).mean() for c in np.linspace(0, 8, 161)]
    assert best <= min(grid)
    scores = measured(constant(BATCH), resamples=40)
    assert cell(scores, "pooled", "all").r2 == pytest.approx(0)


def test_answering_the_distance_to_2_is_right_exactly_where_the_distances_agree():
    scores = measured(distance_to_2(BATCH), resamples=40)
    assert cell(scores, "stratum", "trained").mse == 0
    assert cell(scores, "stratum", "on_path").accuracy == 0
    agree = BATCH.distance == BATCH.distance_to_2
    assert cell(scores, "pooled", "all").accuracy == pytest.approx(agree.mean())


def test_every_rule_answers_every_example():
    for rule in RULES.values():
        assert rule.answers(BATCH).shape == (3000,)
