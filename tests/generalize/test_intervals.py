import numpy as np
import pytest
from scipy import stats

from offpath.generalize.intervals import (
    accuracy_interval,
    cluster_margin,
    difference_interval,
    median_interval,
    weighted_interval,
    wilson,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (10, 10), (3, 17), (500, 1000)])
def test_wilson_agrees_with_scipy(hits: int, count: int):
    theirs = stats.binomtest(hits, count).proportion_ci(method="wilson")
    assert wilson(hits, count) == pytest.approx((theirs.low, theirs.high))


def test_one_cluster_leaves_wilsons_interval():
    right = np.arange(40) < 30
    share, low, high = accuracy_interval(right, np.full(40, 2))
    assert share == 0.75
    assert (low, high) == pytest.approx(wilson(30, 40))


def test_the_margin_of_equal_clusters_is_the_t_interval_of_their_means():
    means = RNG.normal(size=5)
    values = np.repeat(means, 8)
    residuals = (values - values.mean()) / len(values)
    theirs = stats.t.interval(0.95, 4, means.mean(), stats.sem(means))
    assert 2 * cluster_margin(residuals, np.repeat(np.arange(5), 8)) == pytest.approx(
        theirs[1] - theirs[0]
    )


def test_three_ids_that_differ_give_a_wide_interval_however_many_questions():
    right = np.concatenate([RNG.random(5000) < share for share in (0.27, 0.62, 0.65)])
    _, low, high = accuracy_interval(right, np.repeat([6, 7, 8], 5000))
    assert high - low > 0.8
    spread = np.diff(wilson(int(right.sum()), 15000))[0]
    assert high - low > 20 * spread


def test_the_interval_of_clusters_holds_the_truth_about_95_times_in_100():
    held = 0
    for _ in range(400):
        shares = RNG.normal(0.5, 0.1, 7).clip(0, 1)
        right = np.concatenate([RNG.random(200) < share for share in shares])
        _, low, high = accuracy_interval(right, np.repeat(np.arange(7), 200))
        held += low <= 0.5 <= high
    assert 0.91 <= held / 400 <= 0.99


def test_the_interval_of_a_difference_holds_the_truth_about_95_times_in_100():
    held = 0
    for _ in range(400):
        one, other = RNG.random((2, 120)) < np.array([[0.7], [0.6]])
        _, low, high = difference_interval(one, other, np.zeros(120, int))
        held += low <= 0.1 <= high
    assert 0.92 <= held / 400 <= 0.98


def test_equal_answers_differ_by_nothing_within_a_narrow_interval():
    right = RNG.random(1000) < 0.5
    difference, low, high = difference_interval(right, right, np.arange(1000) % 7)
    assert difference == 0
    assert low < 0 < high
    assert high - low < 0.01


def test_a_weighted_mean_of_two_strata_is_that_of_their_means():
    strata = np.repeat([3, 4], [90, 10])
    values = np.concatenate([np.ones(90), RNG.random(10)])
    weights = np.where(strata == 3, 0.5 / 90, 0.5 / 10)
    mean, low, high = weighted_interval(values, weights, strata, np.zeros(100, int))
    assert mean == pytest.approx((1 + values[90:].mean()) / 2)
    spread = 1.96 * values[90:].std() / np.sqrt(10) / 2
    assert (low, high) == pytest.approx((mean - spread, mean + spread), abs=1e-4)


def test_the_interval_of_a_median_holds_it_as_often_as_it_says_whatever_the_law():
    for n, law in ((8, RNG.exponential), (15, RNG.standard_cauchy)):
        truth = np.log(2) if law == RNG.exponential else 0.0
        ends = [median_interval(law(size=n))[1:] for _ in range(2000)]
        low, high = np.array(ends, float).T
        held = np.mean((low <= truth) & (truth <= high))
        assert 0.94 <= held < 1


def test_a_median_of_values_that_were_never_reached_is_infinite():
    values = np.array([0.1, *[np.inf] * 7])
    assert median_interval(values) == (np.inf, 0.1, np.inf)
    assert median_interval(values[:5]) == (np.inf, None, None)  # too few for ends
