"""Statistics over seeds: tests and intervals that are exact for few of them, sources of variance.

In: one value for each seed, one difference for each pair of runs with the same seed, or one score
for each run of a full design. Out: plain numbers. No test but Student's assumes a normal
distribution; what is simulated has a fixed seed.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

from offpath.comparison import ALPHA
from offpath.errors import InputError
from offpath.generalize.intervals import wilson

MOST_COUNTED = 40  # pairs: 2^20 sums for each half of them, about a second
MOST_PAIRS = 200  # as long, with sums in whole units of
UNIT = 2.0**-14  # of the largest difference
LEAST_FOR_HUMPS = 8  # seeds, below which no test of two humps has any power
SIMULATIONS = 4000  # of the null distribution of `two_humped_p`
RESAMPLES = 200  # of the differences, behind a power
MOST_FOR_POWER = 24  # pairs, up to which `seeds_for_power` looks
ROUNDING = 1e-9  # relative: sums that differ less are equal


class Shift(NamedTuple):
    """A typical difference; without an interval where too few pairs allow none."""

    estimate: float
    low: float | None
    high: float | None
    level: float | None  # how often the interval holds the truth: at least 0.95


class Share(NamedTuple):
    """How many seeds succeed, with the 95 % interval of that share."""

    hits: int
    seeds: int
    low: float
    high: float


class Component(NamedTuple):
    """The variance that a source makes; `raw` is its estimate, which chance can make negative."""

    variance: float
    raw: float


def sign_flip_p(differences: Float[np.ndarray, " pair"]) -> float:
    """The exact two-sided p of the paired sign-flip test: is the mean difference 0?

    The share of the 2^n patterns of signs whose sum is at least as far from 0 as the observed one.
    A difference of 0 stays in: it doubles both counts, and leaves p as it is. Up to 40 pairs every
    pattern is counted; with more, sums are rounded so that p is an upper bound, by less than a
    thousandth of itself. After Fisher (1935), section 21.

    >>> sign_flip_p(np.array([1.0, 2.0, 3.0, 0.0]))
    0.25
    """
    sizes = np.abs(differences)
    if not 1 <= len(sizes) <= MOST_PAIRS:
        raise InputError(
            f"the exact test needs 1 to {MOST_PAIRS} pairs of runs; got {len(sizes)}; give fewer "
            "seeds"
        )
    bound = abs(differences.sum()) - ROUNDING * sizes.sum()
    if bound <= 0:
        return 1.0
    if len(sizes) > MOST_COUNTED:
        return min(1.0, 2 * _share_beyond(sizes / sizes.max() / UNIT, bound / sizes.max() / UNIT))
    half = len(sizes) // 2
    sums, others = _signed_sums(sizes[:half]), np.sort(_signed_sums(sizes[half:]))
    beyond = len(others) - np.searchsorted(others, bound - sums)  # patterns with a sum >= bound
    return 2 * int(beyond.sum()) / 2 ** len(sizes)


def student_p(differences: Float[np.ndarray, " pair"]) -> float:
    """The two-sided p of the paired t-test: is the mean difference 0? Student (1908).

    It assumes normal differences, and has no smallest p: large families of few seeds need it, with
    the sign-flip test beside it. 1 below two pairs, and where all differences are 0.

    >>> round(student_p(np.array([1.0, 2.0, 3.0])), 4)
    0.0742
    """
    if len(differences) < 2 or not differences.any():
        return 1.0
    spread = float(differences.std(ddof=1)) / len(differences) ** 0.5
    if spread <= ROUNDING * float(np.abs(differences).max()):
        return 0.0  # all are equal, and not 0
    return float(2 * stats.t.sf(abs(differences.mean()) / spread, len(differences) - 1))


def _share_beyond(sizes: Float[np.ndarray, " pair"], bound: float) -> float:
    """At most by rounding more than the share of patterns with a sum of at least `bound`.

    The sum is that of all sizes, less twice those with a minus: shares of these by their total.
    """
    whole = np.rint(sizes).astype(int)
    shares = np.zeros(whole.sum() + 1)
    shares[0] = 1.0
    for size in whole:
        shares /= 2
        shares[size:] += shares[: len(shares) - size].copy()
    most = (whole.sum() - (bound - len(sizes) / 2)) / 2  # each size is off by half a unit at most
    return float(shares[: int(most) + 1].sum())


def _signed_sums(sizes: Float[np.ndarray, " half"]) -> Float[np.ndarray, " pattern"]:
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums + size, sums - size])
    return sums


def holm(p_values: Float[np.ndarray, " member"]) -> Float[np.ndarray, " member"]:
    """Adjusted p of a family: below alpha, it keeps the chance of any false finding below alpha.

    The k-th smallest of m is multiplied by m + 1 - k, and is no less than one before. Holm (1979).

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values)
    scaled = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(scaled)) if len(order) else scaled
    return adjusted


