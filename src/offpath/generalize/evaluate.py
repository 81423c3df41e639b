"""Answers and truth to scores, pooled and by slice of the examples, with 95 % intervals.

A pooled score mixes strata and can mislead, so that scores are never given without their slices.
Intervals: accuracy by Wilson (1927); mean squared error by the percentile bootstrap (Efron 1979)
over whole examples. One set of resamples serves all predictors and slices: 8 ns per example and
resample.
"""

from concurrent.futures import ThreadPoolExecutor
from math import sqrt
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Bool, Float, Int64

from offpath.configs import Configuration, Evaluation
from offpath.data.batches import Batch
from offpath.results import Cell, Scores
from offpath.slices import STRATA

LEAST_FOR_BOOTSTRAP = 30  # below, a 95 % interval holds the truth far less often than that
Z95 = 1.959963984540054  # 97.5 % quantile of the normal distribution


def evaluate(
    answers: dict[str, Float[np.ndarray, " example"]],
    batch: Batch,
    world: str,
    c: Configuration,
    threads: int = 1,
) -> list[Cell]:
    """The scores of each predictor, given its answers, on each slice that has examples."""
    group_of, members = slices(batch, c.graphs.finetune_vertices)
    labels = batch.distance.astype(float)
    table = np.stack([values.astype(float) for values in answers.values()])  # (predictor, example)
    errors = np.ascontiguousarray((table - labels).T ** 2)  # (example, predictor)
    right = np.rint(table) == labels
    sums = _bootstrap_sums(errors, group_of, c.evaluate, threads)
    cells = []
    for p, predictor in enumerate(answers):
        for (by, part), groups in members.items():
            chosen = groups[group_of]
            drawn = sums[:, groups, -1].sum(1)  # (resample,)
            means = sums[:, groups, p].sum(1)[drawn > 0] / drawn[drawn > 0]
            scores = _scores(labels[chosen], errors[chosen, p], right[p, chosen], means)
            place = {"predictor": predictor, "world": world, "by": by, "slice": part}
            cells.append(Cell(**place, **dict(scores)))
    return cells


def _scores(
    labels: Float[np.ndarray, " example"],
    errors: Float[np.ndarray, " example"],
    right: Bool[np.ndarray, " example"],
    resampled_means: Float[np.ndarray, " resample"],
) -> Scores:
    """All scores of one predictor on one slice."""
    count, hits, mse = len(errors), int(right.sum()), float(errors.mean())
    enough = count >= LEAST_FOR_BOOTSTRAP
    low, high = np.percentile(resampled_means, [2.5, 97.5]).tolist() if enough else (None, None)
    accuracy_low, accuracy_high = wilson(hits, count)
    variance = float(labels.var())
    return Scores(count=count, mse=mse, mse_low=low, mse_high=high, accuracy=hits / count,
                  accuracy_low=accuracy_low, accuracy_high=accuracy_high,
                  r2=1 - mse / variance if variance else None)  # fmt: skip


def slices(
    batch: Batch, finetune_vertices: int
) -> tuple[Int64[np.ndarray, " example"], dict[tuple[str, str], Bool[np.ndarray, " group"]]]:
    """A group for each example, and for each (by, slice) which groups belong to it.

    Groups are the combinations of stratum, both flags, label and "larger than any graph of
    fine-tuning" that occur: every slice is a union.
    """
    larger = batch.vertices > finetune_vertices
    features = (batch.stratum, batch.unseen_id, batch.isolated, batch.distance, larger)
    table = np.stack(features, axis=1).astype(np.int64)
    groups, group_of = np.unique(table, axis=0, return_inverse=True)
    stratum, unseen, isolated, label, larger = groups.T
    members = {("pooled", "all"): np.ones(len(groups), bool)}
    for number, (_, name, *_) in enumerate(STRATA):
        members["stratum", name] = stratum == number
        for flag, words in enumerate(("seen", "unseen")):
            asked = (stratum == number) & (unseen == flag)
            members["vertex_id", f"{name}, {words}"] = asked
            members["vertex_id_in_larger_graphs", f"{name}, {words}"] = asked & (larger == 1)
    members["isolated", "isolated"] = isolated == 1
    members["isolated", "connected"] = isolated == 0
    for distance in np.unique(label):
        members["label", str(distance)] = label == distance
    return group_of.reshape(-1), {key: mask for key, mask in members.items() if mask.any()}


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927).

    >>> wilson(0, 10)
    (0.0, 0.2775327998628892)
    """
    share, z = hits / count, Z95
    middle = share + z * z / (2 * count)
    spread = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def _bootstrap_sums(
    errors: np.ndarray, group_of: np.ndarray, options: Evaluation, threads: int
) -> np.ndarray:
    """Sums of errors by (resample, group, predictor); behind the predictors the drawn count."""
    sums = np.zeros((options.bootstrap_resamples, int(group_of.max()) + 1, errors.shape[1] + 1))

    def fill(resample: int) -> None:
        generator = np.random.Generator(np.random.Philox(key=[options.seed, resample]))
        drawn = generator.integers(0, len(errors), size=len(errors), dtype=np.uint32)
        _add_up(errors, group_of, drawn, sums[resample])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(options.bootstrap_resamples)))
    return sums


@numba.njit(cache=True, nogil=True)
@no_type_check  # of what numba compiles, the run-time shape checks must keep off
def _add_up(errors: np.ndarray, group_of: np.ndarray, drawn: np.ndarray, sums: np.ndarray) -> None:
    predictors = errors.shape[1]
    for example in drawn:
        row = sums[group_of[example]]
        for p in range(predictors):
            row[p] += errors[example, p]
        row[predictors] += 1
