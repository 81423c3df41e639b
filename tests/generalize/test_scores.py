from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from scipy import stats

from offpath.generalize.scores import balancing_weights, best_monotone_map, concordance, rank_scores

RNG = np.random.default_rng(0)


def best_by_trying_all(answers: np.ndarray, labels: np.ndarray) -> int:
    known = np.unique(labels)
    places = np.concatenate([[-np.inf], np.unique(answers) + 1e-9])
    cuts = combinations_with_replacement(places, len(known) - 1)
    return max(int((known[np.searchsorted(cut, answers)] == labels).sum()) for cut in cuts)


@pytest.mark.parametrize("trial", range(60))
def test_no_monotone_map_is_right_more_often(trial: int):
    rng = np.random.default_rng(trial)
    count = int(rng.integers(3, 9))
    answers, labels = rng.integers(0, 6, count).astype(float), rng.integers(1, 4, count)
    mapped = best_monotone_map(answers, labels)(answers)
    assert (mapped == labels).sum() == best_by_trying_all(answers, labels)


def test_recalibration_takes_an_offset_back_and_leaves_ignorance():
    labels = RNG.integers(1, 6, 4000)
    exact, noise = labels + RNG.normal(0, 0.1, 4000), RNG.normal(size=4000)
    for offset in (0.0, -0.4, 1.7):
        first, second = slice(0, 2000), slice(2000, None)
        shifted = exact + offset
        mapped = best_monotone_map(shifted[first], labels[first])(shifted[second])
        assert (mapped == labels[second]).mean() > 0.99
        guessed = best_monotone_map(noise[first], labels[first])(noise[second])
        assert (guessed == labels[second]).mean() < 0.26


def test_rank_scores_agree_with_scipy_and_with_counted_pairs():
    labels = RNG.integers(1, 9, 300)
    answers = labels + RNG.normal(0, 2, 300).round()
    correlation, auroc = rank_scores(answers, labels, no_path=8)
    assert correlation == pytest.approx(stats.spearmanr(answers, labels)[0])
    pairs = list(product(answers[labels == 8], answers[labels < 8]))
    counted = np.mean([(one > other) + (one == other) / 2 for one, other in pairs])
    assert auroc == pytest.approx(counted)


def test_where_nothing_varies_there_is_no_rank_correlation():
    assert rank_scores(np.arange(5.0), np.full(5, 3), 8) == (None, None)
    assert rank_scores(np.ones(4), np.array([1, 2, 8, 8]), 8) == (None, 0.5)


def test_balancing_gives_each_frequent_distance_the_same_weight():
    labels = np.repeat([1, 2, 3], [1000, 40, 29])
    weights = balancing_weights(labels)
    assert weights is not None
    assert [weights[labels == d].sum() for d in (1, 2, 3)] == pytest.approx([0.5, 0.5, 0])
    assert balancing_weights(labels[:1010]) is None


@pytest.mark.parametrize("trial", range(10))
def test_the_concordance_is_the_share_of_pairs_in_the_right_order(trial: int):
    rng = np.random.default_rng(trial)
    values, labels = rng.integers(0, 9, 40).astype(float), rng.integers(3, 7, 40)
    pairs = [(a, b) for a, b in product(range(40), repeat=2) if labels[a] < labels[b]]
    right = [(values[a] < values[b]) + (values[a] == values[b]) / 2 for a, b in pairs]
    assert concordance(values, labels) == pytest.approx(np.mean(right))
    two = (labels > 4).astype(int)
    assert concordance(values, two) == pytest.approx(rank_scores(values, two, no_path=1)[1])


def test_equal_values_have_a_concordance_of_one_half_and_equal_labels_none():
    assert concordance(np.zeros(4), np.array([1, 1, 2, 3])) == 0.5
    assert concordance(np.arange(4.0), np.ones(4, int)) is None
