import numpy as np
import pytest
from scipy import stats

from offpath.data.batches import draw
from offpath.data.worlds import worlds
from offpath.generalize.baselines import Known, rules
from offpath.generalize.evaluate import Calibration, Compared, evaluate
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
    small = BATCH.take(slice(300))
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


WORLD = worlds(laptop().graphs)["test_e"]
MANY, OTHER = draw(WORLD, 0, 0, 20_000), draw(WORLD, 0, 50_000, 5000)
TABLE = rules(finetuned=False)
RULED = Compared(
    {name: rule.answers(MANY, Known(OTHER, None)) for name, rule in TABLE.items()},
    frozenset(name for name, rule in TABLE.items() if rule.trivial),
)


def beside_rules(answers: np.ndarray, calibrated: np.ndarray | None = None) -> list[Cell]:
    """The cells of one network beside the rules."""
    c = laptop().change({"evaluate.bootstrap_resamples": 40})
    compared = RULED
    if calibrated is not None:
        compared = RULED._replace(calibration=Calibration(OTHER, {"it": calibrated}))
    return evaluate({"it": answers}, MANY, "test_e", c, compared=compared)


@pytest.mark.parametrize("name", ["on_path, seen", "on_path, unseen", "off_path", "unreachable"])
def test_hard_questions_are_those_that_no_near_rule_answers(name: str):
    stratum, _, words = name.partition(", ")
    far = (MANY.distance >= 3) & (MANY.distance != MANY.distance_to_2)
    chosen = far & (MANY.stratum == NAMES.index(stratum))
    if words:
        chosen &= MANY.unseen_id == (words == "unseen")
    assert cell(beside_rules(MANY.distance * 1.0), "hard", name).count == chosen.sum() > 0


def test_a_coin_flip_network_is_above_no_rule():
    rng = np.random.default_rng(5)
    rows = [row for row in beside_rules(rng.integers(1, 9, 20_000) * 1.0) if row.predictor == "it"]
    assert all(row.above_rule_low is None or row.above_rule_low <= 0 for row in rows)
    assert all((row.balanced_above_rule_low or 0) <= 0 for row in rows)


def test_an_exact_network_is_above_every_rule_where_questions_are_hard():
    rows = beside_rules(MANY.distance * 1.0)
    for name in ("trained", "off_path"):
        found = cell(rows, "hard", name)
        assert found.above_rule_low is not None
        assert found.above_rule_low > 0
        assert found.balanced == pytest.approx(1)
    few = cell(rows, "hard", "on_path, seen")  # 46 questions on four targets
    assert few.above_rule is not None
    assert few.above_rule > 0


def test_the_best_rule_is_the_one_with_the_highest_accuracy():
    rows = beside_rules(MANY.distance_to_2 * 1.0)
    own = {(r.by, r.slice): r for r in rows if r.predictor == "it"}
    for place, found in own.items():
        itself = {"distance_to_2"} if place[1].startswith("trained") else set()
        of_rules = {
            r.predictor: r.accuracy
            for r in rows
            if (r.by, r.slice) == place and r.predictor in RULED.trivial - itself
        }
        assert found.best_rule is not None
        assert of_rules[found.best_rule] == max(of_rules.values())
        assert found.above_rule == pytest.approx(found.accuracy - max(of_rules.values()))


def test_errors_copied_from_a_rule_are_recognized():
    rng = np.random.default_rng(6)
    answers = RULED.rules["both_1"].copy()
    answers[rng.random(20_000) < 0.05] = 5
    found = cell(beside_rules(answers), "stratum", "off_path")
    assert found.error_rule in ("both_1", "hops_2")
    assert found.error_agreement is not None
    assert found.error_chance is not None
    assert found.error_agreement > 0.6
    assert found.error_agreement > found.error_chance + 0.1


def test_an_offset_moves_the_accuracy_but_not_recalibration_or_ranks():
    rng = np.random.default_rng(7)
    near, other = MANY.distance + rng.normal(0, 0.2, 20_000), OTHER.distance * 1.0
    plain, moved = (
        cell(beside_rules(near + by, other + by), "hard", "on_path, seen") for by in (0, 0.4)
    )
    assert plain.accuracy > moved.accuracy + 0.2
    assert plain.recalibrated == moved.recalibrated
    assert plain.rank_correlation == moved.rank_correlation
    assert cell(beside_rules(near), "pooled", "all").auroc == pytest.approx(1, abs=0.01)


def test_unseen_ids_are_given_one_by_one():
    rows = beside_rules(MANY.distance * 1.0)
    for target in (6, 7, 8):
        chosen = (MANY.tokens[:, -1, 0] == target) & (MANY.stratum == 1)
        assert cell(rows, "target", f"on_path, {target}").count == chosen.sum()