def typical_difference(differences: Float[np.ndarray, " pair"]) -> Shift:
    """The median of all means of two differences, with its interval of at least 95 %.

    The interval holds every shift that the Wilcoxon signed-rank test does not refuse at 5 %; its
    level is exact for symmetric differences without ties, and no lower with them. Below 6 pairs
    the test never refuses: there is none. Hodges, Lehmann (1963); Tukey (1949).

    >>> typical_difference(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    Shift(estimate=3.5, low=1.0, high=6.0, level=0.96875)
    """
    first, second = np.triu_indices(len(differences))
    means = np.sort((differences[first] + differences[second]) / 2)
    tails = np.cumsum(_rank_sum_shares(len(differences)))
    outside = int(np.searchsorted(tails, 0.025, side="right"))  # means beyond each end
    estimate = float(np.median(means))
    if not outside:
        return Shift(estimate, None, None, None)
    ends = (float(means[outside - 1]), float(means[len(means) - outside]))
    return Shift(estimate, *ends, float(1 - 2 * tails[outside - 1]))


def _rank_sum_shares(pairs: int) -> Float[np.ndarray, " total"]:
    """How likely each sum of the ranks of positive differences is, if signs are fair coins."""
    shares = np.ones(1)
    for rank in range(1, pairs + 1):
        shares = (np.pad(shares, (0, rank)) + np.pad(shares, (rank, 0))) / 2
    return shares


def share_above(values: Float[np.ndarray, " seed"], bound: float = 0.0) -> Share:
    """How many seeds lie above a bound, with the interval of Wilson (1927).

    >>> share_above(np.array([0.5, 0.9, 0.95]), 0.8)[:2]
    (2, 3)
    """
    hits = int((values > bound).sum())
    return Share(hits, len(values), *wilson(hits, len(values)))


def two_humped_p(values: Float[np.ndarray, " seed"]) -> float | None:
    """How well one hump explains the values; small where seeds fall into two groups.

    The statistic is the share of the variance that the best cut into two groups of at least two
    explains (Engelman, Hartigan 1969, the maximum F ratio). Its null is simulated from the uniform
    distribution: among those with one hump, hardly another is cut better. None below 8 seeds.

    Measured at p < 0.05 with 8, 10, 20 and 50 seeds. One hump (uniform, normal, exponential,
    Student's t with 3 degrees, beta(5, 1)) is called two at most in 6 %. Two normal humps of equal
    size are called two in 56, 66, 94, 100 % where they are 6 standard deviations apart, 18, 18, 30,
    57 % where 4; with a fifth of the seeds in one hump in 38, 35, 61, 93 % and 11, 6, 6, 4 %. The
    largest gap, tried too, takes 59 % of exponential samples of 50 for two humps.

    >>> two_humped_p(np.array([0.1, 0.11, 0.12, 0.13, 0.9, 0.91, 0.92, 0.93])) < 0.01
    True
    """
    if len(values) < LEAST_FOR_HUMPS:
        return None
    if np.ptp(values) <= ROUNDING * np.abs(values).max():
        return 1.0
    random = np.random.Generator(np.random.Philox(key=[0, len(values)]))
    null = _variance_between(random.random((SIMULATIONS, len(values))))
    reached = int((null >= _variance_between(values[None])[0] - ROUNDING).sum())
    return (1 + reached) / (1 + SIMULATIONS)


