"""Each statistic beside an independent oracle: enumeration, closed testing, scipy, simulation."""

from itertools import chain, combinations, product
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from offpath.errors import InputError
from offpath.generalize.statistics import (
    holm,
    id_variance,
    sampling_variance,
    seeds_for_power,
    seeds_needed,
    share_above,
    sign_flip_p,
    student_p,
    two_humped_p,
    typical_difference,
    variance_components,
)

RANDOM = np.random.default_rng(0)


def enumerated_p(differences: np.ndarray) -> float:
    """The share of all patterns of signs with a sum as far from 0, in whole numbers."""
    whole = [round(1000 * one) for one in differences]
    sums = [abs(sum(s * d for s, d in zip(signs, whole, strict=True)))
            for signs in product((-1, 1), repeat=len(whole))]  # fmt: skip
    return sum(one >= abs(sum(whole)) for one in sums) / len(sums)


@pytest.mark.parametrize("pairs", range(1, 12))
def test_the_sign_flip_test_counts_every_pattern(pairs: int):
    for shift in (0.0, 0.02, 0.3):  # thousandths, so that ties and zeros occur
        differences = np.round(RANDOM.normal(shift, 0.05, pairs), 3)
        assert sign_flip_p(differences) == enumerated_p(differences)


def test_the_sign_flip_test_is_that_of_scipy():
    differences = RANDOM.normal(0.3, 1.0, 12)
    oracle = stats.permutation_test(
        (differences, np.zeros(12)),
        lambda x, y, axis: (x - y).mean(axis),
        permutation_type="samples",
        n_resamples=2**12,  # all of them
        vectorized=True,
    )
    assert sign_flip_p(differences) == pytest.approx(oracle.pvalue)


def test_zeros_leave_p_as_it_is_and_zeros_alone_show_nothing():
    differences = np.array([0.3, -0.1, 0.2, 0.4, 0.5])
    assert sign_flip_p(np.append(differences, [0.0, 0.0])) == sign_flip_p(differences)
    assert sign_flip_p(np.zeros(9)) == 1.0


@pytest.mark.parametrize(("pairs", "few"), [(40, 7), (41, 7), (60, 14), (200, 70)])
def test_many_pairs_are_still_counted_exactly(pairs: int, few: int):
    ones = np.ones(pairs)
    ones[:few] = -1  # as far or farther: `few` or fewer of one sign
    exact = 2 * stats.binom.cdf(few, pairs, 0.5)
    assert sign_flip_p(ones) == pytest.approx(exact, rel=1e-9)


def test_rounded_sums_give_an_upper_bound_close_to_the_exact_p(monkeypatch):
    for pairs in (18, 24, 40):
        differences = RANDOM.normal(0.25, 1.0, pairs)
        monkeypatch.setattr("offpath.generalize.statistics.MOST_COUNTED", 40)
        exact = sign_flip_p(differences)
        monkeypatch.setattr("offpath.generalize.statistics.MOST_COUNTED", 0)
        assert exact <= sign_flip_p(differences) < exact * 1.001 + 2 / 2**pairs


def test_no_pairs_and_too_many_are_refused():
    for pairs in (0, 201):
        with pytest.raises(InputError, match=f"1 to 200 pairs of runs; got {pairs}"):
            sign_flip_p(np.ones(pairs))


