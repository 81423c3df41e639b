from functools import cache

import numpy as np
import pytest

from offpath import results
from offpath.data.batches import Batch, draw
from offpath.data.worlds import world
from offpath.generalize.baselines import Known, rules
from offpath.interpret.rule_agreement import (
    RULES,
    Answered,
    agreements,
    by_distance,
    by_size,
    errors_of,
)
from offpath.recipes import laptop

SIZES = np.array([-3, -2, -1, 1, 2, 3])  # of errors that do not depend on the truth,
CHANCES = np.array([0.05, 0.1, 0.4, 0.25, 0.15, 0.05])  # with these probabilities


@cache
def questions(name: str) -> tuple[Batch, Known]:
    where = world(name, laptop().graphs)
    others = draw(where, 0, 10**6, 1024, "evaluation")
    return draw(where, 0, 0, 6000, "evaluation"), Known(others, None)


def independent(batch: Batch, seed: int, share: float = 0.4) -> np.ndarray:
    """The truth, but for a share of errors that are as large at any distance."""
    random, truth = np.random.default_rng(seed), batch.distance.astype(int)
    made = truth.copy()
    for distance in range(1, batch.no_path + 1):
        chances = CHANCES * (SIZES + distance >= 1) * (SIZES + distance <= batch.no_path)
        here = np.flatnonzero(truth == distance)
        made[here] += random.choice(SIZES, len(here), p=chances / chances.sum())
    return np.where(random.random(len(made)) < share, made, truth).astype(float)


def measured(answers) -> dict[tuple[str, str], results.RuleAgreement]:
    """By rule and questions; `answers` makes those of a network from a batch."""
    asked = [
        Answered(batch, answers(batch, known), known)
        for batch, known in (questions("pretraining"), questions("test_e"))
    ]
    return {(row.rule, row.questions): row for row in agreements(*asked)}


@pytest.mark.parametrize("planted", list(RULES))
def test_a_network_that_mostly_follows_a_rule_agrees_with_it_beyond_chance(planted):
    def answers(batch: Batch, known: Known) -> np.ndarray:
        own = rules(finetuned=False)[planted].answers(batch, known)
        noisy = np.random.default_rng(0).random(len(own)) < 0.3
        return np.where(noisy, independent(batch, 1), own)

    rows = measured(answers)
    where = "off_path" if planted == "distance_to_2" else "trained"
    row = rows[planted, where]
    assert row.agreement is not None
    assert row.low is not None
    assert row.agreement > 0.75
    assert row.low > 0.02


def test_another_radius_than_that_of_the_network_is_refused():
    rows = measured(lambda batch, known: rules(finetuned=False)["hops_2"].answers(batch, known))
    for rule in ("hops_1", "hops_3"):
        row = rows[rule, "trained"]
        assert row.errors >= 30
        assert row.agreement == 0
        assert row.high is not None
        assert row.high <= 0


def test_independent_errors_agree_as_much_as_chance_gives():
    inside = []
    for seed in range(8):
        rows = measured(lambda batch, _, seed=seed: independent(batch, seed))
        ends = [(row.low, row.high) for row in rows.values()]
        inside += [low <= 0 <= high for low, high in ends if low is not None and high is not None]
    assert len(inside) > 100
    assert np.mean(inside) > 0.9


def test_a_right_network_has_no_errors_to_compare():
    rows = measured(lambda batch, _: batch.distance.astype(float))
    assert {(row.errors, row.agreement, row.chance, row.low) for row in rows.values()} == {
        (0, None, None, None)
    }


def test_the_truth_of_pre_training_is_no_rule_there():
    rows = measured(lambda batch, _: batch.distance.astype(float))
    assert ("distance_to_2", "trained") not in rows
    assert ("distance_to_2", "on_path") in rows
    assert {where for _, where in rows} == {
        "trained", "on_path", "off_path", "off_path_cut", "unreachable", "absent"
    }  # fmt: skip


def test_answers_that_are_no_distance_are_errors_that_agree_with_no_rule():
    rows = measured(lambda batch, _: np.full(len(batch.distance), np.nan))
    assert {row.agreement for row in rows.values()} <= {0.0, None}
    assert {row.chance for row in rows.values()} <= {0.0, None}


def test_the_order_of_questions_does_not_matter():
    random = np.random.default_rng(0)
    truth, one, other = random.integers(1, 9, (3, 500))
    order = random.permutation(500)
    made = [
        errors_of(truth[kept], one[kept], other[kept], np.random.default_rng(1))
        for kept in (np.arange(500), order)
    ]
    for chance in (by_distance, by_size):
        one, other = (chance(errors, 8) for errors in made)
        np.testing.assert_array_equal(one, other)


def test_chance_by_distance_is_that_of_shuffled_answers():
    random = np.random.default_rng(0)
    truth = random.integers(3, 5, 2000)
    one = truth - random.integers(1, 3, 2000)
    other = np.where(random.random(2000) < 0.7, one, truth - random.integers(1, 3, 2000))
    made = errors_of(truth, one, other, random)
    shuffled = []
    for _ in range(200):
        for distance in (3, 4):
            here = np.flatnonzero(truth == distance)
            one[here] = one[random.permutation(here)]
        shuffled.append((one == other).mean())
    assert by_distance(made, 8)[0] == pytest.approx(np.mean(shuffled), abs=0.005)