def _variance_between(samples: Float[np.ndarray, "sample seed"]) -> Float[np.ndarray, " sample"]:
    """The share of the variance between the two groups of the best cut."""
    n = samples.shape[1]
    away = np.sort(samples, axis=1) - samples.mean(1, keepdims=True)
    left = np.arange(2, n - 1)  # seeds left of the cut
    between = np.cumsum(away, axis=1)[:, 1:-2] ** 2 * n / (left * (n - left))
    total = (away**2).sum(1)
    return between.max(1) / np.where(total > 0, total, 1)


def seeds_needed(members: int = 1, alpha: float = ALPHA) -> int:
    """The fewest pairs with which the sign-flip test, adjusted by Holm, can fall below alpha.

    >>> seeds_needed(), seeds_needed(members=4), seeds_needed(members=16)
    (8, 10, 12)
    """
    pairs = 1
    while members * 2 / 2**pairs >= alpha:
        pairs += 1
    return pairs


def seeds_for_power(
    differences: Float[np.ndarray, " pair"],
    members: int = 1,
    alpha: float = ALPHA,
    power: float = 0.8,
) -> int | None:
    """The fewest pairs that would show a difference with this power; None above 24.

    As many differences as pairs are drawn, with replacement, from the observed ones: if these are
    few, the answer is rough. `members` counts the family, the strictest step of Holm.

    >>> seeds_for_power(np.array([0.2, 0.25, 0.3, 0.22]))
    8
    """
    low, high = seeds_needed(members, alpha), MOST_FOR_POWER + 1
    while low < high:
        pairs = (low + high) // 2
        random = np.random.Generator(np.random.Philox(key=[1, pairs]))
        drawn = random.choice(differences, (RESAMPLES, pairs))
        shown = np.mean([sign_flip_p(one) < alpha / members for one in drawn])
        low, high = (low, pairs) if shown >= power else (pairs + 1, high)
    return low if low <= MOST_FOR_POWER else None


def variance_components(
    values: Float[np.ndarray, "pretraining threads order"],
) -> dict[str, Component]:
    """The variance by source, from every combination of pre-training seed, threads and order.

    The number of threads only changes rounding, and to each seed it does something else: `rounding`
    is nested in `pretraining`. `order`, the seed of fine-tuning's examples, is crossed with both;
    what depends on several at once is `residual`. Method of moments for random effects: mean
    squares equal their expectation (Henderson 1953; Searle, Casella, McCulloch 1992, chapter 4).

    >>> made = variance_components(np.array([[[1.0, 2.0], [1.0, 2.0]], [[5.0, 6.0], [5.0, 6.0]]]))
    >>> {source: one.variance for source, one in made.items()}
    {'pretraining': 8.0, 'rounding': 0.0, 'order': 0.5, 'residual': 0.0}
    """
    seeds, threads, orders = values.shape
    assert min(seeds, threads, orders) > 1, "a source that is there once shows no variance"
    by_run, by_order = values.mean(2, keepdims=True), values.mean((0, 1), keepdims=True)
    by_seed, mean = values.mean((1, 2), keepdims=True), values.mean()
    rest = values - by_run - by_order + mean
    residual = (rest**2).sum() / ((seeds * threads - 1) * (orders - 1))
    order = seeds * threads * ((by_order - mean) ** 2).sum() / (orders - 1)
    rounding = orders * ((by_run - by_seed) ** 2).sum() / (seeds * (threads - 1))
    pretraining = threads * orders * ((by_seed - mean) ** 2).sum() / (seeds - 1)
    raw = {
        "pretraining": (pretraining - rounding) / (threads * orders),
        "rounding": (rounding - residual) / orders,
        "order": (order - residual) / (seeds * threads),
        "residual": residual,
    }
    return {source: Component(max(0.0, float(one)), float(one)) for source, one in raw.items()}


def sampling_variance(accuracy: float, examples: int) -> float:
    """The variance of an accuracy because the evaluation set is a sample: p (1 - p) / n.

    Runs measured on the same set share most of this error: it is no part of their differences.

    >>> sampling_variance(0.5, 100)
    0.0025
    """
    return accuracy * (1 - accuracy) / examples


def id_variance(accuracies: Float[np.ndarray, " vertex_id"]) -> float:
    """The variance of their mean because few vertex ids are asked: between ids, over their number.

    >>> id_variance(np.array([0.25, 0.75]))
    0.0625
    """
    return float(accuracies.var(ddof=1) / len(accuracies))