def test_holm_is_the_closed_test_of_bonferroni():
    for members in (1, 2, 3, 5, 6):
        for p_values in (RANDOM.random(members), RANDOM.integers(1, 5, members) / 100):
            families = [*chain(*(combinations(range(members), k + 1) for k in range(members)))]
            closed = [
                max(min(1.0, len(f) * min(p_values[list(f)])) for f in families if member in f)
                for member in range(members)
            ]
            assert holm(p_values) == pytest.approx(closed)
    assert holm(np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("pairs", [6, 7, 10, 13])
def test_the_interval_holds_the_shifts_that_the_signed_rank_test_does_not_refuse(pairs: int):
    differences = RANDOM.normal(0.4, 1.0, pairs)
    estimate, low, high, level = typical_difference(differences)
    assert low is not None
    assert high is not None
    assert low < estimate < high

    def p(shift: float) -> float:
        return tuple(stats.wilcoxon(differences - shift, method="exact"))[1]

    for end, way in ((low, 1), (high, -1)):
        assert p(end + way * 1e-9) > 0.05 >= p(end - way * 1e-9)
        assert level == pytest.approx(1 - p(end - way * 1e-9))
    means = [(a + b) / 2 for i, a in enumerate(differences) for b in differences[i:]]
    assert estimate == pytest.approx(np.median(means))


def test_below_six_pairs_no_interval_has_95_per_cent():
    assert typical_difference(np.arange(5.0)) == (2.0, None, None, None)
    assert typical_difference(np.arange(6.0)).level == 1 - 2 / 2**6


def test_the_share_of_seeds_above_a_bound_has_the_interval_of_wilson():
    values = np.array([0.1, 0.5, 0.9, 0.95])
    ends = stats.binomtest(2, 4).proportion_ci(method="wilson")
    assert share_above(values, 0.5)[:2] == (2, 4)
    assert share_above(values, 0.5)[2:] == pytest.approx(tuple(ends))


def p_below(level: float, samples: np.ndarray) -> float:
    return float(np.mean([(two_humped_p(one) or 0) < level for one in samples]))


def test_two_humps_are_called_so_and_one_hump_is_not():
    samples = RANDOM.normal(size=(60, 10))
    assert p_below(0.05, samples) <= 0.1
    assert p_below(0.05, RANDOM.exponential(size=(60, 10))) <= 0.15
    samples[:, :5] += 6
    assert 0.5 < p_below(0.05, samples) < 0.85
    samples[:, :5] += 6
    assert p_below(0.05, samples) > 0.95


def test_the_test_of_two_humps_is_exact_for_uniform_values():
    low, high = stats.binomtest(30, 600).proportion_ci(0.999)
    assert low < p_below(0.05, RANDOM.random((600, 9))) < high


def test_two_humps_need_eight_seeds_and_equal_values_are_one():
    assert two_humped_p(np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0])) is None
    assert two_humped_p(np.full(8, 0.3)) == 1.0


@pytest.mark.parametrize("members", [1, 2, 5, 16])
def test_with_the_seeds_needed_and_no_fewer_a_verdict_is_possible(members: int):
    pairs = seeds_needed(members)
    for number, possible in ((pairs, True), (pairs - 1, False)):
        family = np.ones(members)
        family[0] = sign_flip_p(np.ones(number))
        assert (holm(family)[0] < 0.01) == possible


def test_the_seeds_for_power_reach_it_and_one_fewer_do_not():
    observed = np.array([0.5, 1.5, 0.1, 1.0, -0.3, 0.8, 0.9, 0.2])
    pairs = seeds_for_power(observed)
    assert pairs is not None
    random = np.random.default_rng(5)
    for number, low, high in ((pairs, 0.74, 0.9), (pairs - 2, 0.4, 0.8)):
        drawn = random.choice(observed, (400, number))
        assert low < np.mean([sign_flip_p(one) < 0.01 for one in drawn]) < high
    assert seeds_for_power(np.array([1.0, -1.0, 0.5, -0.5])) is None
    assert seeds_for_power(np.ones(3), members=16) == seeds_needed(16)


def test_the_variance_components_are_those_of_simulated_designs():
    known = {"pretraining": 4.0, "rounding": 1.0, "order": 2.0, "residual": 3.0}
    made = []
    for _ in range(600):
        shapes = {"pretraining": (5, 1, 1), "rounding": (5, 2, 1), "order": (1, 1, 5)}
        values = RANDOM.normal(0, sqrt(known["residual"]), (5, 2, 5))
        for source, shape in shapes.items():
            values = values + RANDOM.normal(0, sqrt(known[source]), shape)
        made.append({source: one.raw for source, one in variance_components(values).items()})
    for source, variance in known.items():
        estimates = np.array([one[source] for one in made])
        error = estimates.std() / sqrt(len(estimates))
        assert estimates.mean() == pytest.approx(variance, abs=4 * error), source


def test_a_negative_variance_is_given_as_0_beside_its_estimate():
    runs = np.array([[1.0, -1.0], [1.0, -1.0], [1.0, -1.0]])  # threads differ, seeds do not
    values = runs[:, :, None] + RANDOM.normal(0, 0.01, (3, 2, 4))
    one = variance_components(values)["pretraining"]
    assert one.variance == 0.0
    assert one.raw == pytest.approx(-1.0, abs=0.1)


def test_the_variance_of_measurement_is_that_of_repeated_draws():
    draws = RANDOM.binomial(200, 0.3, 20_000) / 200
    assert sampling_variance(0.3, 200) == pytest.approx(draws.var(), rel=0.05)
    ids = RANDOM.normal(0.5, 0.1, (20_000, 4))
    assert np.mean([id_variance(one) for one in ids]) == pytest.approx(ids.mean(1).var(), rel=0.05)


def test_students_p_is_that_of_scipy_and_knows_differences_without_spread():
    for n in (2, 5, 20):
        apart = RANDOM.normal(0.3, 1, n)
        assert student_p(apart) == pytest.approx(stats.ttest_1samp(apart, 0)[1])
    assert student_p(np.zeros(8)) == student_p(np.ones(1)) == 1
    assert student_p(np.full(8, 0.2)) == 0
