"""Scores of what is read, for all graphs and for graphs drawn again: what intervals are made of.

In: numbers that were read, the truth, and the graph of each. Out: a score for each column of a
table that says how often each graph is there. Examples of one graph are drawn together, for they
are no independent trials (bootstrap of clusters: Davison, Hinkley 1997, section 3.8).
"""

import numpy as np
from jaxtyping import Bool, Float64, Int64

RESAMPLES = 200
VARIES = 1e-9  # least variance of whole numbers that differ
Graphs = Int64[np.ndarray, " probed"]
Resamples = Float64[np.ndarray, "graph resample"]
Scores = Float64[np.ndarray, " resample"]
Values = Float64[np.ndarray, " probed"]


def resampled(graphs: int) -> Resamples:
    """How often each graph is there: in the first column once, in others as often as drawn."""
    drawn = np.random.default_rng(0).integers(graphs, size=(RESAMPLES, graphs))
    counts = [np.bincount(one, minlength=graphs) for one in drawn]
    return np.stack([np.ones(graphs), *counts], axis=1)


def interval(scores: Scores) -> tuple[float, float]:
    """The middle 95 % of the resamples, without those in which there is nothing to tell apart."""
    low, high = np.nanquantile(scores[1:], (0.025, 0.975)).tolist()
    return low, high


def r2s(
    read: Values, truth: Int64[np.ndarray, " probed"], graph: Graphs, drawn: Resamples
) -> Scores:
    """R2 where each graph is there as often as a column says; NaN where nothing varies."""
    parts = (np.ones(len(read)), truth, truth**2, (read - truth) ** 2)
    sums = np.stack([np.bincount(graph, part, len(drawn)) for part in parts])
    ones, total, squares, errors = np.einsum("pg,gr->pr", sums, drawn)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = squares / ones - (total / ones) ** 2
        return np.where(variance > VARIES, 1 - errors / ones / variance, np.nan)


def aurocs(
    read: Values, above: Bool[np.ndarray, " probed"], graph: Graphs, drawn: Resamples
) -> Scores:
    """The AUROC where each graph is there as often as a column says; ties count half.

    NaN where all that is there is of one kind.
    """
    order = np.argsort(read[~above])
    lower = read[~above][order]
    below = np.zeros((len(lower) + 1, drawn.shape[1]))
    np.cumsum(drawn[graph[~above][order]], axis=0, out=below[1:])
    places = (np.searchsorted(lower, read[above], side) for side in ("left", "right"))
    upper = drawn[graph[above]]
    right = sum(np.einsum("or,or->r", upper, below[place]) for place in places) / 2
    with np.errstate(invalid="ignore"):
        return right / (below[-1] * upper.sum(0))
