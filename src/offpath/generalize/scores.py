"""Scores that tell an offset from ignorance, and a frequent answer from a skill.

Accuracy after rounding can be moved by adding a constant to every answer, and most questions have
the answer 1. Rank correlation and AUROC see only the order of the answers; recalibration gives the
accuracy of the best monotone map of them; balancing gives every distance the same weight.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64
from scipy.stats import rankdata

from offpath.generalize.intervals import Values

LEAST_FOR_BALANCE = 30  # examples of a distance that counts
Labels = Int64[np.ndarray, " example"]


def balancing_weights(labels: Labels) -> Float[np.ndarray, " example"] | None:
    """Weights that give every distance with at least 30 examples the same sum, others none.

    None where fewer than two distances have as many.
    """
    counts = np.bincount(labels)
    used = counts >= LEAST_FOR_BALANCE
    if used.sum() < 2:
        return None
    return (used / np.maximum(counts, 1))[labels] / used.sum()


def rank_scores(answers: Values, labels: Labels, no_path: int) -> tuple[float | None, float | None]:
    """Spearman's rank correlation of answers and labels, and the AUROC of "no path".

    None where all labels, or all answers, are equal; the AUROC is the share of pairs, one with a
    path and one without, whose answers are in the right order (ties count half).
    """
    correlation = auroc = None
    if not np.ptp(labels):
        return None, None
    ranks, true = rankdata(answers), rankdata(labels)
    if np.ptp(answers):
        correlation = float(np.corrcoef(ranks, true)[0, 1])
    without = labels == no_path
    negatives, positives = int((~without).sum()), int(without.sum())
    if negatives and positives:
        above = float(ranks[without].sum()) - positives * (positives + 1) / 2
        auroc = above / (negatives * positives)
    return correlation, auroc


def concordance(values: Values, labels: Int64[np.ndarray, " example"]) -> float | None:
    """Of two examples with different labels, how often the larger label has the larger value.

    Ties of values count half, so that random or equal values give 1/2. None where all labels are
    equal. With two labels it is the AUROC.

    >>> concordance(np.array([0.1, 0.4, 0.3, 0.9]), np.array([3, 3, 4, 4]))
    0.75
    """
    places, known = (np.unique(x, return_inverse=True)[1] for x in (values, labels))
    counts = np.zeros((places.max(initial=0) + 1, known.max(initial=0) + 1))
    np.add.at(counts, (places, known), 1)
    below = np.cumsum(counts, axis=0) - counts / 2  # ties: half of them
    of_each = counts.sum(0)
    pairs = (of_each * (np.cumsum(of_each) - of_each)).sum()
    right = (counts * (np.cumsum(below, axis=1) - below)).sum()
    return float(right / pairs) if pairs else None


class MonotoneMap(NamedTuple):
    """A map of answers to distances that never falls: label k lies between cuts k - 1 and k."""

    cuts: Float[np.ndarray, " cut"]
    labels: Int64[np.ndarray, " label"]

    def __call__(self, answers: Values) -> Labels:
        """The distances that the answers are mapped to."""
        return self.labels[np.searchsorted(self.cuts, answers, side="left")]


def best_monotone_map(answers: Values, labels: Labels) -> MonotoneMap:
    """Of all monotone maps from answers to labels that occur, one that is right most often.

    Exact, by dynamic programming over the sorted answers: n log n + n times the number of labels.

    >>> shifted = best_monotone_map(np.array([1.6, 1.7, 2.6, 2.7]), np.array([1, 1, 2, 2]))
    >>> shifted(np.array([1.5, 2.9])).tolist()
    [1, 2]
    """
    order = np.argsort(answers, kind="stable")
    values, true = answers[order], labels[order]
    known = np.unique(labels)
    ends = np.concatenate([[True], values[1:] > values[:-1], [True]])  # where a cut may lie
    best, origins = np.zeros(len(values) + 1), []
    for number, label in enumerate(known):
        right = np.concatenate([[0], np.cumsum(true == label)])
        gain = np.where(ends, best - right, -np.inf)
        if number == 0:
            gain[1:] = -np.inf  # the first label begins at the first answer
        best = np.maximum.accumulate(gain)
        origins.append(_first_places(gain, best))
        best = best + right
    place, cuts = len(values), []
    for origin in reversed(origins):
        place = origin[place]
        cuts.append(place)
    edges = [_between(values, int(cut)) for cut in cuts[::-1][1:]]
    return MonotoneMap(np.array(edges), known)


def _first_places(gain: Values, best: Values) -> Int64[np.ndarray, " place"]:
    """For each place the one up to it where the largest gain was reached first."""
    rises = np.concatenate([[True], best[1:] > best[:-1]])
    return np.maximum.accumulate(np.where(rises, np.arange(len(gain)), 0))


def _between(values: Values, cut: int) -> float:
    if cut == 0:
        return -np.inf
    return np.inf if cut == len(values) else float(values[cut - 1] + values[cut]) / 2
