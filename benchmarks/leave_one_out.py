"""How well what is known before a test predicts its result: errors by seed, rank correlations.

In: rows of `prediction.py`. Out: for each stratum the error of linear predictions of seeds that
were left out, beside that of two means, and Spearman's correlations with intervals that resample
seeds. Costs 20 s for 300 networks.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64
from scipy.stats import rankdata

from offpath.run.files import Record

BEFORE = ("loss", "sharpness", "agreement")  # known without the questions of the test
ASKED = ("disagreement", "rule", "copies")  # known with its questions, not with their answers
LOGARITHMS = ("loss", "sharpness")
MODELS = {
    "before its questions are known": BEFORE,
    "with its questions, not the rule": (*BEFORE, "disagreement", "copies"),
    "with its questions": (*BEFORE, *ASKED),
}
RIDGE = 1e-3  # of standardized predictors
LEAST = 1e-7  # below which logarithms do not look
RESAMPLES = 1000
Values = Float[np.ndarray, " network"]
Seeds = Int64[np.ndarray, " network"]


def judged(rows: Sequence[Record], strata: Sequence[str]) -> Record:
    """By stratum: errors by seed of each model and mean, and the correlations of each predictor."""
    return {stratum: of_stratum(rows, stratum) for stratum in strata}


def of_stratum(rows: Sequence[Record], stratum: str) -> Record:
    """Errors and correlations of one stratum."""
    rows = [row for row in rows if row["strata"][stratum]["disagreement"] is not None]
    if len({row["seed"] for row in rows}) < 2:
        return {"seeds": [], "errors": {}, "correlations": {}}
    seeds = np.array([row["seed"] for row in rows])
    arms = np.unique([row["arm"] for row in rows], return_inverse=True)[1]
    truth = np.array([row["strata"][stratum]["accuracy"] for row in rows])
    known = {name: column(rows, stratum, name) for name in (*BEFORE, *ASKED)}
    predicted = {words: left_out(np.stack([known[n] for n in names], 1), truth, seeds)
                 for words, names in MODELS.items()}  # fmt: skip
    predicted["the stratum's mean"] = mean_of_others(truth, seeds, np.zeros_like(arms))
    predicted["the arm's mean"] = mean_of_others(truth, seeds, arms)
    every = np.unique(seeds)
    ranked = {name: correlations(one, truth, seeds, arms) for name, one in known.items()}
    return {
        "seeds": every.tolist(),
        "networks": len(rows),
        "errors": {
            words: [float(np.abs(made - truth)[seeds == seed].mean()) for seed in every]
            for words, made in predicted.items()
        },
        "correlations": ranked,
    }


def column(rows: Sequence[Record], stratum: str, name: str) -> Values:
    """One predictor of every network."""
    values = [row[name] if name in BEFORE else row["strata"][stratum][name] for row in rows]
    made = np.array(values, dtype=float)
    return np.log10(np.maximum(made, LEAST)) if name in LOGARITHMS else made


def left_out(known: Float[np.ndarray, "network predictor"], truth: Values, seeds: Seeds) -> Values:
    """What a linear fit to all other seeds predicts for each network, from 0 to 1."""
    predicted = np.empty(len(truth))
    for seed in np.unique(seeds):
        rest = seeds != seed
        centre, scale = known[rest].mean(0), known[rest].std(0)
        z = (known - centre) / np.where(scale > 0, scale, 1)
        square = z[rest].T @ z[rest] + RIDGE * rest.sum() * np.eye(z.shape[1])
        slopes = np.linalg.solve(square, z[rest].T @ (truth[rest] - truth[rest].mean()))
        predicted[~rest] = (truth[rest].mean() + z[~rest] @ slopes).clip(0, 1)
    return predicted


def mean_of_others(truth: Values, seeds: Seeds, groups: Seeds) -> Values:
    """For each network the mean of those of its group that have other seeds; else of all those."""
    made = np.empty(len(truth))
    for i in range(len(truth)):
        others = seeds != seeds[i]
        peers = others & (groups == groups[i])
        made[i] = truth[peers if peers.any() else others].mean()
    return made


def correlations(known: Values, truth: Values, seeds: Seeds, arms: Seeds) -> Record:
    """Spearman's correlation over all networks, and within arms, each with its 95 % interval."""
    places = [np.flatnonzero(seeds == seed) for seed in np.unique(seeds)]
    random = np.random.Generator(np.random.Philox(key=[2, len(truth)]))
    drawn = [np.concatenate([places[i] for i in random.integers(0, len(places), len(places))])
             for _ in range(RESAMPLES)]  # fmt: skip
    made = {}
    for words, pair in {"all": (known, truth),
                        "within": (within(known, arms), within(truth, arms))}.items():  # fmt: skip
        resampled = [spearman(pair[0][one], pair[1][one]) for one in drawn]
        low, high = np.percentile(resampled, [2.5, 97.5]).tolist()
        made[words] = [spearman(*pair), low, high]
    return made


def within(values: Values, arms: Seeds) -> Values:
    """Ranks inside each arm, centred: differences between arms are gone."""
    made = np.empty(len(values))
    for arm in np.unique(arms):
        ranks = rankdata(values[arms == arm])
        made[arms == arm] = (ranks - ranks.mean()) / len(ranks)
    return made


def spearman(one: Values, other: Values) -> float:
    """The correlation of ranks; 0 where one side has no spread.

    >>> spearman(np.array([1.0, 2.0, 9.0]), np.array([0.1, 0.2, 0.3]))
    1.0
    """
    a, b = rankdata(one), rankdata(other)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale else 0.0
