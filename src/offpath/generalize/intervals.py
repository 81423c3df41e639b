"""Intervals that know where chance enters: questions on one target are no independent trials.

A network treats all questions on one vertex id alike, so that ten thousand questions on three ids
are hardly more than three observations. Each 95 % interval is therefore the wider of two: that of
independent questions, and that of targets as clusters (Liang, Zeger 1986), with Student's t for
their number less one (Cameron, Gelbach, Miller 2008).
"""

from functools import cache
from math import sqrt

import numpy as np
from jaxtyping import Bool, Float, Int64
from scipy import stats

Z95 = 1.959963984540054  # 97.5 % quantile of the normal distribution
Values = Float[np.ndarray, " example"]
Clusters = Int64[np.ndarray, " example"]


def accuracy_interval(right: Bool[np.ndarray, " example"], clusters: Clusters) -> tuple[float, ...]:
    """Accuracy and the ends of its interval: Wilson's (1927), widened to that of the clusters."""
    values, count = right.astype(float), len(right)
    share = float(values.mean())
    low, high = wilson(int(right.sum()), count)
    margin = cluster_margin((values - share) / count, clusters)
    return share, max(0.0, min(low, share - margin)), min(1.0, max(high, share + margin))


def difference_interval(
    one: Bool[np.ndarray, " example"], other: Bool[np.ndarray, " example"], clusters: Clusters
) -> tuple[float, ...]:
    """Difference of two accuracies on the same questions, and the ends of its interval.

    That of Bonett and Price (2012) for paired shares, widened to that of the clusters.
    """
    values, count = one.astype(float) - other, len(one)
    difference = float(values.mean())
    gained, lost = (float((values == sign).sum() + 1) / (count + 2) for sign in (1, -1))
    middle = gained - lost
    spread = Z95 * sqrt((gained + lost - middle**2) / (count + 2))
    margin = cluster_margin((values - difference) / count, clusters)
    low, high = min(middle - spread, difference - margin), max(middle + spread, difference + margin)
    return difference, max(-1.0, low), min(1.0, high)


def weighted_interval(
    values: Values, weights: Values, strata: Clusters, clusters: Clusters
) -> tuple[float, ...]:
    """A mean over strata of examples that are weighted alike, and the ends of its interval.

    `weights` sum to 1 and are equal within a stratum.
    """
    used = weights > 0
    values, weights, strata, clusters = (a[used] for a in (values, weights, strata, clusters))
    counts = np.bincount(strata)
    means = np.bincount(strata, values) / np.maximum(counts, 1)
    residuals = weights * (values - means[strata])
    mean = float((weights * values).sum())
    spread = Z95 * sqrt(float((residuals**2).sum()))
    margin = max(spread, cluster_margin(residuals, clusters))
    return mean, max(-1.0, mean - margin), min(1.0, mean + margin)


def cluster_margin(residuals: Values, clusters: Clusters) -> float:
    """Half the width of the interval of a sum, from what each example adds beyond its mean.

    0 where there are fewer than two clusters, which say nothing about others.

    >>> cluster_margin(np.array([0.1, 0.1, -0.2]), np.array([4, 4, 5]))  # doctest: +ELLIPSIS
    5.082...
    """
    number = int((np.bincount(clusters) > 0).sum())
    if number < 2:
        return 0.0
    sums = np.bincount(clusters, residuals)
    return _student(number - 1) * sqrt(float((sums**2).sum()) * number / (number - 1))


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of independent trials (Wilson 1927).

    >>> wilson(0, 10)
    (0.0, 0.2775327998628892)
    """
    share, z = hits / count, Z95
    middle = share + z * z / (2 * count)
    spread = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def median_interval(values: Values) -> tuple[float, float | None, float | None]:
    """The median and the ends of its interval of at least 95 %, from the order of values alone.

    Values may be infinite: what was not reached is above all others. Below 6 there are no ends.

    >>> median_interval(np.array([1.0, 2, 3, 4, 5, 6, 7, np.inf]))
    (4.5, 1.0, inf)
    """
    ordered, n = np.sort(values), len(values)
    low, high = float(ordered[(n - 1) // 2]), float(ordered[n // 2])
    middle = low if low == high else (low + high) / 2
    beyond = int(stats.binom.ppf(0.025, n, 0.5))  # values on each side of the interval, and its end
    if not beyond:
        return middle, None, None
    return middle, float(ordered[beyond - 1]), float(ordered[n - beyond])


@cache
def _student(freedom: int) -> float:
    return float(stats.t.ppf(0.975, freedom))
